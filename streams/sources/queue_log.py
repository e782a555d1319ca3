"""Asterisk's queue_log as canonical events. Pure.

What becomes of each event stands in the table of ``README.md`` beside this file. Times are whole seconds and stay so:
two agent states of one second are told a millisecond apart, in the order of the lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from streams.domain.decisions import Reason
from streams.domain.decoding import MAX_AHEAD_MS
from streams.sources.asterisk_agents import Member, MemberBook
from streams.sources.asterisk_calls import CallBook, CallSnapshot
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import Event, Ignored, InvalidEvent
from streams.sources.queue_log_lines import Line, read_line

_NUMBER: Final = re.compile(r"\+?[0-9]{5,20}", re.ASCII)
_JOB_ID: Final = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{1,64}\.[1-9][0-9]{0,5}")
_FORGET_EVERY_MS: Final = 3_600_000


class _Snapshot(msgspec.Struct):
    calls: CallSnapshot
    members: dict[str, Member]


class QueueLogMapping:
    """One exchange's log, line by line, in the order it was written. ``record`` is a line without its end.

    Raises InvalidEvent for a snapshot that is none of ours.
    """

    def __init__(self, dictionary: QueueDictionary, snapshot: Mapping[str, Any] | None = None) -> None:
        self.ignored = Ignored()
        try:
            known = None if snapshot is None else msgspec.convert(snapshot, _Snapshot)
        except msgspec.ValidationError as error:
            raise InvalidEvent(Reason.BAD_VALUE, f"snapshot: {error}") from None
        self._dictionary = dictionary
        self._calls = CallBook(dictionary, known.calls if known else None)
        self._members = MemberBook(dictionary, known.members if known else None)
        self._forgot_ms = self._calls.newest_ms
        self._handlers: dict[str, Callable[[Line], list[Event]]] = {
            "ENTERQUEUE": self._enter,
            "CONNECT": self._connect,
            "ABANDON": self._abandon,
            "EXITEMPTY": self._exit_empty,
            "EXITWITHTIMEOUT": self._exit_with_timeout,
            "EXITWITHKEY": self._exit_with_key,
            "WITHDRAW": self._withdraw,
            "SYSCOMPAT": self._syscompat,
            "COMPLETECALLER": self._complete,
            "COMPLETEAGENT": self._complete,
            "BLINDTRANSFER": self._passed_on,
            "ATTENDEDTRANSFER": self._passed_on,
            "TRANSFER": self._transfer,
            "ADDMEMBER": self._add_member,
            "REMOVEMEMBER": self._remove_member,
            "PAUSE": self._pause,
            "UNPAUSE": self._pause,
            "PAUSEALL": self._pause_all,
            "UNPAUSEALL": self._pause_all,
            "AGENTLOGIN": self._agent_login,
            "AGENTCALLBACKLOGIN": self._agent_login,
            "AGENTLOGOFF": self._agent_logoff,
            "AGENTCALLBACKLOGOFF": self._agent_logoff,
            "AGENTDUMP": self._dump,
            "RINGNOANSWER": self._ring,
            "RINGCANCELED": self._ring,
            "QUEUESTART": self._queue_start,
            "CONFIGRELOAD": self._nothing,
        }

    @property
    def orphans(self) -> int:
        """Calls whose entry was not seen; their offer is told from how long they had waited."""
        return self._calls.orphans

    def feed(self, record: bytes, received_ms: int) -> list[Event]:
        """See ``SourceMapping``. What another application wrote into the log (DID, CALLSTATUS, INFO …) is ignored."""
        line = read_line(record)
        if line.at_ms > received_ms + MAX_AHEAD_MS:  # or one damaged line would make everybody before it long over
            raise InvalidEvent(Reason.TOO_EARLY, "time: more than a day ahead of when the line was read")
        handler = self._handlers.get(line.event)
        if handler is None:
            self.ignored.count(line.event)
            return []
        return handler(line)

    def snapshot(self) -> dict[str, Any]:
        """See ``SourceMapping``."""
        snapshot: dict[str, Any] = msgspec.to_builtins(_Snapshot(self._calls.snapshot(), self._members.snapshot()))
        return snapshot

    # -- calls --------------------------------------------------------------------------------------------------------

    def _enter(self, line: Line) -> list[Event]:
        key = line.needs_call()
        if len(line.parameters) < 2:
            raise InvalidEvent(Reason.MISSING_FIELD, "ENTERQUEUE: expected url|callerid|origposition")
        url, number = line.parameters[:2]
        return self._calls.enter(
            key,
            line.at_ms,
            position=line.position(2),
            customer={"address": number} if _NUMBER.fullmatch(number) else None,
            callback_job_id=url if _JOB_ID.fullmatch(url) else None,
        )

    def _connect(self, line: Line) -> list[Event]:
        key, agent = line.needs_call(), line.needs_agent()
        waited_ms = line.seconds_ms(0, "holdtime")
        answered = self._calls.connect(key, line.at_ms, agent, waited_ms=waited_ms)
        return answered + self._heard_of(line, agent)

    def _abandon(self, line: Line) -> list[Event]:
        return self._leave(line, "abandoned")

    def _exit_empty(self, line: Line) -> list[Event]:
        return self._leave(line, "flowed_out", reason="closed")

    def _exit_with_timeout(self, line: Line) -> list[Event]:
        return self._leave(line, "flowed_out", reason="timeout")

    def _exit_with_key(self, line: Line) -> list[Event]:
        if not line.parameters:
            raise InvalidEvent(Reason.MISSING_FIELD, "EXITWITHKEY: the key is missing")
        place = self._dictionary.place(line.queue)
        if place is not None and line.parameters[0] in place.callback_keys:
            return self._leave(line, "callback_requested", first=1)
        return self._leave(line, "flowed_out", first=1, reason="key")

    def _withdraw(self, line: Line) -> list[Event]:
        if line.parameters[3:4] == ["callback"]:
            return self._leave(line, "callback_requested")
        return self._leave(line, "flowed_out", reason="transfer")

    def _leave(self, line: Line, kind: str, *, first: int = 0, **data: Any) -> list[Event]:
        """Parameters position|origposition|waittime from ``first`` on."""
        key = line.needs_call()
        waited_ms = line.optional_seconds_ms(first + 2, "waittime")
        position = line.position(first + 1)
        return self._calls.leave(key, line.at_ms, kind, waited_ms=waited_ms, position=position, **data)

    def _syscompat(self, line: Line) -> list[Event]:
        """The caller was dropped; an ABANDON of the same call follows, which then says nothing new."""
        return self._calls.leave(line.needs_call(), line.at_ms, "abandoned")

    def _complete(self, line: Line) -> list[Event]:
        ended_by = "customer" if line.event == "COMPLETECALLER" else "agent"
        return self._parted(line, 0, ended_by)

    def _passed_on(self, line: Line) -> list[Event]:
        """holdtime|calltime|origposition are the last three: a destination may hold the separator."""
        return self._parted(line, -3, None)

    def _transfer(self, line: Line) -> list[Event]:
        return self._parted(line, 2, None)

    def _parted(self, line: Line, first: int, ended_by: str | None) -> list[Event]:
        key, agent = line.needs_call(), line.needs_agent()
        waited_ms = line.seconds_ms(first, "holdtime")
        talk_ms = line.seconds_ms(first + 1, "calltime")
        ended = self._calls.complete(key, line.at_ms, agent, talk_ms=talk_ms, waited_ms=waited_ms, ended_by=ended_by)
        return ended + self._tell(agent, line.at_ms)

    def _queue_start(self, line: Line) -> list[Event]:
        agents = sorted(set(self._calls.talking.values()))
        events = self._calls.restart()
        return events + [event for agent in agents for event in self._tell(agent, line.at_ms)]

    # -- agents -------------------------------------------------------------------------------------------------------

    def _add_member(self, line: Line) -> list[Event]:
        agent = line.needs_agent()
        self._members.joined(agent, line.queue, paused=line.parameters[:1] == ["PAUSED"])
        return self._tell(agent, line.at_ms)

    def _remove_member(self, line: Line) -> list[Event]:
        agent = line.needs_agent()
        self._members.left(agent, line.queue)
        return self._tell(agent, line.at_ms)

    def _pause(self, line: Line) -> list[Event]:
        agent = line.needs_agent()
        self._members.joined(agent, line.queue, paused=line.event == "PAUSE")
        return self._tell(agent, line.at_ms)

    def _pause_all(self, line: Line) -> list[Event]:
        agent = line.needs_agent()
        self._members.paused_everywhere(agent, paused=line.event == "PAUSEALL")
        return self._tell(agent, line.at_ms)

    def _dump(self, line: Line) -> list[Event]:
        """The agent hung up while the caller was announced to him: the caller goes on waiting."""
        return self._heard_of(line, line.needs_agent())

    def _agent_login(self, line: Line) -> list[Event]:
        return self._each_name(line, self._members.logged_in)

    def _agent_logoff(self, line: Line) -> list[Event]:
        return self._each_name(line, self._members.logged_off)

    def _each_name(self, line: Line, change: Callable[[str], None]) -> list[Event]:
        """Members are ``Agent/1001`` where agents are ``1001``."""
        agent = line.needs_agent()
        events = []
        for name in (agent, f"Agent/{agent}", f"Agent:{agent}"):
            change(name)
            events += self._tell(name, line.at_ms)
        return events

    def _ring(self, line: Line) -> list[Event]:
        """It rang for so many milliseconds and does no longer: of the agent's state it says nothing."""
        agent = line.needs_agent()
        if line.parameters and line.parameters[0]:
            line.milliseconds(0, "ringtime")
        return self._heard_of(line, agent)

    def _nothing(self, line: Line) -> list[Event]:
        del line
        return []

    def _heard_of(self, line: Line, agent: str) -> list[Event]:
        """An agent who is heard of in a queue is a member of it, announced or not."""
        if line.queue:
            self._members.joined(agent, line.queue)
        return self._tell(agent, line.at_ms)

    def _tell(self, agent: str, at_ms: int) -> list[Event]:
        events = self._members.tell(agent, at_ms, is_busy=self._calls.is_busy(agent))
        if at_ms - self._forgot_ms > _FORGET_EVERY_MS:
            self._forgot_ms = at_ms
            self._members.forget_older_than(at_ms)
        return events
