"""Asterisk's manager interface (AMI) as canonical events, with the names of before and after version 12. Pure.

Of an exit AMI tells less than it seems to: ``QueueCallerAbandon`` comes with a hangup as well as with a timeout, an
empty queue, a withdrawal and a redirect; who leaves by a key only leaves. What follows decides, if it follows soon:
QUEUESTATUS (``VarSet``), a hangup, the extension the caller goes on to. Otherwise nobody knows.

After a broken connection a ``QueueStatus`` list says who waits now. Who came meanwhile is offered with the wait that
the list has; who is not in it is gone, nobody knows how, since the connection broke.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from streams.domain.decisions import Reason
from streams.sources.ami_messages import Message
from streams.sources.asterisk_agents import Member, MemberBook
from streams.sources.asterisk_calls import CallBook, CallSnapshot
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import Event, Ignored, InvalidEvent

DECIDED_MS: Final = 2000
"""A hangup this long after QueueCallerAbandon is not the reason for it."""
CONNECTED_MS: Final = 4000
"""An agent is told this long after QueueCallerLeave at most; later all the same, if he was slow to be announced."""
ABOUT_MS: Final = 2000
"""A list and an event tell of the same entry, one of them in whole seconds."""
_KEYS: Final = re.compile(r"[0-9A-D*#]{1,10}")
_NUMBER: Final = re.compile(r"\+?[0-9]{5,20}", re.ASCII)
_BUSY: Final = frozenset({"2", "3", "7", "8"})  # in use, busy, ringing while in use, on hold
_AWAY: Final = frozenset({"4", "5"})  # invalid, unavailable
_RINGING: Final = "6"
_ENDED_BY: Final = {"caller": "customer", "agent": "agent"}
_REASON_OF_STATUS: Final = {"TIMEOUT": "timeout", "LEAVEEMPTY": "closed", "LEAVEUNAVAIL": "closed"}
_CALLBACK: Final = "callback"

_Key = tuple[str, str]


class _Leaving(msgspec.Struct, array_like=True):
    """A caller who has left, or is about to: since when, whether Asterisk calls it an abandon, a withdrawal's info."""

    at_ms: int
    is_abandon: bool
    info: str = ""


class _Snapshot(msgspec.Struct):
    calls: CallSnapshot
    members: dict[str, Member]
    devices: dict[str, str]
    leaving: list[tuple[str, str, _Leaving]]
    sees_variables: bool


