"""Raw Kafka records to canonical events, or the reason why not.

CloudEvents 1.0 is read in both Kafka forms: structured (the whole event is the JSON value) and binary (attributes in
``ce_*`` headers, data in the value). Checks run from the outside in, and the first that fails names the place and what
was expected there; no value of the record is ever repeated in a reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, cast

import msgspec

from streams.domain.decisions import Reason, Record, Rejection
from streams.domain.directory import DAY_MS, Directory
from streams.domain.events import (
    AGENT_EVENTS,
    AGENT_TYPES,
    CALL_EVENTS,
    CALLBACK_RESULTS,
    CASE_EVENTS,
    CASE_TYPES,
    CHAT_EVENTS,
    COMMAND_TYPES,
    COMMANDS,
    CONTACT_TYPES,
    EMAIL_EVENTS,
    INTAKE_OF_CHANNEL,
    RESULT_TYPES,
    SITE_EVENTS,
    AgentEvent,
    AgentState,
    CaseData,
    CaseEvent,
    CaseMoment,
    CommandEvent,
    ContactData,
    ContactEvent,
    CustomerCommand,
    DialAttempted,
    Identifier,
    Offered,
    QueueCommand,
    ResultEvent,
)
from streams.domain.site_events import SITE_TYPES, SiteData, SiteEvent

MAX_VALUE_BYTES: Final = 512 * 1024
MAX_AHEAD_MS: Final = DAY_MS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SLUG: Final = re.compile(r"[a-z0-9-]{1,40}")
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_A_TIME: Final = "expected RFC 3339 with an offset, from 1970 to 9998"
_IN_THE_VALUE: Final = b"application/cloudevents"
_PARTITION_CURE: Final = (
    "the record must have this key and sit in the partition that murmur2 of it gives: set the producer's partitioner "
    "to murmur2 (librdkafka: partitioner=murmur2_random), or bring the topic in through filaviva ingest kafka"
)


_DECODER_ERRORS: Final = (msgspec.DecodeError, RecursionError)


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    specversion: Literal["1.0"]
    type: str
    id: Identifier
    source: str
    time: str
    data: msgspec.Raw


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_data = {
    name: msgspec.json.Decoder(data_type).decode
    for name, data_type in (
        CONTACT_TYPES | AGENT_TYPES | SITE_TYPES | RESULT_TYPES | COMMAND_TYPES | CASE_TYPES
    ).items()
}
_TYPES_OF_TOPIC: Final = {
    CALL_EVENTS: CONTACT_TYPES.keys(),
    CHAT_EVENTS: CONTACT_TYPES.keys(),
    EMAIL_EVENTS: CONTACT_TYPES.keys(),
    AGENT_EVENTS: AGENT_TYPES.keys(),
    SITE_EVENTS: SITE_TYPES.keys(),
    CALLBACK_RESULTS: RESULT_TYPES.keys(),
    COMMANDS: COMMAND_TYPES.keys(),
    CASE_EVENTS: CASE_TYPES.keys(),
}


InputData = ContactData | AgentState | SiteData | DialAttempted | CustomerCommand | QueueCommand | CaseData
InputEvent = ContactEvent | AgentEvent | SiteEvent | ResultEvent | CommandEvent | CaseEvent


class _Invalid(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        self.rejection = Rejection(reason, detail)


def decode(topic: str, partition: int, record: Record, directory: Directory) -> InputEvent | Rejection | None:
    """The event of one record; a Rejection when it is not acceptable; None when its type is not one we know.

    ``topic`` is the bare topic name. An event is judged early against the record's own Kafka timestamp.
    """
    try:
        return _decode(topic, partition, record, directory)
    except _Invalid as invalid:
        return invalid.rejection


def _decode(topic: str, partition: int, record: Record, directory: Directory) -> InputEvent | None:
    envelope = _read_envelope(record)
    if envelope.type not in _TYPES_OF_TOPIC[topic]:
        return None
    if not _is_slug(envelope.source):
        raise _Invalid(Reason.BAD_VALUE, "$.source: expected a slug of a-z, 0-9 and -, at most 40 long")
    time_ms = _checked_time(envelope.time, record.timestamp)
    data = _read_data(envelope)
    if isinstance(data, ContactData):
        _check_queue(data, topic, directory)
        _check_place(f"{data.tenant}/{data.queue}", record, partition, directory)
        return _contact_event(envelope, time_ms, data)
    if isinstance(data, AgentState):
        _check_agent(data, directory)
        _check_place(f"{data.tenant}/{data.agent_id}", record, partition, directory)
        return AgentEvent(time_ms, envelope.id, envelope.source, data)
    if isinstance(data, SiteData):
        _check_source(data, envelope.source, directory)
        _check_place(f"{data.tenant}/{data.site}", record, partition, directory)
        return SiteEvent(time_ms, envelope.id, envelope.source, envelope.type, data)
    if isinstance(data, CaseData):
        _check_case(data, directory)
        _check_place(f"{data.tenant}/{data.case_id}", record, partition, directory)
        moment = cast("CaseMoment", envelope.type.removeprefix("case."))
        return CaseEvent(time_ms, envelope.id, envelope.source, moment, data)
    if isinstance(data, DialAttempted):
        _check_callback_queue(data, directory)
        return ResultEvent(time_ms, envelope.id, envelope.source, data)
    _check_command(data, record, partition, directory)
    return CommandEvent(time_ms, envelope.id, envelope.source, data)


@lru_cache(maxsize=1024)
def _is_slug(text: str) -> bool:
    """Sources are few, and every event names one."""
    return _SLUG.fullmatch(text) is not None


def _check_command(data: CustomerCommand | QueueCommand, record: Record, partition: int, directory: Directory) -> None:
    if isinstance(data, QueueCommand):
        _check_callback_queue(data, directory)
        _check_place(f"{data.tenant}/{data.callback_queue}", record, partition, directory)
    else:
        _check_tenant(data.tenant, directory)
        _check_place(f"{data.tenant}/{data.token}", record, partition, directory)


def _contact_event(envelope: _Envelope, time_ms: int, data: ContactData) -> ContactEvent:
    if isinstance(data, Offered):
        requested_ms = _optional_time(data.requested_at, "requested_at")
        started_ms = _optional_time(data.contact_started_at, "contact_started_at")
        return ContactEvent(time_ms, envelope.id, envelope.source, data, requested_ms, started_ms)
    return ContactEvent(time_ms, envelope.id, envelope.source, data)


def _read_envelope(record: Record) -> _Envelope:
    value = record.value
    if value is None:
        raise _Invalid(Reason.NO_VALUE, "the value is null; expected a CloudEvent")
    if len(value) > MAX_VALUE_BYTES:
        raise _Invalid(Reason.TOO_LARGE, f"the value is {len(value)} bytes; expected at most {MAX_VALUE_BYTES}")
    if not value.isascii():
        _check_utf8(value)
    if record.headers:
        attributes = attributes_of(record.headers)
        if attributes:
            return _binary_envelope(attributes, value)
    try:
        return _decode_envelope(value)
    except _DECODER_ERRORS as error:
        raise _explain(error, "$") from None


def _check_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise _Invalid(Reason.NOT_UTF8, f"the value is not UTF-8 at byte {error.start}") from None


def attributes_of(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """The ``ce_*`` headers of an event in binary mode; none where the content type says that the value is the event."""
    present = {name: text for name, text in headers if text is not None}
    if present.get("content-type", b"").startswith(_IN_THE_VALUE):
        return {}
    return {name: text for name, text in present.items() if name.startswith("ce_")}


def _binary_envelope(headers: dict[str, bytes], value: bytes) -> _Envelope:
    try:
        attributes = {name[3:]: text.decode() for name, text in headers.items()}
    except UnicodeDecodeError:
        raise _Invalid(Reason.NOT_UTF8, "a ce_ header is not UTF-8") from None
    try:
        return msgspec.convert({**attributes, "data": msgspec.Raw(value)}, _Envelope)
    except msgspec.ValidationError as error:
        raise _explain(error, "headers ce_") from None


def _read_data(envelope: _Envelope) -> InputData:
    try:
        return _decode_data[envelope.type](envelope.data)
    except _DECODER_ERRORS as error:
        raise _explain(error, "$.data") from None


def _explain(error: Exception, root: str) -> _Invalid:
    """Name the reason behind a decoder's complaint, and the place, without repeating any of the record."""
    if isinstance(error, RecursionError):
        return _Invalid(Reason.TOO_DEEP, f"{root}: nested deeper than any event")
    if not isinstance(error, msgspec.ValidationError):
        return _Invalid(Reason.NOT_JSON, f"{root}: the value is not JSON")
    expectation, _, place = str(error).partition(" - at `$")
    where = root + place.removesuffix("`")
    if "missing required field" in expectation:
        return _Invalid(Reason.MISSING_FIELD, f"{where}: {expectation}")
    if "Invalid enum value" in expectation:
        return _Invalid(Reason.BAD_VALUE, f"{where}: expected a value of the closed list")
    if ", got `" in expectation:
        return _Invalid(Reason.WRONG_TYPE, f"{where}: {expectation}")
    return _Invalid(Reason.BAD_VALUE, f"{where}: {expectation}")


