"""Reading for the recount: canonical records to plain events, checked by a parser of its own.

The recount judges the streaming core, so nothing here is shared with it: only the standard library is used, and the
field lists are written out again on purpose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime, timedelta
from sys import intern
from typing import Final, NamedTuple, TypeVar

from streams.domain.recount_addresses import one_spelling

LARGEST_RECORD_BYTES: Final = 512 * 1024
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")
TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
Checked = TypeVar("Checked")
Fields = Mapping[str, object]
Check = Callable[[Fields, str], object]
"""Reads one named field; raises Unfit where it is not what it should be."""


class VisitId(NamedTuple):
    """What is counted: one stay of one contact in one queue."""

    tenant: str
    queue: str
    contact_id: str
    entry: int


@dataclass(frozen=True, slots=True)
class Details:
    """What only some kinds of event tell; None where it is absent."""

    reason: str | None = None
    """Of a flow-out, or of an offer."""
    by_agent: bool = False
    """A message that an agent wrote to the customer."""
    talk_seconds: float | None = None
    hold_seconds: float | None = None
    wrap_up_seconds: float | None = None
    is_cut_off: bool = False
    """An end before completion that was not the customer's doing."""
    address: str | None = field(default=None, repr=False)
    customer_id: str | None = field(default=None, repr=False)
    callback_job_id: str | None = None
    requested_ms: int | None = None
    """When an offered customer had asked for a person."""
    is_transfer: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One contact event. ``kind`` is its type without ``contact.``, ``time_ms`` counts from the Unix epoch."""

    kind: str
    time_ms: int
    event_id: str
    source: str
    visit: VisitId
    site: str
    channel: str
    details: Details


@dataclass(slots=True)
class Skipped:
    """Records that are no valid contact event, counted by a short reason."""

    by_reason: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str) -> None:
        self.by_reason[reason] = self.by_reason.get(reason, 0) + 1

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


class Unfit(Exception):
    """A record that is skipped; its text is the reason."""


def no_constant(name: str) -> object:
    """NaN and the infinities are no JSON."""
    raise ValueError(name)


DECODER: Final = json.JSONDecoder(parse_constant=no_constant)


def read_events(lines: Iterable[str | bytes], skipped: Skipped | None = None) -> Iterator[Event]:
    """The contact events of canonical CloudEvents, one JSON object a line; blank lines say nothing."""
    return read_records((((), line) for line in lines if line.strip()), skipped)


def read_records(
    records: Iterable[tuple[Sequence[tuple[str, bytes | None]], str | bytes | None]],
    skipped: Skipped | None = None,
) -> Iterator[Event]:
    """The contact events of Kafka records as (headers, value), in structured or binary mode."""
    tally = Skipped() if skipped is None else skipped
    for headers, value in records:
        try:
            yield parse(headers, value)
        except Unfit as unfit:
            tally.add(str(unfit))


def parse(headers: Sequence[tuple[str, bytes | None]], value: str | bytes | None) -> Event:
    """One record's event. Raises Unfit."""
    return event(*opened(headers, value))


def opened(headers: Sequence[tuple[str, bytes | None]], value: str | bytes | None) -> tuple[Fields, object]:
    """The attributes of an event and its data, in structured or binary mode. Raises Unfit."""
    if value is None:
        raise Unfit("no_value")
    if len(value) > LARGEST_RECORD_BYTES:
        raise Unfit("too_large")
    given = {name: raw for name, raw in headers if raw is not None}
    attributes = {name[3:]: text(raw) for name, raw in given.items() if name.startswith("ce_")}
    if attributes and not given.get("content-type", b"").startswith(b"application/cloudevents"):
        return attributes, json_object(text(value))
    envelope = json_object(text(value))
    return envelope, envelope.get("data")


def text(raw: str | bytes) -> str:
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unfit("not_utf8") from None


def json_object(written: str) -> Fields:
    try:
        value = DECODER.decode(written)
    except RecursionError:
        raise Unfit("too_deep") from None
    except ValueError:
        raise Unfit("not_json") from None
    if not isinstance(value, dict):
        raise Unfit("wrong_type")
    return value


def event(envelope: Fields, data: object) -> Event:
    """The event of CloudEvents attributes and data, every field checked."""
    kind = KINDS.get(string(envelope, "type"))
    if kind is None:
        raise Unfit("ignored_type")
    SPECVERSION(envelope, "specversion")
    if data is None:
        raise Unfit("missing_field")
    if not isinstance(data, dict):
        raise Unfit("bad_value")
    for name, check in ONLY_CHECKED[kind].items():
        if name in data:
            optional(data, name, check)
    return Event(
        kind=kind,
        time_ms=instant(envelope, "time"),
        event_id=IDENTIFIER(envelope, "id"),
        source=slug(envelope, "source"),
        visit=VisitId(slug(data, "tenant"), slug(data, "queue"), IDENTIFIER(data, "contact_id"), entry(data)),
        site=slug(data, "site"),
        channel=CHANNEL(data, "channel"),
        details=details(kind, data),
    )


