"""A simulated dialer: works the jobs it is given, one line per call, and says how each went. Pure but for its luck.

    given --(not_before)--> ready --(a line is free)--> ringing --> reported
      '-------- cancel, or expires: dropped --------'

A job that already rings is not dropped by a cancellation: the call is made, and reported like any other.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from typing import Any, Final

from streams.simulation.clockwork import HOUR_MS, Clockwork

DIAL: Final = "callback.dial"
CANCEL: Final = "callback.cancel"
OUTCOMES: Final[Mapping[str, float]] = {
    "answered": 0.52,
    "no_answer": 0.2,
    "voicemail": 0.12,
    "busy": 0.08,
    "invalid_number": 0.03,
    "failed": 0.03,
    "refused": 0.02,
}
"""Every outcome of an attempt that the product knows, and the share of the calls that end so."""
RING_SECONDS: Final[Mapping[str, tuple[float, float]]] = {
    "answered": (4, 20),
    "no_answer": (28, 32),
    "voicemail": (15, 30),
    "busy": (1, 3),
    "invalid_number": (1, 3),
    "failed": (1, 3),
    "refused": (4, 20),
}
MEMORY_MS: Final = 48 * HOUR_MS
"""A job that comes once more within this time is the same job."""


@dataclass(frozen=True, slots=True)
class DialJob:
    """One call to make. Its text shows no address."""

    job_id: str
    tenant: str
    callback_queue: str
    address: str
    not_before_ms: int
    expires_ms: int
    priority: int

    def __repr__(self) -> str:
        return f"DialJob({self.job_id})"


class Dialer:
    """Takes jobs as they stand on ``callback-jobs``. ``connect`` hears of a customer who picked up, ``report`` how
    every attempt went and how many seconds it rang."""

    def __init__(
        self,
        clockwork: Clockwork,
        random: Random,
        *,
        lines: int,
        connect: Callable[[DialJob], None],
        report: Callable[[DialJob, str, float], None],
    ) -> None:
        self._clockwork = clockwork
        self._random = random
        self._free_lines = lines
        self._connect = connect
        self._report = report
        self._ready: list[tuple[int, int, str]] = []
        self._waiting: dict[str, DialJob] = {}
        self._known_ms: dict[str, int] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """A CloudEvent ``callback.dial`` or ``callback.cancel``; any other type says nothing to a dialer.

        Raises KeyError or ValueError when it is not whole.
        """
        if event["type"] == CANCEL:
            self._waiting.pop(event["data"]["job_id"], None)
        elif event["type"] == DIAL:
            self._take(job_of(event["data"]))

    def _take(self, job: DialJob) -> None:
        if job.job_id in self._known_ms:
            return
        self._forget()
        self._known_ms[job.job_id] = self._clockwork.now_ms
        self._waiting[job.job_id] = job
        self._clockwork.at(job.not_before_ms, partial(self._make_ready, job))

    def _forget(self) -> None:
        """Jobs are known in the order they came, so the oldest are first."""
        while self._known_ms:
            oldest = next(iter(self._known_ms))
            if self._known_ms[oldest] > self._clockwork.now_ms - MEMORY_MS:
                return
            del self._known_ms[oldest]

    def _make_ready(self, job: DialJob) -> None:
        heapq.heappush(self._ready, (-job.priority, job.not_before_ms, job.job_id))
        self._dial_next()

    def _dial_next(self) -> None:
        while self._free_lines and self._ready:
            job = self._waiting.pop(heapq.heappop(self._ready)[2], None)
            if job is not None and job.expires_ms > self._clockwork.now_ms:
                self._ring(job)

    def _ring(self, job: DialJob) -> None:
        self._free_lines -= 1
        outcome = self._random.choices(tuple(OUTCOMES), tuple(OUTCOMES.values()))[0]
        seconds = round(self._random.uniform(*RING_SECONDS[outcome]), 3)
        self._clockwork.after(seconds, partial(self._hang_up, job, outcome, seconds))

    def _hang_up(self, job: DialJob, outcome: str, seconds: float) -> None:
        """The line is free again: a customer who picked up waits in the queue, not on the dialer."""
        self._free_lines += 1
        self._report(job, outcome, seconds)
        if outcome == "answered":
            self._connect(job)
        self._dial_next()


def job_of(data: Mapping[str, Any]) -> DialJob:
    """Raises KeyError or ValueError when it is not whole."""
    return DialJob(
        job_id=data["job_id"],
        tenant=data["tenant"],
        callback_queue=data["callback_queue"],
        address=data["address"],
        not_before_ms=_milliseconds(data["not_before"]),
        expires_ms=_milliseconds(data["expires"]),
        priority=data["priority"],
    )


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
