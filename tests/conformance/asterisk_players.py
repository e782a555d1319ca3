"""Scenarios in Asterisk's words: its queue_log and its manager interface."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from streams.domain.events import Channel
from streams.sources.ami import AmiMapping
from streams.sources.queue_log import QueueLogMapping
from tests.conformance.kit import NINE, SOURCE, VENDOR_NAME, Event, Instead, Order, as_they_came, dictionary, fed
from tests.conformance.scenarios import JOB_ID, Scenario, Step

ENTERS: Final = ("enters", "goes_on", "called_back")


class QueueLogPlayer:
    """Asterisk's queue_log."""

    name = "queue_log"
    channel: Channel = "voice"
    instead: Mapping[str, Instead] = MappingProxyType({})
    repeats = shuffles = "a log is read once, in order"

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._waited: dict[tuple[str, str], int] = {}

    restarts = ""

    def play(self, scenario: Scenario, order: Order = as_they_came, *, restarts: bool = False) -> list[Event]:
        for known in (self._calls, self._names, self._since, self._waited):
            known.clear()
        lines = order(self.lines(scenario))
        return fed(lambda snapshot: QueueLogMapping(dictionary(), snapshot), lines, restarts=restarts)

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
        if step.act in (*ENTERS, "answered"):
            self._since[place], self._waited[place] = step.at, waited
        held, talked = self._waited[place], waited
        said: dict[str, tuple[str, tuple[object, ...]]] = {
            **dict.fromkeys(("enters", "goes_on"), ("ENTERQUEUE", ("", "85997465553", 1))),
            "called_back": ("ENTERQUEUE", (JOB_ID, "85997465553", 1)),
            "answered": ("CONNECT", (waited, f"{call}9", 3)),
            "hangs_up": ("ABANDON", (1, 1, waited)),
            **dict.fromkeys(("times_out", "overflows"), ("EXITWITHTIMEOUT", (1, 1, waited))),
            "queue_empties": ("EXITEMPTY", (1, 1, waited)),
            **dict.fromkeys(("presses", "asks_back"), ("EXITWITHKEY", (step.more, 1, 1, waited))),
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
_STATUS: Final = {
    "times_out": "TIMEOUT",
    "overflows": "TIMEOUT",
    "queue_empties": "LEAVEEMPTY",
    "withdrawn": "WITHDRAW",
}
_REASON: Final = {"caller_ends": "caller", "agent_ends": "agent", "passed_on": "transfer"}
_DIALPLAN: Final = ("VarSet", "Newexten")
_UNSEEN: Final = Instead(
    "its user may not read the dialplan's events: how somebody left is not known",
    (("flowed_out", {"reason": "unknown"}),),
    "unknown_exit",
)
_UNKNOWN_JOB: Final = Instead("the manager interface does not say for which job a call was made", (("offered", {}),))


class AmiPlayer:
    """Asterisk's manager interface. ``is_old``: the names of before version 12. Without ``sees_dialplan`` its user may
    not read that class of events; then how somebody left who did not hang up is not known."""

    channel: Channel = "voice"
    repeats = shuffles = "one connection says everything once, in order"
    restarts = "a new connection asks who waits, and what was said meanwhile is gone"

    def __init__(self, name: str, *, is_old: bool = False, sees_dialplan: bool = True) -> None:
        self.name = name
        self.instead: Mapping[str, Instead] = {"called_back": _UNKNOWN_JOB}
        if not sees_dialplan:
            self.instead |= dict.fromkeys(
                ("times_out", "overflows", "queue_empties", "withdrawn", "presses", "asks_back"), _UNSEEN
            )
        self._is_old = is_old
        self._sees_dialplan = sees_dialplan
        self._names: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self._since: dict[tuple[str, str], int] = {}

    def play(self, scenario: Scenario, order: Order = as_they_came, *, restarts: bool = False) -> list[Event]:
        assert not restarts
        mapping = AmiMapping(dictionary())
        events: list[Event] = []
        for at, fields in order(self.messages(scenario)):
            if fields["Event"] == "FullyBooted":
                mapping.disconnected()
            events += mapping.feed(fields, (NINE + at) * 1000)
        last = max(step.at for step in scenario.steps)
        return events + mapping.feed({"Response": "Success", "Ping": "Pong"}, (NINE + last + 60) * 1000)

    def messages(self, scenario: Scenario) -> list[tuple[int, Fields]]:
        """What is said, and when in seconds after nine."""
        for known in (self._calls, self._names, self._since):
            known.clear()
        said = [(step.at, fields) for step in scenario.steps for fields in self._messages(step)]
        return [each for each in said if self._sees_dialplan or each[1]["Event"] not in _DIALPLAN]

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
        if step.act in (*ENTERS, "answered"):
            self._since[place] = step.at
        head = {"Uniqueid": call, "Linkedid": call, "Queue": queue}
        agent = {"MemberName": step.agent, "Member" if self._is_old else "Interface": f"PJSIP/{step.agent}"}
        leave = self._event("QueueCallerLeave", head, Position="1", Count="0")
        match step.act:
            case "enters" | "goes_on" | "called_back":
                return [self._event("QueueCallerJoin", head, CallerIDNum="85997465553", Position="1", Count="1")]
            case "answered":
                return [leave, self._event("AgentConnect", head | agent, HoldTime=str(waited), RingTime="3")]
            case "presses" | "asks_back":
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
