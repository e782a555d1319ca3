"""Event files line by line: CloudEvents JSON, one a line, plain or gzip, from files or standard input."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final, cast

import msgspec

from streams.routing import Route, Unroutable, route

MAX_LINE_BYTES: Final = 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
_decoder: Final = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event as it stands in the file, and where it goes. ``time_ms`` is None unless it was asked for."""

    number: int
    value: bytes
    route: Route
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be sent; the reason holds nothing of its content but the type."""

    number: int
    reason: str


def read_lines(stream: IO[bytes], *, with_time: bool) -> Iterator[EventLine | BadLine]:
    """Every line that is not blank, in order, numbered from 1; compression is recognised by its first bytes.

    ``with_time`` asks for the event time too, so that a line without one is bad. A compressed stream that breaks off is
    a last bad line.
    """
    if isinstance(stream, io.BufferedReader):
        yield from _read_buffered(stream, with_time=with_time)
        return
    buffered = io.BufferedReader(cast("io.RawIOBase", stream))
    try:
        yield from _read_buffered(buffered, with_time=with_time)
    finally:
        buffered.detach()  # or the caller's stream would be closed with ours


def _read_buffered(stream: io.BufferedReader[Any], *, with_time: bool) -> Iterator[EventLine | BadLine]:
    source: Any = gzip.GzipFile(fileobj=stream) if stream.peek(2).startswith(_GZIP) else stream
    number = 0
    try:
        while line := source.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                _skip_rest(source, line)
                yield BadLine(number, f"longer than {MAX_LINE_BYTES} bytes")
            elif value := line.strip():
                yield _parse(number, value, with_time=with_time)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield BadLine(number + 1, f"the compressed data is damaged: {error}")


def _skip_rest(source: Any, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = source.readline(MAX_LINE_BYTES)


def _parse(number: int, value: bytes, *, with_time: bool) -> EventLine | BadLine:
    try:
        event = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BadLine(number, "not JSON")
    target = route(event)
    if isinstance(target, Unroutable):
        return BadLine(number, target.reason)
    time_ms = event_time_ms(event.get("time")) if with_time else None
    if with_time and time_ms is None:
        return BadLine(number, "time is missing, or not RFC 3339 with an offset")
    return EventLine(number, value, target, time_ms)


def event_time_ms(text: object) -> int | None:
    """Milliseconds since the epoch of an RFC 3339 time; None for anything else, local times included."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else round(moment.timestamp() * 1000)
