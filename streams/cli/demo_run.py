"""One run of the demo: broker, worker, dialer, a simulated morning told live, and what is said of it in the end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import time as time_of_day, timedelta
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from streams import comparison
from streams.cli.called_back import Calls, OtherDialer
from streams.cli.demo_config import CONFIGURATION, PREFIX, write_configuration
from streams.cli.demo_process import DemoDialer
from streams.cli.demo_reader import DemoReader, opened_reader
from streams.cli.demo_worker import DemoWorker, MetricsPage, free_port
from streams.cli.kafka_target import target_of_file
from streams.cli.simulate_run import Manner, Topics, encode, play
from streams.comparison import Check, Facts, Rules
from streams.connections import librdkafka_options
from streams.domain.events import Customer
from streams.domain.privacy import Pseudonyms, TenantKey
from streams.domain.recount import read_events
from streams.embedded.broker import EmbeddedBroker
from streams.errors import Unavailable
from streams.partitioning import partition_of
from streams.publisher import Publisher
from streams.recount_terms import limits_of
from streams.routing import Route, route
from streams.settings import Settings, milliseconds
from streams.simulation.centre import SAC
from streams.simulation.day import DATE
from streams.simulation.disorder import Disorder
from streams.simulation.incidents import AgentsLeave, Flood, Incident, SilentSource
from streams.simulation.simulation import Simulation
from streams.simulation.telling import Event
from streams.told import TOPICS_TOLD, Told
from streams.topics import DEFAULT_PARTITIONS, STAGE_INPUTS, TOPICS, full_name, stages_reading

LIVE_FROM: Final = timedelta(hours=8, minutes=50)
"""Of the simulated Monday. What happened before is told as fast as it goes, so that the day's figures are there."""
DISORDER_SECONDS: Final = 12.0
REPEAT_SHARE: Final = 0.02
DRAIN_SECONDS: Final = 120
QUIET_SECONDS: Final = (1.5, 6.0)
"""How long no topic may grow before the results are read; the second time when they were not equal at first."""
POLL_SECONDS: Final = 0.25
INCIDENTS: Final = (
    Flood(queue="sac-cartoes", at=time_of_day(8, 52), minutes=12, contacts=90),
    AgentsLeave(queue="sac-telecom", at=time_of_day(8, 56), minutes=8),
    SilentSource(source="web-chat", at=time_of_day(9, 5), minutes=5),
)
"""What goes wrong on this Monday: half the city calls about its cards, a team leaves its desks, a platform is mute."""

_TOPICS_READ: Final = sorted(set(chain.from_iterable(STAGE_INPUTS.values())))


def _times_read(topic: str) -> int:
    """Every stage counts what it reads."""
    return len(stages_reading(topic))


class Screen(Protocol):
    """Who looks on while it runs."""

    def started(self, worker: DemoWorker) -> None:
        """The worker runs."""

    def doing(self, what: str, events: int) -> None:
        """What is going on, and how many events are published."""

    def live(self, now_ms: int, events: int) -> None:
        """The simulated time has come so far; called several times a second."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``speed`` is simulated seconds per second of the live part, which lasts ``seconds``."""

    seed: int
    seconds: float
    speed: float
    metrics_port: int
    incidents: Sequence[Incident]

    @classmethod
    def of(cls, seed: int, seconds: float, speed: float, *, port: int | None, incidents: Sequence[Incident]) -> Plan:
        """Any free port where none is given. Raises Unavailable when the given one is taken."""
        return cls(seed, seconds, speed, free_port(port), incidents)


@dataclass(frozen=True, slots=True)
class Result:
    """How the run ended. ``facts`` are what the stream says, ``seconds`` how long each part took."""

    published: Mapping[str, int]
    facts: Facts
    told: Told
    checks: Sequence[Check]
    seconds: Mapping[str, float]

    @property
    def is_equal(self) -> bool:
        return all(check.is_equal for check in self.checks)


class Stopped(Exception):
    """Whoever looks on has seen enough; raised by a Screen, between two steps."""


def run(plan: Plan, screen: Screen) -> Result:
    """Start everything, tell the morning, wait, compare, stop everything. Raises Unavailable when a part fails."""
    topics = {full_name(PREFIX, spec.name): DEFAULT_PARTITIONS for spec in TOPICS}
    with TemporaryDirectory(prefix="filaviva-demo-") as name, EmbeddedBroker(topics) as broker:
        folder = Path(name)
        settings = write_configuration(folder, broker.bootstrap, plan.metrics_port)
        config = folder / CONFIGURATION
        with (
            DemoWorker(config, folder / "worker.log", plan.metrics_port) as worker,
            DemoDialer(config, folder / "dialer.log", lines=SAC.dialer_lines, seed=plan.seed) as dialer,
            opened_reader(settings, PREFIX) as reader,
        ):
            screen.started(worker)
            return _Run(plan, settings, worker, dialer, reader, screen).result(config)


class _Ledger:
    """A sink into Kafka that keeps what was sent: the truth the stream is judged by."""

    def __init__(self, publisher: Publisher) -> None:
        self._topics = Topics(publisher, event_clock=True)
        self.sent: list[Event] = []
        self.last: dict[tuple[str, int], Event] = {}
        """The event sent last into each partition of each topic."""

    def send(self, event: Event) -> None:
        self._topics.send(event)
        self.sent.append(event)
        target = route(event)
        assert isinstance(target, Route), "it has just been sent"
        self.last[target.topic, partition_of(target.key, DEFAULT_PARTITIONS)] = event

    def step_done(self) -> None:
        self._topics.step_done()

    def close(self) -> None:
        self._topics.close()


