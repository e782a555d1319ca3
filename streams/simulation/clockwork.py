"""Simulated time: actions that happen one after the other, each at its instant. Milliseconds since the epoch."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS


class Clockwork:
    """Actions in order of their instants; those of one instant in the order they were asked for."""

    def __init__(self, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, time_ms: int, action: Callable[[], None]) -> None:
        """What is asked for an instant that is over happens next, without time going back."""
        heapq.heappush(self._due, (max(time_ms, self.now_ms), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.now_ms + max(1, round(seconds * 1000)), action)

    def run(self, until_ms: int) -> None:
        """Let everything before ``until_ms`` happen, with all that follows from it."""
        while self._due and self._due[0][0] < until_ms:
            self.now_ms, _, action = heapq.heappop(self._due)
            action()
        self.now_ms = max(self.now_ms, until_ms)


def midnight_ms(day: date, zone: str) -> int:
    """When a local day begins."""
    return milliseconds(datetime.combine(day, time.min, ZoneInfo(zone)))


def next_midnight_ms(day: date, zone: str) -> int:
    return midnight_ms(day + timedelta(days=1), zone)


def local_date(time_ms: int, zone: str) -> date:
    return datetime.fromtimestamp(time_ms / 1000, ZoneInfo(zone)).date()


def start_of(start: date | datetime, zone: str) -> datetime:
    """A day's midnight or a moment, on the clock of a zone; a moment without an offset is meant there."""
    local = ZoneInfo(zone)
    if not isinstance(start, datetime):
        return datetime.combine(start, time.min, local)
    return start.replace(tzinfo=local) if start.tzinfo is None else start.astimezone(local)


def milliseconds(moment: datetime) -> int:
    """Since the epoch."""
    return round(moment.timestamp() * 1000)
