"""Laws of what is told of sources: order, repeats, batches and restarts make no difference to what is missing of their
contacts, nor to who was passed in the line; both equal a naive count."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from hypothesis import given, strategies as st

from streams.domain.waiting import PASSED_BY
from tests.builders import Fact, fact
from tests.queue_bench import Bench

DAYS_LATER = 49 * 3600
EXITS = ("answered", "abandoned", "flowed_out")


@dataclass(frozen=True)
class Told:
    """What is told of one contact, each at its second."""

    offered: int | None
    exit: tuple[str, int] | None
    ended: int | None

    def facts(self, contact: str) -> list[Fact]:
        told = [] if self.offered is None else [fact("offered", self.offered, contact=contact)]
        if self.exit is not None:
            more = {"reason": "timeout"} if self.exit[0] == "flowed_out" else {}
            told.append(fact(self.exit[0], self.exit[1], contact=contact, **more))
        return told if self.ended is None else [*told, fact("ended", self.ended, contact=contact)]

    @property
    def missing(self) -> str | None:
        if self.offered is None:
            return "never_offered" if self.exit or self.ended is not None else None
        if self.exit is None:
            return "never_left" if self.ended is None else "never_answered"
        return "never_ended" if self.exit[0] == "answered" and self.ended is None else None


seeds = st.integers(0, 2**32)
seconds = st.integers(0, 120)
contacts = st.lists(
    st.builds(
        Told,
        offered=st.none() | seconds,
        exit=st.none() | st.tuples(st.sampled_from(EXITS), seconds),
        ended=st.none() | seconds,
    ),
    max_size=12,
)


def as_delivered(chance: random.Random, facts: list[Fact]) -> list[Fact]:
    """In any order, some twice."""
    order = facts + chance.sample(facts, min(5, len(facts)))
    chance.shuffle(order)
    return order


@given(seeds, contacts)
def test_what_is_missing_of_contacts_is_counted_once_each(seed: int, told: list[Told]) -> None:
    chance = random.Random(seed)
    facts = [each for number, one in enumerate(told) for each in one.facts(f"c{number}")]
    bench = Bench()
    for each in as_delivered(chance, facts):
        bench.take(each, now=300)
        if chance.random() < 0.2:
            bench.restart()
    bench.close(300)
    assert bench.core.stage_figures().unfinished == {}
    bench.close(DAYS_LATER)
    missing = Counter(one.missing for one in told if one.missing is not None)
    found = {key[3]: count for key, count in bench.core.stage_figures().unfinished.items()}
    assert found == missing


@given(seeds, st.lists(st.tuples(seconds, st.booleans()), min_size=PASSED_BY, max_size=2 * PASSED_BY))
def test_who_was_passed_is_who_waits_behind_later_ones(seed: int, line: list[tuple[int, bool]]) -> None:
    """(second of the offer, whether it was answered) of everybody in one queue."""
    chance = random.Random(seed)
    told = [Told(at, ("answered", 200) if is_answered else None, None) for at, is_answered in line]
    facts = [each for number, one in enumerate(told) for each in one.facts(f"c{number}")]
    bench = Bench()
    for each in as_delivered(chance, facts):
        bench.take(each, now=300)
    if chance.random() < 0.5:
        bench.restart()
    waiting = [at for at, is_answered in line if not is_answered]
    answered = [at for at, is_answered in line if is_answered]
    naive = sum(sum(later > at for later in answered) >= PASSED_BY for at in waiting)
    live = bench.figures().live
    assert live is not None
    assert live.passed_contacts == naive
