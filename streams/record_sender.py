"""Sends single records to places of the caller's choosing, acknowledged by all replicas, and tells where they lie."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.connections import KEEPS_EVERY_RECORD
from streams.errors import Unavailable

DELIVERY_SECONDS: Final = 30
_SETTINGS: Final = {
    **KEEPS_EVERY_RECORD,
    "compression.type": "lz4",
    "linger.ms": 5,
    "message.max.bytes": 4 * 1024 * 1024,
    "message.timeout.ms": DELIVERY_SECONDS * 1000,
}


class RecordSender:
    """``send`` any number of records, then ``flush``.

    Raises Unavailable when a record is not taken, or not acknowledged within 30 s.
    """

    def __init__(self, brokers: Sequence[str], options: Mapping[str, Any]) -> None:
        """``options`` are ``connections.librdkafka_options``."""
        settings = {**_SETTINGS, **options, "bootstrap.servers": ",".join(brokers)}
        self._producer = Producer(settings, logger=logging.getLogger("librdkafka"))
        self._failure: KafkaError | None = None

    def send(
        self,
        topic: str,
        partition: int,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        on_stored: Callable[[int], None] | None = None,
    ) -> None:
        """Hand one record over; ``on_stored`` is told its offset once it is acknowledged, at the latest in ``flush``.

        It must not send anything itself.
        """

        def delivered(error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            if error:
                self._failure = self._failure or error
            elif on_stored and offset is not None:
                on_stored(offset)

        while not self._accepted(topic, value, key, partition=partition, headers=list(headers), on_delivery=delivered):
            self._producer.poll(0.1)
        self._producer.poll(0)
        self._raise_failure()

    def flush(self) -> None:
        """Wait until every record is acknowledged."""
        unsent = self._producer.flush(DELIVERY_SECONDS)
        self._raise_failure()
        if unsent:
            raise Unavailable(f"{unsent} records were not acknowledged within {DELIVERY_SECONDS} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.purge()

    def _accepted(self, *record: Any, **options: Any) -> bool:
        """False while the buffer is full."""
        try:
            self._producer.produce(*record, **options)
        except BufferError:
            return False
        except KafkaException as error:
            raise Unavailable(f"a record was not taken: {error.args[0].str()}") from None
        return True

    def _raise_failure(self) -> None:
        if self._failure:
            raise Unavailable(f"a record was not acknowledged: {self._failure.str()}")
