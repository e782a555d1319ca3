"""Faults as data: what happens when, to whom, for how long; drawn from a seed before the run, ticked off during it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.deadlines import wait_until

PATIENCE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """``at_seconds`` after the run began; ``pick`` chooses the victim among those there are; ``seconds`` it lasts."""

    kind: str
    at_seconds: float
    pick: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Happened:
    """What became of a plan: which faults fired, with a word of evidence each, and which did not."""

    fired: list[tuple[Fault, str]] = field(default_factory=list)
    missed: list[tuple[Fault, str]] = field(default_factory=list)

    def count(self, kind: str) -> int:
        return sum(fault.kind == kind for fault, _ in self.fired)


def spread(kind: str, count: int, *, within: tuple[float, float], seed: int, seconds: float = 0.0) -> list[Fault]:
    """So many faults at even distances with some jitter, each with a pick of its own."""
    chance = random.Random(f"{kind}/{seed}")
    begin, end = within
    step = (end - begin) / max(1, count)
    return [
        Fault(kind, begin + step * (number + chance.uniform(0.0, 0.6)), chance.randrange(1 << 16), seconds)
        for number in range(count)
    ]


Handler = Callable[[Fault], str]
"""Makes a fault happen and returns the evidence; raises NotFired when it could not."""


class NotFired(Exception):
    """A fault that was planned and could not be made to happen."""


def play(
    faults: Iterable[Fault], handlers: Mapping[str, Handler], *, meanwhile: Callable[[], object] = lambda: None
) -> Happened:
    """Make every fault happen at its time (later when an earlier one took long), tending to the rest meanwhile."""
    happened = Happened()
    begun = time.monotonic()
    for fault in sorted(faults, key=lambda each: each.at_seconds):
        wait_for(begun + fault.at_seconds, meanwhile)
        try:
            happened.fired.append((fault, handlers[fault.kind](fault)))
        except NotFired as error:
            happened.missed.append((fault, str(error)))
    return happened


def wait_for(instant: float, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Until a moment of the monotonic clock."""

    def is_due() -> bool:
        meanwhile()
        return time.monotonic() >= instant

    wait_until(is_due, "the next fault is due", seconds=PATIENCE_SECONDS)


def pass_seconds(seconds: float, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Let time pass because the fault is that time passes."""
    wait_for(time.monotonic() + seconds, meanwhile)
