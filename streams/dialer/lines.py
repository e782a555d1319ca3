"""What calls are made on: a line is started with a job and asked, from time to time, which calls are over."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple, Protocol

from streams.domain.jobs import DialJob

OUTCOMES: Final = (
    ("answered", 0.52, 9.0),
    ("no_answer", 0.2, 30.0),
    ("voicemail", 0.12, 20.0),
    ("busy", 0.08, 2.0),
    ("invalid_number", 0.03, 2.0),
    ("failed", 0.03, 2.0),
    ("refused", 0.02, 9.0),
)
"""Outcome, its share of simulated calls, and how many seconds they ring."""


class Ended(NamedTuple):
    """One call that is over."""

    job_id: str
    outcome: str
    seconds: float


class Line(Protocol):
    """A way to make calls. Both raise Unavailable when calls cannot be made at all."""

    def start(self, job: DialJob, now_ms: int) -> None:
        """Let it ring; returns at once."""
        ...

    def ended(self, now_ms: int) -> list[Ended]:
        """The calls that have ended since the last question."""
        ...

    def close(self) -> None: ...


class SimulatedLine:
    """Nobody is called. How a call goes follows from its job and the seed alone, how long it takes from ``speed``."""

    def __init__(self, seed: int, *, speed: float = 1.0) -> None:
        self._seed = seed
        self._speed = speed
        self._ringing: list[tuple[int, Ended]] = []

    def start(self, job: DialJob, now_ms: int) -> None:
        outcome, seconds = outcome_of(job.job_id, self._seed)
        self._ringing.append((now_ms + round(1000 * seconds / self._speed), Ended(job.job_id, outcome, seconds)))

    def ended(self, now_ms: int) -> list[Ended]:
        over = [call for until_ms, call in self._ringing if until_ms <= now_ms]
        self._ringing = [entry for entry in self._ringing if entry[0] > now_ms]
        return over

    def close(self) -> None:
        self._ringing.clear()


def outcome_of(job_id: str, seed: int) -> tuple[str, float]:
    """How a simulated call goes, and how long it rings."""
    luck = int.from_bytes(hashlib.sha256(f"{seed}/{job_id}".encode()).digest()[:4]) / 2**32
    for outcome, share, seconds in OUTCOMES:
        if luck < share:
            return outcome, seconds
        luck -= share
    return OUTCOMES[-1][0], OUTCOMES[-1][2]
