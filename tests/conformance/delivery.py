"""An event on its way to a queues core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from streams.event_lines import event_time_ms
from streams.routing import Route, route
from tests.callback_records import KafkaRecord


@dataclass(frozen=True)
class Delivered:
    """An event as the bench takes it."""

    event: dict[str, Any]
    delay: float

    @property
    def topic(self) -> str:
        target = route(self.event)
        assert isinstance(target, Route)
        return target.topic

    @property
    def kafka_ms(self) -> int:
        time_ms = event_time_ms(self.event["time"])
        assert time_ms is not None
        return time_ms + round(self.delay * 1000)

    def record(self, offset: int = 0) -> KafkaRecord:
        target = route(self.event)
        assert isinstance(target, Route)
        value = msgspec.json.encode(self.event)
        return KafkaRecord(value, target.key.encode(), offset=offset, timestamp=self.kafka_ms)
