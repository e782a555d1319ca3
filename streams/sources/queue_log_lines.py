"""One line of Asterisk's queue_log: what it says, or why it says nothing. Pure.

``time|call|queue|agent|event|...`` as https://docs.asterisk.org/Operation/Logging/Queue-Logs/ and ``ast_queue_log`` of
Asterisk 22 have it. The parameters of an event are read from the end where a name before them may hold the separator.
Names are UTF-8 or, where they are not, Latin-1: Asterisk passes on whatever the telephone sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from streams.domain.decisions import Reason
from streams.sources.mapping import InvalidEvent

MOST_BYTES: Final = 16 * 1024
"""Asterisk writes at most 8 KiB."""
_NEWEST_SECOND: Final = 253_370_764_799  # 9998, as everywhere
_SECONDS: Final = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_MOST_SECONDS: Final = 31_536_000
_LONGEST_CALL: Final = 150
_LONGEST_NAME: Final = 200
_HEAD: Final = 5


@dataclass(frozen=True, slots=True)
class Line:
    """``call``, ``queue`` and ``agent`` are empty where the line says NONE."""

    at_ms: int
    call: str
    queue: str
    agent: str
    event: str
    parameters: list[str]

    def seconds_ms(self, index: int, name: str) -> int:
        """A parameter in whole seconds, as milliseconds; a negative one (a clock that was set back) is none."""
        return 1000 * self._number(index, name)

    def milliseconds(self, index: int, name: str) -> int:
        return self._number(index, name)

    def optional_seconds_ms(self, index: int, name: str) -> int | None:
        """None where older versions do not write it."""
        is_there = -len(self.parameters) <= index < len(self.parameters) and self.parameters[index] != ""
        return self.seconds_ms(index, name) if is_there else None

    def position(self, index: int) -> int | None:
        """A place in the queue; None where it is not said."""
        text = self.parameters[index] if index < len(self.parameters) else ""
        return self._number(index, "position") if text else None

    def _number(self, index: int, name: str) -> int:
        if not -len(self.parameters) <= index < len(self.parameters):
            raise InvalidEvent(Reason.MISSING_FIELD, f"{self.event}: {name} is missing")
        text = self.parameters[index]
        if not _SECONDS.fullmatch(text):
            raise InvalidEvent(Reason.WRONG_TYPE, f"{self.event}: {name} is no whole number")
        number = int(text)
        if number > _MOST_SECONDS * 1000:
            raise InvalidEvent(Reason.BAD_VALUE, f"{self.event}: {name} is longer than any call")
        return max(0, number)

    def needs_call(self) -> tuple[str, str]:
        """The call and its queue, of an event that has both."""
        if not self.call or not self.queue:
            raise InvalidEvent(Reason.MISSING_FIELD, f"{self.event}: expected a call and a queue, not NONE")
        return self.call, self.queue

    def needs_agent(self) -> str:
        if not self.agent:
            raise InvalidEvent(Reason.MISSING_FIELD, f"{self.event}: expected an agent, not NONE")
        return self.agent


def read_line(record: bytes) -> Line:
    """The line without its end. Raises InvalidEvent."""
    if len(record) > MOST_BYTES:
        raise InvalidEvent(Reason.TOO_LARGE, f"the line is {len(record)} bytes; expected at most {MOST_BYTES}")
    try:
        text = record.decode()
    except UnicodeDecodeError:
        text = record.decode("latin-1")
    fields = text.rstrip("\r\n").split("|")
    if len(fields) < _HEAD:
        raise InvalidEvent(Reason.MISSING_FIELD, "expected time|call|queue|agent|event")
    second, call, queue, agent, event = fields[:_HEAD]
    if not (second.isascii() and second.isdecimal() and len(second) <= 12 and int(second) <= _NEWEST_SECOND):
        raise InvalidEvent(Reason.BAD_TIME, "time: expected whole seconds since 1970")
    if len(call) > _LONGEST_CALL or len(queue) > _LONGEST_NAME or len(agent) > _LONGEST_NAME:
        raise InvalidEvent(Reason.BAD_VALUE, "call, queue or agent: longer than any name")
    if not event:
        raise InvalidEvent(Reason.MISSING_FIELD, "event: expected a name")
    return Line(int(second) * 1000, _name(call), _name(queue), _name(agent), event, fields[_HEAD:])


def time_ms_of(record: bytes) -> int | None:
    """When a line was written, where it says so."""
    second = record.partition(b"|")[0]
    return int(second) * 1000 if second.isdigit() and len(second) <= 12 else None


def _name(text: str) -> str:
    return "" if text == "NONE" else text
