"""One run of the demo: broker, worker, a day of events, and what the topics say of it in the end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import yaml
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams import comparison
from streams.cli.demo_worker import DemoWorker, MetricsPage, free_port
from streams.comparison import Check, Facts, Rules
from streams.connections import client_options, librdkafka_options
from streams.domain.events import Customer
from streams.domain.privacy import Pseudonyms, TenantKey
from streams.domain.recount import read_events
from streams.embedded.broker import EmbeddedBroker
from streams.errors import Unavailable
from streams.event_lines import event_time_ms
from streams.partitioning import partition_of
from streams.publisher import Publisher
from streams.routing import Route, route
from streams.settings import Settings, load_settings, milliseconds
from streams.simulation.centre import TENANT, sections
from streams.simulation.day import arrivals, day
from streams.simulation.telling import Event
from streams.told import TOPICS_TOLD, Told
from streams.topic_reading import records_to_the_ends
from streams.topics import DEFAULT_PARTITIONS, STAGE_INPUTS, TOPICS, full_name

DISORDER_SECONDS: Final = 90.0
"""More than the lateness bound, so that some findings open and are taken back."""
REPEAT_SHARE: Final = 0.02
LAST_PART: Final = 0.1
"""The share of the day that is held back until all before is applied: what time has made true is recorded with the
facts that follow."""
DRAIN_SECONDS: Final = 120
QUIET_SECONDS: Final = (1.5, 6.0)
"""How long no topic may grow before the results are read; the second time when they were not equal at first."""
POLL_SECONDS: Final = 0.25
FLUSH_SECONDS: Final = 0.25
PREFIX: Final = "filaviva"
CONFIGURATION: Final = "filaviva.yaml"

_TOPICS_READ: Final = sorted(set(chain.from_iterable(STAGE_INPUTS.values())))
_encode: Final = msgspec.json.Encoder().encode
Watch = Callable[[str, int, int], None]
"""Hears what is going on, and how many of how many events are published."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: the events as they arrive, and within how many seconds."""

    events: Sequence[Event]
    seconds: float
    metrics_port: int

    @classmethod
    def of(cls, seed: int, seconds: float, metrics_port: int | None) -> Plan:
        """The day of a seed; any free port where none is given. Raises Unavailable when the given one is taken."""
        port = free_port(metrics_port)
        events = arrivals(day(seed), disorder_seconds=DISORDER_SECONDS, repeat_share=REPEAT_SHARE, seed=seed)
        return cls(events, seconds, port)


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


def run(plan: Plan, *, started: Callable[[DemoWorker], None], watch: Watch) -> Result:
    """Start everything, publish, wait, compare, stop everything. Raises Unavailable when a part fails.

    ``started`` is called once the worker runs.
    """
    topics = {full_name(PREFIX, spec.name): DEFAULT_PARTITIONS for spec in TOPICS}
    with TemporaryDirectory(prefix="filaviva-demo-") as name, EmbeddedBroker(topics) as broker:
        folder = Path(name)
        settings = _write_configuration(folder, broker.bootstrap, plan.metrics_port)
        with (
            DemoWorker(folder / CONFIGURATION, folder / "worker.log", plan.metrics_port) as worker,
            _reader(settings) as reader,
        ):
            started(worker)
            return _Run(plan, settings, worker, reader, watch).result()


def _write_configuration(folder: Path, bootstrap: str, metrics_port: int) -> Settings:
    """The simulated centre on this broker, with keys that exist for this run only."""
    keys = {}
    for key in ("token_key", "seal_key"):
        file = folder / key
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
        keys[f"{key}_file"] = key
    document = {
        "kafka": {"brokers": [bootstrap], "prefix": PREFIX, "partitions": DEFAULT_PARTITIONS},
        "worker": {"metrics_port": metrics_port, "flush_seconds": FLUSH_SECONDS, "session_timeout_seconds": 10},
        "clock": {"mode": "event"},
        "privacy": {"tenants": {TENANT: keys}},
        **sections(),
    }
    config = folder / CONFIGURATION
    config.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_settings(config)


