"""One HTTP request as values, and the answers other than success. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streams.routing import Route


@dataclass(frozen=True, slots=True)
class Message:
    """What counts of a request: header names are small letters; none of those that count stands there twice."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """The value, or nothing."""
        return self.headers.get(name, "")


class Refused(Exception):
    """The request is answered with this status and reason, which repeats nothing of its content."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Accepted(NamedTuple):
    """An event on its way to its topic."""

    route: Route
    value: bytes


def message_of(path: str, headers: Iterable[tuple[str, str]], body: bytes) -> Message:
    """Raises Refused where a header stands there twice: what is signed must be what is read."""
    found: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered in found and lowered not in _REPEATABLE:
            raise Refused(400, "a header stands there twice")
        found[lowered] = value.strip()
    return Message(path, found, body)


_REPEATABLE = frozenset({"accept", "accept-encoding", "via", "forwarded", "x-forwarded-for", "cookie"})
