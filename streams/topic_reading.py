"""Reading topics once, from their beginning to the ends they had when reading began.

Joins no group and commits nothing. Every call raises Unavailable when the brokers do not answer, a topic is not there,
or nothing comes for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.errors import Unavailable

BOOTSTRAP_MS: Final = 10_000
PATIENCE_SECONDS: Final = 60.0
_POLL_MS: Final = 500


class TopicReader:
    """Whole topics by their full names, and single records by their coordinates, as kafka-python's records."""

    def __init__(self, brokers: Sequence[str], options: Mapping[str, Any]) -> None:
        """``options`` are ``connections.client_options``."""
        self._brokers = brokers
        self._options = options
        with self._told():
            self._counts = partition_counts(brokers, options, bootstrap_ms=BOOTSTRAP_MS)
            self._consumer = self._new_consumer()

    def partitions(self, topic: str) -> int:
        """How many there are."""
        if topic not in self._counts:
            raise Unavailable(f"no topic {topic}: is the prefix right? `filaviva topics create` makes it")
        return self._counts[topic]

    def records(self, topic: str, on_size: Callable[[int], None]) -> Iterator[Any]:
        """Every record, in offset order within each partition; ``on_size`` hears first how many offsets there are."""
        places = [TopicPartition(topic, number) for number in range(self.partitions(topic))]
        with self._told():
            consumer = self._new_consumer()
            try:
                yield from records_to_the_ends(consumer, places, on_size)
            finally:
                consumer.close()

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset a partition still has, and the one after its last."""
        place = TopicPartition(topic, partition)
        with self._told():
            return self._consumer.beginning_offsets([place])[place], self._consumer.end_offsets([place])[place]

    def record_at(self, topic: str, partition: int, offset: int) -> Any | None:
        """The record with these coordinates; None when it is gone, or nothing lies there."""
        first, end = self.bounds(topic, partition)
        if not first <= offset < end:
            return None
        place = TopicPartition(topic, partition)
        with self._told():
            self._consumer.assign([place])
            self._consumer.seek(place, offset)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while self._consumer.position(place) <= offset:
                for record in self._consumer.poll(timeout_ms=_POLL_MS, max_records=1).get(place, ()):
                    return record if record.offset == offset else None
                if time.monotonic() > deadline:
                    raise Unavailable(f"{topic}/{partition}: nothing came for {PATIENCE_SECONDS:.0f} s")
        return None

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """The offset a consumer group has committed; None when it has not."""
        with self._told():
            member = self._new_consumer(group)
            try:
                offset: int | None = member.committed(TopicPartition(topic, partition))
                return offset
            finally:
                member.close()

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_consumer(self, group: str | None = None) -> Any:
        return KafkaConsumer(
            bootstrap_servers=list(self._brokers), group_id=group, enable_auto_commit=False, **self._options
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise Unavailable(f"reading from {', '.join(self._brokers)} failed: {error}") from None


def partition_counts(brokers: Sequence[str], options: Mapping[str, Any], *, bootstrap_ms: int) -> dict[str, int]:
    """The partition count of every topic in the cluster. Asks by an admin client: unlike a consumer it gives up on
    silent brokers, and it creates no topic by asking. Raises KafkaError."""
    admin = KafkaAdminClient(bootstrap_servers=list(brokers), bootstrap_timeout_ms=bootstrap_ms, **options)
    try:
        return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
    finally:
        admin.close()


def records_to_the_ends(
    consumer: Any, places: Sequence[TopicPartition], on_size: Callable[[int], None]
) -> Iterator[Any]:
    """Every record of some partitions; ``on_size`` hears first how many offsets there are to pass. Raises KafkaError,
    or Unavailable when nothing comes for a minute."""
    consumer.assign(places)
    begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    consumer.seek_to_beginning()
    on_size(sum(ends[place] - begins[place] for place in places))
    heard = time.monotonic()
    while any(consumer.position(place) < ends[place] for place in places):
        polled: Mapping[TopicPartition, Sequence[Any]] = consumer.poll(timeout_ms=_POLL_MS, max_records=5000)
        if polled:
            heard = time.monotonic()
        elif time.monotonic() - heard > PATIENCE_SECONDS:
            raise Unavailable(f"nothing came for {PATIENCE_SECONDS:.0f} s, and the end is not reached")
        for place, records in polled.items():
            yield from (record for record in records if record.offset < ends[place])
