"""Sends events to their input topics at speed: acknowledged by all replicas, lz4, in the partition Kafka's own
partitioner would choose.

On librdkafka, which sends four times as many events per second of processor time as kafka-python.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.connections import KEEPS_EVERY_RECORD
from streams.errors import Unavailable
from streams.routing import Route
from streams.topics import full_name

ANSWER_SECONDS: Final = 10
DELIVERY_SECONDS: Final = 30
_SETTINGS: Final[Mapping[str, Any]] = {
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
_TOLD_OF_EACH: Final[Mapping[str, Any]] = {"delivery.report.only.error": False, "linger.ms": 5}
Headers = Sequence[tuple[str, bytes | None]]
Told = Callable[[KafkaError | None, object], None]
"""Told what became of a record (second): no error once all replicas have it."""


class Publisher:
    """``send`` any number of events, then ``close``. ``by_topic`` counts what was handed over, by name without prefix.

    Raises Unavailable when a topic does not exist, no broker answers within 10 s, or a record was not acknowledged
    within 30 s.

    For whoever must answer for each record there are ``offer`` and ``poll`` instead of ``send``; then no record's
    failure is another's.
    """

    def __init__(
        self,
        brokers: Sequence[str],
        prefix: str,
        options: Mapping[str, Any],
        *,
        answers_for_each: bool = False,
        delivery_seconds: float = DELIVERY_SECONDS,
    ) -> None:
        """``options`` are ``connections.librdkafka_options``; ``offer`` needs ``answers_for_each``."""
        self.by_topic: Counter[str] = Counter()
        self._prefix = prefix
        self._failure: KafkaError | None = None
        settings = {**_SETTINGS, **options, "bootstrap.servers": ",".join(brokers)}
        settings |= _TOLD_OF_EACH if answers_for_each else {}
        settings["message.timeout.ms"] = round(delivery_seconds * 1000)
        self._producer = Producer(settings, logger=logging.getLogger("librdkafka"))
        try:
            self._existing = set(self._producer.list_topics(timeout=ANSWER_SECONDS).topics)
        except KafkaException as error:
            raise Unavailable(f"no broker answers at {', '.join(brokers)}: {_reason(error)}") from None

    def send(
        self, route: Route, value: bytes | None, timestamp_ms: int | None = None, *, headers: Headers = ()
    ) -> None:
        """Hand one record over; returns before it is acknowledged, and waits while the buffer is full.

        Without a time stamp the record gets the wall clock's.
        """
        topic = self._existing_topic(route)
        more = {"headers": list(headers)} if headers else {}
        while not self._accepted(topic, route.key, value, self._undelivered, timestamp_ms or 0, **more):
            self._producer.poll(0.1)
        self._producer.poll(0)
        self._raise_failure()
        self.by_topic[route.topic] += 1

    def offer(self, route: Route, value: bytes, told: Told) -> bool:
        """Hand one record over without waiting; False while the buffer is full. ``told`` is called from ``poll``."""
        if not self._accepted(self._existing_topic(route), route.key, value, told):
            return False
        self.by_topic[route.topic] += 1
        return True

    def poll(self, seconds: float) -> None:
        """Tell of the records whose fate is known, and wait for some at most so long. Of one thread at a time."""
        self._producer.poll(seconds)

    def answers(self, seconds: float) -> bool:
        """Ask a broker for a sign of life, waiting at most so long. Of any thread."""
        try:
            self._producer.list_topics(min(self._existing), timeout=seconds)
        except KafkaException:
            return False
        return True

    def require(self, topics: Iterable[str]) -> None:
        """Raise Unavailable where one of these topics, named without prefix, does not exist."""
        for topic in topics:
            self._existing_topic(Route(topic, ""))

    def settle(self) -> None:
        """Wait until every record is acknowledged; more may be sent afterwards."""
        unsent = self._producer.flush(DELIVERY_SECONDS + ANSWER_SECONDS)
        self._raise_failure()
        if unsent:
            raise Unavailable(f"{unsent} records were not acknowledged within {DELIVERY_SECONDS} s")

    def close(self) -> None:
        """Wait until every record is acknowledged."""
        self.settle()

    def _existing_topic(self, route: Route) -> str:
        topic = full_name(self._prefix, route.topic)
        if topic not in self._existing:
            raise Unavailable(f"topic {topic} does not exist; `filaviva topics create` makes it")
        return topic

    def _accepted(
        self, topic: str, key: str, value: bytes | None, told: Told, timestamp_ms: int = 0, **more: Any
    ) -> bool:
        """False while the buffer is full."""
        try:
            self._producer.produce(topic, value, key, timestamp=timestamp_ms, on_delivery=told, **more)
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
