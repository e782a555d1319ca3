"""What a stage counts of its input: the durable ledger, and the figures of this process beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from streams.domain.decisions import Ledger, Reason
from streams.domain.figures import ODD_EVENTS, UNFINISHED, Histogram, StageFigures

LEDGER_ROW: Final = b"ledger"
MOST_SOURCES: Final = 1000
"""Sources counted apart in one partition; what events of further ones say about time is not shown."""
DISORDER_MS: Final = 1000
DELAY_EDGES_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)


@dataclass(slots=True)
class InputCounts:
    """Every record of the input is counted here exactly once, in one class of the ledger."""

    ledger: Ledger = field(default_factory=Ledger)
    applied: dict[tuple[str, str], int] = field(default_factory=dict)
    discarded: dict[tuple[str, str], int] = field(default_factory=dict)
    rejected: dict[tuple[str, str], int] = field(default_factory=dict)
    historic: dict[str, int] = field(default_factory=dict)
    skewed: dict[tuple[str, str, str], int] = field(default_factory=dict)
    last_event_ms: dict[tuple[str, str, str], int] = field(default_factory=dict)
    delay: dict[str, Histogram] = field(default_factory=dict)
    odd: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    unfinished: dict[tuple[str, str, str, str], int] = field(default_factory=dict)

    def count_applied(self, topic: str, event_type: str) -> None:
        self.ledger.applied += 1
        key = (topic, event_type)
        self.applied[key] = self.applied.get(key, 0) + 1

    def count_duplicate(self, topic: str) -> None:
        self.ledger.duplicate += 1
        self._discard(topic, "duplicate")

    def count_ignored(self, topic: str) -> None:
        self.ledger.ignored += 1
        self._discard(topic, "ignored")

    def count_rejected(self, topic: str, reason: Reason) -> None:
        self.ledger.rejected += 1
        key = (topic, reason.value)
        self.rejected[key] = self.rejected.get(key, 0) + 1

    def withdraw_applied(self) -> None:
        """A fact that was applied turned out to be one to reject: it leaves its class of the ledger."""
        self.ledger.applied -= 1

    def observe(self, source: tuple[str, str, str], topic: str, *, time_ms: int, wall_ms: int) -> None:
        """A live event of (tenant, site, source) was taken: how fresh it is."""
        self.observe_all(source, topic, times_ms=(time_ms,), wall_ms=wall_ms)

    def observe_all(self, source: tuple[str, str, str], topic: str, *, times_ms: Sequence[int], wall_ms: int) -> None:
        """The same of several events of one source, taken at one instant; at least one."""
        seen_ms = min(max(times_ms), wall_ms)  # a source ahead of time must not hide its own silence
        if seen_ms > self.last_event_ms.get(source, 0) and _has_room(self.last_event_ms, source):
            self.last_event_ms[source] = seen_ms
        histogram = self.delay.get(topic)
        if histogram is None:
            histogram = self.delay[topic] = Histogram(DELAY_EDGES_SECONDS)
        for time_ms in times_ms:
            histogram.observe(max(0, wall_ms - time_ms) / 1000)

    def count_historic(self, topic: str) -> None:
        self.historic[topic] = self.historic.get(topic, 0) + 1

    def count_skewed(self, source: tuple[str, str, str]) -> None:
        if _has_room(self.skewed, source):
            self.skewed[source] = self.skewed.get(source, 0) + 1

    def count_odd(self, source: tuple[str, str, str], kind: str) -> None:
        """A live event of the source came otherwise than it should; ``kind`` is one of ODD_EVENTS."""
        key = (*source, kind)
        if key in self.odd or len(self.odd) < MOST_SOURCES * len(ODD_EVENTS):
            self.odd[key] = self.odd.get(key, 0) + 1

    def count_unfinished(self, source: tuple[str, str, str], kind: str) -> None:
        """A live visit of the source is forgotten; ``kind``, one of UNFINISHED, is what was never told of it."""
        key = (*source, kind)
        if key in self.unfinished or len(self.unfinished) < MOST_SOURCES * len(UNFINISHED):
            self.unfinished[key] = self.unfinished.get(key, 0) + 1

    def is_disordered(self, source: tuple[str, str, str], time_ms: int) -> bool:
        """Whether an event is older than the newest of its source by more than vendors' whole seconds explain."""
        return self.last_event_ms.get(source, 0) - time_ms > DISORDER_MS

    def row(self) -> tuple[bytes, bytes]:
        ledger = self.ledger
        return LEDGER_ROW, msgspec.msgpack.encode((ledger.applied, ledger.duplicate, ledger.ignored, ledger.rejected))

    def restore(self, value: bytes | None) -> None:
        if value is not None:
            self.ledger = Ledger(*msgspec.msgpack.decode(value, type=tuple[int, int, int, int]))

    def figures(self, rows: int) -> StageFigures:
        """A copy that may be read on another thread; ``rows`` is how many keys the state holds."""
        return StageFigures(
            applied=dict(self.applied),
            discarded=dict(self.discarded),
            rejected=dict(self.rejected),
            historic=dict(self.historic),
            skewed=dict(self.skewed),
            last_event_ms=dict(self.last_event_ms),
            delay={topic: histogram.copy() for topic, histogram in self.delay.items()},
            rows=rows,
            odd=dict(self.odd),
            unfinished=dict(self.unfinished),
        )

    def _discard(self, topic: str, discarded_class: str) -> None:
        key = (topic, discarded_class)
        self.discarded[key] = self.discarded.get(key, 0) + 1


def _has_room(by_source: dict[tuple[str, str, str], int], source: tuple[str, str, str]) -> bool:
    return source in by_source or len(by_source) < MOST_SOURCES
