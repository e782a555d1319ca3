"""What "now" is for a dialer: the wall clock, or in a simulation or replay what the centre's heartbeats say."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from streams.domain.decoding import parse_time
from streams.domain.events import SITE_EVENTS
from streams.topic_feed import TopicFeed
from streams.topics import full_name

HEARTBEAT: Final = "source.heartbeat"


class Clock(Protocol):
    """Milliseconds since the epoch; never goes back."""

    def now_ms(self) -> int: ...

    def close(self) -> None: ...


class WallClock:
    """Production."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def close(self) -> None:
        """Nothing is open."""


class EventClock:
    """The newest heartbeat of any source, read from now on: never ahead of the centre, however fast it lives. Before
    the first one it is 0, and nobody is dialled.

    Raises Unavailable when the brokers do not answer.
    """

    def __init__(self, brokers: Sequence[str], prefix: str, options: Mapping[str, Any], *, partitions: int) -> None:
        self._feed = TopicFeed(brokers, options, [full_name(prefix, SITE_EVENTS)], partitions=partitions)
        self._newest_ms = 0

    def now_ms(self) -> int:
        for event in self._feed.new():
            if event["type"] == HEARTBEAT:
                self._newest_ms = max(self._newest_ms, parse_time(str(event.get("time"))) or 0)
        return self._newest_ms

    def close(self) -> None:
        self._feed.close()
