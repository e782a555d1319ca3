"""When each visit next changes by the passing of time alone: one queue of instants per clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from streams.domain.visits import Visit


class DueTimes:
    """Visits by the clock they age by: a topic's clock (live) or a feed's newest event time (historic).

    Every visit has one entry at or before its next instant; an entry that comes up early is simply put back later.
    Visits of one instant come up in the order of their ids.
    """

    def __init__(self) -> None:
        self._heaps: dict[str | int, list[tuple[int, str, Visit]]] = {}

    def put(self, clock: str | int, visit: Visit, due_ms: int) -> None:
        """Make sure the visit comes up at ``due_ms`` or earlier."""
        if visit.due_ms is not None and visit.due_ms <= due_ms:
            return
        visit.due_ms = due_ms
        heappush(self._heaps.setdefault(clock, []), (due_ms, visit.visit_id, visit))

    def reached(self, clock: str | int, now_ms: int, most: int) -> Iterator[Visit]:
        """Visits whose instant has come, at most ``most``; each must be put again."""
        heap = self._heaps.get(clock)
        while heap and heap[0][0] <= now_ms and most:
            due_ms, _, visit = heappop(heap)
            if visit.due_ms == due_ms:
                visit.due_ms = None
                most -= 1
                yield visit


@dataclass(slots=True)
class Unrecorded:
    """What ticks have found true of live visits and the next apply will record."""

    overdue: set[Visit] = field(default_factory=set)
    """Past the limit, their finding told."""
    lost: set[Visit] = field(default_factory=set)
    """Never left as far as anyone knows: counted as unknown exits."""
    over: set[Visit] = field(default_factory=set)
    """Past their retention."""

    def discard(self, visit: Visit) -> None:
        self.overdue.discard(visit)
        self.lost.discard(visit)
        self.over.discard(visit)

    def take(self, most: int) -> list[Visit]:
        """At most ``most`` of them, in a fixed order; they are forgotten here."""
        waiting = sorted(self.overdue | self.lost | self.over, key=lambda visit: visit.visit_id)[:most]
        for visit in waiting:
            self.discard(visit)
        return waiting
