"""CloudEvents 1.0 in HTTP requests: structured, binary and batch mode, to records for Kafka. Pure.

Refused is only what is no CloudEvent, has no place to go, or speaks for somebody else. Whether an event is good is for
the worker to say, once for all ways in; what it rejects is kept in the dead letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from streams.domain.decoding import MAX_VALUE_BYTES
from streams.domain.events import COMMANDS
from streams.gateway.messages import Accepted, Message, Refused
from streams.routing import Unroutable, route

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
MAX_BATCH_EVENTS: Final = 1000
_ATTRIBUTE: Final = re.compile(r"ce-([a-z0-9]{1,40})", re.ASCII)
_NOT_IN_HEADERS: Final = frozenset({"data", "datacontenttype"})
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_decode: Final = msgspec.json.Decoder().decode
_decode_batch: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def accepted_events(message: Message, tenant: str, source: str) -> Sequence[Accepted]:
    """The events of a request by one source of one tenant, in order; all of them or, raising Refused, none."""
    content_type = message.header("content-type").partition(";")[0].strip().lower()
    if content_type == BATCH:
        values = _batch(message.body)
    elif content_type == STRUCTURED:
        values = [message.body]
    elif "ce-specversion" in message.headers:
        values = [_from_binary(message, content_type)]
    else:
        expected = f"{STRUCTURED}, {BATCH}, or ce- headers with application/json"
        raise Refused(415, f"expected {expected}")
    return [_accepted(value, tenant, source, place) for value, place in zip(values, _places(values), strict=True)]


def _places(values: Sequence[bytes]) -> Sequence[str]:
    return ["the event"] if len(values) == 1 else [f"event {index}" for index in range(len(values))]


def _batch(body: bytes) -> list[bytes]:
    try:
        values = [bytes(each) for each in _decode_batch(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "expected a JSON list of events") from None
    if len(values) > MAX_BATCH_EVENTS:
        raise Refused(413, f"expected at most {MAX_BATCH_EVENTS} events in a batch")
    return values


def _from_binary(message: Message, content_type: str) -> bytes:
    """The same event in structured form: the topics hold one event a record, and one form is easier to read."""
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise Refused(415, "expected data of type application/json")
    _json(message.body, "the data")
    attributes = dict(_attributes(message.headers))
    return msgspec.json.encode(attributes | {"datacontenttype": content_type, "data": msgspec.Raw(message.body)})


def _attributes(headers: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    found = []
    for name, value in headers.items():
        if not name.startswith("ce-"):
            continue
        matched = _ATTRIBUTE.fullmatch(name)
        if matched is None or matched[1] in _NOT_IN_HEADERS:
            raise Refused(400, "expected ce- headers named by attributes, of small letters and digits")
        found.append((matched[1], _header_text(value)))
    return found


def _header_text(value: str) -> str:
    """A header value without quotes and percent encoding, as section 3.1.3.2 of the HTTP binding has it."""
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
    try:
        text = unquote(value, errors="strict")
        text.encode()
    except UnicodeError:
        raise Refused(400, "expected ce- headers of UTF-8, percent-encoded") from None
    return text


def _json(value: bytes, place: str) -> Any:
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, f"{place}: not JSON") from None


def _accepted(value: bytes, tenant: str, source: str, place: str) -> Accepted:
    if len(value) > MAX_VALUE_BYTES:
        raise Refused(413, f"{place}: expected at most {MAX_VALUE_BYTES} bytes")
    event = _json(value, place)
    if not isinstance(event, Mapping) or event.get("specversion") != "1.0":
        raise Refused(400, f"{place}: expected a CloudEvent of specversion 1.0")
    if not isinstance(event.get("id"), str) or not event["id"]:
        raise Refused(400, f"{place}: expected an id")
    if event.get("source") != source:
        raise Refused(403, f"{place}: expected the source that the path names")
    target = route(event)
    if isinstance(target, Unroutable):
        raise Refused(400, f"{place}: {target.reason}")
    if event["data"]["tenant"] != tenant:
        raise Refused(403, f"{place}: expected the tenant that the path names")
    if target.topic == COMMANDS:
        raise Refused(403, f"{place}: commands are the operators' own; see filaviva callbacks")
    return Accepted(target, value)