@dataclass(frozen=True, slots=True)
class _Run:
    _plan: Plan
    _settings: Settings
    _worker: DemoWorker
    _dialer: DemoDialer
    _reader: DemoReader
    _screen: Screen

    def result(self, config: Path) -> Result:
        marks = {"": time.monotonic()}
        self._screen.doing("starting the worker", 0)
        self._worker.wait_ready()
        marks["start"] = time.monotonic()
        kafka = self._settings.kafka
        with (
            closing(Publisher(kafka.brokers, kafka.prefix, librdkafka_options(kafka))) as publisher,
            closing(OtherDialer(target_of_file(config))) as called_back,
        ):
            ledger = _Ledger(publisher)
            self._tell(ledger, called_back.tell)
            self._dialer.stop()
            marks["tell"] = time.monotonic()
            self._let_time_be_recorded(ledger)
            checked = self._checked(ledger)
        marks["drain and compare"] = time.monotonic()
        seconds = {name: round(marks[name] - marks[before], 1) for before, name in pairwise(marks)}
        return Result(dict(publisher.by_topic), *checked, seconds)

    # -- telling ------------------------------------------------------------------------------------------------------

    def _tell(self, ledger: _Ledger, calls: Calls) -> None:
        """The day up to the morning as fast as it goes, then the morning live, until its end or the screen's word."""
        plan = self._plan
        simulation = Simulation(SAC, plan.seed, DATE, plan.incidents, imitates_plans=False)
        disorder = Disorder(seconds=DISORDER_SECONDS, repeat_share=REPEAT_SHARE, seed=plan.seed)
        live_ms = simulation.start_ms + round(LIVE_FROM / timedelta(milliseconds=1))
        end_ms = live_ms + round(1000 * plan.seconds * plan.speed)

        def early(_: int, sent: int) -> None:
            self._screen.doing("telling the night and the early morning", sent)
            self._check()

        def live(now_ms: int, _: int) -> None:
            self._check()
            self._screen.live(now_ms, len(ledger.sent))

        try:
            play(simulation, Manner(live_ms, 0, disorder), ledger, calls=calls, watch=early)
            self._settled(0, len(ledger.sent))
            play(simulation, Manner(end_ms, plan.speed, disorder), ledger, calls=calls, watch=live)
        except Stopped:
            for event in disorder.arrived():
                ledger.send(event)

    def _check(self) -> None:
        self._worker.check()
        self._dialer.check()

    def _let_time_be_recorded(self, ledger: _Ledger) -> None:
        """What time alone has made true is recorded with the next record of its topic: one that repeats a known fact
        will do, and moves no clock."""
        self._settled(0, len(ledger.sent))
        for event in list(ledger.last.values()):
            ledger.send(event)

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _settled(self, quiet_seconds: float, sent: int) -> MetricsPage:
        """The metrics once every record of every stage's input is counted and no topic has grown for a while."""
        self._screen.doing("waiting for the worker", sent)
        deadline = time.monotonic() + DRAIN_SECONDS
        ends, grown = self._ends(), time.monotonic()
        while True:
            page = self._worker.page()
            before, ends = ends, self._ends()
            now = time.monotonic()
            if ends != before or any(page.counted(topic) != _times_read(topic) * ends[topic] for topic in _TOPICS_READ):
                grown = now
            elif now - grown >= quiet_seconds:
                return page
            if now > deadline:
                behind = {
                    topic: f"{page.counted(topic)} of {_times_read(topic) * ends[topic]}" for topic in _TOPICS_READ
                }
                raise Unavailable(f"the worker did not finish within {DRAIN_SECONDS} s: {behind}")
            time.sleep(POLL_SECONDS)

    def _ends(self) -> dict[str, int]:
        return self._reader.ends((*_TOPICS_READ, *TOPICS_TOLD))

    # -- comparing ----------------------------------------------------------------------------------------------------

    def _checked(self, ledger: _Ledger) -> tuple[Facts, Told, list[Check]]:
        """What the stream says, and how it compares; once more after a longer wait when it differs at first."""
        for quiet_seconds in QUIET_SECONDS:
            page = self._settled(quiet_seconds, len(ledger.sent))
            told = self._reader.told()
            self._screen.doing("counting the same events again", len(ledger.sent))
            facts, checks = self._compare(told, page, ledger.sent)
            if all(check.is_equal for check in checks):
                break
        return facts, told, checks

    def _compare(self, told: Told, page: MetricsPage, sent: Sequence[Event]) -> tuple[Facts, list[Check]]:
        rules = rules_of(self._settings)
        expected = comparison.expected_facts(read_events(map(encode, sent)), rules, told.plan_facts)
        expected[comparison.JOBS] = comparison.expected_jobs(told)
        facts = comparison.told_facts(told, rules)
        facts[comparison.DAY] = page.day_outcomes()
        return facts, comparison.compare(expected, facts)


def rules_of(settings: Settings) -> Rules:
    keys = {
        tenant: TenantKey(of_tenant.token_key, of_tenant.previous_token_key)
        for tenant, of_tenant in settings.tenant_keys.items()
    }
    pseudonyms = Pseudonyms(keys)
    return Rules(
        directory=settings.directory(partition_of),
        lateness_ms=milliseconds(settings.clock.lateness_seconds),
        grace_ms=milliseconds(settings.clock.grace_seconds),
        token_of=lambda tenant, address: pseudonyms.tokens(tenant, Customer(address=address)).primary,
        limit_of=limits_of(settings),
    )
