"""One run of a lane: a real Kafka, an installation on it, workers, traffic, and the verdict at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from streams.engine.changelog import Positions
from tests import brokers
from tests.deadlines import wait_until
from tests.faults import centre
from tests.faults.fleet import Fleet
from tests.faults.load import Ledger, Load, Sender
from tests.faults.plan import Happened, pass_seconds
from tests.faults.report import Report
from tests.faults.verify import INPUTS, Expectation, Verifier
from tests.faults.visits import PlannedVisit, visits
from tests.installation import Installation, install
from tests.kafka_server import KafkaServer
from tests.state_reader import Flush
from tests.worker_process import PROJECT

SESSION_SECONDS: Final = 6
TICKED_SECONDS: Final = 3
"""A worker that has just become live says with its next ticks what waiting has made true meanwhile."""
FLUSH_SECONDS: Final = 0.5
MOVED_SECONDS: Final = 240


@dataclass(frozen=True)
class Run:
    """What a lane is told: the seed, whether the short form is wanted, a broker it may share, and whom to tell."""

    seed: int
    is_short: bool
    server: KafkaServer
    """Shared by all lanes: those that hurt the broker make their own."""
    say: Callable[[str], None] = print
    planted: str = ""
    """Python that every worker runs before anything else: a mistake the lane should find."""


@dataclass
class Bench:
    """Everything of one run. A lane begins with ``opened``, makes its faults happen, and ends with ``verify``."""

    run: Run
    report: Report
    server: KafkaServer
    installation: Installation
    fleet: Fleet
    ledger: Ledger
    sender: Sender
    opened: ExitStack
    loads: list[Load] = field(default_factory=list)
    _ends_told: int = 0

    @property
    def folder(self) -> Path:
        return self.installation.config.parent

    def load(self, *, per_second: float, name: str = "c", plan: Iterator[PlannedVisit] | None = None) -> Load:
        """Traffic of about 2.6 events a visit, begun now and ended with the bench at the latest."""
        planned = visits(self.run.seed, name=name) if plan is None else plan
        load = Load(self.sender, self.ledger, planned, per_second=per_second)
        self.loads.append(load)
        self.opened.enter_context(load)
        return load

    @cached_property
    def history(self) -> Sender:
        """A second producer, for a lane's own thread; it writes into the same ledger."""
        broker = self.installation.broker
        return Sender(broker.bootstrap, broker.prefix, self.installation.partitions, self.ledger)

    def verifier(self, expects: Expectation | None = None) -> Verifier:
        return Verifier(self.installation, self.fleet, self.ledger, self.report, expects or Expectation())

    def verify(self, expects: Expectation | None = None) -> None:
        """End the load, wait until all is done and shown, and judge."""
        for load in self.loads:
            load.finish()
        verifier = self.verifier(expects)
        self.run.say("settling")
        verifier.wait_settled()
        if verifier.expects.is_page_judged:
            self.wait_shown()
            pass_seconds(TICKED_SECONDS, self.fleet.tend)
        self.run.say("judging")
        verifier.judge()
        self.report.count("workers ended unasked", len(self.fleet.ended) - self._ends_told)
        self._ends_told = len(self.fleet.ended)

    def recovered(self) -> Recovered:
        """How long it takes until every partition moves, and until all have passed what lies in them now: by the times
        of the flushes, whenever they are read."""
        begun_ms = time.time() * 1000
        marks = {(topic, number): end for topic in INPUTS for number, end in enumerate(self.verifier().ends(topic))}
        with self.installation.state("queues") as state:

            def have_passed() -> bool:
                self.fleet.tend()
                parts = state.refresh().partitions
                return all(_reached(parts[number].positions(), topic) >= end for (topic, number), end in marks.items())

            wait_until(have_passed, "every partition has caught up", seconds=MOVED_SECONDS)
            moving = [_first_ms(state.flushes, place, end, begun_ms, is_whole=False) for place, end in marks.items()]
            caught_up = [_first_ms(state.flushes, place, end, begun_ms, is_whole=True) for place, end in marks.items()]
        return Recovered((max(moving) - begun_ms) / 1000, (max(caught_up) - begun_ms) / 1000)

    def wait_shown(self, seconds: float = 120.0) -> None:
        """Until every queue is live on exactly one page, and nobody waits who has left."""
        wait_until(self.is_shown, "every queue is shown by one worker", seconds=seconds)

    def is_shown(self) -> bool:
        """Whether each queue is live on exactly one page, and every worker ready."""
        if not self.fleet.are_ready():
            return False
        shown = self.fleet.shown()
        return shown.keys() == set(centre.places()) and all(len(each) == 1 for each in shown.values())

    def tell(self, happened: Happened) -> None:
        """A run fails if a planned fault did not fire."""
        missed = [f"{fault.kind}: {why}" for fault, why in happened.missed]
        words = f"{len(happened.fired)} fired" + (f", {len(missed)} not: {missed[0]}" if missed else "")
        self.report.claim("planned faults", words, holds=not missed and bool(happened.fired))
        kinds = {fault.kind for fault, _ in happened.fired}
        for kind in sorted(kinds):
            self.report.figure(kind, happened.count(kind))


