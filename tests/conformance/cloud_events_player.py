"""Scenarios as a producer of CloudEvents tells them by HTTP, in structured, binary and batch mode by turns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from streams.domain.encoding import iso_time
from streams.domain.events import Channel
from streams.gateway.cloud_events import BATCH, STRUCTURED, accepted_events
from streams.gateway.messages import Message
from tests.conformance.kit import NINE, SOURCE, Event, Instead, Order, as_they_came
from tests.conformance.scenarios import JOB_ID, Scenario, Step

_ENDED_BY: Final = {"caller_ends": {"ended_by": "customer"}, "agent_ends": {"ended_by": "agent"}, "passed_on": {}}
_EXIT: Final[Mapping[str, tuple[str, str | None]]] = {
    "hangs_up": ("abandoned", None),
    "asks_back": ("callback_requested", None),
    "times_out": ("flowed_out", "timeout"),
    "overflows": ("flowed_out", "timeout"),
    "queue_empties": ("flowed_out", "closed"),
    "presses": ("flowed_out", "key"),
    "withdrawn": ("flowed_out", "transfer"),
}


class CloudEventsPlayer:
    """A platform that knows what it does."""

    name = "cloud-events"
    channel: Channel = "voice"
    instead: Mapping[str, Instead] = MappingProxyType({})
    repeats = shuffles = ""
    restarts = "nothing is remembered between two requests"

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], int] = {}
        self._since: dict[tuple[str, str], int] = {}
        """Where people wait or talk, since when."""
        self._talks: set[tuple[str, str]] = set()
        self._was_in: dict[str, str] = {}
        self._last = 0

    def play(self, scenario: Scenario, order: Order = as_they_came, *, restarts: bool = False) -> list[Event]:
        assert not restarts
        self._entries.clear()
        self._since.clear()
        self._talks.clear()
        self._was_in.clear()
        requests = [self._request(event) for step in scenario.steps for event in self._events(step)]
        accepted = [each for request in order(requests) for each in accepted_events(request, "acme", SOURCE)]
        return [msgspec.json.decode(each.value) for each in accepted]

    def caller(self, contact_id: str) -> str:
        return contact_id

    def _request(self, event: Event) -> Message:
        self._last += 1
        if self._last % 3 == 0:
            return Message("/", {"content-type": BATCH}, msgspec.json.encode([event]))
        if self._last % 3 == 1:
            return Message("/", {"content-type": STRUCTURED}, msgspec.json.encode(event))
        headers = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
        return Message("/", {**headers, "content-type": "application/json"}, msgspec.json.encode(event["data"]))

    def _events(self, step: Step) -> list[Event]:
        if step.act == "restarts":
            return [self._lost(step.at, *stay) for stay in list(self._since)]
        stay = step.caller, step.queue
        if step.act in ("enters", "goes_on", "called_back"):
            return [self._entered(step)]
        if step.act == "answered":
            self._since[stay] = step.at
            self._talks.add(stay)
            return [self._event(step.at, "answered", *stay, agent_id=step.agent)]
        if step.act in _ENDED_BY:
            talked = float(step.at - self._since.pop(stay))
            self._talks.discard(stay)
            return [self._event(step.at, "ended", *stay, talk_seconds=talked, **_ENDED_BY[step.act])]
        if step.act not in _EXIT:
            return []
        kind, reason = _EXIT[step.act]
        del self._since[stay]
        return [self._event(step.at, kind, *stay, **({"reason": reason} if reason else {}))]

    def _entered(self, step: Step) -> Event:
        stay = step.caller, step.queue
        self._entries[stay] = self._entries.get(stay, 0) + 1
        self._since[stay] = self._newest = step.at
        came_from = {"transferred_from": self._was_in[step.caller]} if step.act == "goes_on" else {}
        job = {"callback_job_id": JOB_ID} if step.act == "called_back" else {}
        self._was_in[step.caller] = step.queue
        customer = {"customer": {"address": "+5585997465553"}}
        return self._event(step.at, "offered", *stay, **customer, **came_from, **job)

    def _lost(self, at: int, caller: str, queue: str) -> Event:
        """A restart: everybody was last seen when somebody last came in."""
        del self._since[caller, queue]
        if (caller, queue) in self._talks:
            return self._event(self._newest, "ended", caller, queue, ended_by="network", completed=False)
        return self._event(self._newest, "flowed_out", caller, queue, reason="unknown")

    def _event(self, at: int, kind: str, caller: str, queue: str, **data: Any) -> Event:
        entry = self._entries[caller, queue]
        place = {"tenant": "acme", "site": "fortaleza", "queue": queue, "channel": "voice"}
        return {
            "specversion": "1.0",
            "id": f"{caller}/{queue}/{entry}/{kind}",
            "source": SOURCE,
            "type": f"contact.{kind}",
            "time": iso_time((NINE + at) * 1000),
            "data": {**place, "contact_id": caller, "entry": entry, **data},
        }
