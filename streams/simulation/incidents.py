"""What goes wrong by script: agents who leave, floods, and sources that fall silent. As values, and as lines of text.

A line is a kind and its keys: ``agents-leave queue=sac-cartoes at=09:30 for=30m`` (or ``team=cartoes``), ``flood
queue=sac-telecom at=10:15 for=20m contacts=80``, ``silent-source source=pbx-fortaleza-1 at=+90m for=10m`` (with
``then=drop`` it loses its events instead of telling them late).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from streams.errors import ConfigError
from streams.simulation.layout import Centre

At = time | timedelta
"""A time of day, meant the first time it comes after the start; or how long after the start."""
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_LENGTH: Final = re.compile(r"(\d{1,5}(?:\.\d+)?)([smh])", re.ASCII)
_MINUTES: Final = {"s": 1 / 60, "m": 1.0, "h": 60.0}
MOST_CONTACTS: Final = 1_000_000
MOST_MINUTES: Final = 7 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsLeave:
    """Everybody who serves ``queue``, or belongs to ``team``, is gone for so long; who is with a customer finishes."""

    at: At
    minutes: float
    queue: str | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """So many contacts on top, evenly over the time."""

    at: At
    minutes: float
    queue: str
    contacts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentSource:
    """A platform tells nothing, heartbeats included. Afterwards it tells what it kept, in order; or has ``drops``."""

    at: At
    minutes: float
    source: str
    drops: bool = False


Incident = AgentsLeave | Flood | SilentSource


def instant_of(at: At, start: datetime) -> datetime:
    """When an incident begins: never before the start."""
    if isinstance(at, timedelta):
        return start + at
    today = start.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return today if today >= start else today + timedelta(days=1)


# -- from text --------------------------------------------------------------------------------------------------------


class _Wrong(Exception):
    """What was expected at which key."""

    def __init__(self, key: str, expected: str) -> None:
        super().__init__(key, expected)
        self.key = key
        self.expected = expected


def parse_incidents(lines: Iterable[tuple[str, str]], centre: Centre) -> list[Incident]:
    """The incidents of (where it stands, line); blank lines and what follows a ``#`` say nothing.

    Raises ConfigError with every line that is wrong, the key in it, and what was expected there.
    """
    incidents, problems = [], []
    for where, line in lines:
        words = line.partition("#")[0].split()
        try:
            if words:
                incidents.append(_incident(words[0], words[1:], centre))
        except _Wrong as wrong:
            problems.append((f"{where}, {wrong.key}", f"expected {wrong.expected}"))
    if problems:
        raise ConfigError(problems)
    return incidents


def _incident(kind: str, words: list[str], centre: Centre) -> Incident:
    if kind not in _KINDS:
        raise _Wrong("first word", f"one of {', '.join(_KINDS)}, not {kind!r}")
    keys, build = _KINDS[kind]
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in keys:
            raise _Wrong(repr(word), f"KEY=VALUE with a key of {kind}: {', '.join(keys)}")
        if key in given:
            raise _Wrong(key, "it once")
        given[key] = value
    return build(given, centre)


def _agents_leave(given: Mapping[str, str], centre: Centre) -> Incident:
    if ("queue" in given) == ("team" in given):
        raise _Wrong("queue", "either queue=... or team=...")
    queue = _name(given, "queue", centre.queue_named) if "queue" in given else None
    team = _name(given, "team", [team.name for team in centre.teams]) if "team" in given else None
    return AgentsLeave(at=_at(given), minutes=_minutes(given), queue=queue, team=team)


def _flood(given: Mapping[str, str], centre: Centre) -> Incident:
    contacts = given.get("contacts", "")
    if not contacts.isdecimal() or not 1 <= int(contacts) <= MOST_CONTACTS:
        raise _Wrong("contacts", f"a whole number from 1 to {MOST_CONTACTS}{_instead(contacts)}")
    queue = _name(given, "queue", centre.queue_named)
    return Flood(at=_at(given), minutes=_minutes(given), queue=queue, contacts=int(contacts))


def _silent_source(given: Mapping[str, str], centre: Centre) -> Incident:
    then = given.get("then", "tell")
    if then not in ("tell", "drop"):
        raise _Wrong("then", f"tell or drop{_instead(then)}")
    source = _name(given, "source", [source for source, _ in centre.sources()])
    return SilentSource(at=_at(given), minutes=_minutes(given), source=source, drops=then == "drop")


def _name(given: Mapping[str, str], key: str, known: Collection[str]) -> str:
    value = given.get(key, "")
    if value not in known:
        raise _Wrong(key, f"one of {', '.join(known)}{_instead(value)}")
    return value


def _at(given: Mapping[str, str]) -> At:
    text = given.get("at", "")
    clock, later = _CLOCK.fullmatch(text), _length(text.removeprefix("+"))
    if clock:
        return time(int(clock[1]), int(clock[2]))
    if text.startswith("+") and later is not None:
        return timedelta(minutes=later)
    raise _Wrong("at", f"a time of day such as 10:15, or +30m for so long after the start{_instead(text)}")


def _minutes(given: Mapping[str, str]) -> float:
    text = given.get("for", "")
    minutes = _length(text)
    if minutes is None or not 0 < minutes <= MOST_MINUTES:
        raise _Wrong("for", f"a length of time up to a week, such as 90s, 20m or 2h{_instead(text)}")
    return minutes


def _length(text: str) -> float | None:
    found = _LENGTH.fullmatch(text)
    return float(found[1]) * _MINUTES[found[2]] if found else None


def _instead(text: str) -> str:
    return f", not {text!r}" if text else "; it is missing"


_KINDS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, str], Centre], Incident]]]] = {
    "agents-leave": (("queue", "team", "at", "for"), _agents_leave),
    "flood": (("queue", "at", "for", "contacts"), _flood),
    "silent-source": (("source", "at", "for", "then"), _silent_source),
}
