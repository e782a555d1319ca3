"""Local days and 15-minute intervals of a site, from instants in milliseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

INTERVAL_MS: Final = 15 * 60 * 1000
_DAY_MS: Final = 86_400_000
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_REMEMBERED: Final = 100_000
"""Quarters of an hour whose offset is kept in mind."""


class SiteCalendar:
    """What day and interval an instant belongs to in one zone."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self._offsets: dict[int, int] = {}

    def _offset_ms(self, instant_ms: int) -> int:
        """The zone's offset from UTC; remembered by quarter of an hour, no zone changes its clocks inside one."""
        quarter = instant_ms // INTERVAL_MS
        found = self._offsets.get(quarter)
        if found is None:
            if len(self._offsets) >= MOST_REMEMBERED:
                self._offsets.clear()
            moment = _EPOCH + timedelta(milliseconds=quarter * INTERVAL_MS)
            offset = moment.astimezone(self.zone).utcoffset()
            found = self._offsets[quarter] = int((offset or timedelta()).total_seconds()) * 1000
        return found

    def interval_start_ms(self, instant_ms: int) -> int:
        """Start of the local quarter of an hour (:00, :15, :30, :45) that holds the instant."""
        return instant_ms - (instant_ms + self._offset_ms(instant_ms)) % INTERVAL_MS

    def day(self, instant_ms: int) -> int:
        """The local date as a proleptic ordinal (``date.fromordinal``)."""
        return (instant_ms + self._offset_ms(instant_ms)) // _DAY_MS + _EPOCH_ORDINAL

    def interval_and_day(self, instant_ms: int) -> tuple[int, int]:
        """Both at once, for every visit needs both."""
        local_ms = instant_ms + self._offset_ms(instant_ms)
        return instant_ms - local_ms % INTERVAL_MS, local_ms // _DAY_MS + _EPOCH_ORDINAL

    def day_start_ms(self, day: int) -> int:
        """The first instant of a local date."""
        midnight = datetime.combine(date.fromordinal(day), datetime.min.time(), self.zone)
        return int(midnight.timestamp()) * 1000
