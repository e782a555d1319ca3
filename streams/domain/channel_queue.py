"""One queue on one channel: its interval and day counts, who waits in it, and what the metrics count of it."""

from __future__ import annotations

from typing import Final

from streams.domain.counts import Counts, Standing, wait_edges_ms
from streams.domain.directory import DAY_MS, QueuePolicy
from streams.domain.figures import LIVE_WAIT_EDGES_SECONDS, Histogram, LiveCounters, wait_edges_seconds
from streams.domain.time import SiteCalendar
from streams.domain.waiting import WaitingLine

KEEP_INTERVALS_MS: Final = 2 * DAY_MS
"""Intervals younger than this (against the newest offer) stay, so that every local day of today is whole."""


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

    def rest_on(self, interval_ms: int, facts: int) -> None:
        """The interval rests on this many more facts (fewer when negative)."""
        self._counts(self.intervals, interval_ms).revision += facts

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

    def drop_old_intervals(self, newest_ms: int) -> dict[int, Counts]:
        """Forget intervals that no retained visit can change any more; returns them by their start."""
        oldest_kept_ms = newest_ms - KEEP_INTERVALS_MS
        old = {
            start: counts
            for start, counts in self.intervals.items()
            if start < oldest_kept_ms and not self.visits_of_interval.get(start)
        }
        for start in old:
            del self.intervals[start]
            self.visits_of_interval.pop(start, None)
        kept_days = {self.calendar.day(start) for start in self.intervals}
        for day in [day for day in self.days if day not in kept_days]:
            del self.days[day]
        return old

    def restore_interval(self, interval_ms: int, counts: Counts) -> None:
        self.intervals[interval_ms] = counts
        self._counts(self.days, self.calendar.day(interval_ms)).add(counts)
