"""What the output topics say in the end: per id the record of the highest revision, and every dial job in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from streams.domain.events import COMMANDS
from streams.domain.signals import CALLBACK_SIGNALS
from streams.topics import (
    CALLBACK_JOBS,
    CALLBACK_PLANS,
    CASE_DEADLINES,
    CONTACT_OUTCOMES,
    DEAD_LETTERS,
    QUEUE_INTERVALS,
    SITE_DAYS,
    SLA_BREACHES,
)

Data = dict[str, Any]
_ID_FIELD: Final[Mapping[str, str]] = {
    CONTACT_OUTCOMES: "visit_id",
    QUEUE_INTERVALS: "interval_id",
    SLA_BREACHES: "finding_id",
    SITE_DAYS: "day_id",
    CASE_DEADLINES: "deadline_id",
    CALLBACK_PLANS: "plan_id",
}
TOPICS_TOLD: Final = (*_ID_FIELD, CALLBACK_JOBS, DEAD_LETTERS, CALLBACK_SIGNALS, COMMANDS)
"""Every topic that an outside reader follows, without the prefix; of the last two what a recount takes as fact."""
_FACTS: Final = ("callback.signal.attempted", "callback.signal.expired")


class Job(NamedTuple):
    """A dial job or its cancellation; ``kind`` is dial or cancel, the latter without address and ``not_before``."""

    kind: str
    attempt: int
    address: str | None
    not_before: str | None = None

    def __repr__(self) -> str:
        return f"Job({self.kind} {self.attempt})"


class Told:
    """Takes records in the order of their partitions. By topic and id: ``newest``; by plan id: ``jobs``.

    ``plan_facts`` are the events of attempts, expiries and commands, each once. ``contradictions`` are ids of which two
    different records bear the same revision: there must be none.
    """

    def __init__(self) -> None:
        self.newest: dict[str, dict[str, Data]] = {topic: {} for topic in _ID_FIELD}
        self.jobs: dict[str, list[Job]] = {}
        self.contradictions: list[str] = []
        self.plan_facts: list[Data] = []
        self.dead_letters = 0
        self._heard: set[str] = set()

    def take(self, topic: str, value: bytes | None) -> None:
        if topic == DEAD_LETTERS:
            self.dead_letters += 1
        elif value is not None:
            event = msgspec.json.decode(value)
            if topic == CALLBACK_JOBS:
                self._take_job(event)
            elif topic in (CALLBACK_SIGNALS, COMMANDS):
                self._take_fact(topic, event)
            else:
                self._take_newest(topic, event["data"])

    def _take_newest(self, topic: str, data: Data) -> None:
        record_id = data[_ID_FIELD[topic]]
        known = self.newest[topic].get(record_id)
        if known is None or data["revision"] > known["revision"]:
            self.newest[topic][record_id] = data
        elif data["revision"] == known["revision"] and data != known:
            self.contradictions.append(f"{record_id}#{data['revision']}")

    def _take_fact(self, topic: str, event: Data) -> None:
        mark = f"{event['type']}/{event['source']}/{event['id']}"
        if mark not in self._heard and (topic == COMMANDS or event["type"] in _FACTS):
            self._heard.add(mark)
            self.plan_facts.append(event)

    def _take_job(self, event: Data) -> None:
        """A job that is written again is the same job."""
        mark = f"{event['type']}/{event['id']}"
        if mark not in self._heard:
            self._heard.add(mark)
            data = event["data"]
            kind = event["type"].removeprefix("callback.")
            job = Job(kind, data["attempt"], data.get("address"), data.get("not_before"))
            self.jobs.setdefault(data["plan_id"], []).append(job)