class AmiMapping:
    """The events of one manager, in the order they came. ``hears_all``: they are kept for whoever reads them, so that
    nothing is said unheard between two runs. Raises InvalidEvent for a snapshot that is none of ours."""

    def __init__(
        self, dictionary: QueueDictionary, snapshot: Mapping[str, Any] | None = None, *, hears_all: bool = False
    ) -> None:
        self.ignored = Ignored()
        try:
            known = None if snapshot is None else msgspec.convert(snapshot, _Snapshot)
        except msgspec.ValidationError as error:
            raise InvalidEvent(Reason.BAD_VALUE, f"snapshot: {error}") from None
        self._dictionary = dictionary
        self._calls = CallBook(dictionary, known.calls if known else None)
        self._members = MemberBook(dictionary, known.members if known else None)
        self._devices = known.devices if known else {}
        self._leaving = {(call, queue): leaving for call, queue, leaving in known.leaving} if known else {}
        self._sees_variables = known.sees_variables if known else False
        self._hears_all = hears_all
        self._unsure_ms: int | None = None if hears_all else self._calls.newest_ms
        """Since when nothing was heard, until a list of who waits has come."""
        self._listed: dict[_Key, int] = {}
        self._in_call: dict[str, bool] = {}
        self._handlers: dict[str, Callable[[Message], list[Event]]] = {
            "QueueCallerJoin": self._join,
            "Join": self._join,
            "QueueCallerLeave": self._leave,
            "Leave": self._leave,
            "QueueCallerAbandon": self._abandon,
            "VarSet": self._variable,
            "Hangup": self._hangup,
            "Newexten": self._goes_on,
            "AgentConnect": self._connect,
            "AgentComplete": self._complete,
            "AgentCalled": self._called,
            "AgentRingNoAnswer": self._rang_out,
            "AgentDump": self._rang_out,
            "QueueMemberAdded": self._member,
            "QueueMemberStatus": self._member,
            "QueueMemberPause": self._member,
            "QueueMemberPaused": self._member,
            "QueueMemberRemoved": self._member_removed,
            "QueueMember": self._listed_member,
            "QueueEntry": self._listed_entry,
            "QueueStatusComplete": self._list_complete,
            "FullyBooted": self._booted,
        }

    @property
    def waiting(self) -> set[_Key]:
        """Call and vendor's queue of everybody believed to wait."""
        return set(self._calls.waiting)

    @property
    def is_undecided(self) -> bool:
        """Whether somebody has left, and it is not yet said how."""
        return bool(self._leaving)

    def understands(self, name: str) -> bool:
        """Whether events of this name are of any interest."""
        return name in self._handlers

    def disconnected(self) -> None:
        """The connection broke: what was heard last is the last thing known."""
        if self._unsure_ms is None:
            self._unsure_ms = self._calls.newest_ms
        self._listed.clear()
        self._in_call.clear()

    def feed(self, record: Mapping[str, str], received_ms: int) -> list[Event]:
        """See ``SourceMapping``. Responses and events of no interest only let time pass."""
        message = Message.of(record, received_ms)
        handler = self._handlers.get(message.name)
        events = handler(message) if handler else []
        if handler is None and message.name:
            self.ignored.count(message.name)
        return events + self._let_pass(message.at_ms)

    def snapshot(self) -> dict[str, Any]:
        """See ``SourceMapping``."""
        leaving = [(call, queue, each) for (call, queue), each in self._leaving.items()]
        whole = _Snapshot(
            self._calls.snapshot(), self._members.snapshot(), self._devices, leaving, self._sees_variables
        )
        snapshot: dict[str, Any] = msgspec.to_builtins(whole)
        return snapshot

    # -- in and out ---------------------------------------------------------------------------------------------------

    def _join(self, message: Message) -> list[Event]:
        key = message.key
        number = message.text("CallerIDNum")
        before = self._left_unseen(key) if key in self._leaving else []
        return before + self._calls.enter(
            key,
            message.at_ms,
            about_ms=ABOUT_MS,
            customer={"address": number} if _NUMBER.fullmatch(number) else None,
        )

    def _abandon(self, message: Message) -> list[Event]:
        """Perhaps under another name than the one that entered: an attended transfer."""
        key, held_ms = message.key, message.optional_seconds_ms("HoldTime")
        is_ours = self._calls.is_waiting(key)
        if not is_ours and held_ms is not None and self._unsure_ms is None and not self._calls.has_been(key):
            is_ours = self._calls.renamed(key, message.at_ms - held_ms, ())
        if is_ours:
            self._leaving[key] = _Leaving(message.at_ms, is_abandon=True)
        return []

    def _leave(self, message: Message) -> list[Event]:
        if self._calls.is_waiting(message.key):
            self._leaving.setdefault(message.key, _Leaving(message.at_ms, is_abandon=False))
        return []

    def _variable(self, message: Message) -> list[Event]:
        self._sees_variables = True
        name, value = message.text("Variable"), message.text("Value")
        events: list[Event] = []
        for key in self._leaving_as(message):
            if name == "QUEUE_WITHDRAW_INFO":
                self._leaving[key].info = value
            elif name == "QUEUESTATUS" and value in _REASON_OF_STATUS:
                events += self._left(key, "flowed_out", reason=_REASON_OF_STATUS[value])
            elif name == "QUEUESTATUS" and value == "WITHDRAW":
                asked = self._leaving[key].info == _CALLBACK
                events += self._left(key, "callback_requested") if asked else self._left_for_elsewhere(key)
        return events

    def _hangup(self, message: Message) -> list[Event]:
        events: list[Event] = []
        for key in self._leaving_as(message):
            is_abandon = self._leaving[key].is_abandon
            events += self._left(key, "abandoned") if is_abandon else self._left_unseen(key)
        return events

    def _goes_on(self, message: Message) -> list[Event]:
        """The call is in the dialplan again: by the key that is its extension now, or somebody redirected it."""
        extension = message.text("Extension") or message.text("Exten")
        events: list[Event] = []
        for key in self._leaving_as(message):
            place = self._dictionary.place(key[1])
            if self._leaving[key].is_abandon:
                events += self._left_for_elsewhere(key) if self._sees_variables else self._left_unseen(key)
            elif place is None or not _KEYS.fullmatch(extension):
                events += self._left_unseen(key)
            elif extension in place.callback_keys:
                events += self._left(key, "callback_requested")
            else:
                events += self._left(key, "flowed_out", reason="key")
        return events

    def _leaving_as(self, message: Message) -> list[_Key]:
        """Where the message comes soon enough to say how its call has left."""
        call, now_ms = message.text("Uniqueid"), message.at_ms
        return [key for key, each in self._leaving.items() if key[0] == call and now_ms <= _decided_by_ms(each)]

    def _left(self, key: _Key, kind: str, **data: Any) -> list[Event]:
        return self._calls.leave(key, self._leaving.pop(key).at_ms, kind, **data)

    def _left_for_elsewhere(self, key: _Key) -> list[Event]:
        return self._left(key, "flowed_out", reason="transfer")

    def _left_unseen(self, key: _Key) -> list[Event]:
        return self._calls.gone(key, self._leaving.pop(key).at_ms)

    def _let_pass(self, now_ms: int) -> list[Event]:
        """Who left long enough ago, and nothing has said how."""
        late = [key for key, leaving in self._leaving.items() if now_ms > _decided_by_ms(leaving)]
        return [event for key in late for event in self._left_unseen(key)]

    # -- talks --------------------------------------------------------------------------------------------------------

    def _connect(self, message: Message) -> list[Event]:
        key, agent = message.key, message.agent
        waited_ms = message.seconds_ms("HoldTime")
        self._leaving.pop(key, None)
        self._devices.pop(agent, None)
        answered = self._calls.connect(key, message.at_ms, agent, waited_ms=waited_ms)
        return answered + self._heard_of(message)

    def _complete(self, message: Message) -> list[Event]:
        key, agent = message.key, message.agent
        ended = self._calls.complete(
            key,
            message.at_ms,
            agent,
            talk_ms=message.seconds_ms("TalkTime"),
            waited_ms=message.seconds_ms("HoldTime"),
            ended_by=_ENDED_BY.get(message.text("Reason")),
        )
        self._devices.pop(agent, None)
        return ended + self._tell(agent, message.at_ms)

    # -- agents -------------------------------------------------------------------------------------------------------

    def _called(self, message: Message) -> list[Event]:
        self._devices[message.agent] = _RINGING
        return self._heard_of(message)

    def _rang_out(self, message: Message) -> list[Event]:
        self._devices.pop(message.agent, None)
        return self._heard_of(message)

    def _heard_of(self, message: Message) -> list[Event]:
        self._members.joined(message.agent, message.text("Queue"))
        return self._tell(message.agent, message.at_ms)

    def _member(self, message: Message) -> list[Event]:
        agent, status, paused = message.agent, message.text("Status"), message.text("Paused")
        self._members.joined(agent, message.needs("Queue"), paused=paused == "1" if paused else None)
        if status:
            self._devices[agent] = status
        return self._tell(agent, message.at_ms)

    def _member_removed(self, message: Message) -> list[Event]:
        self._members.left(message.agent, message.needs("Queue"))
        return self._tell(message.agent, message.at_ms)

    def _tell(self, agent: str, at_ms: int) -> list[Event]:
        device = self._devices.get(agent, "")
        doing = {_RINGING: "ringing"}.get(device) or ("offline" if device in _AWAY else None)
        is_busy = self._calls.is_busy(agent) or device in _BUSY
        return self._members.tell(agent, at_ms, is_busy=is_busy, doing=doing)

    # -- after a broken connection ------------------------------------------------------------------------------------

    def _booted(self, message: Message) -> list[Event]:
        """Asterisk says at each login how long it has been up: not so long as something was heard of it means anew. To
        everybody it says so only when it has started."""
        up_ms = message.optional_seconds_ms("Uptime")
        if not self._hears_all and (
            up_ms is None or self._unsure_ms is None or message.at_ms - up_ms <= self._unsure_ms + ABOUT_MS
        ):
            return []
        agents = sorted(set(self._calls.talking.values()))
        self._leaving.clear()
        self._devices.clear()
        events = self._calls.restart()
        return events + [event for agent in agents for event in self._tell(agent, message.at_ms)]

    def _listed_member(self, message: Message) -> list[Event]:
        agent, queue = message.text("Name") or message.agent, message.needs("Queue")
        self._in_call[agent] = self._in_call.get(agent, False) or message.text("InCall") != "0"
        self._members.joined(agent, queue, paused=message.text("Paused") == "1")
        self._devices[agent] = message.text("Status")
        return self._tell(agent, message.at_ms)

    def _listed_entry(self, message: Message) -> list[Event]:
        self._listed[message.key] = message.at_ms - message.seconds_ms("Wait")
        return []

    def _list_complete(self, message: Message) -> list[Event]:
        """What is so by now. Events of before that come late find the calls under their names all the same."""
        listed, in_call = self._listed, self._in_call
        self._listed, self._in_call = {}, {}
        unsure_ms, self._unsure_ms = self._unsure_ms, None
        events: list[Event] = []
        for key, since_ms in listed.items():
            is_new = key not in self._leaving and not self._calls.is_waiting(key)
            was_heard = unsure_ms is not None and since_ms <= unsure_ms  # whoever came since then is another caller
            if is_new and was_heard and self._calls.renamed(key, since_ms, listed):
                continue
            if key not in self._leaving:
                events += self._calls.enter(key, since_ms, about_ms=ABOUT_MS)
        if unsure_ms is None:
            return events
        for key, since_ms in self._calls.waiting.items():
            if key not in listed and since_ms <= unsure_ms and key not in self._leaving:
                events += self._calls.gone(key, unsure_ms)
        for key, agent in self._calls.talking.items():
            if agent in in_call and not in_call[agent]:
                self._calls.forget_talk(key)
                events += self._tell(agent, message.at_ms)
        return events


def _decided_by_ms(leaving: _Leaving) -> int:
    return leaving.at_ms + (DECIDED_MS if leaving.is_abandon else CONNECTED_MS)
