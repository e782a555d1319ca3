"""The broker freezes, dies, and stays away, while callers are answered and producers buffer what they have to tell."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.deadlines import wait_until
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.plan import Fault, pass_seconds, play
from tests.faults.report import Report
from tests.faults.verify import Expectation
from tests.kafka_server import KafkaServer

LANE: Final = "outage"
RECOVER_SECONDS: Final = 60
NOTICED_SECONDS: Final = 8.0
"""From here on a worker must say that it is not ready: no answer for 5 s, asked once a second."""


class Size(NamedTuple):
    """How much of everything."""

    visits_per_second: float
    freezes: int
    freeze_seconds: float
    kills: int
    away_seconds: float
    apart_seconds: float


FULL: Final = Size(80, 5, 30, 5, 120, 25)
SHORT: Final = Size(40, 1, 14, 1, 0, 6)


@dataclass
class Watch:
    """What the workers said of themselves while the broker was away, and how long they took afterwards."""

    bed: Bench
    looks: int = 0
    ready: int = 0
    dead: int = 0
    recoveries: list[float] = field(default_factory=list)

    def pass_away(self, seconds: float) -> None:
        """Let an outage last, looking at every worker once it must have been noticed."""
        noticed = time.monotonic() + NOTICED_SECONDS
        last = [0.0]

        def look() -> None:
            now = time.monotonic()
            if now < noticed or now - last[0] < 1.0:
                return
            last[0] = now
            for worker in self.bed.fleet.workers:
                self.looks += 1
                self.ready += worker.is_ready()
                self.dead += not worker.is_alive()

        pass_seconds(seconds, look)

    def recovered(self) -> float:
        """Seconds until the state of every partition has passed what lies in it now."""
        took = self.bed.recovered().caught_up
        self.recoveries.append(took)
        return took


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with KafkaServer() as server, bench(run, Report(LANE, run.seed), Setting(workers=2, server=server)) as bed:
        start_without_broker(bed)
        bed.load(per_second=size.visits_per_second)
        watch = Watch(bed)
        handlers = {
            "freeze": lambda fault: freeze(bed, watch, fault),
            "kill broker": lambda fault: kill(bed, watch, fault),
            "away": lambda fault: away(bed, watch, fault),
        }
        happened = play(planned(size), handlers, meanwhile=bed.fleet.tend)
        bed.tell(happened)
        bed.report.at_most("longest recovery", max(watch.recoveries), RECOVER_SECONDS, " s")
        bed.report.claim(
            "ready while the broker was away", f"{watch.ready} of {watch.looks} looks", holds=watch.ready == 0
        )
        bed.report.claim("not alive while the broker was away", f"{watch.dead}", holds=watch.dead == 0)
        bed.verify(Expectation(is_broker_hurt=True))
        return bed.report


def planned(size: Size) -> list[Fault]:
    """In turn a freeze and a kill, the long absence last."""
    faults, at = [], 3.0
    for number in range(max(size.freezes, size.kills)):
        if number < size.freezes:
            faults.append(Fault("freeze", at, seconds=size.freeze_seconds))
            at += size.freeze_seconds + size.apart_seconds
        if number < size.kills:
            faults.append(Fault("kill broker", at))
            at += size.apart_seconds
    return [*faults, Fault("away", at, seconds=size.away_seconds)] if size.away_seconds else faults


def freeze(bed: Bench, watch: Watch, fault: Fault) -> str:
    bed.server.suspend()
    watch.pass_away(fault.seconds)
    bed.server.resume()
    return f"frozen {fault.seconds:g} s, recovered after {watch.recovered():.1f} s"


def kill(bed: Bench, watch: Watch, fault: Fault) -> str:
    """As a power cut, and on again at once."""
    bed.server.kill()
    bed.server.start()
    return f"killed, recovered after {watch.recovered():.1f} s"


def away(bed: Bench, watch: Watch, fault: Fault) -> str:
    bed.server.stop()
    watch.pass_away(fault.seconds)
    bed.server.start()
    return f"away {fault.seconds:g} s, recovered after {watch.recovered():.1f} s"


def start_without_broker(bed: Bench) -> None:
    """A worker started while nobody listens says so and ends; its supervisor gets it going once the broker is there."""
    bed.server.stop()
    with bed.installation.worker() as worker:
        wait_until(lambda: worker.exit_code is not None, "the worker gives up", seconds=60)
        bed.report.equal("exit code of a start without a broker", worker.exit_code, 1)
        bed.report.claim("it names the broker", worker.log_tail()[-200:], holds=bed.server.bootstrap in worker.log())
    bed.server.start()
    bed.fleet.wait_ready()
