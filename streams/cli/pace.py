"""Letting events wait for their time: one pace for everything that is sent as it happens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """Holds back until an instant has come, counted from the first one asked for, at ``speed`` event seconds per
    second. Ctrl-C ends a wait at once."""

    speed: float
    _first: tuple[int, float] | None = field(default=None)

    def wait(self, time_ms: int) -> None:
        """Returns at once for the first instant, and for those that are over."""
        if self._first is None:
            self._first = (time_ms, time.monotonic())
        first_ms, started = self._first
        ahead = started + (time_ms - first_ms) / 1000 / self.speed - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
