"""When customers were called: for as long as it may count against the calls of a month."""

from __future__ import annotations

from typing import Final

import msgspec

from streams.domain.calling_hours import rested_ms
from streams.domain.directory import DAY_MS, CallbackPolicy
from streams.domain.rows import Retention, Rows
from streams.domain.signals import Attempted

KEPT_MS: Final = 32 * DAY_MS


class Calls(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """When a customer was called, as (job, instant)."""

    calls: tuple[tuple[str, int], ...] = ()

    @property
    def newest_ms(self) -> int:
        return max(at_ms for _, at_ms in self.calls)


class CustomerCalls:
    """By owner key of the customer. ``rows`` is the table of the partition."""

    def __init__(self) -> None:
        self.rows = Rows(b"c/", Calls)
        self._retention = Retention()

    def count(self, attempted: Attempted) -> None:
        """Remember when the customer was called, each job once at the earliest instant that is told of it. What the
        callback queue says is of a call that the dialer has made."""
        if attempted.by == "queue":
            return
        known = self.rows.get(attempted.owner_key) or Calls()
        instants = dict(known.calls)
        instants[attempted.visit] = min(attempted.at_ms, instants.get(attempted.visit, attempted.at_ms))
        newest_ms = max(instants.values())
        kept = sorted((job, at_ms) for job, at_ms in instants.items() if at_ms > newest_ms - KEPT_MS)
        self.rows.put(attempted.owner_key, Calls(tuple(kept)))
        self._retention.schedule(attempted.owner_key, newest_ms + KEPT_MS)

    def rested_ms(self, owner_key: str, policy: CallbackPolicy, from_ms: int, zone: str) -> int:
        """The earliest instant from ``from_ms`` on at which the customer has not had the calls of a day or month."""
        calls = self.rows.get(owner_key)
        if calls is None:
            return from_ms
        most = {"per_day": policy.calls_per_day, "per_month": policy.calls_per_month}
        return rested_ms([at_ms for _, at_ms in calls.calls], from_ms, zone, **most)

    def forget(self, newest_arrival_ms: int) -> None:
        """Drop what counts no more."""
        for owner_key in self._retention.due(newest_arrival_ms):
            calls = self.rows.get(owner_key)
            assert calls is not None, "calls leave only here"
            until_ms = calls.newest_ms + KEPT_MS
            if until_ms > newest_arrival_ms:
                self._retention.schedule(owner_key, until_ms)
            else:
                self.rows.drop(owner_key)

    def restored(self) -> None:
        """The rows have been read back."""
        self._retention = Retention()
        for owner_key, calls in self.rows.items():
            self._retention.schedule(owner_key, calls.newest_ms + KEPT_MS)