def _reached(positions: Positions, topic: str) -> int:
    return positions[topic].next_offset if topic in positions else 0


def _first_ms(flushes: Iterable[Flush], place: tuple[str, int], end: int, begun_ms: float, *, is_whole: bool) -> float:
    """When a topic-partition's durable position went on, or (whole) reached the end; at once where it was there."""
    topic, number = place
    own = [(flush.time_ms, _reached(flush.positions, topic)) for flush in flushes if flush.partition == number]
    before = max((reached for time_ms, reached in own if time_ms < begun_ms), default=0)
    if before >= end:
        return begun_ms
    wanted = end if is_whole else before + 1
    return next(time_ms for time_ms, reached in own if time_ms >= begun_ms and reached >= wanted)


class Recovered(NamedTuple):
    """Seconds since somebody began to wait."""

    moving: float
    """The durable state of every partition that was behind has gone on."""
    caught_up: float
    """It rests on all that lay there when the wait began."""


@dataclass(frozen=True)
class Setting:
    """What is peculiar to the installation of a lane; the rest is the centre's."""

    workers: int
    server: KafkaServer | None = None
    """Instead of the shared one."""
    partitions: int = centre.PARTITIONS
    document: Mapping[str, Any] = field(default_factory=centre.document)
    planted: str = ""
    """Python that every worker runs before anything else: a bug of ours."""
    is_started: bool = True
    worker: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def bench(run: Run, report: Report, setting: Setting) -> Iterator[Bench]:
    """A fresh installation with its workers ready; the folder with their logs stays where something fell short."""
    server = setting.server or run.server
    folder = Path(tempfile.mkdtemp(prefix=f"filaviva-fault-{report.lane}-"))
    centre.write_keys(folder)
    worker = {"session_timeout_seconds": SESSION_SECONDS, "flush_seconds": FLUSH_SECONDS, **setting.worker}
    broker = brokers.of_kafka(server)
    installation = install(broker, folder, dict(setting.document), partitions=setting.partitions, **worker)
    if setting.planted or run.planted:
        installation = replace(installation, environment=plant(folder, setting.planted + run.planted))
    ledger = Ledger()
    sender = Sender(server.bootstrap, broker.prefix, setting.partitions, ledger)
    with ExitStack() as opened:
        fleet = opened.enter_context(Fleet(installation, setting.workers))
        if setting.is_started:
            fleet.start()
        run.say(f"{setting.workers} workers (logs in {folder})")
        yield Bench(run, report, server, installation, fleet, ledger, sender, opened)
    if report.passed:
        shutil.rmtree(folder, ignore_errors=True)


def plant(folder: Path, source: str) -> dict[str, str]:
    """The environment in which every Python process runs ``source`` first."""
    (folder / "sitecustomize.py").write_text(source)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"}
