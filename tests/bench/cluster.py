"""The real Kafka of a run, seen with as little work as possible: who is measured shares the processors with it."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.domain.events import CALL_EVENTS, CHAT_EVENTS
from streams.event_lines import EventLine
from streams.publisher import Publisher
from streams.topics import full_name
from tests.brokers import BrokerUnderTest, fresh_prefix
from tests.installation import Installation, install
from tests.kafka_server import KafkaServer

READ_SECONDS: Final = 120.0
INPUTS: Final = (CALL_EVENTS, CHAT_EVENTS)
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_numbers = itertools.count(1)


class Cluster:
    """Gives out installations of their own on one server."""

    def __init__(self, server: KafkaServer, folder: Path) -> None:
        self._server = server
        self._folder = folder

    @property
    def bootstrap(self) -> str:
        return self._server.bootstrap

    def installation(self, document: dict[str, Any], **worker: Any) -> Installation:
        """Fresh topics and a configuration, in a folder of its own."""
        folder = self._folder / f"run-{next(_numbers)}"
        folder.mkdir()
        return install(self.broker(), folder, document, **worker)

    def broker(self) -> BrokerUnderTest:
        """The server, and a prefix that nobody else uses."""
        return BrokerUnderTest("kafka", self.bootstrap, fresh_prefix(), self._server.create_topic)

    def forget(self, installation: Installation, *more: str) -> None:
        """Delete the topics of an installation, so that the next one finds the server as it was."""
        admin = self._server.admin()
        try:
            prefix = installation.broker.prefix
            admin.delete_topics([name for name in admin.list_topics() if prefix in name] + list(more))
        finally:
            admin.close()


def publish(installation: Installation, lines: Iterable[EventLine], *, stamped: bool = True) -> int:
    """Send events at full speed; with the event's time as the record's where the installation goes by it."""
    publisher = Publisher([installation.broker.bootstrap], installation.broker.prefix, {})
    for line in lines:
        publisher.send(line.route, line.value, line.time_ms if stamped else None)
    publisher.close()
    return sum(publisher.by_topic.values())


class Watch:
    """Follows topics without joining a group."""

    def __init__(self, installation: Installation, *topics: str, group: str | None = None) -> None:
        """``topics`` without the prefix; ``group`` is the one whose committed offsets are asked for."""
        prefix = installation.broker.prefix
        self._partitions = [
            TopicPartition(full_name(prefix, topic), number, 0)
            for topic in topics
            for number in range(installation.partitions)
        ]
        self._consumer = Consumer(
            {
                "bootstrap.servers": installation.broker.bootstrap,
                "group.id": group or f"{prefix}-watch",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )

    def committed(self) -> int:
        """How many records the group has committed, in all; 0 while the broker does not know the group yet."""
        try:
            return sum(max(0, each.offset) for each in self._consumer.committed(self._partitions, timeout=10))
        except KafkaException as error:
            if error.args[0].retriable() or error.args[0].code() == KafkaError.NOT_COORDINATOR:
                return 0
            raise

    def messages(self) -> Iterator[Message]:
        """Every record up to the ends of this moment."""
        ends = {
            (at.topic, at.partition): self._consumer.get_watermark_offsets(at, timeout=10)[1] for at in self._partitions
        }
        left = {place for place, end in ends.items() if end > 0}
        self._consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in left])
        deadline = time.monotonic() + READ_SECONDS
        while left:
            assert time.monotonic() < deadline, f"the ends of {left} are not reached"
            for message in self._consumer.consume(10_000, 0.2):
                assert message.error() is None, message.error()
                place = (message.topic(), message.partition())
                if message.offset() < ends[place]:
                    yield message
                if message.offset() + 1 >= ends[place]:
                    left.discard(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def processor_seconds(pid: int) -> float:
    """What a process has used so far. Raises OSError when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


@dataclass
class ProcessorTime:
    """Samples what a process has used; ``used_at`` tells it of any instant while it was watched."""

    pid: int
    samples: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._over.wait(0.05):
            try:
                self.samples.append((time.time(), processor_seconds(self.pid)))
            except OSError:
                return

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def used_between(self, start: float, end: float) -> float:
        """Processor seconds between two instants, to about a twentieth of a second."""
        return self._at(end) - self._at(start)

    def _at(self, instant: float) -> float:
        return min(self.samples, key=lambda sample: abs(sample[0] - instant), default=(0.0, 0.0))[1]
