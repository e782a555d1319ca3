"""Notices that this process stood still for so long that the group may have gone on without it.

A worker frozen past its session (a stopped container, a paused virtual machine) wakes as a former owner and does not
know it. Rows it writes then are ignored by their epoch, but records for outside readers carry none: written after its
successor's, an older revision would be the one that compaction keeps. So nothing is written without asking here first.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from streams.delivery import end_process

BEAT_SECONDS: Final = 0.25
SAFE_SHARE: Final = 0.75
"""Of the session: the last heartbeat may be a fifth of it old when the process freezes."""


def end_of_sleeper(seconds: float) -> None:
    end_process("the worker stood still past its session", TimeoutError(f"{seconds:.1f} s without a heartbeat"))


class Pulse:
    """Beats on a thread of its own, so that a busy event loop is not taken for a frozen process."""

    def __init__(
        self,
        session_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_sleep: Callable[[float], None] = end_of_sleeper,
    ) -> None:
        """``on_sleep`` is told how long it was, on whichever thread finds out first."""
        self._longest = session_seconds * SAFE_SHARE
        self._clock = clock
        self._on_sleep = on_sleep
        self._last: float | None = None
        self._is_over = threading.Event()

    def start(self) -> None:
        """Begin to beat. Waking by SIGCONT is looked into before any other Python code of the main thread runs."""
        self.beat()
        threading.Thread(target=self._run, name="pulse", daemon=True).start()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCONT, lambda *_: self.check())

    def stop(self) -> None:
        self._is_over.set()

    def beat(self) -> None:
        self.check()
        self._last = self._clock()

    def check(self) -> None:
        """Before anything is written: the time since the last beat must be short. Always so before ``start``."""
        if self._last is not None and self._clock() - self._last > self._longest:
            self._on_sleep(self._clock() - self._last)

    def _run(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            self.beat()
