"""Logging of the whole process: one handler, text or JSON lines, without personal data, bounded in length and rate.

Fields go in ``extra``: ``logger.info("partition recovered", extra={"topic": topic, "partition": 3})``. Numbers given
that way stay as they are; in words, any run of ten digits or more is taken for a number of a person and masked.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from threading import Lock
from typing import Final, Literal, TextIO

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

LINE_LIMIT_CHARACTERS: Final = 8_192
FIELDS_LIMIT: Final = 16
FIELD_NAME_LIMIT_CHARACTERS: Final = 40
SCANNED_LIMIT_CHARACTERS: Final = 65_536
LONGEST_ADDRESS_CHARACTERS: Final = 400
NOISY_LOGGERS: Final = ("aiohttp", "aiokafka", "faust", "kafka", "librdkafka", "mode")
"""Roots of the loggers that repeat themselves: while a broker is away, or for whoever sends what is no HTTP."""
RECORDS_PER_WINDOW: Final = 20
WINDOW_SECONDS: Final = 10.0

CUT: Final = " [...] "
_EMAIL: Final = re.compile(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_NUMBER: Final = re.compile(
    r"""
      \+\d[\d ().-]{6,18}\d                                   # +55 (85) 99746-5553
    | (?<!\d)\(?\d{2}\)?[ ]?9?\d{4}[ .-]\d{4}(?!\d)           # (85) 99746-5553, 85 3222-1234
    | (?<![\w-])\d{4}-\d{4}(?![\w-])                          # 3222-1234
    | (?<!\d)9\d{4}[ .-]?\d{4}(?!\d)                          # 99746-5553, 997465553
    | \d{3}\.\d{3}\.\d{3}-\d{2}                               # 123.456.789-09, a CPF
    | \d{10,}                                                 # 85997465553; also a protocol number
    """,
    re.VERBOSE,
)
_STANDARD_ATTRIBUTES: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

FieldValue = str | int | float | bool | None


def configure_logging(log_format: LogFormat, log_level: LogLevel = "info", stream: TextIO | None = None) -> None:
    """Send everything logged, warnings included, to one handler on ``stream`` (standard error unless given).

    Handlers set on the root logger before are dropped: they would write what this one masks.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(RateLimit(NOISY_LOGGERS))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(log_level.upper())
    logging.captureWarnings(capture=True)


def redact(text: str) -> str:
    """The text with e-mail addresses, phone and taxpayer numbers masked, cut beyond the length that is searched."""
    masked = _NUMBER.sub("[number]", _EMAIL.sub("[e-mail]", text[:SCANNED_LIMIT_CHARACTERS]))
    if len(text) <= SCANNED_LIMIT_CHARACTERS:
        return masked
    # The cut may have split an address, whose half no pattern knows.
    return masked[:-LONGEST_ADDRESS_CHARACTERS] + CUT.rstrip()


def shortened(text: str, limit_characters: int) -> str:
    """At most so many characters: the beginning and the end, which say what happened and where."""
    if len(text) <= limit_characters:
        return text
    kept = max(0, limit_characters - len(CUT))
    head = kept - kept // 2
    return text[:head] + CUT + text[len(text) - kept // 2 :]


class TextFormatter(logging.Formatter):
    """``time LEVEL logger: message field=value``; a traceback follows indented, so no text forges a record."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        words = f"{_message(record)}{fields}".replace("\r", "\\r").replace("\n", "\\n")
        trace = "".join(f"\n  {line}" for line in _trace(self, record).splitlines())
        return shortened(f"{_time(record)} {record.levelname} {record.name}: {words}{trace}", LINE_LIMIT_CHARACTERS)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; the longest texts in it are shortened until the line keeps its bound."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, FieldValue] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        trace = _trace(self, record)
        if trace:
            document["exception"] = trace
        document |= {name: value for name, value in _fields(record).items() if name not in document}
        line = json.dumps(document, ensure_ascii=False)
        while len(line) > LINE_LIMIT_CHARACTERS:
            longest = max(document, key=lambda name: len(str(document[name])))
            text = str(document[longest])
            document[longest] = shortened(text, len(text) // 2)
            line = json.dumps(document, ensure_ascii=False)
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _message(record: logging.LogRecord) -> str:
    try:
        return redact(record.getMessage())
    except (TypeError, ValueError, KeyError):
        # Left to the library, the arguments would be printed as they are.
        return f"{redact(str(record.msg))} [arguments do not fit]"


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    if record.stack_info:
        parts.append(record.stack_info)
    return redact("\n".join(parts))


def _fields(record: logging.LogRecord) -> dict[str, FieldValue]:
    extra = [name for name in vars(record) if name not in _STANDARD_ATTRIBUTES][:FIELDS_LIMIT]
    return {name[:FIELD_NAME_LIMIT_CHARACTERS]: _field(vars(record)[name]) for name in extra}


def _field(value: object) -> FieldValue:
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    return redact(str(value))


@dataclass(slots=True)
class _Window:
    """What one logger wrote at one level since ``started``."""

    started: float
    passed: int = 0
    suppressed: int = 0


class RateLimit(logging.Filter):
    """Lets at most ``records_per_window`` records per logger and level through in a window, for the named loggers.

    Levels are counted apart, so that chatter does not hide an error; CRITICAL always passes. The first record of a
    later window carries ``suppressed``, the count of those dropped before.
    """

    def __init__(
        self,
        roots: tuple[str, ...],
        *,
        records_per_window: int = RECORDS_PER_WINDOW,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        super().__init__()
        self._roots = frozenset(roots)
        self._records_per_window = records_per_window
        self._window_seconds = window_seconds
        self._windows: dict[tuple[str, int], _Window] = {}
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.CRITICAL or record.name.partition(".")[0] not in self._roots:
            return True
        with self._lock:
            window = self._window_of(record)
            if window.passed >= self._records_per_window:
                window.suppressed += 1
                return False
            window.passed += 1
            if window.suppressed:
                record.suppressed = window.suppressed
                window.suppressed = 0
            return True

    def _window_of(self, record: logging.LogRecord) -> _Window:
        key = (record.name, record.levelno)
        window = self._windows.setdefault(key, _Window(record.created))
        if not 0 <= record.created - window.started < self._window_seconds:
            window = self._windows[key] = _Window(record.created, suppressed=window.suppressed)
        return window
