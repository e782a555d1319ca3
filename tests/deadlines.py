"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.02


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    """Return as soon as the condition holds; past the deadline, fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain until {what}")
        time.sleep(POLL_SECONDS)


async def until(condition: Callable[[], Awaitable[bool]], what: str, *, seconds: float = 30.0) -> None:
    """The same for what is asked and waited for on an event loop."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain until {what}")
        await asyncio.sleep(POLL_SECONDS)
