"""Which releases stand, counted again from the dialling log alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Releases:
    """Takes the events of the log in their order. A release stands that is the first of an attempt wanted at that
    place: none of a plan withdrawn before, none of an owner after the claim of the next."""

    standing: set[str] = field(default_factory=set)
    void: set[str] = field(default_factory=set)
    stray: set[str] = field(default_factory=set)
    """Those of former owners."""
    _wanted: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    _epochs: dict[str, int] = field(default_factory=dict)

    def take(self, event: dict[str, Any]) -> None:
        kind, data = event["type"], event["data"]
        if kind in ("dialling.ready", "dialling.withdrawn"):
            attempt = data["attempt"] if kind == "dialling.ready" else None
            newest = (data["revision"], attempt)
            known = self._wanted.get(data["plan_id"], (0, None))
            self._wanted[data["plan_id"]] = newest if newest[0] > known[0] else known
        elif kind == "dialling.claimed":
            self._epochs[data["callback_queue"]] = max(data["epoch"], self._epoch(data))
        elif kind == "dialling.released":
            self._take_release(f"{data['plan_id']}.{data['attempt']}", data)

    def _take_release(self, job_id: str, data: dict[str, Any]) -> None:
        if job_id in self.standing:
            return
        if data["epoch"] < self._epoch(data):
            self.stray.add(job_id)
        elif self._wanted.get(data["plan_id"], (0, None))[1] == data["attempt"]:
            self.standing.add(job_id)
        else:
            self.void.add(job_id)

    def _epoch(self, data: dict[str, Any]) -> int:
        return self._epochs.get(data["callback_queue"], 0)
