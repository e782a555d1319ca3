"""Whole topics, read fast: a run leaves hundreds of thousands of records behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.topics import full_name
from tests.deadlines import wait_until

READ_SECONDS: Final = 90
MOST_AT_ONCE: Final = 5000


class Stored(NamedTuple):
    """One record as it lies in its topic (without prefix)."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def read(bootstrap: str, prefix: str, topics: Iterable[str], partitions: int) -> Iterator[Stored]:
    """Every record of some topics, from the beginning to the ends of this moment; in order within a partition."""
    bare = {full_name(prefix, topic): topic for topic in topics}
    consumer = _consumer(bootstrap)
    try:
        bounds = {(name, number): _bounds(consumer, name, number) for name in bare for number in range(partitions)}
        ends = {place: end for place, (begin, end) in bounds.items() if end > begin}
        places = [TopicPartition(*place, bounds[place][0]) for place in ends]
        fetched: list[Any] = []

        def is_read() -> bool:
            fetched.extend(consumer.consume(MOST_AT_ONCE, timeout=0.2))
            return all(at.offset >= ends[at.topic, at.partition] for at in consumer.position(places))

        if places:
            consumer.assign(places)
            wait_until(is_read, f"{', '.join(bare.values())} are read to their ends", seconds=READ_SECONDS)
    finally:
        consumer.close()
    for message in fetched:
        if message.error() is None and message.offset() < ends[message.topic(), message.partition()]:
            yield Stored(
                bare[message.topic()],
                message.partition(),
                message.offset(),
                message.timestamp()[1],
                message.key(),
                message.value(),
                message.headers() or [],
            )


def ends(bootstrap: str, prefix: str, topic: str, partitions: int) -> list[int]:
    """Where each partition of a topic ends now."""
    consumer = _consumer(bootstrap)
    try:
        name = full_name(prefix, topic)
        return [_bounds(consumer, name, number)[1] for number in range(partitions)]
    finally:
        consumer.close()


def _bounds(consumer: Consumer, name: str, number: int) -> tuple[int, int]:
    """Begin and end of a partition, asked until a leader answers: a broker that was away takes a moment."""
    found: list[tuple[int, int]] = []

    def is_told() -> bool:
        try:
            found[:] = [consumer.get_watermark_offsets(TopicPartition(name, number), timeout=READ_SECONDS)]
        except KafkaException:
            return False
        return True

    wait_until(is_told, f"{name}/{number} tells its end", seconds=READ_SECONDS)
    return found[0]


def _consumer(bootstrap: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "fault-bench",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": False,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
