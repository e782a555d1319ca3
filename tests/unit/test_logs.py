"""Logging: what may be written, how much of it, and in which shape."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from streams.logs import (
    LINE_LIMIT_CHARACTERS,
    SCANNED_LIMIT_CHARACTERS,
    JsonFormatter,
    RateLimit,
    TextFormatter,
    configure_logging,
    redact,
    shortened,
)

CREATED_SECONDS = 1_763_800_000.25


def record(
    message: str = "partition recovered",
    *arguments: object,
    name: str = "streams.engine",
    level: int = logging.INFO,
    created: float = CREATED_SECONDS,
    **fields: object,
) -> logging.LogRecord:
    """A record as a logger makes it, with its fields as ``extra`` sets them."""
    made = logging.LogRecord(name, level, "somewhere.py", 1, message, arguments, None)
    made.created = created
    vars(made).update(fields)
    return made


def with_exception(error: Exception) -> logging.LogRecord:
    made = record("stopping", level=logging.ERROR)
    try:
        raise error
    except type(error):
        made.exc_info = sys.exc_info()
    return made


@pytest.fixture
def restored_root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was. Another test may have left warnings captured, which pytest has undone."""
    logging.captureWarnings(capture=False)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text_is_one_readable_line() -> None:
    """Time in UTC, level, logger, message, then the fields."""
    line = TextFormatter().format(record("partition %d recovered", 3, topic="call-events", offset=123_456_789_012))
    assert line == (
        "2025-11-22T08:26:40.250+00:00 INFO streams.engine: partition 3 recovered topic=call-events offset=123456789012"
    )


def test_json_is_one_object_with_typed_fields() -> None:
    """Numbers stay numbers, and no field can displace the standard ones."""
    line = JsonFormatter().format(record(topic="call-events", offset=123_456_789_012, time="never"))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2025-11-22T08:26:40.250+00:00",
        "level": "info",
        "logger": "streams.engine",
        "message": "partition recovered",
        "topic": "call-events",
        "offset": 123_456_789_012,
    }


@pytest.mark.parametrize(
    "personal",
    [
        "+5585997465553",
        "+55 (85) 99746-5553",
        "+1 415.555.2671",
        "5585997465553",
        "85997465553",
        "(85) 99746-5553",
        "(85)3222-1234",
        "85 3222 1234",
        "99746-5553",
        "997465553",
        "maria.souza+sac@exemplo.com.br",
        "sip:+5585997465553@pbx.exemplo.com",
        "123.456.789-09",
    ],
)
def test_phone_numbers_and_mailboxes_are_masked(personal: str) -> None:
    """No end of a number and no part of a mailbox stays, wherever it stands."""
    for text in (personal, f"customer={personal}, queue=sac", f"tel{personal}x", f"<{personal}>"):
        masked = redact(text)
        assert "[number]" in masked or "[e-mail]" in masked
        assert not [part for part in ("5553", "2671", "1234", "789-09", "maria", "exemplo") if part in masked]


@pytest.mark.parametrize(
    "harmless",
    [
        "2026-11-23T09:00:00.120-03:00",
        "2026-11-23 09:00:00,120",
        "partition 3 at offset 123456789",
        "127.0.0.1:9092",
        "generation 1200, epoch 14",
        "b7f1-0001/offered",
        "took 12.345678 s",
        "1e+07 records",
        "aiokafka 0.14.0 on CPython 3.11.7",
    ],
)
def test_what_an_operator_needs_stays(harmless: str) -> None:
    """Times, offsets, addresses of brokers and versions are not mistaken for numbers of people."""
    assert redact(harmless) == harmless


def test_arguments_fields_and_tracebacks_are_masked() -> None:
    """A number is masked in every part of a record, in both shapes."""
    failed = with_exception(ValueError("cannot dial +5585997465553"))
    failed.msg, failed.args = "job for %s", ("+5585997465553",)
    failed.customer = "+5585997465553"
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(failed)
        assert "5553" not in line
        assert line.count("[number]") >= 3
        assert "ValueError" in line


def test_arguments_that_do_not_fit_are_not_printed() -> None:
    """A wrong call of the logger still gives a line, without its arguments."""
    line = TextFormatter().format(record("job %d", "+5585997465553"))
    assert line.endswith("job %d [arguments do not fit]")


def test_a_message_cannot_forge_a_line() -> None:
    """Line breaks in messages and fields are written as escapes, and tracebacks are indented."""
    forged = "x\n2026-01-01T00:00:00.000+00:00 INFO streams.app: all is well"
    assert "\n" not in TextFormatter().format(record(forged, queue=forged))
    trace = TextFormatter().format(with_exception(ValueError(forged)))
    assert all(line.startswith("  ") for line in trace.splitlines()[1:])


