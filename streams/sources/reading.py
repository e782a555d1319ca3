"""Reading vendors' JSON: typed, or refused with the place and what was expected there. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from streams.domain.decisions import Reason
from streams.sources.mapping import InvalidEvent

Number = int | str
"""What vendors write with quotes or without."""
Instant = int | float | str
"""Unix seconds, or a text in one of the usual spellings."""

LONGEST_NUMBER: Final = 20
_T = TypeVar("_T")
_END_MS: Final = 253_370_764_800_000
"""The year 9999 begins: no event is later, see ``streams.domain.decoding``."""
_SECONDS: Final = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)


def read_json(decoder: msgspec.json.Decoder[_T], record: bytes) -> _T:
    """The record as the decoder's type. Raises InvalidEvent, whatever the bytes are."""
    try:
        return decoder.decode(record)
    except RecursionError:
        raise InvalidEvent(Reason.TOO_DEEP, "$: nested deeper than any record") from None
    except UnicodeDecodeError as error:
        raise InvalidEvent(Reason.NOT_UTF8, f"$: not UTF-8 at byte {error.start}") from None
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    except msgspec.DecodeError:
        raise InvalidEvent(Reason.NOT_JSON, "$: not JSON") from None


def identifier(value: Number, place: str) -> str:
    """A vendor's number of something as text. Raises InvalidEvent where it is too long to be one, or empty."""
    text = str(value)
    if not text or len(text) > LONGEST_NUMBER:
        raise InvalidEvent(Reason.BAD_VALUE, f"{place}: expected an identifier of at most {LONGEST_NUMBER} characters")
    return text


def instant_ms(value: Instant | None, place: str) -> int:
    """Milliseconds since the epoch. Raises InvalidEvent where the value is no instant from 1970 to 9998.

    Unix seconds as a number or in quotes, ISO 8601 with an offset or Z, and ``2020-03-03 13:05:57 UTC``.
    """
    found = _milliseconds(value)
    if found is None or not 0 <= found < _END_MS:
        raise InvalidEvent(Reason.BAD_TIME, f"{place}: expected Unix seconds or ISO 8601 with an offset")
    return found


def _milliseconds(value: Instant | None) -> int | None:
    if isinstance(value, str):
        if _SECONDS.fullmatch(value) is None:
            return _of_text(value)
        value = float(value)
    if value is None or not math.isfinite(value):
        return None
    return round(value * 1000)


def _of_text(text: str) -> int | None:
    spelt = text[:-4] + "+00:00" if text.endswith(" UTC") else text
    try:
        moment = datetime.fromisoformat(spelt)
        return None if moment.tzinfo is None else round(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _explained(told: str) -> InvalidEvent:
    """The decoder's complaint without anything of the record."""
    expectation, _, place = told.partition(" - at `$")
    where = "$" + place.removesuffix("`")
    if "missing required field" in expectation:
        return InvalidEvent(Reason.MISSING_FIELD, f"{where}: {expectation}")
    if "Invalid enum value" in expectation:
        return InvalidEvent(Reason.BAD_VALUE, f"{where}: expected a value of the closed list")
    reason = Reason.WRONG_TYPE if ", got `" in expectation else Reason.BAD_VALUE
    return InvalidEvent(reason, f"{where}: {expectation}")
