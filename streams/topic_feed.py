"""What is written on topics from now on, as it comes: joins no group and commits nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.errors import Unavailable

MOST_AT_ONCE: Final = 5000
CLOSE_MS: Final = 1000
_decode: Final = msgspec.json.Decoder().decode


class TopicFeed:
    """Begins at the ends that the topics (full names) have now; ``options`` are ``connections.client_options``.

    Raises Unavailable when the brokers do not answer.
    """

    def __init__(
        self, brokers: Sequence[str], options: Mapping[str, Any], topics: Sequence[str], *, partitions: int
    ) -> None:
        self._topics = topics
        places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        with self._told():
            self._consumer: Any = KafkaConsumer(
                bootstrap_servers=list(brokers), group_id=None, enable_auto_commit=False, **options
            )
            self._consumer.assign(places)
            for place, end in self._consumer.end_offsets(places).items():
                self._consumer.seek(place, end)

    def new(self) -> list[Mapping[str, Any]]:
        """The events that have come, as CloudEvents, in the order of each partition. Does not wait for more."""
        with self._told():
            polled = self._consumer.poll(timeout_ms=0, max_records=MOST_AT_ONCE)
        events = (_event(record.value) for records in polled.values() for record in records)
        return [event for event in events if event is not None]

    def close(self) -> None:
        """Raises nothing: whoever has done with a feed need not know that its brokers are away."""
        with suppress(KafkaError):
            self._consumer.close(timeout_ms=CLOSE_MS)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise Unavailable(f"{', '.join(self._topics)} cannot be read: {error}") from None


def _event(value: bytes | None) -> Mapping[str, Any] | None:
    """None for what is no event: nothing can be done because of it."""
    try:
        event = _decode(value or b"")
    except msgspec.DecodeError:
        return None
    is_event = isinstance(event, dict) and isinstance(event.get("type"), str) and isinstance(event.get("data"), dict)
    return event if is_event else None
