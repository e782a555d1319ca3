"""What a visit keeps of its facts, in any order of arrival, and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from streams.domain.facts import (
    ABANDONED,
    ANSWERED,
    CALLBACK_REQUESTED,
    FLOWED_OUT,
    MOST_FACTS,
    Ending,
    Exit,
    Offer,
    Told,
    VisitState,
    fact_count,
    handle_ms,
    leave_of,
    revision_of,
    talk_and_hold_ms,
    with_fact,
    wrap_up_ms,
)
from streams.domain.findings import CONFIRMED, OPEN, RETRACTED, finding_revision, finding_state, is_breach


def offer(time_ms: int = 1000, identity: str = "o") -> Offer:
    return Offer(time_ms, identity, 0, "voice")


def left(time_ms: int = 9000, kind: int = ANSWERED, identity: str = "e") -> Exit:
    return Exit(time_ms, kind, identity)


def state(
    offers: Sequence[Offer] = (), exits: Sequence[Exit] = (), endings: Sequence[Ending] = (), **changes: Any
) -> VisitState:
    return VisitState(
        "voice", 0, is_historic=False, offers=tuple(offers), exits=tuple(exits), endings=tuple(endings), **changes
    )


# -- keeping ----------------------------------------------------------------------------------------------------------

exits = st.builds(left, st.integers(0, 5), st.integers(0, 3), st.sampled_from("ab"))


@given(st.lists(exits, max_size=40))
def test_the_earliest_few_are_kept_in_order(arrivals: list[Exit]) -> None:
    """Time, then rank, then id decide; each once; at most sixteen."""
    kept: tuple[Exit, ...] = ()
    for each in arrivals:
        before, kept = kept, with_fact(kept, each)
        assert (kept is before) == (kept == before)
        assert kept.count(each) <= 1
    assert list(kept) == sorted(set(arrivals), key=lambda each: each.order)[:MOST_FACTS]


@given(st.lists(exits, max_size=30, unique_by=lambda each: each.order), st.data())
def test_any_order_keeps_the_same(arrivals: list[Exit], data: st.DataObject) -> None:
    """Whatever was pushed out would have been pushed out anyway."""
    one, other = (reduce(with_fact, order, ()) for order in (arrivals, data.draw(st.permutations(arrivals))))
    assert one == other


KEPT = [
    # what is there, what comes, whether it is new
    ([], left(5), True),
    ([left(5)], left(5), False),
    ([left(5)], left(5, ABANDONED), True),
    ([left(5)], left(5, identity="f"), True),
    ([left(5), left(6), left(7)], left(6), False),
    ([left(time_ms) for time_ms in range(MOST_FACTS)], left(MOST_FACTS), False),
    ([left(time_ms + 1) for time_ms in range(MOST_FACTS)], left(0), True),
]


@pytest.mark.parametrize(("there", "comes", "expected"), KEPT)
def test_a_fact_is_new_once(there: list[Exit], comes: Exit, *, expected: bool) -> None:
    """Known ones, and those later than all a visit keeps, are not."""
    before = tuple(there)
    facts = with_fact(before, comes)
    assert (facts is not before) == expected
    assert (facts == before) == (not expected)


# -- adding up --------------------------------------------------------------------------------------------------------

LEAVES = [
    # offers, exits, kind and wait of the exit that stands
    ([], [left(9000)], None),
    ([offer(1000)], [], None),
    ([offer(1000)], [left(9000, ABANDONED)], (ABANDONED, 8000)),
    ([offer(1000)], [left(400)], (ANSWERED, 0)),
    ([offer(1000), offer(5000)], [left(9000, FLOWED_OUT), left(9500)], (FLOWED_OUT, 8000)),
]


@pytest.mark.parametrize(("offers", "exits_known", "expected"), LEAVES)
def test_a_visit_leaves_by_its_first_exit_from_its_first_offer(
    offers: list[Offer], exits_known: list[Exit], expected: tuple[int, int] | None
) -> None:
    """It takes both; the wait is never negative."""
    leave = leave_of(state(offers, exits_known))
    assert (leave and (leave.kind, leave.wait_ms)) == expected


def test_ranks_are_in_the_order_that_decides_ties() -> None:
    """Answered, callback requested, flowed out, abandoned."""
    assert ANSWERED < CALLBACK_REQUESTED < FLOWED_OUT < ABANDONED


def test_handling_is_talk_hold_and_wrap_up() -> None:
    """Of the earliest ending; what is not known counts nothing, without an ending nothing is known."""
    assert (talk_and_hold_ms(state()), wrap_up_ms(state()), handle_ms(state())) == ((None, None), None, None)
    ended = state(endings=[Ending(1, "a", 50_000), Ending(2, "b", 70_000, 9000)])
    assert (talk_and_hold_ms(ended), handle_ms(ended)) == ((50_000, None), 50_000)
    ended.wrap_ups = (Ending(3, "w", wrap_up_ms=4000),)
    assert (wrap_up_ms(ended), handle_ms(ended)) == (4000, 54_000)


# -- revisions --------------------------------------------------------------------------------------------------------


def test_every_fact_counts_and_outweighs_what_time_did() -> None:
    """Waiting, overdue, given up, left: each later word has the greater revision."""
    waiting = state([offer()])
    overdue = state([offer()], is_overdue=True)
    given_up = state([offer()], is_overdue=True, is_lost=True)
    doubtful_given_up = state([offer()], is_lost=True)
    gone = state([offer()], [left()], is_overdue=True, is_lost=True)
    revisions = [revision_of(each) for each in (waiting, overdue, doubtful_given_up, given_up, gone)]
    assert revisions == sorted(set(revisions))
    assert revision_of(gone) == revision_of(state([offer()], [left()]))


@given(st.lists(exits, min_size=1, max_size=60))
def test_a_revision_grows_with_every_change(arrivals: list[Exit]) -> None:
    """Also where a kind is full and one more fact pushes another out; what changes nothing leaves it."""
    visit = state([offer(0)])
    for each in arrivals:
        before, leave, revision = visit.exits, leave_of(visit), revision_of(visit)
        visit.exits = with_fact(before, each)
        assert revision_of(visit) >= revision
        if leave_of(visit) != leave and (len(before) < MOST_FACTS or before[0].time_ms != each.time_ms):
            assert revision_of(visit) > revision
        if visit.exits is before:
            assert revision_of(visit) == revision


def test_a_full_kind_counts_by_its_first_fact() -> None:
    """Sixteen are more than fifteen, and an earlier first is more than a later."""
    times = range(100, 100 + MOST_FACTS)
    fifteen, sixteen = ([left(time_ms) for time_ms in times[:size]] for size in (15, 16))
    earlier = [left(99), *sixteen[:-1]]
    counts = [fact_count(state([offer()], known)) for known in (fifteen, sixteen, earlier)]
    assert counts == [16, counts[1], counts[1] + 1]
    assert counts[1] > 1_000_000


def test_a_state_reads_back_as_it_was_written() -> None:
    """With all its kinds of facts."""
    visit = state([offer()], [left()], [Ending(5, "n", 1, 2, "agent", completed=True)], last_ms=7, is_overdue=True)
    written = msgspec.msgpack.encode(visit)
    assert msgspec.msgpack.decode(written, type=VisitState) == visit


# -- findings ---------------------------------------------------------------------------------------------------------

LIMIT_MS = 45_000
OVER, INSIDE = left(1000 + LIMIT_MS + 1), left(1000 + LIMIT_MS)

FINDINGS = [
    # the visit, when its exit was seen, whether a tick told it open, the state of the finding
    (state([offer()]), None, False, None),
    (state([offer()], is_overdue=True), None, True, OPEN),
    (state([], [OVER], is_overdue=True), None, False, None),  # nobody was offered
    (state([offer()], [OVER]), None, False, CONFIRMED),
    (state([offer()], [INSIDE]), None, False, None),
    (state([offer()], [INSIDE], is_overdue=True), None, True, RETRACTED),
    (state([offer()], [INSIDE]), 1000 + LIMIT_MS, False, None),
    (state([offer()], [INSIDE]), 1001 + LIMIT_MS, False, RETRACTED),
]


@pytest.mark.parametrize(("visit", "seen_ms", "was_told", "expected"), FINDINGS)
def test_a_finding_follows_the_facts(
    visit: VisitState, seen_ms: int | None, expected: str | None, *, was_told: bool
) -> None:
    """Over the limit is confirmed, inside it retracted if anyone can have said so; a breach is never anything else."""
    assert finding_state(visit, LIMIT_MS, exit_seen_ms=seen_ms, was_told=was_told) == expected
    assert is_breach(visit, LIMIT_MS) == (expected in (OPEN, CONFIRMED))


def test_what_was_said_once_is_taken_back_whenever_it_no_longer_holds() -> None:
    """A finding recorded as confirmed, and an earlier exit since."""
    visit = state([offer()], [INSIDE])
    visit.told = Told(finding_state=CONFIRMED)
    assert finding_state(visit, LIMIT_MS, exit_seen_ms=None, was_told=False) == RETRACTED


def test_a_finding_rests_on_offers_and_exits_then_on_its_state() -> None:
    """Endings do not matter to it, unless the exits are more than can be counted."""
    visit = state([offer()], [left()], [Ending(1, "n")])
    assert [finding_revision(visit, each) for each in (OPEN, CONFIRMED, RETRACTED)] == [9, 10, 11]
    full = state([offer()], [left(time_ms) for time_ms in range(MOST_FACTS)])
    assert finding_revision(full, OPEN) == fact_count(full) * 4 + 1 > 1_000_000
