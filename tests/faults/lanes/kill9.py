"""Three workers under load, killed again and again, ten of the kills within ten seconds."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.faults.bench import Run, Setting, bench
from tests.faults.plan import Fault, play, spread
from tests.faults.report import Report

LANE: Final = "kill9"
MOVING_SECONDS: Final = 30


class Size(NamedTuple):
    """How much of everything."""

    events: int
    visits_per_second: float
    kills: int
    burst: int
    within_seconds: float


FULL: Final = Size(200_000, 320, 22, 10, 200)
SHORT: Final = Size(6_000, 130, 2, 3, 15)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=3)) as bed:
        load = bed.load(per_second=size.visits_per_second)
        happened = play(planned(run.seed, size), {"kill": bed.fleet.kill}, meanwhile=bed.fleet.tend)
        recovered = bed.recovered()
        bed.report.at_most("seconds until all partitions moved", recovered.moving, MOVING_SECONDS, " s")
        bed.report.figure("caught up after", f"{recovered.caught_up:.1f} s")
        run.say(f"{len(happened.fired)} kills, {load.ledger.sent:,} events so far")
        load.wait_sent(size.events, seconds=900)
        bed.tell(happened)
        bed.verify()
        return bed.report


def planned(seed: int, size: Size) -> list[Fault]:
    """Kills spread over the run, and a burst of one a second in its last third."""
    burst_begins = size.within_seconds * 0.7
    burst = [Fault("kill", burst_begins + second * 0.95, seed * 31 + second) for second in range(size.burst)]
    return [*spread("kill", size.kills, within=(3.0, size.within_seconds), seed=seed), *burst]
