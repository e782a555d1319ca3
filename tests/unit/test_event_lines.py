"""Event files as they come: blank lines, broken lines, compressed or not."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from streams.event_lines import MAX_LINE_BYTES, BadLine, EventLine, event_time_ms, read_lines
from streams.routing import Route

GOOD: dict[str, Any] = {
    "type": "contact.offered",
    "time": "2026-11-23T09:00:00.120-03:00",
    "data": {"tenant": "acme", "queue": "sac", "channel": "voice"},
}
LINE = json.dumps(GOOD).encode()


def read(content: bytes, *, with_time: bool = False) -> list[EventLine | BadLine]:
    return list(read_lines(io.BytesIO(content), with_time=with_time))


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_lines_are_read_plain_or_compressed(compress: Any):
    """The bytes of a line go out as they came in; blank lines count but are not events; the last needs no line end."""
    found = read(compress(LINE + b"\r\n\n  \n" + LINE))
    target = Route("call-events", "acme/sac")
    assert found == [EventLine(1, LINE, target, None), EventLine(4, LINE, target, None)]


def test_nothing_gives_nothing():
    """An empty file is not an error."""
    assert read(b"") == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"type": "x.y", "data": {}}', "no input topic"),
        (b'"' + b"x" * MAX_LINE_BYTES + b'"', "longer than"),
    ],
)
def test_a_bad_line_is_told_and_the_next_one_read(line: bytes, reason: str):
    """One line's fault stays that line's."""
    bad, good = read(line + b"\n" + LINE + b"\n")
    assert isinstance(bad, BadLine)
    assert reason in bad.reason
    assert isinstance(good, EventLine)
    assert (bad.number, good.number) == (1, 2)


def test_a_damaged_archive_ends_with_a_bad_line():
    """What could be read of it was read."""
    broken = gzip.compress(LINE + b"\n")[:-6]
    *_, last = read(broken)
    assert isinstance(last, BadLine)
    assert "damaged" in last.reason


def test_the_time_is_wanted_only_when_it_is_asked_for():
    """Pacing needs it; plain publishing leaves judging it to the worker."""
    timeless = json.dumps({**GOOD, "time": "yesterday"}).encode()
    assert isinstance(read(timeless)[0], EventLine)
    assert isinstance(read(timeless, with_time=True)[0], BadLine)
    found = read(LINE, with_time=True)[0]
    assert isinstance(found, EventLine)
    assert found.time_ms == 1_795_435_200_120


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01.5+00:00", 1500),
        ("1969-12-31T21:00:00-03:00", 0),
        ("2026-11-23T09:00:00", None),
        ("23/11/2026", None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_a_time_needs_its_offset(text: object, expected: int | None):
    """A local time could be any of 38 instants."""
    assert event_time_ms(text) == expected