def parse_time(text: str) -> int | None:
    """Milliseconds since the epoch of an RFC 3339 instant from 1970 to 9998; None when it is anything else.

    The year 9999 stands for "never", and no deadline could be added to it. The usual form, with milliseconds, costs
    less: events speak of few different minutes.
    """
    seconds, milliseconds, zone = text[17:19], text[20:23], text[23:]
    is_usual = (
        seconds.isdigit() and text[19:20] == "." and milliseconds.isdigit() and zone[:1] in "Z+-" and seconds < "60"
    )
    if not is_usual or not text.isascii():
        return _parse_any_time(text)
    minute_ms = _minute(text[:17], zone)
    return None if minute_ms is None else minute_ms + int(seconds + milliseconds)


@lru_cache(maxsize=8192)
def _minute(start: str, zone: str) -> int | None:
    """``2026-11-23T12:00:`` and a zone; no zone's offset has seconds."""
    return _parse_any_time(f"{start}00{zone}")


def _parse_any_time(text: str) -> int | None:
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    time_ms = (moment - _EPOCH) // _MILLISECOND
    return None if time_ms < 0 or moment.year == MAXYEAR else time_ms


def _checked_time(text: str, kafka_ms: int) -> int:
    time_ms = parse_time(text)
    if time_ms is None:
        raise _Invalid(Reason.BAD_TIME, f"$.time: {_A_TIME}")
    if time_ms > kafka_ms + MAX_AHEAD_MS:
        raise _Invalid(Reason.TOO_EARLY, "$.time: more than a day ahead of the record's Kafka timestamp")
    return time_ms


