"""Which input topic an event belongs on, and the key that puts it into its owner's partition. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from streams.domain.events import (
    AGENT_EVENTS,
    CALLBACK_RESULTS,
    CASE_EVENTS,
    COMMANDS,
    INTAKE_OF_CHANNEL,
    SITE_EVENTS,
)


class Route(NamedTuple):
    """A topic without its prefix, and the record key."""

    topic: str
    key: str


@dataclass(frozen=True, slots=True)
class Unroutable:
    """Why an event belongs nowhere, in words without any of its content but the type."""

    reason: str


_OWNER_FIELD: Final[Mapping[str, tuple[str, str]]] = {
    "source": (SITE_EVENTS, "site"),
    "channel": (SITE_EVENTS, "site"),
    "ivr": (SITE_EVENTS, "site"),
    "human_voice": (SITE_EVENTS, "site"),
    "exception": (SITE_EVENTS, "site"),
    "case": (CASE_EVENTS, "case_id"),
    "dial": (CALLBACK_RESULTS, "job_id"),
}
"""First word of a type to its topic and the second half of its key; contacts and agents are special."""


def route(event: object) -> Route | Unroutable:
    """Where a decoded CloudEvents JSON value goes, by its type; contacts by their channel too.

    Only what routing needs is looked at: a type that is not in the closed lists still goes to the topic of its family,
    where the worker counts it as ignored.
    """
    if not isinstance(event, Mapping):
        return Unroutable("not a JSON object")
    kind, data = event.get("type"), event.get("data")
    if not isinstance(kind, str) or not kind:
        return Unroutable("no type")
    if not isinstance(data, Mapping):
        return Unroutable(f"{kind}: no data object")
    family = kind.partition(".")[0]
    if family == "contact":
        topic = INTAKE_OF_CHANNEL.get(str(data.get("channel")))
        return _keyed(topic, data, "queue") if topic else Unroutable(f"{kind}: data.channel is none of the known ones")
    if kind == "agent.state":
        return _keyed(AGENT_EVENTS, data, "agent_id")
    if family == "command":
        return _keyed(COMMANDS, data, "token" if "token" in data else "callback_queue")
    if family not in _OWNER_FIELD:
        return Unroutable(f"{kind[:80]}: no input topic carries this type")
    topic, field = _OWNER_FIELD[family]
    return _keyed(topic, data, field)


def _keyed(topic: str, data: Mapping[str, Any], field: str) -> Route | Unroutable:
    tenant, owner = data.get("tenant"), data.get(field)
    for name, value in (("tenant", tenant), (field, owner)):
        if not isinstance(value, str) or not value:
            return Unroutable(f"data.{name} is missing or not text")
    return Route(topic, f"{tenant}/{owner}")
