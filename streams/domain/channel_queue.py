"""One queue on one channel: its interval and day counts, who waits in it, and what the metrics count of it."""

from __future__ import annotations

from typing import Final

import msgspec

from streams.domain.counts import Counts, Standing, wait_edges_ms
from streams.domain.directory import QueuePolicy
from streams.domain.figures import LIVE_WAIT_EDGES_SECONDS, Histogram, LiveCounters, wait_edges_seconds
from streams.domain.privacy import REFUSALS
from streams.domain.time import SiteCalendar
from streams.domain.waiting import WaitingLine

KEEP_DAYS: Final = 2
"""Local days before that of the newest offer whose intervals stay open in any case. Days are opened and closed whole,
so that a day is always the sum of its intervals."""
MOST_CLOSED_DAYS: Final = 400
"""Closed days kept, the newest: as long as outcomes are. Whatever is older than all of them is too late."""

_encode_day = msgspec.msgpack.Encoder().encode
_decode_day = msgspec.msgpack.Decoder(dict[int, Counts]).decode


class ChannelQueue:
    """Counts per interval and local day, the live line, and the counters of this process."""

    def __init__(self, policy: QueuePolicy, channel: str, calendar: SiteCalendar) -> None:
        self.policy = policy
        self.channel = channel
        self.calendar = calendar
        self.edges_ms = wait_edges_ms(channel)
        self.intervals: dict[int, Counts] = {}
        self.days: dict[int, Counts] = {}
        self.visits_of_interval: dict[int, int] = {}
        """Retained visits with an offer in the interval: while there are any, its counts may still change."""
        self.closed_days: dict[int, bytes] = {}
        """The intervals of each day that no retained visit can change, as their row has them: small, and ready to be
        opened for whoever comes later, such as another archive of the same days."""
        self._newest_day = 0
        self._has_reopened = False
        self.line = WaitingLine()
        edges = wait_edges_seconds(channel)
        self.counters = LiveCounters(
            Histogram(edges),
            Histogram(edges),
            Histogram(LIVE_WAIT_EDGES_SECONDS),
            refusals=dict.fromkeys(REFUSALS if policy.callback_queue is not None else (), 0),
        )

    def row_key(self, interval_ms: int) -> bytes:
        policy = self.policy
        return f"i/{policy.tenant}/{policy.queue}/{self.channel}/{interval_ms}".encode()

    def day_row_key(self, day: int) -> bytes:
        policy = self.policy
        return f"d/{policy.tenant}/{policy.queue}/{self.channel}/{day}".encode()

    def change(self, standing: Standing, sign: int) -> None:
        self._counts(self.intervals, standing.interval_ms).change(standing, self.edges_ms, sign)
        self._counts(self.days, standing.day).change(standing, self.edges_ms, sign)

    def rest_on(self, interval_ms: int, growth: int) -> None:
        """A visit with an offer in the interval has grown its revision by so much: the interval's grows with it."""
        self._counts(self.intervals, interval_ms).revision += growth

    @staticmethod
    def _counts(counts_by_start: dict[int, Counts], start: int) -> Counts:
        counts = counts_by_start.get(start)
        if counts is None:
            counts = counts_by_start[start] = Counts()
        return counts

    def hold_interval(self, interval_ms: int) -> None:
        """A retained visit has an offer here."""
        self.visits_of_interval[interval_ms] = self.visits_of_interval.get(interval_ms, 0) + 1

    def opens_day(self, interval_ms: int) -> bool:
        """Whether this interval begins the newest local day yet, or one was opened again: time to close others."""
        day = self.calendar.day(interval_ms)
        is_new_day = day > self._newest_day
        self._newest_day = max(day, self._newest_day)
        return is_new_day or self._has_reopened

    def release_interval(self, interval_ms: int) -> None:
        self.visits_of_interval[interval_ms] -= 1

    def close_old_days(self) -> dict[int, dict[int, Counts]]:
        """Close the days that are old and that no retained visit can change any more; each with its intervals."""
        self._has_reopened = False
        held_days = {self.calendar.day(start) for start, visits in self.visits_of_interval.items() if visits}
        closing: dict[int, dict[int, Counts]] = {}
        for start in sorted(start for start in self.intervals if self._is_old(start, held_days)):
            self.visits_of_interval.pop(start, None)
            closing.setdefault(self.calendar.day(start), {})[start] = self.intervals.pop(start)
        for day, intervals in closing.items():
            self.days.pop(day, None)
            self.closed_days[day] = _encode_day(intervals)
        return closing

    def forget_oldest_days(self) -> list[int]:
        """Let go of closed days beyond those that are kept; which they were."""
        oldest = sorted(self.closed_days)[: max(0, len(self.closed_days) - MOST_CLOSED_DAYS)]
        for day in oldest:
            del self.closed_days[day]
        return oldest

    def is_forgotten(self, time_ms: int) -> bool:
        """Whether the day of this instant may have been told and let go: its counts could only start from nothing."""
        if len(self.closed_days) < MOST_CLOSED_DAYS:
            return False
        day = self.calendar.day(time_ms)
        return day not in self.days and day < min(self.closed_days)

    def reopen(self, day: int) -> list[int]:
        """Open a closed day; the intervals it has. None where the day is not closed."""
        closed = self.closed_days.pop(day, None)
        if closed is None:
            return []
        intervals = _decode_day(closed)
        for start, counts in intervals.items():
            self.restore_interval(start, counts)
        self._has_reopened = True
        return list(intervals)

    def _is_old(self, interval_ms: int, held_days: set[int]) -> bool:
        day = self.calendar.day(interval_ms)
        return day < self._newest_day - KEEP_DAYS and day not in held_days

    def restore_closed_day(self, day: int, row: bytes) -> None:
        self.closed_days[day] = row
        self._newest_day = max(day, self._newest_day)

    def restore_interval(self, interval_ms: int, counts: Counts) -> None:
        day = self.calendar.day(interval_ms)
        self.intervals[interval_ms] = counts
        self._counts(self.days, day).add(counts)
        self._newest_day = max(day, self._newest_day)
