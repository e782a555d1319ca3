"""The same facts twice: once as they happened, once in any order and up to five times each. Nothing may differ.

Among them are second offers of one visit and second exits, of which the earliest stands whichever comes first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from streams.told import Told
from streams.topics import CONTACT_OUTCOMES, QUEUE_INTERVALS, SLA_BREACHES
from tests.faults import topics
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.load import now_text
from tests.faults.poison import BAD
from tests.faults.report import Report
from tests.faults.verify import Expectation
from tests.faults.visits import Moment, PlannedVisit, visits

LANE: Final = "disorder"
SPAN_SECONDS: Final = 60.0
"""All of it lies closer than the two minutes beyond which a clock is doubted."""
CONFLICT_SHARE: Final = 0.15
MOST_COPIES: Final = 5
FULL, SHORT = 6000, 600
COMPARED: Final = (CONTACT_OUTCOMES, QUEUE_INTERVALS, SLA_BREACHES)
LOSER: Final = "entry_required"


class Fact(NamedTuple):
    """One event and its name in the ledger: that of a bad one where an earlier offer of its visit stands."""

    at: float
    event: dict[str, Any]
    name: str


def run(run: Run) -> Report:
    report = Report(LANE, run.seed)
    chance = random.Random(f"disorder/{run.seed}")
    facts = sorted(facts_of(run.seed, chance, SHORT if run.is_short else FULL), key=lambda fact: fact.at)
    shuffled = [fact for fact in facts for _ in range(chance.randint(1, MOST_COPIES))]
    chance.shuffle(shuffled)
    in_order = told_of(run, report, facts)
    disordered = told_of(run, report, shuffled)
    report.claim("planned faults", f"{len(shuffled) - len(facts):,} repeats, all shuffled", holds=in_order != {})
    for topic in COMPARED:
        one, other = in_order[topic], disordered[topic]
        different = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
        report.claim(
            f"the same in any order: {topic}",
            f"{len(one):,} records" if not different else f"{len(different)} differ: {different[:3]}",
            holds=not different and bool(one),
        )
    return report


def facts_of(seed: int, chance: random.Random, count: int) -> Iterator[Fact]:
    """Every fact of so many visits, all of the last minute."""
    begin = time.time() - SPAN_SECONDS - 15
    for _, visit in zip(range(count), visits(seed, name="d"), strict=False):
        base = begin + chance.uniform(0, SPAN_SECONDS)
        for moment in visit.moments:
            yield _fact(visit, moment, base, moment.kind)
        if chance.random() < CONFLICT_SHARE:
            yield _fact(visit, Moment(chance.uniform(0.1, 2), "offered", {}), base, LOSER)
        if chance.random() < CONFLICT_SHARE:
            last = visit.moments[1].after_seconds
            yield _fact(visit, Moment(last + chance.choice([0.0, 0.5, -0.01]), "abandoned", {}), base, "second exit")


def _fact(visit: PlannedVisit, moment: Moment, base: float, name: str) -> Fact:
    at = base + moment.after_seconds
    event = visit.event(moment, now_text(at))
    event["id"] = f"{visit.contact}/{name}"
    return Fact(at, event, f"{BAD}{LOSER}" if name == LOSER else event["id"])


def told_of(run: Run, report: Report, facts: list[Fact]) -> dict[str, dict[str, Any]]:
    """The last words on everything after one installation has read the facts in this order."""
    with bench(run, report, Setting(workers=2)) as bed:
        bed.wait_shown()
        for fact in facts:
            bed.sender.send(fact.event, name=fact.name)
        bed.sender.flush(120)
        losers = len({fact.event["id"] for fact in facts if fact.name.startswith(BAD)})
        bed.verify(Expectation(dead_letters=losers, are_breaches_told_early=True))
        return last_words(bed)


def last_words(bed: Bench) -> dict[str, dict[str, Any]]:
    """By topic and id what a reader of the highest revisions ends with; findings taken back are none."""
    broker, told = bed.installation.broker, Told()
    for record in topics.read(broker.bootstrap, broker.prefix, COMPARED, bed.installation.partitions):
        told.take(record.topic, record.value)
    return {
        topic: {key: data for key, data in told.newest[topic].items() if data.get("state") != "retracted"}
        for topic in COMPARED
    }
