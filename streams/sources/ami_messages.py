"""One message of Asterisk's manager interface, its fields checked as they are asked for. Pure.

The names of before version 12 stand beside today's: ``Member`` for the interface, ``AgentName`` for the member.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streams.domain.decisions import Reason
from streams.sources.mapping import InvalidEvent

_TIME: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?", re.ASCII)
_SECONDS: Final = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_NEWEST_SECOND: Final = 253_370_764_799  # 9998, as everywhere
_MOST_SECONDS: Final = 31_536_000
_LONGEST_CALL: Final = 150
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Message:
    """``name`` is the event's, empty for a response. ``at_ms`` is its Timestamp (``timestampevents``), else when it
    came."""

    name: str
    at_ms: int
    fields: Mapping[str, str]

    @classmethod
    def of(cls, fields: Mapping[str, str], received_ms: int) -> Message:
        """Raises InvalidEvent for a time that is none."""
        text, at_ms = fields.get("Timestamp"), received_ms
        if text is not None:
            found = _TIME.fullmatch(text)
            if found is None or int(found[1]) > _NEWEST_SECOND:
                raise InvalidEvent(Reason.BAD_TIME, "Timestamp: expected seconds since 1970")
            at_ms = int(found[1]) * 1000 + int((found[2] or "0").ljust(3, "0")[:3])
        return cls(fields.get("Event", ""), at_ms, fields)

    @property
    def key(self) -> tuple[str, str]:
        """The call and its queue."""
        call, queue = self.needs("Uniqueid"), self.needs("Queue")
        if len(call) > _LONGEST_CALL or len(queue) > _LONGEST_NAME:
            raise InvalidEvent(Reason.BAD_VALUE, f"{self.name}: Uniqueid or Queue: longer than any name")
        return call, queue

    @property
    def agent(self) -> str:
        """The member's name."""
        name = self.text("MemberName") or self.text("AgentName")
        if not name:
            raise InvalidEvent(Reason.MISSING_FIELD, f"{self.name}: MemberName is missing")
        if len(name) > _LONGEST_NAME:
            raise InvalidEvent(Reason.BAD_VALUE, f"{self.name}: MemberName: longer than any name")
        return name

    def text(self, field: str) -> str:
        """Empty where it is not there."""
        return self.fields.get(field, "")

    def needs(self, field: str) -> str:
        if not self.text(field):
            raise InvalidEvent(Reason.MISSING_FIELD, f"{self.name}: {field} is missing")
        return self.text(field)

    def seconds_ms(self, field: str) -> int:
        """Whole seconds, as milliseconds; negative ones (a clock that was set back) are none."""
        text = self.needs(field)
        if not _SECONDS.fullmatch(text):
            raise InvalidEvent(Reason.WRONG_TYPE, f"{self.name}: {field} is no whole number")
        if int(text) > _MOST_SECONDS:
            raise InvalidEvent(Reason.BAD_VALUE, f"{self.name}: {field} is longer than any call")
        return 1000 * max(0, int(text))

    def optional_seconds_ms(self, field: str) -> int | None:
        return self.seconds_ms(field) if self.text(field) else None