def details(kind: str, data: Fields) -> Details:
    match kind:
        case "offered":
            address, customer_id = customer(data)
            job_id = optional(data, "callback_job_id", word)
            return Details(
                reason=optional(data, "reason", word),
                address=address,
                customer_id=customer_id,
                callback_job_id=job_id or None,
                requested_ms=optional(data, "requested_at", instant),
                is_transfer=optional(data, "transferred_from", word) is not None,
            )
        case "callback_requested":
            address, customer_id = customer(data)
            return Details(address=address, customer_id=customer_id)
        case "flowed_out":
            return Details(reason=FLOW_OUT_REASON(data, "reason"))
        case "message":
            return Details(by_agent=(DIRECTION(data, "direction"), AUTHOR(data, "author")) == ("out", "agent"))
        case "ended":
            completed, ended_by = optional(data, "completed", boolean), optional(data, "ended_by", ENDED_BY)
            return Details(
                talk_seconds=optional(data, "talk_seconds", seconds),
                hold_seconds=optional(data, "hold_seconds", seconds),
                is_cut_off=completed is False and ended_by != "customer",
            )
        case "wrapped_up":
            return Details(wrap_up_seconds=optional(data, "wrap_up_seconds", seconds))
        case _:
            return NO_DETAILS


def customer(data: Fields) -> tuple[str | None, str | None]:
    """Address and id of the customer, where told."""
    who = optional(data, "customer", json_fields) or {}
    address = optional(who, "address", ADDRESS)
    return None if address is None else one_spelling(address), optional(who, "id", IDENTIFIER)


def required(fields: Fields, name: str) -> object:
    value = fields.get(name)
    if value is None:
        raise Unfit("missing_field")
    return value


def string(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if isinstance(value, str) and value:
        return value
    raise Unfit("missing_field" if value is None else "bad_value")


def limited(longest: int) -> Callable[[Fields, str], str]:
    def written(fields: Fields, name: str) -> str:
        value = string(fields, name)
        if len(value) > longest:
            raise Unfit("bad_value")
        return value

    return written


def word(fields: Fields, name: str) -> str:
    """Any text of at most 200 characters, also none."""
    value = required(fields, name)
    if not isinstance(value, str) or len(value) > 200:
        raise Unfit("bad_value")
    return value


def slug(fields: Fields, name: str) -> str:
    value = string(fields, name)
    if not SLUG.fullmatch(value):
        raise Unfit("bad_value")
    return intern(value)


def one_of(*values: str) -> Callable[[Fields, str], str]:
    def chosen(fields: Fields, name: str) -> str:
        value = string(fields, name)
        if value not in values:
            raise Unfit("bad_value")
        return intern(value)

    return chosen


def whole(least: int, most: int) -> Callable[[Fields, str], int]:
    def number(fields: Fields, name: str) -> int:
        value = required(fields, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Unfit("bad_value")
        return value

    return number


def boolean(fields: Fields, name: str) -> bool:
    value = required(fields, name)
    if not isinstance(value, bool):
        raise Unfit("bad_value")
    return value


def seconds(fields: Fields, name: str) -> float:
    """A duration of at most a year."""
    value = required(fields, name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 31_536_000:
        raise Unfit("bad_value")
    return value


def instant(fields: Fields, name: str) -> int:
    """Milliseconds of an RFC 3339 time with its offset; finer digits are cut off."""
    value = required(fields, name)
    written = value.upper() if isinstance(value, str) else ""
    if not TIMESTAMP.fullmatch(written):
        raise Unfit("bad_time")
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise Unfit("bad_time") from None
    if moment < EPOCH or moment.year == MAXYEAR:
        raise Unfit("bad_time")
    return (moment - EPOCH) // MILLISECOND


def json_fields(fields: Fields, name: str) -> Fields:
    value = fields[name]
    if not isinstance(value, dict):
        raise Unfit("bad_value")
    return value


def optional(fields: Fields, name: str, check: Callable[[Fields, str], Checked]) -> Checked | None:
    """The checked field, or None where it is absent or null."""
    return None if fields.get(name) is None else check(fields, name)


def entry(data: Fields) -> int:
    return ENTRY(data, "entry") if "entry" in data else 1


NO_DETAILS: Final = Details()
SPECVERSION: Final = one_of("1.0")
IDENTIFIER: Final = limited(200)
ADDRESS: Final = limited(320)
CHANNEL: Final = one_of("voice", "chat", "whatsapp", "sms", "app", "email", "form")
ENTRY: Final = whole(1, 100_000)
DIRECTION: Final = one_of("in", "out")
AUTHOR: Final = one_of("customer", "agent", "bot")
ENDED_BY: Final = one_of("customer", "agent", "network")
FLOW_OUT_REASON: Final = one_of("transfer", "overflow", "timeout", "closed", "key", "unknown")

ONLY_CHECKED: Final[Mapping[str, Mapping[str, Check]]] = {
    "offered": {
        "protocol": word,
        "contact_started_at": instant,
        "priority": whole(-1000, 1_000_000),
        "handled_by": one_of("bot", "human"),
    },
    "answered": {"agent_id": word},
    "abandoned": {},
    "flowed_out": {},
    "callback_requested": {},
    "message": {"agent_id": word},
    "ended": {"agent_id": word},
    "wrapped_up": {"agent_id": word},
}
"""Optional fields the recount has no use for, by kind; a wrong value makes the record unfit all the same."""
KINDS: Final = {f"contact.{kind}": kind for kind in ONLY_CHECKED}