class _Run:
    def __init__(self, plan: Plan, settings: Settings, worker: DemoWorker, reader: _Reader, watch: Watch) -> None:
        self._plan = plan
        self._settings = settings
        self._worker = worker
        self._reader = reader
        self._watch = watch

    def result(self) -> Result:
        marks = {"begun": time.monotonic()}
        self._watch("starting the worker", 0, len(self._plan.events))
        self._worker.wait_ready()
        marks["start"] = time.monotonic()
        published = self._publish()
        marks["publish"] = time.monotonic()
        for quiet_seconds in QUIET_SECONDS:
            page = self._settled(quiet_seconds)
            told = self._reader.told()
            facts, checks = self._compare(told, page)
            if all(check.is_equal for check in checks):
                break
        marks["drain and compare"] = time.monotonic()
        seconds = {name: round(marks[name] - marks[before], 1) for before, name in pairwise(marks)}
        return Result(published, facts, told, checks, seconds)

    # -- publishing ---------------------------------------------------------------------------------------------------

    def _publish(self) -> dict[str, int]:
        events, kafka = self._plan.events, self._settings.kafka
        publisher = Publisher(kafka.brokers, kafka.prefix, librdkafka_options(kafka))
        held_back = round(len(events) * (1 - LAST_PART))
        try:
            self._send(publisher, range(held_back))
            publisher.close()
            self._watch("waiting for the worker", held_back, len(events))
            self._settled(0)
            self._send(publisher, range(held_back, len(events)))
        finally:
            publisher.close()
        self._watch("waiting for the worker", len(events), len(events))
        return dict(publisher.by_topic)

    def _send(self, publisher: Publisher, numbers: range) -> None:
        """Events evenly spread over the time given, each stamped with its own time."""
        events = self._plan.events
        started, first = time.monotonic(), numbers.start
        for number in numbers:
            event = events[number]
            target, stamp_ms = route(event), event_time_ms(event["time"])
            assert isinstance(target, Route), "the simulation knows its topics"
            publisher.send(target, _encode(event), stamp_ms)
            ahead = (number - first) * self._plan.seconds / len(events) - (time.monotonic() - started)
            if ahead > POLL_SECONDS:
                self._watch(event["time"][11:16], number, len(events))
                self._worker.check()
                time.sleep(ahead)

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _settled(self, quiet_seconds: float) -> MetricsPage:
        """The metrics once every record of every stage's input is counted and no topic has grown for a while."""
        deadline = time.monotonic() + DRAIN_SECONDS
        ends, grown = self._reader.ends(), time.monotonic()
        while True:
            page = self._worker.page()
            before, ends = ends, self._reader.ends()
            now = time.monotonic()
            if ends != before or any(page.counted(topic) != ends[topic] for topic in _TOPICS_READ):
                grown = now
            elif now - grown >= quiet_seconds:
                return page
            if now > deadline:
                behind = {topic: f"{page.counted(topic)} of {ends[topic]}" for topic in _TOPICS_READ}
                raise Unavailable(f"the worker did not finish within {DRAIN_SECONDS} s: {behind}")
            time.sleep(POLL_SECONDS)

    # -- comparing ----------------------------------------------------------------------------------------------------

    def _compare(self, told: Told, page: MetricsPage) -> tuple[Facts, list[Check]]:
        rules = rules_of(self._settings)
        expected = comparison.expected_facts(read_events(map(_encode, self._plan.events)), rules)
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
    )


class _Reader:
    """Reads the topics of the demo; topics are named without the prefix."""

    def __init__(self, consumer: Any, partitions: int) -> None:
        self._consumer = consumer
        self._partitions = partitions

    def ends(self) -> dict[str, int]:
        """How many records each topic that is read by anyone has ever got."""
        topics = (*_TOPICS_READ, *TOPICS_TOLD)
        ends = self._consumer.end_offsets(self._places(topics))
        return {topic: sum(ends[place] for place in self._places([topic])) for topic in topics}

    def told(self) -> Told:
        """Everything the topics for outside readers say."""
        told, places = Told(), self._places(TOPICS_TOLD)
        for record in records_to_the_ends(self._consumer, places, lambda _: None):
            told.take(record.topic.removeprefix(f"{PREFIX}-"), record.value)
        dropped = {place.topic for place, first in self._consumer.beginning_offsets(places).items() if first}
        if dropped:
            raise Unavailable(f"the embedded broker keeps 5 MB a partition and dropped the start of {sorted(dropped)}")
        return told

    def _places(self, topics: Iterable[str]) -> list[TopicPartition]:
        return [
            TopicPartition(full_name(PREFIX, topic), number) for topic in topics for number in range(self._partitions)
        ]


@contextmanager
def _reader(settings: Settings) -> Iterator[_Reader]:
    kafka = settings.kafka
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=list(kafka.brokers), group_id=None, enable_auto_commit=False, **client_options(kafka)
        )
        try:
            yield _Reader(consumer, kafka.partitions)
        finally:
            consumer.close()
    except KafkaError as error:
        raise Unavailable(f"the embedded broker does not answer: {error}") from None
