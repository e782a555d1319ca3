"""Sends events to their input topics at speed: acknowledged by all replicas, lz4, in the partition Kafka's own
partitioner would choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.partitioner.default import murmur2

from streams.errors import Unavailable
from streams.routing import Route
from streams.topics import full_name

MAX_REQUEST_BYTES: Final = 2 * 1024 * 1024
BATCH_BYTES: Final = 512 * 1024
LINGER_MS: Final = 20
BLOCK_MS: Final = 10_000
_POSITIVE: Final = 0x7FFFFFFF


class Publisher:
    """``send`` any number of events, then ``close``. ``by_topic`` counts what was handed over, by name without prefix.

    Raises Unavailable when a topic does not exist, no broker answers within 10 s, or a record was refused.
    """

    def __init__(self, brokers: Sequence[str], prefix: str, options: Mapping[str, Any]) -> None:
        """``options`` are ``connections.client_options``."""
        self.by_topic: Counter[str] = Counter()
        self._prefix = prefix
        self._failure: BaseException | None = None
        self._partitions: dict[Route, int] = {}
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=list(brokers),
                acks="all",
                compression_type="lz4",
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                max_request_size=MAX_REQUEST_BYTES,
                max_block_ms=BLOCK_MS,
                **options,
            )
        except KafkaError as error:
            raise Unavailable(f"no broker answers at {', '.join(brokers)}: {error}") from error

    def send(self, route: Route, value: bytes, timestamp_ms: int | None = None) -> None:
        """Hand one record over; returns before it is acknowledged, and waits while the buffer is full."""
        partition = self._partitions.get(route)
        if partition is None:
            partition = self._partitions[route] = self._partition(route)
        if self._failure:
            raise Unavailable(f"a record was not acknowledged: {self._failure}")
        try:
            sent = self._producer.send(
                full_name(self._prefix, route.topic),
                value=value,
                key=route.key.encode(),
                partition=partition,
                timestamp_ms=timestamp_ms,
            )
        except KafkaError as error:
            raise Unavailable(f"the brokers take no records: {error}") from error
        sent.add_errback(self._remember)
        self.by_topic[route.topic] += 1

    def close(self) -> None:
        """Wait until every record is acknowledged, and disconnect."""
        try:
            self._producer.flush()
        except KafkaError as error:
            self._remember(error)
        self._producer.close()
        if self._failure:
            raise Unavailable(f"a record was not acknowledged: {self._failure}")

    def _partition(self, route: Route) -> int:
        """Remembered by the caller: keys recur, and the hash is the dearest part of a send."""
        topic = full_name(self._prefix, route.topic)
        try:
            partitions = self._producer.partitions_for(topic)
        except KafkaError as error:
            raise Unavailable(f"topic {topic} is not to be had (`filaviva topics create` makes it): {error}") from error
        count: int = len(partitions)
        hashed: int = murmur2(route.key.encode())
        return (hashed & _POSITIVE) % count

    def _remember(self, error: BaseException) -> None:
        self._failure = self._failure or error
