"""Live callers who wait beyond the policy: while there is one, nobody is dialled for the callback queue."""

from __future__ import annotations

from typing import Final

from streams.domain.dialling_rows import Live
from streams.domain.directory import HOUR_MS
from streams.domain.rows import Retention, Rows
from streams.domain.signals import LiveCaller

LONGEST_LIVE_WAIT_MS: Final = HOUR_MS // 2
"""A live caller of whom nothing is heard for so long after the limit holds up nobody: platforms lose ends of calls, and
no caller listens to music for so long."""


class LiveWaits:
    """By owner key of the callback queue. ``rows`` is the table of the partition."""

    def __init__(self) -> None:
        self.rows = Rows(b"l/", Live)
        self._over: dict[str, dict[str, int]] = {}
        """Owner key to visit key to since when that caller has waited too long."""
        self._retention = Retention()

    def take(self, entry: LiveCaller) -> bool:
        """False for what says nothing new. Who has left the line does not come back: a late word of the wait changes
        nothing."""
        key = f"{entry.owner_key}/{entry.visit}"
        known = self.rows.get(key)
        caller = Live(entry.tenant, entry.callback_queue, entry.at_ms, entry.is_over)
        if known is not None and (known == caller or not known.is_over):
            return False
        self.rows.put(key, caller)
        self._index(key, caller)
        return True

    def is_anybody_over(self, owner_key: str, now_ms: int) -> bool:
        """Whether somebody waits beyond the policy."""
        over = self._over.get(owner_key, {})
        return any(now_ms - since_ms < LONGEST_LIVE_WAIT_MS for since_ms in over.values())

    def forget(self, newest_arrival_ms: int) -> None:
        for key in self._retention.due(newest_arrival_ms):
            caller = self.rows.get(key)
            assert caller is not None, "a caller leaves only here"
            self._over.get(caller.owner_key, {}).pop(key, None)
            self.rows.drop(key)

    def restored(self) -> None:
        """The rows have been read back."""
        self._over, self._retention = {}, Retention()
        for key, caller in self.rows.items():
            self._index(key, caller)

    def _index(self, key: str, caller: Live) -> None:
        over = self._over.setdefault(caller.owner_key, {})
        if caller.is_over:
            over[key] = caller.at_ms
        else:
            over.pop(key, None)
        self._retention.schedule(key, caller.at_ms + LONGEST_LIVE_WAIT_MS)
