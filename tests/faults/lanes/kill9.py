"""Three workers under load, killed again and again, ten of the kills within ten seconds."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from tests.deadlines import wait_until
from tests.faults.bench import Bench, Run, bench
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
    with bench(LANE, run, workers=3) as bed:
        load = bed.load(per_second=size.visits_per_second)
        happened = play(planned(run.seed, size), {"kill": bed.fleet.kill}, meanwhile=bed.fleet.tend)
        bed.report.at_most("seconds until all partitions moved", moved_after(bed), MOVING_SECONDS, " s")
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


def moved_after(bed: Bench) -> float:
    """Seconds until the durable state of every partition had passed what lay in it a moment after the last kill."""
    begun = time.monotonic()
    verifier = bed.verifier()
    marks = {topic: verifier.ends(topic) for topic in ("call-events", "chat-events")}
    with bed.installation.state("queues") as state:

        def have_passed() -> bool:
            bed.fleet.tend()
            positions = {number: part.positions() for number, part in state.refresh().partitions.items()}
            return all(
                end == 0 or (topic in positions[number] and positions[number][topic].next_offset >= end)
                for topic, ends in marks.items()
                for number, end in enumerate(ends)
            )

        wait_until(have_passed, "every partition moves", seconds=180)
    return time.monotonic() - begun
