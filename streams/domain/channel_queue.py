"""One queue on one channel: its interval and day counts, who waits in it, and what the metrics count of it."""

from __future__ import annotations

from typing import Final

from streams.domain.counts import Counts, Standing, wait_edges_ms
from streams.domain.directory import QueuePolicy
from streams.domain.figures import LIVE_WAIT_EDGES_SECONDS, Histogram, LiveCounters, wait_edges_seconds
from streams.domain.time import SiteCalendar
from streams.domain.waiting import WaitingLine

KEEP_DAYS: Final = 2
"""Local days before that of the newest offer whose intervals stay in any case. Days are kept or dropped whole, so that
a day is always the sum of its intervals."""


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
        self._newest_day = 0
        self.line = WaitingLine()
        edges = wait_edges_seconds(channel)
        self.counters = LiveCounters(Histogram(edges), Histogram(edges), Histogram(LIVE_WAIT_EDGES_SECONDS))

    def row_key(self, interval_ms: int) -> bytes:
        policy = self.policy
        return f"i/{policy.tenant}/{policy.queue}/{self.channel}/{interval_ms}".encode()

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
        """Whether this interval begins the newest local day yet: time to look for old ones."""
        day = self.calendar.day(interval_ms)
        is_new_day = day > self._newest_day
        self._newest_day = max(day, self._newest_day)
        return is_new_day

    def release_interval(self, interval_ms: int) -> None:
        self.visits_of_interval[interval_ms] -= 1

    def drop_old_days(self) -> list[tuple[int, Counts]]:
        """Forget the days that are old and that no retained visit can change any more; the intervals they were of."""
        held_days = {self.calendar.day(start) for start, visits in self.visits_of_interval.items() if visits}
        old = [start for start in self.intervals if self._is_old(start, held_days)]
        for start in old:
            self.visits_of_interval.pop(start, None)
            self.days.pop(self.calendar.day(start), None)
        return [(start, self.intervals.pop(start)) for start in old]

    def _is_old(self, interval_ms: int, held_days: set[int]) -> bool:
        day = self.calendar.day(interval_ms)
        return day < self._newest_day - KEEP_DAYS and day not in held_days

    def restore_interval(self, interval_ms: int, counts: Counts) -> None:
        day = self.calendar.day(interval_ms)
        self.intervals[interval_ms] = counts
        self._counts(self.days, day).add(counts)
        self._newest_day = max(day, self._newest_day)
