"""How soon the dialer is told to leave a customer alone who was served: from the answer on, or from the recovery."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.event_lines import event_time_ms
from streams.topics import CALLBACK_JOBS
from tests.faults.fleet import Fleet
from tests.faults.plan import Fault
from tests.faults.report import Report
from tests.faults.topics import Stored

WITHIN_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.5


@dataclass
class Outages:
    """When not all workers were ready, as wall time in milliseconds: from a kill until everybody is back."""

    fleet: Fleet
    over: list[tuple[int, int]] = field(default_factory=list)
    _since_ms: int | None = None
    _looked: float = 0.0

    def kill(self, fault: Fault) -> str:
        if self._since_ms is None:
            self._since_ms = _now_ms()
        return self.fleet.kill(fault)

    def tend(self) -> None:
        """To be called all the while."""
        self.fleet.tend()
        if self._since_ms is None or time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        if self.fleet.are_ready():
            self.over.append((self._since_ms, _now_ms()))
            self._since_ms = None

    def awaited_ms(self, from_ms: int, told_ms: int) -> int:
        """How long something true since ``from_ms`` was waited for, without the time in which nobody could tell it."""
        begin_ms = from_ms
        for since_ms, until_ms in sorted(self.over):
            if since_ms <= told_ms and until_ms > begin_ms:
                begin_ms = min(until_ms, told_ms)
        return told_ms - begin_ms


def judge_cancels(jobs: Iterable[Stored], outages: Outages, report: Report) -> None:
    """Of every job that was taken back because its customer was served: the time from the answer to the first word."""
    told: dict[str, tuple[int, int]] = {}
    for record in jobs:
        event = json.loads(record.value or b"{}") if record.topic == CALLBACK_JOBS else {}
        if event.get("type") == "callback.cancel" and event["data"]["cause"] == "served":
            served_ms = event_time_ms(event["time"]) or 0
            first_ms = min(record.timestamp_ms, told.get(event["id"], (0, record.timestamp_ms))[1])
            told[event["id"]] = (served_ms, first_ms)
    waits = sorted(outages.awaited_ms(served_ms, told_ms) / 1000 for served_ms, told_ms in told.values())
    report.claim("jobs of customers served meanwhile were taken back", len(waits), holds=bool(waits))
    report.at_most("from the answer or the recovery to the cancel", max(waits, default=0.0), WITHIN_SECONDS, " s")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
