"""Sends events to their input topics at speed: acknowledged by all replicas, lz4, in the partition Kafka's own
partitioner would choose.

On librdkafka, which sends four times as many events per second of processor time as kafka-python.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.connections import KEEPS_EVERY_RECORD
from streams.errors import Unavailable
from streams.routing import Route
from streams.topics import full_name

ANSWER_SECONDS: Final = 10
DELIVERY_SECONDS: Final = 30
_SETTINGS: Final = {
    **KEEPS_EVERY_RECORD,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",
    "linger.ms": 20,
    "batch.size": 512 * 1024,
    "message.max.bytes": 2 * 1024 * 1024,
    "queue.buffering.max.kbytes": 64 * 1024,
    "message.timeout.ms": DELIVERY_SECONDS * 1000,
    "delivery.report.only.error": True,
}


class Publisher:
    """``send`` any number of events, then ``close``. ``by_topic`` counts what was handed over, by name without prefix.

    Raises Unavailable when a topic does not exist, no broker answers within 10 s, or a record was not acknowledged
    within 30 s.
    """

    def __init__(self, brokers: Sequence[str], prefix: str, options: Mapping[str, Any]) -> None:
        """``options`` are ``connections.librdkafka_options``."""
        self.by_topic: Counter[str] = Counter()
        self._prefix = prefix
        self._failure: KafkaError | None = None
        settings = {**_SETTINGS, **options, "bootstrap.servers": ",".join(brokers)}
        self._producer = Producer(settings, logger=logging.getLogger("librdkafka"))
        try:
            self._existing = set(self._producer.list_topics(timeout=ANSWER_SECONDS).topics)
        except KafkaException as error:
            raise Unavailable(f"no broker answers at {', '.join(brokers)}: {_reason(error)}") from None

    def send(self, route: Route, value: bytes, timestamp_ms: int | None = None) -> None:
        """Hand one record over; returns before it is acknowledged, and waits while the buffer is full.

        Without a time stamp the record gets the wall clock's.
        """
        topic = full_name(self._prefix, route.topic)
        if topic not in self._existing:
            raise Unavailable(f"topic {topic} does not exist; `filaviva topics create` makes it")
        while not self._accepted(topic, route.key, value, timestamp_ms or 0):
            self._producer.poll(0.1)
        self._producer.poll(0)
        self._raise_failure()
        self.by_topic[route.topic] += 1

    def close(self) -> None:
        """Wait until every record is acknowledged."""
        unsent = self._producer.flush(DELIVERY_SECONDS + ANSWER_SECONDS)
        self._raise_failure()
        if unsent:
            raise Unavailable(f"{unsent} records were not acknowledged within {DELIVERY_SECONDS} s")

    def _accepted(self, topic: str, key: str, value: bytes, timestamp_ms: int) -> bool:
        """False while the buffer is full."""
        try:
            self._producer.produce(topic, value, key, timestamp=timestamp_ms, on_delivery=self._undelivered)
        except BufferError:
            return False
        except KafkaException as error:
            raise Unavailable(f"a record was not taken: {_reason(error)}") from None
        return True

    def _undelivered(self, error: KafkaError | None, _message: object) -> None:
        self._failure = self._failure or error

    def _raise_failure(self) -> None:
        if self._failure:
            raise Unavailable(f"a record was not acknowledged: {self._failure.str()}")


def _reason(error: KafkaException) -> str:
    return str(error.args[0].str())
