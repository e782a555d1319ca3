"""Scenarios in Amazon Connect's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from streams.domain.encoding import iso_time
from streams.domain.events import Channel
from streams.sources.amazon_connect import AmazonConnectEvents
from tests.conformance.kit import NINE, SOURCE, VENDOR_NAME, Event, Instead, Order, as_they_came, dictionary, fed
from tests.conformance.scenarios import Scenario, Step

_REASON_OF_CONNECT: Final = {
    "hangs_up": "CUSTOMER_DISCONNECT",
    "caller_ends": "CUSTOMER_DISCONNECT",
    "agent_ends": "AGENT_DISCONNECT",
    "times_out": "CONTACT_FLOW_DISCONNECT",
    "overflows": "CONTACT_FLOW_DISCONNECT",
    "queue_empties": "CONTACT_FLOW_DISCONNECT",
    "presses": "CONTACT_FLOW_DISCONNECT",
    "asks_back": "CONTACT_FLOW_DISCONNECT",
    "withdrawn": "CONTACT_FLOW_DISCONNECT",
    "passed_on": "OTHER",
}


_BY_THE_FLOW: Final = Instead("a flow ends calls without saying why", (("flowed_out", {"reason": "closed"}),), "closed")


_NEXT: Final = {"asks_back": "CALLBACK", "overflows": "QUEUE_TRANSFER", "passed_on": "TRANSFER"}
"""How the contact begins that follows on the one which is left."""


class ConnectPlayer:
    """Amazon Connect's contact events."""

    name = "amazon-connect"
    channel: Channel = "voice"
    instead: Mapping[str, Instead] = MappingProxyType(
        {
            "times_out": _BY_THE_FLOW,
            "overflows": Instead(
                "a flow that moves a caller tells of a transfer, and not why",
                (("flowed_out", {"reason": "transfer"}),),
                "transferred",
            ),
            "presses": _BY_THE_FLOW,
            "called_back": Instead(
                "its own callbacks are another stay of the same contact", (("offered", {}),), same_contact=True
            ),
            "restarts": Instead("the service is not restarted: whoever waits waits on"),
        }
    )
    repeats = shuffles = ""

    def __init__(self) -> None:
        self._contacts: dict[str, list[dict[str, Any]]] = {}

    restarts = ""

    def play(self, scenario: Scenario, order: Order = as_they_came, *, restarts: bool = False) -> list[Event]:
        self._contacts.clear()
        records = [json.dumps(record).encode() for step in scenario.steps for record in self._records(step)]
        events = fed(lambda snapshot: AmazonConnectEvents(dictionary(), snapshot), order(records), restarts=restarts)
        told: dict[str, Event] = {}
        for event in events:  # each record tells again what its contact has been through: an id counts once
            told.setdefault(event["id"], event)
        return list(told.values())

    def caller(self, contact_id: str) -> str:
        return contact_id.removeprefix(f"{SOURCE}-").partition(".")[0]

    def _records(self, step: Step) -> list[dict[str, Any]]:
        now = iso_time((NINE + step.at) * 1000)
        if step.act == "called_back":
            return self._called_back(step, now)
        if step.act in ("enters", "goes_on"):
            return self._enters(step, now)
        if step.act in ("restarts", "renamed", "dumps", "rings_out"):
            return []
        contact = self._contacts[step.caller][-1]
        if step.act == "answered":
            contact["agentInfo"] = {"agentArn": f"arn/agent/{step.agent}", "connectedToAgentTimestamp": now}
            return [self._told("CONNECTED_TO_AGENT", contact, now)]
        contact |= {"disconnectTimestamp": now, "disconnectReason": _REASON_OF_CONNECT[step.act]}
        if step.act == "withdrawn":
            contact["nextContactId"] = f"{step.caller}.next"
        left = [self._told("DISCONNECTED", contact, now), self._told("COMPLETED", contact, now)]
        if step.act not in _NEXT:
            return left
        following = self._contact(step.caller, now) | {"initiationMethod": _NEXT[step.act]}
        following["previousContactId"] = contact["contactId"]
        self._contacts[step.caller].append(following)
        return [self._told("INITIATED", following, now), *left]

    def _called_back(self, step: Step, now: str) -> list[dict[str, Any]]:
        """Amazon has kept the place in the queue; now the customer has picked up."""
        contact = self._contacts[step.more][-1]
        self._contacts[step.caller] = [contact]
        contact |= {"queueInfo": _queue(step.queue, contact["initiationTimestamp"]), "connectedToSystemTimestamp": now}
        return [self._told("CONNECTED_TO_SYSTEM", contact, now)]

    def _enters(self, step: Step, now: str) -> list[dict[str, Any]]:
        known = self._contacts.setdefault(step.caller, [])
        initiated = []
        if not known or "queueInfo" in known[-1]:
            known.append(self._contact(step.caller, now))
            initiated = [self._told("INITIATED", known[-1], now)]
        known[-1]["queueInfo"] = _queue(step.queue, now)
        return [*initiated, self._told("QUEUED", known[-1], now)]

    def _contact(self, caller: str, now: str) -> dict[str, Any]:
        return {
            "contactId": f"{caller}.{len(self._contacts.setdefault(caller, []))}",
            "initialContactId": f"{caller}.0",
            "initiationMethod": "INBOUND",
            "channel": "VOICE",
            "initiationTimestamp": now,
        }

    def _told(self, kind: str, contact: dict[str, Any], now: str) -> dict[str, Any]:
        envelope = {"detail-type": "Amazon Connect Contact Event", "source": "aws.connect", "time": now}
        return {**envelope, "detail": {**contact, "eventType": kind}}


def _queue(queue: str, enqueued: str) -> dict[str, Any]:
    arn = f"arn:aws:connect:r:1:instance/i/queue/{VENDOR_NAME[queue]}"
    return {"queueArn": arn, "queueType": "STANDARD", "enqueueTimestamp": enqueued}
