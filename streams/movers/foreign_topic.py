"""Somebody else's topic, read from where we stood: all its partitions, by one reader, its offsets committed when told.

Raises Unavailable where the brokers do not answer, or there is no such topic.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import Unavailable
from streams.movers.figures import MoverFigures
from streams.sources.ami_topic import TopicRecord

ANSWER_SECONDS: Final = 10
MOST_AT_ONCE: Final = 2000
_AGAIN_SECONDS: Final = 0.2
_PASSING: Final = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)
_Answer = TypeVar("_Answer")
_SETTINGS: Final[Mapping[str, Any]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": 16 * 1024,
}


class ForeignTopic:
    """``positions`` are the next offsets by partition; ``gaps`` counts partitions that had lost what was to be read
    next. A topic that gets more partitions is to be opened anew."""

    def __init__(self, topic: str, group: str, brokers: Collection[str], options: Mapping[str, Any]) -> None:
        """``options`` are ``connections.librdkafka_options``."""
        self.topic = topic
        self.gaps = 0
        self.read_to_end: set[int] = set()
        """The partitions of which everything was read that was there."""
        self._paused: set[int] = set()
        settings = {**_SETTINGS, **options, "bootstrap.servers": ",".join(brokers), "group.id": group}
        self._consumer = Consumer(settings, logger=logging.getLogger("librdkafka"))
        try:
            known = self._consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        except KafkaException as error:
            raise _unavailable(error) from None
        if known.error or not known.partitions:
            raise Unavailable(f"topic {topic} cannot be read: {known.error or 'it has no partitions'}")
        self.partitions = sorted(known.partitions)
        self.positions: dict[int, int] = {}

    def begin(self, positions: Mapping[int, int]) -> None:
        """Go on at these offsets; elsewhere at what the group has committed, else at what the topic still has."""
        try:
            asked = [TopicPartition(self.topic, each) for each in self.partitions]
            known = _patiently(lambda: self._consumer.committed(asked, ANSWER_SECONDS))
            committed = {each.partition: each.offset for each in known}
            for place in asked:
                first, end = self._consumer.get_watermark_offsets(place, ANSWER_SECONDS)
                wanted = positions.get(place.partition, committed[place.partition])
                is_there = first <= wanted <= end
                self.gaps += wanted != OFFSET_INVALID and not is_there
                place.offset = self.positions[place.partition] = wanted if is_there else first
            self._consumer.assign(asked)
        except KafkaException as error:
            raise _unavailable(error) from None

    def records(self, wait_seconds: float) -> list[TopicRecord]:
        """What comes within so long, in the order of each partition."""
        try:
            messages = self._consumer.consume(MOST_AT_ONCE, wait_seconds)
        except KafkaException as error:
            raise _unavailable(error) from None
        found = []
        for message in messages:
            failure, partition, offset = message.error(), message.partition(), message.offset()
            assert partition is not None
            if failure is None:
                assert offset is not None
                self.read_to_end.discard(partition)
                self.positions[partition] = offset + 1
                found.append(_record(partition, offset, message))
            elif failure.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - that is its name
                self.read_to_end.add(partition)
            else:
                raise Unavailable(f"{self.topic} cannot be read: {failure.str()}")
        return found

    @property
    def is_read_to_end(self) -> bool:
        """Whether everything was read that was there."""
        return len(self.read_to_end) == len(self.partitions)

    def wait_for(self, behind: Collection[int]) -> None:
        """Read these partitions only; all of them where none is named."""
        paused = {each for each in self.partitions if behind and each not in behind}
        for change, named in (
            (self._consumer.pause, paused - self._paused),
            (self._consumer.resume, self._paused - paused),
        ):
            if named:
                change([TopicPartition(self.topic, each) for each in sorted(named)])
        self._paused = paused

    def tell(self, figures: MoverFigures, records: Sequence[TopicRecord]) -> None:
        """How the reading stands after these were moved."""
        figures.is_connected = True
        figures.breaks = self.gaps
        if records:
            figures.last_record_ms = max(each.time_ms for each in records)
        if self.is_read_to_end:
            figures.catch_up()

    def commit(self, positions: Mapping[int, int]) -> None:
        """Let the group's offsets say how far everything is safe: for whoever watches the lag."""
        try:
            places = [TopicPartition(self.topic, each, offset) for each, offset in sorted(positions.items())]
            _patiently(lambda: self._consumer.commit(offsets=places, asynchronous=False))
        except KafkaException as error:
            raise _unavailable(error) from None

    def close(self) -> None:
        self._consumer.close()


def _patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Groups are looked after by one broker; a new cluster, or one that has lost it, needs a moment to say by which."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            told = error.args[0]
            if time.monotonic() > deadline or not isinstance(told, KafkaError) or told.code() not in _PASSING:
                raise
            time.sleep(_AGAIN_SECONDS)


def _record(partition: int, offset: int, message: Message) -> TopicRecord:
    headers = tuple(
        (str(name), _bytes(text)) for name, text in cast("list[tuple[str, bytes]]", message.headers() or [])
    )
    key, value = _bytes(message.key()), _bytes(message.value()) or b""
    return TopicRecord(partition, offset, message.timestamp()[1], key, value, headers)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _unavailable(error: KafkaException) -> Unavailable:
    told = error.args[0]
    return Unavailable(f"Kafka does not answer: {told.str() if isinstance(told, KafkaError) else told}")
