"""Whole topics, read fast: a run leaves hundreds of thousands of records behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.topics import full_name
from tests.deadlines import wait_until

READ_SECONDS: Final = 90
ASK_SECONDS: Final = 5
"""Of one question: asked of a broker that has just come back, it may never be answered; the next one is."""
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


def read(
    bootstrap: str, prefix: str, topics: Iterable[str], partitions: int, *, since: Mapping[int, int] | None = None
) -> Iterator[Stored]:
    """Every record of some topics, from the beginning (or an offset of each partition) to the ends of this moment; in
    order within a partition."""
    bare = {full_name(prefix, topic): topic for topic in topics}
    bounds = {
        place: (max(begin, (since or {}).get(place[1], 0)), end)
        for place, (begin, end) in _bounds(bootstrap, bare, partitions).items()
    }
    consumer = _consumer(bootstrap)
    try:
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
    name = full_name(prefix, topic)
    bounds = _bounds(bootstrap, [name], partitions)
    return [bounds[name, number][1] for number in range(partitions)]


def _bounds(bootstrap: str, names: Collection[str], partitions: int) -> dict[tuple[str, int], tuple[int, int]]:
    """Begin and end of every partition of some topics (full names), asked until all leaders answer.

    A broker that was away takes a moment, and librdkafka goes on asking the leader it once heard of: every attempt is
    by a new client.
    """
    places = [(name, number) for name in names for number in range(partitions)]
    found: dict[tuple[str, int], tuple[int, int]] = {}

    def are_told() -> bool:
        consumer = _consumer(bootstrap)
        try:
            for place in places:
                found[place] = consumer.get_watermark_offsets(TopicPartition(*place), timeout=ASK_SECONDS)
        except KafkaException:
            return False
        finally:
            consumer.close()
        return True

    wait_until(are_told, f"{', '.join(names)} tell their ends", seconds=READ_SECONDS)
    return found


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
