"""Workers come and go without a pause, one to five of them, under load."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.fleet import steadily
from tests.faults.plan import Fault, NotFired, play
from tests.faults.report import Report

LANE: Final = "storm"
SETTLED_SECONDS: Final = 30
MOST_WORKERS: Final = 5


class Size(NamedTuple):
    """How much of everything."""

    events: int
    visits_per_second: float
    changes: int
    apart_seconds: float


FULL: Final = Size(100_000, 200, 60, 3.0)
SHORT: Final = Size(4_000, 80, 6, 3.0)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=1)) as bed:
        load = bed.load(per_second=size.visits_per_second)
        handlers = {"join": lambda _: join(bed), "leave": lambda fault: leave(bed, fault)}
        happened = play(planned(run.seed, size), handlers, meanwhile=bed.fleet.tend)
        bed.report.at_most(
            "seconds until each queue was shown by one worker",
            steadily(bed.is_shown, "each queue is shown by one worker", seconds=SETTLED_SECONDS * 1.5),
            SETTLED_SECONDS,
            " s",
        )
        run.say(f"{len(happened.fired)} joins and leaves, {load.ledger.sent:,} events so far")
        load.wait_sent(size.events, seconds=900)
        bed.tell(happened)
        bed.verify()
        return bed.report


def planned(seed: int, size: Size) -> list[Fault]:
    """A walk between one and five workers."""
    chance = random.Random(f"storm/{seed}")
    there, faults = 1, []
    for number in range(size.changes):
        joins = there == 1 or (there < MOST_WORKERS and chance.random() < 0.5)
        there += 1 if joins else -1
        kind = "join" if joins else "leave"
        faults.append(Fault(kind, 2.0 + number * size.apart_seconds, chance.randrange(1 << 16)))
    return faults


def join(bed: Bench) -> str:
    bed.fleet.join()
    return f"{bed.fleet.wanted} workers"


def leave(bed: Bench, fault: Fault) -> str:
    """In order; a worker that was still starting may end as a terminated process does."""
    code = bed.fleet.leave(fault)
    if code not in {0, -15}:
        raise NotFired(f"a worker left with {code} instead of 0")
    return f"{bed.fleet.wanted} workers, left with {code}"
