"""Opening hours of a queue: when it is open, and when so much opening time has passed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from streams.domain.calendars import Calendar
from streams.domain.limits import local_date

Span = tuple[int, int]
"""Minutes of the local day from and until which it is open; 1440 is the end of the day."""
_DAY_MINUTES: Final = 24 * 60
_LONGEST_SEARCH_DAYS: Final = 3660


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """The spans of each weekday (Monday first) on the clock of a zone; closed on the holidays of a calendar."""

    week: tuple[tuple[Span, ...], ...]
    zone: ZoneInfo
    holidays: Calendar

    def is_open(self, instant_ms: int) -> bool:
        """From the first millisecond of a span up to, not including, its end."""
        day = local_date(instant_ms, self.zone)
        return any(start <= instant_ms < end for start, end in self._spans(day))

    def after(self, start_ms: int, open_ms: int) -> int | None:
        """The instant by which so much opening time has passed since ``start_ms``; None when that is never (within ten
        years): a queue that does not open."""
        day, left_ms = local_date(start_ms, self.zone), open_ms
        for _ in range(_LONGEST_SEARCH_DAYS):
            for opens, closes in self._spans(day):
                begin = max(opens, start_ms)
                if closes - begin >= left_ms:
                    return begin + left_ms
                left_ms -= max(0, closes - begin)
            day += timedelta(days=1)
        return None

    def _spans(self, day: date) -> Iterator[tuple[int, int]]:
        """Instants between which it is open on a local date."""
        if self.holidays.is_holiday(day):
            return
        for first, last in self.week[day.weekday()]:
            yield self._instant(day, first), self._instant(day, last)

    def _instant(self, day: date, minute: int) -> int:
        days, minute_of_day = divmod(minute, _DAY_MINUTES)
        moment = datetime.combine(day + timedelta(days=days), datetime.min.time(), self.zone)
        return round(moment.replace(hour=minute_of_day // 60, minute=minute_of_day % 60).timestamp() * 1000)
