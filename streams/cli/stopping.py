"""Ending a command in order when it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

EXIT_INTERRUPTED: Final = 130


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM end a command the way Ctrl-C does, so that nothing it started outlives it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stop_asked() -> Iterator[threading.Event]:
    """Set by SIGTERM and Ctrl-C: what is under way is finished and written down first."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
