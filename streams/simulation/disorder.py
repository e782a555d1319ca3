"""The way from the platforms to the topics: events come late, out of order, and some of them twice."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Final

from streams.simulation.telling import Event

MOSTLY_PROMPT: Final = 4
"""The power that makes most delays a small part of the longest one."""
REPEATS_LATER: Final = 10
"""How many times later than the first copies the second ones may come."""


class Disorder:
    """Each event arrives up to ``seconds`` after it was told; ``repeat_share`` (0 to 1) come once more, up to ten times
    as late. The same seed gives the same disorder, in however many steps.
    """

    def __init__(self, *, seconds: float, repeat_share: float, seed: int) -> None:
        self._seconds = seconds
        self._repeat_share = repeat_share
        self._random = Random(seed)
        self._told = 0.0
        self._number = 0
        self._underway: list[tuple[float, int, Event]] = []

    def take(self, events: Iterable[Event]) -> None:
        """Events in the order they are told. One that is older than those before it was told late, with them."""
        for event in events:
            self._told = max(self._told, datetime.fromisoformat(event["time"]).timestamp())
            self._send(self._seconds * self._random.random() ** MOSTLY_PROMPT, event)
            if self._random.random() < self._repeat_share:
                self._send(REPEATS_LATER * self._seconds * self._random.random(), event)

    def arrived(self, until_ms: float = math.inf) -> list[Event]:
        """Everything that arrives before an instant and was not returned yet, in order."""
        arrived = []
        while self._underway and self._underway[0][0] * 1000 < until_ms:
            arrived.append(heapq.heappop(self._underway)[2])
        return arrived

    def _send(self, delay: float, event: Event) -> None:
        self._number += 1
        heapq.heappush(self._underway, (self._told + delay, self._number, event))