def test_text_is_bounded_and_keeps_both_ends() -> None:
    """A long record shows how it began and how it ended."""
    line = TextFormatter().format(with_exception(ValueError("a " * 20_000 + "the end")))
    assert len(line) == LINE_LIMIT_CHARACTERS
    assert "streams.engine: stopping" in line
    assert line.endswith("the end")


def test_nothing_is_searched_without_bound_and_no_cut_bares_an_address() -> None:
    """Beyond the searched part nothing is shown, nor the half of an address at the cut."""
    for overlap in range(0, 40, 3):
        text = "a " * ((SCANNED_LIMIT_CHARACTERS - overlap) // 2) + "maria.souza.da.silva.santos@exemplo.com.br tail"
        masked = redact(text)
        assert "maria" not in masked
        assert "tail" not in masked


def test_fields_are_bounded() -> None:
    """Sixteen fields at most, with names of forty characters."""
    line = JsonFormatter().format(record(**{f"field_{number:03}_{'x' * 100}": number for number in range(100)}))
    names = set(json.loads(line)) - {"time", "level", "logger", "message"}
    assert len(names) == 16
    assert {len(name) for name in names} == {40}


@given(st.text(max_size=60), st.integers(0, 80))
def test_shortening_keeps_its_bound(text: str, limit: int) -> None:
    """Law: at most the limit, or the mark of the cut alone; short texts are untouched."""
    short = shortened(text, limit)
    assert len(short) <= max(limit, 7)
    if len(text) <= limit:
        assert short == text


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text() | st.floats() | st.integers(), max_size=30))
def test_every_json_line_parses_and_is_bounded(message: str, fields: dict[str, object]) -> None:
    """Law: whatever is logged, the line is strict JSON within the bound."""
    made = record(level=logging.WARNING)
    made.msg = message * 2000
    vars(made).update({f"x{name}": value for name, value in fields.items()})
    line = JsonFormatter().format(made)
    assert len(line) <= LINE_LIMIT_CHARACTERS
    document = json.loads(line, parse_constant=pytest.fail)
    assert document["level"] == "warning"


def limit() -> RateLimit:
    return RateLimit(("aiokafka",), records_per_window=3, window_seconds=10)


def passed(subject: RateLimit, count: int, **about: object) -> list[logging.LogRecord]:
    made = [record(**{"name": "aiokafka.conn", "level": logging.ERROR, **about}) for _ in range(count)]
    return [each for each in made if subject.filter(each)]


def test_a_repeating_logger_is_limited_and_says_by_how_much() -> None:
    """Three in ten seconds pass; the first of the next window counts what was dropped."""
    subject = limit()
    assert len(passed(subject, 100)) == 3
    assert passed(subject, 2, created=CREATED_SECONDS + 9.9) == []
    first, second = passed(subject, 2, created=CREATED_SECONDS + 10)
    assert "suppressed=99" in TextFormatter().format(first)
    assert "suppressed" not in TextFormatter().format(second)


def test_loggers_and_levels_are_limited_apart() -> None:
    """Chatter hides neither an error nor another logger, and our own loggers are never limited."""
    subject = limit()
    passed(subject, 100, level=logging.WARNING)
    assert len(passed(subject, 5)) == 3
    assert len(passed(subject, 5, name="aiokafka.cluster")) == 3
    assert len(passed(subject, 50, name="streams.engine")) == 50
    assert len(passed(subject, 50, name="aiokafkaesque")) == 50
    assert len(passed(subject, 50, level=logging.CRITICAL)) == 50


def test_a_clock_set_back_does_not_silence_a_logger() -> None:
    """An earlier time opens a new window."""
    subject = limit()
    passed(subject, 100)
    assert len(passed(subject, 5, created=CREATED_SECONDS - 3600)) == 3


def test_one_call_configures_the_process(restored_root: logging.Logger) -> None:
    """The level holds, warnings come along, noisy loggers are limited, and a second call replaces the first."""
    first, second = io.StringIO(), io.StringIO()
    configure_logging("text", "info", first)
    configure_logging("json", "warning", second)
    logging.getLogger("streams.app").info("not shown")
    logging.getLogger("streams.app").warning("shown to +5585997465553", extra={"partition": 3})
    for _ in range(100):
        logging.getLogger("faust.transport").error("broker away")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("an old call", stacklevel=1)
    lines = [json.loads(line) for line in second.getvalue().splitlines()]
    assert first.getvalue() == ""
    assert [line["message"] for line in lines if line["logger"] == "streams.app"] == ["shown to [number]"]
    assert lines[0]["partition"] == 3
    assert len([line for line in lines if line["logger"] == "faust.transport"]) == 20
    assert "an old call" in lines[-1]["message"]
