"""The stays of written contacts: a thread goes on for years, and each time it is opened again is a new visit. Pure.

The rules are the same for every vendor; what opens and closes a stay is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

FORGOTTEN_AFTER_MS: Final = 30 * 86_400_000
"""A thread that has been closed for so long begins anew, with entry 1: the worker has forgotten it long before."""
MOST_THREADS: Final = 200_000
_CLOCKS_DIFFER_MS: Final = 1000
"""Vendors write some times in whole seconds and some in parts of them, of one and the same moment."""


class Thread(msgspec.Struct, array_like=True):
    """One thread and its newest stay. ``closed_ms`` is None while the stay lasts; ``asked_ms`` is when the customer
    last wrote, where that matters; ``name`` is what the contact is called, where the key must not be told."""

    entry: int
    opened_ms: int
    closed_ms: int | None = None
    is_answered: bool = False
    is_assigned: bool = False
    asked_ms: int = 0
    name: str = ""

    @property
    def is_open(self) -> bool:
        return self.entry > 0 and self.closed_ms is None

    @property
    def changed_ms(self) -> int:
        return self.opened_ms if self.closed_ms is None else self.closed_ms

    def is_before(self, time_ms: int) -> bool:
        """Whether the newest stay had ended by then."""
        return self.closed_ms is not None and self.closed_ms < time_ms

    def holds(self, time_ms: int) -> bool:
        """Whether something of this time belongs to the newest stay."""
        begun = time_ms >= self.opened_ms - _CLOCKS_DIFFER_MS
        return self.entry > 0 and begun and (self.closed_ms is None or time_ms <= self.closed_ms)


class Threads:
    """All threads of a source by their key, bounded: the longest untouched of the closed ones go first."""

    def __init__(self, snapshot: Mapping[str, Any] | None = None) -> None:
        stored = msgspec.convert(snapshot or {}, dict[str, Thread])
        self._threads = dict(sorted(stored.items(), key=lambda item: item[1].changed_ms))

    def get(self, key: str) -> Thread | None:
        return self._threads.get(key)

    def open(self, key: str, time_ms: int) -> Thread:
        """Begin the thread's next stay."""
        before = self._threads.pop(key, None)
        thread = self._threads[key] = Thread(before.entry + 1 if before else 1, time_ms)
        self._forget(time_ms)
        return thread

    def close(self, key: str, time_ms: int) -> None:
        """End the thread's stay. Threads lie in the order in which they were last opened or closed."""
        thread = self._threads.pop(key)
        thread.closed_ms = max(time_ms, thread.opened_ms)
        thread.asked_ms = 0
        self._threads[key] = thread

    def snapshot(self) -> dict[str, Any]:
        threads: dict[str, Any] = msgspec.to_builtins(self._threads)
        return threads

    def _forget(self, now_ms: int) -> None:
        """The oldest few: one comes, so a few may go."""
        for key in list(self._oldest(3)):
            thread = self._threads[key]
            is_old = not thread.is_open and now_ms - thread.changed_ms > FORGOTTEN_AFTER_MS
            if is_old or len(self._threads) > MOST_THREADS:
                del self._threads[key]

    def _oldest(self, count: int) -> list[str]:
        found = []
        for key in self._threads:
            found.append(key)
            if len(found) == count:
                break
        return found
