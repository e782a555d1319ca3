"""One worker after the other is asked to end and replaced, under load: what every release does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.deadlines import wait_until
from tests.faults import centre
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.fleet import READY_SECONDS, QueuePlace
from tests.faults.plan import Fault, NotFired, play, spread
from tests.faults.report import Report

LANE: Final = "rolling"
EXIT_SECONDS: Final = 10
GAP_SECONDS: Final = 30
LOOK_SECONDS: Final = 1.0


class Size(NamedTuple):
    """How much of everything."""

    visits_per_second: float
    stops: int
    apart_seconds: float


FULL: Final = Size(120, 20, 16)
SHORT: Final = Size(60, 2, 12)


@dataclass
class Wall:
    """Looks at every page once a second: since when has a queue not been shown live."""

    bed: Bench
    longest_gap_seconds: float = 0.0
    _seen: dict[QueuePlace, float] = field(default_factory=dict)
    _looked: float = 0.0

    def look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        shown = self.bed.fleet.shown_by_whoever_answers()
        for place in centre.places():
            since = self._seen.setdefault(place, now)
            self.longest_gap_seconds = max(self.longest_gap_seconds, now - since)
            if place in shown:
                self._seen[place] = now


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=3)) as bed:
        bed.load(per_second=size.visits_per_second)
        bed.wait_shown()
        wall, took = Wall(bed), [0.0]

        def meanwhile() -> None:
            bed.fleet.tend()
            wall.look()

        def are_ready() -> bool:
            """As a release waits: nobody is asked to end while a neighbour still starts."""
            meanwhile()
            return bed.fleet.are_ready()

        def stop(fault: Fault) -> str:
            wait_until(are_ready, "all workers are ready", seconds=READY_SECONDS)
            code, seconds = bed.fleet.terminate(fault)
            took.append(seconds)
            if code != 0:
                raise NotFired(f"the worker ended with {code} instead of 0")
            return f"ended with 0 after {seconds:.1f} s"

        plan = spread("sigterm", size.stops, within=(1.0, size.stops * size.apart_seconds), seed=run.seed)
        happened = play(plan, {"sigterm": stop}, meanwhile=meanwhile)
        bed.tell(happened)
        bed.wait_shown()
        wall.look()
        bed.report.at_most("longest time to end", max(took), EXIT_SECONDS, " s")
        bed.report.at_most("longest gap on the wall", wall.longest_gap_seconds, GAP_SECONDS, " s")
        bed.verify()
        return bed.report
