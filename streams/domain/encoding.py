"""CloudEvents 1.0, structured JSON: the one form of every record Filaviva writes, and reads back between its stages.

The bytes are a function of the arguments alone, so a record written twice is the same record twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from streams.domain.decisions import Reason, Rejection

SOURCE: Final = "filaviva"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_T = TypeVar("_T", bound=msgspec.Struct)


class _CloudEvent(msgspec.Struct, frozen=True, gc=False):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    subject: str
    data: msgspec.Struct


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    type: str
    data: msgspec.Raw


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def iso_time(instant_ms: int) -> str:
    """An instant in UTC with three decimals and ``Z``: ``2026-11-23T12:00:00.120Z``."""
    second, milliseconds = divmod(instant_ms, 1000)
    return f"{_iso_second(second)}.{milliseconds:03d}Z"


@lru_cache(maxsize=8192)
def _iso_second(second: int) -> str:
    """Records of one flush speak of few different seconds: every visit of a queue's interval starts with the same."""
    return (_EPOCH + timedelta(seconds=second)).isoformat().removesuffix("+00:00")


def cloud_event(*, event_type: str, event_id: str, time_ms: int, subject: str, data: msgspec.Struct) -> bytes:
    """One event from this product; ``event_id`` is unique per distinct content, ``time_ms`` an event time."""
    return _encode(_CloudEvent("1.0", event_id, SOURCE, event_type, iso_time(time_ms), subject, data))


def read_event(value: bytes | None, types: Mapping[str, type[_T]]) -> _T | Rejection | None:
    """The data of an event that another stage wrote; None when its type is not one of ``types``."""
    if value is None:
        return Rejection(Reason.NO_VALUE, "the value is null; expected a CloudEvent")
    try:
        envelope = _decode_envelope(value)
        data_type = types.get(envelope.type)
        return None if data_type is None else msgspec.json.decode(bytes(envelope.data), type=data_type)
    except msgspec.ValidationError as error:
        return Rejection(Reason.BAD_VALUE, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Rejection(Reason.NOT_JSON, "the value is not JSON in UTF-8 of a bearable depth")
