"""What ``filaviva compliance`` takes from input topics: exceptions, protocol numbers, calls; in either form of event.

What cannot be read was rejected by the worker, and is in the dead letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import click
import msgspec

from streams.compliance import Declared
from streams.compliance_calls import Called
from streams.compliance_protocols import Issued
from streams.domain.decoding import attributes_of, parse_time
from streams.domain.events import RESULT_TYPES, CaseData, DialAttempted
from streams.domain.site_events import ExceptionDeclared


class RawEvent(NamedTuple):
    """A record as it was read: its value, and its headers as Kafka gives them."""

    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class _Event(msgspec.Struct):
    type: str
    time: str
    data: msgspec.Raw


def _event(record: RawEvent) -> _Event:
    """The parts of an event in structured or binary form. Raises msgspec.DecodeError where it is neither."""
    attributes = attributes_of(record.headers)
    if not attributes:
        return msgspec.json.decode(record.value or b"", type=_Event)
    try:
        texts = {name.removeprefix("ce_"): text.decode() for name, text in attributes.items()}
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None
    return msgspec.convert(texts | {"data": msgspec.Raw(record.value or b"")}, _Event)


def _is_exception(record: RawEvent) -> bool:
    """Whether it was meant to be one, however faulty."""
    said = attributes_of(record.headers).get("ce_type") or record.value or b""
    return b"exception.declared" in said


def declared_in(records: Iterable[RawEvent]) -> Iterator[Declared]:
    """The exceptions among site events; one that cannot be read is named on standard error."""
    for record in records:
        try:
            event = _event(record)
            if event.type != "exception.declared":
                continue
            told = msgspec.json.decode(event.data, type=ExceptionDeclared)
        except msgspec.DecodeError as error:
            if _is_exception(record):
                click.echo(f"an exception that cannot be read: {error}", err=True)
            continue
        from_ms, to_ms = parse_time(told.starts_at), parse_time(told.ends_at)
        if from_ms is None or to_ms is None:
            click.echo("an exception whose starts_at or ends_at is no RFC 3339 time", err=True)
        else:
            yield Declared(told, from_ms, to_ms)


def issued_in(records: Iterable[RawEvent], sectors: Mapping[str, str | None]) -> list[Issued]:
    """The protocol numbers among case events; ``sectors`` are those of cases that name none."""
    issued: list[Issued] = []
    named: dict[tuple[str, str], str] = {}
    for record in records:
        try:
            event = _event(record)
            if event.type not in ("case.registered", "case.protocol_issued"):
                continue
            data = msgspec.json.decode(event.data, type=CaseData)
        except msgspec.DecodeError:
            continue
        at_ms = parse_time(event.time)
        if event.type == "case.registered" and data.sector is not None:
            named[data.tenant, data.case_id] = data.sector
        elif data.protocol is not None and at_ms is not None:
            issued.append(Issued(data.tenant, data.case_id, None, at_ms, data.protocol))
    return [replace(each, sector=named.get((each.tenant, each.case_id), sectors.get(each.tenant))) for each in issued]


def called_in(records: Iterable[RawEvent]) -> Iterator[Called]:
    """What dialers reported."""
    for record in records:
        try:
            event = _event(record)
            data = msgspec.json.decode(event.data, type=DialAttempted) if event.type in RESULT_TYPES else None
        except msgspec.DecodeError:
            continue
        at_ms = parse_time(event.time)
        if data is not None and at_ms is not None:
            yield Called(data.tenant, data.job_id, data.outcome, at_ms)