def _optional_time(text: str | None, field: str) -> int | None:
    if text is None:
        return None
    time_ms = parse_time(text)
    if time_ms is None:
        raise _Invalid(Reason.BAD_TIME, f"$.data.{field}: {_A_TIME}")
    return time_ms


def _check_queue(data: ContactData, topic: str, directory: Directory) -> None:
    policy = directory.queue(data.tenant, data.queue)
    if policy is None:
        _check_tenant(data.tenant, directory)
        raise _Invalid(Reason.UNKNOWN_QUEUE, "$.data.queue: not a queue of this tenant in the configuration")
    if policy.site != data.site:
        raise _Invalid(Reason.WRONG_SITE, "$.data.site: the configuration has this queue at another site")
    if data.channel not in policy.channels:
        raise _Invalid(Reason.BAD_VALUE, "$.data.channel: not a channel of this queue in the configuration")
    if INTAKE_OF_CHANNEL[data.channel] != topic:
        raise _Invalid(Reason.BAD_VALUE, f"$.data.channel: belongs on {INTAKE_OF_CHANNEL[data.channel]}")


def _check_agent(data: AgentState, directory: Directory) -> None:
    _check_site(data, directory)
    if any(directory.queue(data.tenant, queue) is None for queue in data.queues):
        raise _Invalid(Reason.UNKNOWN_QUEUE, "$.data.queues: names a queue that is not in the configuration")


def _check_case(data: CaseData, directory: Directory) -> None:
    _check_tenant(data.tenant, directory)
    if data.site is not None and (data.tenant, data.site) not in directory.sites:
        raise _Invalid(Reason.WRONG_SITE, "$.data.site: not a site of this tenant in the configuration")


def _check_source(data: SiteData, source: str, directory: Directory) -> None:
    """Nobody waits for a source that is not configured, so one that says it lives is misspelt on one of both sides."""
    _check_site(data, directory)
    if (data.tenant, data.site, source) not in directory.sources:
        raise _Invalid(Reason.BAD_VALUE, "$.source: not a source of this site in the configuration")


def _check_site(data: AgentState | SiteData, directory: Directory) -> None:
    _check_tenant(data.tenant, directory)
    if (data.tenant, data.site) not in directory.sites:
        raise _Invalid(Reason.WRONG_SITE, "$.data.site: not a site of this tenant in the configuration")


def _check_tenant(tenant: str, directory: Directory) -> None:
    if tenant not in directory.tenants:
        raise _Invalid(Reason.UNKNOWN_TENANT, "$.data.tenant: not in the configuration")


def _check_callback_queue(data: DialAttempted | QueueCommand, directory: Directory) -> None:
    _check_tenant(data.tenant, directory)
    if (data.tenant, data.callback_queue) not in directory.callback_queues:
        raise _Invalid(Reason.UNKNOWN_QUEUE, "$.data.callback_queue: not a callback queue of this tenant")


def _check_place(owner_key: str, record: Record, partition: int, directory: Directory) -> None:
    if record.key != owner_key.encode() or directory.partition(owner_key) != partition:
        raise _Invalid(Reason.WRONG_PARTITION, f"expected the owner key of $.data: {_PARTITION_CURE}")
