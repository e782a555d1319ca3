"""Plays a scenario in a vendor's words, and reads back in ours what its mapping makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from streams.domain.encoding import iso_time
from streams.event_lines import event_time_ms
from streams.sources.amazon_connect import AmazonConnectEvents
from streams.sources.ami import AmiMapping
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.queue_log import QueueLogMapping
from tests.callback_records import NINE_MS
from tests.conformance.scenarios import CALLBACK_KEY, SCENARIOS, Scenario, Step, Told

NINE: Final = NINE_MS // 1000
SOURCE: Final = "pbx-1"
VENDOR_NAME: Final = {"sac": "600", "vendas": "601"}
_TOLD_OF_A_VISIT: Final = ("reason", "transferred_from", "ended_by", "talk_seconds", "completed")


def dictionary() -> QueueDictionary:
    places = {
        name: Place("acme", "fortaleza", queue, "voice", frozenset({CALLBACK_KEY}))
        for queue, name in VENDOR_NAME.items()
    }
    return QueueDictionary(SOURCE, places)


class Player(Protocol):
    """One vendor."""

    name: str
    differs: Mapping[str, dict[tuple[str, str, int], str]]
    """By scenario, the outcomes that this vendor cannot tell as they were, and what they count as: a closed list."""

    def play(self, scenario: Scenario) -> list[dict[str, Any]]:
        """The canonical events that its mapping makes."""
        ...

    def caller(self, contact_id: str) -> str:
        """Who a contact of the last scenario played is."""
        ...


def told_of(player: Player, events: Iterable[dict[str, Any]]) -> list[Told]:
    """The contact events in the kit's words."""
    told = []
    for event in events:
        if event["type"].startswith("contact."):
            data, time_ms = event["data"], event_time_ms(event["time"])
            assert time_ms is not None
            extra = {name: data[name] for name in _TOLD_OF_A_VISIT if name in data}
            kind, caller = event["type"].removeprefix("contact."), player.caller(data["contact_id"])
            told.append(Told((time_ms - NINE_MS) // 1000, kind, caller, data["queue"], data["entry"], extra))
    return told


class QueueLogPlayer:
    """Asterisk's queue_log."""

    name = "queue_log"
    differs: Mapping[str, dict[tuple[str, str, int], str]] = MappingProxyType({})

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._waited: dict[tuple[str, str], int] = {}

    def play(self, scenario: Scenario) -> list[dict[str, Any]]:
        for known in (self._calls, self._names, self._since, self._waited):
            known.clear()
        mapping = QueueLogMapping(dictionary())
        return [event for line in self.lines(scenario) for event in mapping.feed(line, 0)]

    def lines(self, scenario: Scenario) -> list[bytes]:
        lines = []
        for step in scenario.steps:
            if step.act == "renamed":
                self._rename(step)  # nothing is written of it
            else:
                lines.append("|".join(map(str, (NINE + step.at, *self._line(step)))).encode())
        return lines

    def caller(self, contact_id: str) -> str:
        call = contact_id.removesuffix(f"@{SOURCE}")
        return self._names[call]

    def _rename(self, step: Step) -> None:
        self._calls[step.caller] = f"{NINE}.9{len(self._names)}"
        self._names[self._calls[step.caller]] = step.caller

    def _call(self, caller: str) -> str:
        if caller not in self._calls:
            self._calls[caller] = f"{NINE}.{len(self._names) + 1}"
            self._names[self._calls[caller]] = caller
        return self._calls[caller]

    def _line(self, step: Step) -> tuple[object, ...]:
        if step.act == "restarts":
            return ("NONE", "NONE", "NONE", "QUEUESTART", "")
        place = (step.caller, step.queue)
        call, queue = self._call(step.caller), VENDOR_NAME[step.queue]
        waited = step.at - self._since.get(place, step.at)
        if step.act in ("enters", "answered"):
            self._since[place], self._waited[place] = step.at, waited
        held, talked = self._waited[place], waited
        said: dict[str, tuple[str, tuple[object, ...]]] = {
            "enters": ("ENTERQUEUE", ("", "85997465553", 1)),
            "answered": ("CONNECT", (waited, f"{call}9", 3)),
            "hangs_up": ("ABANDON", (1, 1, waited)),
            "times_out": ("EXITWITHTIMEOUT", (1, 1, waited)),
            "queue_empties": ("EXITEMPTY", (1, 1, waited)),
            "presses": ("EXITWITHKEY", (step.more, 1, 1, waited)),
            "withdrawn": ("WITHDRAW", (1, 1, waited, "")),
            "dumps": ("AGENTDUMP", ("",)),
            "rings_out": ("RINGNOANSWER", (4000,)),
            "caller_ends": ("COMPLETECALLER", (held, talked, 1)),
            "agent_ends": ("COMPLETEAGENT", (held, talked, 1)),
            "passed_on": ("BLINDTRANSFER", (VENDOR_NAME.get(step.more), "queues", held, talked, 1)),
        }
        event, parameters = said[step.act]
        return (call, queue, step.agent or "NONE", event, *parameters)


Fields = dict[str, str]
_OF_BEFORE_12: Final = {"QueueCallerJoin": "Join", "QueueCallerLeave": "Leave"}
_STATUS: Final = {"times_out": "TIMEOUT", "queue_empties": "LEAVEEMPTY", "withdrawn": "WITHDRAW"}
_REASON: Final = {"caller_ends": "caller", "agent_ends": "agent", "passed_on": "transfer"}
_DIALPLAN: Final = ("VarSet", "Newexten")


class AmiPlayer:
    """Asterisk's manager interface. ``is_old``: the names of before version 12. Without ``sees_dialplan`` its user may
    not read that class of events; then how somebody left who did not hang up is not known."""

    def __init__(self, name: str, *, is_old: bool = False, sees_dialplan: bool = True) -> None:
        self.name = name
        self.differs: Mapping[str, dict[tuple[str, str, int], str]] = {}
        self._is_old = is_old
        self._sees_dialplan = sees_dialplan
        self._names: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self._since: dict[tuple[str, str], int] = {}
        if not sees_dialplan:
            unknown = {"timed_out", "closed", "key_exit", "callback_late", "transferred"}
            self.differs = {
                scenario.name: {
                    visit: "unknown_exit" for visit, outcome in scenario.outcomes.items() if outcome in unknown
                }
                for scenario in SCENARIOS
                if unknown & set(scenario.outcomes.values())
            }

    def play(self, scenario: Scenario) -> list[dict[str, Any]]:
        for known in (self._calls, self._names, self._since):
            known.clear()
        mapping = AmiMapping(dictionary())
        events: list[dict[str, Any]] = []
        for step in scenario.steps:
            if step.act == "restarts":
                mapping.disconnected()
            for fields in self._messages(step):
                if self._sees_dialplan or fields["Event"] not in _DIALPLAN:
                    events += mapping.feed(fields, (NINE + step.at) * 1000)
        last = max(step.at for step in scenario.steps)
        return events + mapping.feed({"Response": "Success", "Ping": "Pong"}, (NINE + last + 60) * 1000)

    def caller(self, contact_id: str) -> str:
        return self._names[contact_id.removesuffix(f"@{SOURCE}")]

    def _call(self, caller: str) -> str:
        if caller not in self._calls:
            self._calls[caller] = f"{NINE}.{len(self._names) + 1}"
            self._names[self._calls[caller]] = caller
        return self._calls[caller]

    def _messages(self, step: Step) -> list[Fields]:
        if step.act == "restarts":
            return [{"Event": "FullyBooted", "Uptime": "1"}, {"Event": "QueueStatusComplete"}]
        if step.act == "renamed":
            self._calls[step.caller] = f"{NINE}.9{len(self._names)}"
            self._names[self._calls[step.caller]] = step.caller
            return []
        return self._of_a_caller(step)

    def _of_a_caller(self, step: Step) -> list[Fields]:
        call, queue = self._call(step.caller), VENDOR_NAME[step.queue]
        place = (step.caller, step.queue)
        waited = step.at - self._since.get(place, step.at)
        if step.act in ("enters", "answered"):
            self._since[place] = step.at
        head = {"Uniqueid": call, "Linkedid": call, "Queue": queue}
        agent = {"MemberName": step.agent, "Member" if self._is_old else "Interface": f"PJSIP/{step.agent}"}
        leave = self._event("QueueCallerLeave", head, Position="1", Count="0")
        match step.act:
            case "enters":
                return [self._event("QueueCallerJoin", head, CallerIDNum="85997465553", Position="1", Count="1")]
            case "answered":
                return [leave, self._event("AgentConnect", head | agent, HoldTime=str(waited), RingTime="3")]
            case "presses":
                return [leave, self._event("Newexten", head, Extension=step.more, Context="keys", Application="NoOp")]
            case "dumps":
                return [self._event("AgentDump", head | agent)]
            case "rings_out":
                return [self._event("AgentRingNoAnswer", head | agent, RingTime="4000")]
        if step.act in _REASON:
            talk = {"HoldTime": "0", "TalkTime": str(waited), "Reason": _REASON[step.act]}
            return [self._event("AgentComplete", head | agent, **talk)]
        abandon = [
            self._event("VarSet", head, Variable="ABANDONED", Value="TRUE"),
            self._event("QueueCallerAbandon", head, Position="1", OriginalPosition="1", HoldTime=str(waited)),
            leave,
        ]
        if step.act == "hangs_up":
            return [*abandon, self._event("Hangup", head, Cause="16")]
        return [*abandon, self._event("VarSet", head, Variable="QUEUESTATUS", Value=_STATUS[step.act])]

    def _event(self, name: str, head: Fields, **fields: str) -> Fields:
        return {"Event": _OF_BEFORE_12.get(name, name) if self._is_old else name, **head, **fields}


_REASON_OF_CONNECT: Final = {
    "hangs_up": "CUSTOMER_DISCONNECT",
    "caller_ends": "CUSTOMER_DISCONNECT",
    "agent_ends": "AGENT_DISCONNECT",
    "times_out": "CONTACT_FLOW_DISCONNECT",
    "queue_empties": "CONTACT_FLOW_DISCONNECT",
    "presses": "CONTACT_FLOW_DISCONNECT",
    "withdrawn": "CONTACT_FLOW_DISCONNECT",
    "passed_on": "OTHER",
}


class ConnectPlayer:
    """Amazon Connect's contact events. Its flows end calls without saying why, and the service is not restarted."""

    name = "amazon-connect"

    def __init__(self) -> None:
        self._contacts: dict[str, list[dict[str, Any]]] = {}
        told_otherwise = {"timed_out": "closed", "key_exit": "closed"}
        restart = "the platform restarts in the middle of calls"
        self.differs: Mapping[str, dict[tuple[str, str, int], str]] = {
            scenario.name: {
                visit: told_otherwise.get(outcome, outcome)
                for visit, outcome in scenario.outcomes.items()
                if outcome in told_otherwise or (scenario.name == restart and visit[0] in ("eva", "leo", "ivo"))
            }
            for scenario in SCENARIOS
            if told_otherwise.keys() & set(scenario.outcomes.values()) or scenario.name == restart
        }

    def play(self, scenario: Scenario) -> list[dict[str, Any]]:
        self._contacts.clear()
        mapping = AmazonConnectEvents(dictionary())
        records = [record for step in scenario.steps for record in self._records(step)]
        told: dict[str, dict[str, Any]] = {}
        for record in records:  # each tells again what its contact has been through: an id counts once
            for event in mapping.feed(json.dumps(record).encode(), NINE_MS):
                told.setdefault(event["id"], event)
        return list(told.values())

    def caller(self, contact_id: str) -> str:
        return contact_id.removeprefix(f"{SOURCE}-").partition(".")[0]

    def _records(self, step: Step) -> list[dict[str, Any]]:
        now = iso_time((NINE + step.at) * 1000)
        if step.act == "enters":
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
        if step.act != "presses" or step.more != CALLBACK_KEY:
            return left
        back = {"contactId": f"{step.caller}.back", "initiationMethod": "CALLBACK", "initiationTimestamp": now}
        return [self._told("INITIATED", {**contact, **back, "previousContactId": contact["contactId"]}, now), *left]

    def _enters(self, step: Step, now: str) -> list[dict[str, Any]]:
        before = self._contacts.setdefault(step.caller, [])
        contact: dict[str, Any] = {
            "contactId": f"{step.caller}.{len(before)}",
            "initialContactId": f"{step.caller}.0",
            "initiationMethod": "INBOUND",
            "channel": "VOICE",
            "initiationTimestamp": now,
        }
        if before:
            method = "TRANSFER" if "agentInfo" in before[-1] else "QUEUE_TRANSFER"
            contact |= {"initiationMethod": method, "previousContactId": before[-1]["contactId"]}
        initiated = self._told("INITIATED", contact, now)
        arn = f"arn:aws:connect:r:1:instance/i/queue/{VENDOR_NAME[step.queue]}"
        contact["queueInfo"] = {"queueArn": arn, "queueType": "STANDARD", "enqueueTimestamp": now}
        before.append(contact)
        return [initiated, self._told("QUEUED", contact, now)]

    def _told(self, kind: str, contact: dict[str, Any], now: str) -> dict[str, Any]:
        envelope = {"detail-type": "Amazon Connect Contact Event", "source": "aws.connect", "time": now}
        return {**envelope, "detail": {**contact, "eventType": kind}}


PLAYERS: Final[tuple[Player, ...]] = (
    QueueLogPlayer(),
    AmiPlayer("ami"),
    AmiPlayer("ami-11", is_old=True),
    AmiPlayer("ami-no-dialplan", sees_dialplan=False),
    ConnectPlayer(),
)
