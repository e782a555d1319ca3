"""What the commands of ``filaviva ingest`` that move something have in common: alone, until told to stop, again when
something was away."""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import click

from streams.errors import ConfigError, Unavailable

AGAIN_SECONDS: Final = 3.0
_T = TypeVar("_T")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Two movers of one source would write each other's position. Raises ConfigError."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError([(str(path), "expected no other filaviva ingest of this source")]) from None
        yield


@contextmanager
def stop_asked() -> Iterator[threading.Event]:
    """Set by SIGTERM and Ctrl-C: what is being moved is finished and written down first."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def moved_until_done(move: Callable[[], _T], stop: threading.Event, *, follows: bool) -> _T | None:
    """Move anew, from what was written down, whenever something is away; None when told to stop meanwhile."""
    while True:
        try:
            return move()
        except Unavailable as error:
            if not follows:
                raise
            click.echo(f"{error}; trying again", err=True)
            if stop.wait(AGAIN_SECONDS):
                return None
