"""A month of history at full speed beside live traffic: the live figures must not notice."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from streams import metric_names as names
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.load import now_text
from tests.faults.plan import Fault, pass_seconds, play
from tests.faults.report import Report
from tests.faults.visits import Moment, PlannedVisit, visits

LANE: Final = "replay"
MONTH_SECONDS: Final = 30 * 86_400
HISTORY: Final = "h"


class Size(NamedTuple):
    """How much of everything."""

    old_visits: int
    visits_per_second: float
    live_seconds: float


FULL: Final = Size(30_000, 60, 90)
SHORT: Final = Size(3_000, 30, 12)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=2)) as bed:
        load = bed.load(per_second=size.visits_per_second)
        live_before = pass_live(bed, size.live_seconds / 3)
        plan = [Fault("month of history", 0.0)]
        happened = play(plan, {"month of history": lambda _: tell_history(bed, size)}, meanwhile=bed.fleet.tend)
        pass_live(bed, size.live_seconds / 3)
        bed.tell(happened)
        bed.verify()
        live = load.begun
        bed.report.equal("offered live, by the counters", counted(bed, names.QUEUE_CONTACTS_OFFERED.name), live)
        bed.report.equal("left live, by the counters", counted(bed, names.QUEUE_EXITS.name), live)
        bed.report.equal("waiting, in the end", counted(bed, names.QUEUE_WAITING_CONTACTS.name), 0)
        bed.report.claim("live traffic all along", f"{live_before} visits before", holds=live_before > 0)
        historic = counted(bed, names.STREAM_EVENTS_HISTORIC.name)
        bed.report.claim("known as historic", f"{historic:,} events", holds=historic >= size.old_visits * 2)
        return bed.report


def pass_live(bed: Bench, seconds: float) -> int:
    pass_seconds(seconds, bed.fleet.tend)
    return bed.loads[0].begun


def tell_history(bed: Bench, size: Size) -> str:
    """Everything of a month, in the order in which it happened, as fast as it can be sent."""
    begun = time.monotonic()
    moments = [
        (at + moment.after_seconds, visit, moment)
        for at, visit in old_visits(bed.run.seed, size.old_visits)
        for moment in visit.moments
    ]
    moments.sort(key=lambda each: each[0])
    for at, visit, moment in moments:
        bed.history.send(visit.event(moment, now_text(at)))
    bed.history.flush(120)
    return f"{len(moments):,} events of a month in {time.monotonic() - begun:.0f} s"


def old_visits(seed: int, count: int) -> Iterator[tuple[float, PlannedVisit]]:
    """When and what: spread over the month that ended an hour ago, told by a source of its own, of nobody known."""
    chance = random.Random(f"history/{seed}")
    begin = time.time() - 3600 - MONTH_SECONDS
    for number, visit in zip(range(count), visits(seed, name=HISTORY), strict=False):
        moments = tuple(Moment(m.after_seconds, m.kind, _anonymous(m.data)) for m in visit.moments)
        at = begin + (number + chance.random()) * MONTH_SECONDS / count
        yield at, PlannedVisit(visit.contact, visit.queue, visit.channel, "archive", moments)


def _anonymous(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "customer"}


def counted(bed: Bench, metric: str) -> int:
    return round(sum(page.total(metric) for page in bed.fleet.pages()))
