"""One source's clock is wrong by up to ten minutes and jumps, beside two that are right.

A clock that is slow by less than two minutes is not told from a late delivery: it is taken at its word.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from streams import metric_names as names
from streams.topics import CONTACT_OUTCOMES
from tests.faults import topics
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.plan import pass_seconds
from tests.faults.report import Report
from tests.faults.visits import PlannedVisit, visits

LANE: Final = "clocks"
WRONG: Final = "pbx-3"
SKEWS_SECONDS: Final = (-600, -420, -180, -130, 45, 110, 130, 300, 600)
VISITS_PER_JUMP: Final = 20
TORN_SHARE: Final = 0.1


class Size(NamedTuple):
    """How much of everything."""

    visits_per_second: float
    seconds: float


FULL: Final = Size(80, 180)
SHORT: Final = Size(50, 12)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=2)) as bed:
        plan = skewed(visits(run.seed), run.seed)
        bed.load(per_second=size.visits_per_second, plan=plan)
        negative = [0]

        def look() -> None:
            bed.fleet.tend()
            waits = [value for page in bed.fleet.pages() for value in page.values(names.QUEUE_LONGEST_WAIT.name)]
            negative[0] += sum(value < 0 for value in waits)

        for _ in range(round(size.seconds / 2)):
            pass_seconds(2.0)
            look()
        bed.report.equal("negative waits on the pages", negative[0], 0)
        bed.verify()
        judge(bed)
        return bed.report


def skewed(plan: Iterator[PlannedVisit], seed: int) -> Iterator[PlannedVisit]:
    """The visits of the wrong source under a skew that jumps every few visits, and now and then within one."""
    chance = random.Random(f"clocks/{seed}")
    skew, number = chance.choice(SKEWS_SECONDS), 0
    for visit in plan:
        if visit.source != WRONG:
            yield visit
            continue
        number += 1
        before = skew
        if number % VISITS_PER_JUMP == 0:
            skew = chance.choice(SKEWS_SECONDS)
        is_torn = chance.random() < TORN_SHARE
        yield replace(
            visit,
            moments=tuple(
                replace(moment, skew_seconds=before if place == 0 or not is_torn else -before)
                for place, moment in enumerate(visit.moments)
            ),
        )


def judge(bed: Bench) -> None:
    broker = bed.installation.broker
    stored = topics.read(broker.bootstrap, broker.prefix, [CONTACT_OUTCOMES], bed.installation.partitions)
    waits = [json.loads(record.value or b"")["data"].get("wait_seconds") for record in stored]
    bed.report.equal("negative waits in the outcomes", sum(wait is not None and wait < 0 for wait in waits), 0)
    skew: dict[str, float] = {}
    for page in bed.fleet.pages():
        for sample in page.samples(names.SOURCE_SKEWED_EVENTS.name):
            skew[sample.labels["source"]] = skew.get(sample.labels["source"], 0.0) + sample.value
    bed.report.claim("planned faults", f"skewed events by source {skew}", holds=skew.get(WRONG, 0) > 0)
    good = sum(count for source, count in skew.items() if source != WRONG)
    bed.report.equal("events of good sources counted as skewed", good, 0)
    bed.report.count("skewed", round(skew.get(WRONG, 0)))
