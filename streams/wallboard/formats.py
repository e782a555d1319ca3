"""Durations, shares and times as the wallboard writes them: the same in every language."""

from __future__ import annotations

from math import floor
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
SECONDS_MATTER_HOURS: Final = 10

UNKNOWN: Final = "–"
"""In place of a number nobody knows; beside the words that say why."""
AT_LEAST: Final = "≥"


def clock(seconds: float) -> str:
    """A wait: ``mm:ss``, from an hour on ``h:mm:ss``, from ten hours on ``10h05``. Begun units do not count."""
    hours, rest = divmod(int(seconds), HOUR)
    if hours >= SECONDS_MATTER_HOURS:
        return f"{hours}h{rest // MINUTE:02}"
    minutes = f"{rest // MINUTE:02}:{rest % MINUTE:02}"
    return f"{hours}:{minutes}" if hours else minutes


def limit(seconds: float | None) -> str:
    """A wait that is promised: as `clock`, whole hours as ``24h``."""
    if seconds is None:
        return UNKNOWN
    return f"{seconds / HOUR:.0f}h" if seconds >= HOUR and seconds % HOUR == 0 else clock(seconds)


def span(seconds: float | None) -> str:
    """A duration in its one fitting unit: ``95 s``, ``12 min``, ``3 h``. Begun units do not count."""
    if seconds is None:
        return UNKNOWN
    if seconds < 2 * MINUTE:
        return f"{int(seconds)} s"
    return f"{int(seconds) // MINUTE} min" if seconds < 2 * HOUR else f"{int(seconds) // HOUR} h"


def share(ratio: float | None) -> str:
    """A ratio in whole percent, cut: 79.9 % is not the 80 % that was promised."""
    return UNKNOWN if ratio is None else f"{floor(ratio * 100 + 1e-9)}%"


def count(number: int | None, *, at_least: bool = False) -> str:
    """A count; marked where there may be more of it than is known."""
    if number is None:
        return UNKNOWN
    return f"{AT_LEAST}{number}" if at_least else str(number)


def time_of_day(unix_seconds: float, utc_offset_seconds: int | None) -> str:
    """``hh:mm:ss`` on the site's own clock; in UTC, and saying so, where that is not known."""
    of_day = int(unix_seconds + (utc_offset_seconds or 0)) % DAY
    shown = f"{of_day // HOUR:02}:{of_day % HOUR // MINUTE:02}:{of_day % MINUTE:02}"
    return f"{shown} UTC" if utc_offset_seconds is None else shown
