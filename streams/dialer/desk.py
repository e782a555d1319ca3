"""What a dialer does with the jobs it reads: each once, by priority, none that was taken back or is past. Pure.

    read --> waiting --(a line is free)--> ringing --> reported
               '---- cancelled, or past its time: dropped ----'

A job that comes once more is the same job. A cancellation may come before its job. One that rings already is let go on
and reported like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from streams.domain.decoding import parse_time
from streams.domain.encoding import iso_time
from streams.domain.events import DialAttempted
from streams.domain.jobs import DialJob

DIAL: Final = "callback.dial"
CANCEL: Final = "callback.cancel"
MEMORY_MS: Final = 48 * 3_600_000
"""Finished jobs are known for so long: twice the life of a plan."""


@dataclass(slots=True)
class Desk:
    """The jobs of one dialer. ``reported`` are known from before, ``uncertain`` were dialled when it stopped: whether
    they rang nobody knows, so they are reported as failed rather than dialled twice."""

    lines: int
    reported: Iterable[str] = ()
    uncertain: Iterable[str] = ()
    _waiting: dict[str, DialJob] = field(default_factory=dict)
    _ringing: dict[str, DialJob] = field(default_factory=dict)
    _finished_ms: dict[str, int] = field(default_factory=dict)
    _uncertain: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._finished_ms = dict.fromkeys(self.reported, 0)
        self._uncertain = set(self.uncertain)

    def take(self, value: bytes, now_ms: int) -> str | None:
        """One record of callback-jobs; the id of its job, or None where it is no event for a dialer."""
        try:
            event: Mapping[str, Any] = msgspec.json.decode(value)
            kind, data = event["type"], event["data"]
            job_id: str = data["job_id"]
            job = msgspec.convert(data, DialJob) if kind == DIAL else None
        except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError):
            return None
        if kind == CANCEL and job_id not in self._ringing:
            self._waiting.pop(job_id, None)
            self._finished_ms[job_id] = now_ms
        elif job is not None and job_id not in self._finished_ms and job_id not in self._ringing:
            self._waiting[job_id] = job
        return job_id if kind in (DIAL, CANCEL) else None

    def due(self, now_ms: int) -> list[DialJob]:
        """The jobs to dial now; they ring from here on. What is past its time is dropped."""
        for job in [job for job in self._waiting.values() if (parse_time(job.expires) or 0) <= now_ms]:
            del self._waiting[job.job_id]
            self._finished_ms[job.job_id] = now_ms
        ready = [job for job in self._waiting.values() if (parse_time(job.not_before) or 0) <= now_ms]
        ready.sort(key=lambda job: (-job.priority, job.not_before, job.job_id))
        starting = ready[: max(0, self.lines - len(self._ringing))]
        for job in starting:
            self._ringing[job.job_id] = self._waiting.pop(job.job_id)
        return starting

    def was_interrupted(self, job_id: str) -> bool:
        """Whether this job was dialled before the last stop and never reported."""
        return job_id in self._uncertain

    def ended(self, job_id: str, outcome: str, seconds: float, now_ms: int) -> bytes | None:
        """A call is over: its report for callback-results, None for a job that does not ring."""
        job = self._ringing.pop(job_id, None)
        if job is None:
            return None
        self._uncertain.discard(job_id)
        self._finished_ms[job_id] = now_ms
        self._forget(now_ms)
        result = msgspec.convert(
            {
                "tenant": job.tenant,
                "callback_queue": job.callback_queue,
                "job_id": job_id,
                "outcome": outcome,
                "seconds": round(seconds, 3),
            },
            DialAttempted,
        )
        event = {
            "specversion": "1.0",
            "id": f"{job_id}/attempted",
            "source": "dialer",
            "type": "dial.attempted",
            "time": iso_time(now_ms),
            "subject": job_id,
            "data": result,
        }
        return msgspec.json.encode(event)

    def is_finished(self, job_id: str) -> bool:
        """Whether its record need not be read again."""
        return job_id not in self._waiting and job_id not in self._ringing

    def _forget(self, now_ms: int) -> None:
        for job_id in [job_id for job_id, at_ms in self._finished_ms.items() if at_ms < now_ms - MEMORY_MS]:
            del self._finished_ms[job_id]
