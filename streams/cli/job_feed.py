"""The dialer's ear: what is written on ``callback-jobs`` from now on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.cli.kafka_target import KafkaTarget
from streams.errors import Unavailable
from streams.topics import CALLBACK_JOBS, full_name

MOST_AT_ONCE: Final = 5000
_decode: Final = msgspec.json.Decoder().decode


class JobFeed:
    """Joins no group and commits nothing: jobs that were written before are another dialer's.

    Raises Unavailable when the brokers do not answer.
    """

    def __init__(self, target: KafkaTarget) -> None:
        topic = full_name(target.prefix, CALLBACK_JOBS)
        places = [TopicPartition(topic, number) for number in range(target.partitions)]
        with _told():
            self._consumer: Any = KafkaConsumer(
                bootstrap_servers=list(target.brokers),
                group_id=None,
                enable_auto_commit=False,
                **target.client_options,
            )
            self._consumer.assign(places)
            for place, end in self._consumer.end_offsets(places).items():
                self._consumer.seek(place, end)

    def new(self) -> list[Mapping[str, Any]]:
        """The jobs that have come, as CloudEvents, in the order of each partition. Does not wait for more."""
        with _told():
            polled = self._consumer.poll(timeout_ms=0, max_records=MOST_AT_ONCE)
        jobs = (_job(record.value) for records in polled.values() for record in records)
        return [job for job in jobs if job is not None]

    def close(self) -> None:
        with _told():
            self._consumer.close()


def _job(value: bytes | None) -> Mapping[str, Any] | None:
    """None for what is no event: nobody can be called because of it."""
    try:
        event = _decode(value or b"")
    except msgspec.DecodeError:
        return None
    is_event = isinstance(event, dict) and isinstance(event.get("type"), str) and isinstance(event.get("data"), dict)
    return event if is_event else None


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise Unavailable(f"{CALLBACK_JOBS} cannot be read: {error}") from None
