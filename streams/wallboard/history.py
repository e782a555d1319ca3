"""What the wallboard remembers between two looks: the queues it has seen, and breaches by the hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from streams import metric_names as names
from streams.wallboard.pages import Labels, Page

HOUR_SECONDS: Final = 3600.0
BREACHED_LIMIT: Final = "max"


class QueueKey(NamedTuple):
    """The series of one queue and channel."""

    tenant: str
    site: str
    queue: str
    channel: str

    @classmethod
    def of(cls, labels: Labels) -> QueueKey:
        return cls(labels["tenant"], labels["site"], labels["queue"], labels["channel"])


class _Increase(NamedTuple):
    from_seconds: float
    breaches: float


class _Seen(NamedTuple):
    at_seconds: float
    value: float


class History:
    """Told every look at the workers in turn; answers for the hour before the last one.

    An hour is an hour of the caller's ``now``, the same that ages the data: wall time beside a worker on the wall
    clock, event time in a simulation, where an hour may pass in seconds. (Not the newest event time under the wall
    clock: it stands still in a silent night, and an old breach would never leave the hour.)

    Counters are followed per worker, as Prometheus' `increase` does but without extrapolation: what was there at the
    first look is no increase, and a value that fell (the worker started again) counts from 0. A new owner counts
    again those who are still waiting beyond their limit; the exact number of the day is `filaviva_queue_day_breaches`.
    """

    def __init__(self) -> None:
        self.since_seconds: float | None = None
        """From when on breaches are known: the first look, or the first after more than an hour without one."""
        self._now = float("-inf")
        self._counters: dict[tuple[str, QueueKey], _Seen] = {}
        self._increases: dict[QueueKey, list[_Increase]] = {}
        self._configured: dict[QueueKey, dict[str, float]] = {}
        self._info: dict[QueueKey, Labels] = {}

    @property
    def queues(self) -> Mapping[QueueKey, Labels]:
        """Every queue any worker has ever named, with the labels that name it for people."""
        return self._info

    def configured(self, queue: QueueKey) -> Mapping[str, float]:
        """Metric name to value of the queue's configuration, as last heard."""
        return self._configured.get(queue, {})

    def observe(self, pages: Iterable[Page], now: float) -> None:
        """Take in one look at every worker. ``now`` is a Unix time; a step back is read as no step."""
        before, self._now = self._now, max(self._now, now)
        if self.since_seconds is None or self._now - before > HOUR_SECONDS:
            self.since_seconds = self._now
            self._counters.clear()
            self._increases.clear()
        for page in pages:
            self._remember_configuration(page)
            for labels, value in page.of(names.QUEUE_WAIT_BREACHES):
                if labels["limit"] == BREACHED_LIMIT:
                    self._count((page.url, QueueKey.of(labels)), value)

    def watched_seconds(self) -> float:
        """How much of the last hour is known; at most the hour."""
        return 0.0 if self.since_seconds is None else min(HOUR_SECONDS, self._now - self.since_seconds)

    def breaches_last_hour(self, queue: QueueKey) -> int | None:
        """Breaches in the hour before the last look, or since the first; None while there was only one."""
        if not self.watched_seconds():
            return None
        return round(sum(each.breaches for each in self._in_the_hour(queue)))

    def _count(self, counter: tuple[str, QueueKey], value: float) -> None:
        before = self._counters.get(counter)
        self._counters[counter] = _Seen(self._now, value)
        if before is None:
            return
        count = value - before.value if value >= before.value else value
        if count:
            self._increases[counter[1]] = [*self._in_the_hour(counter[1]), _Increase(before.at_seconds, count)]

    def _in_the_hour(self, queue: QueueKey) -> list[_Increase]:
        """What began and ended in the hour before the last look."""
        return [each for each in self._increases.get(queue, ()) if each.from_seconds >= self._now - HOUR_SECONDS]

    def _remember_configuration(self, page: Page) -> None:
        for labels, _ in page.of(names.QUEUE_INFO):
            self._info[QueueKey.of(labels)] = labels
        configured = (names.QUEUE_ANSWER_TARGET, names.QUEUE_MAX_WAIT, names.QUEUE_SERVICE_LEVEL_TARGET)
        for metric in (names.QUEUE_OPEN, *configured):
            for labels, value in page.of(metric):
                self._configured.setdefault(QueueKey.of(labels), {})[metric.name] = value
