"""Who waits now in one queue: the oldest, the nearest to the limit, those beyond it."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, Protocol

NO_LIMIT_MS: Final = 1 << 60
"""Stands for the limit of a wait that has none: later than anything."""


class Waiter(Protocol):
    """What the line needs to know of a waiting visit."""

    @property
    def visit_id(self) -> str: ...

    @property
    def lead_ms(self) -> int:
        """How much of the wait that the limit speaks of was over at the offer."""

    offered_ms: int
    limit_ms: int
    """From the offer."""
    place: Place | None


Place = tuple[int, str, Waiter]
"""One stand in a line: since when, and who. A visit holds the one it stands in."""


class WaitingLine:
    """The live visits waiting in a queue, oldest first, apart by their own limit.

    Joining and leaving cost O(log n) at most; leaving only marks, and marked entries are dropped when they come first.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], list[Place]] = {}
        self.size = 0
        self.over: set[Waiter] = set()
        """Waiting beyond their limit, as far as the clock has been told."""

    def join(self, visit: Waiter, *, shows_wait: bool) -> None:
        """``shows_wait`` False counts the contact but leaves its age out: a source with a wrong clock."""
        self.size += 1
        visit.place = (visit.offered_ms, visit.visit_id, visit)
        if shows_wait:
            line = self._lines.setdefault((visit.limit_ms, visit.lead_ms), [])
            _drop_left(line)
            heappush(line, visit.place)

    def leave(self, visit: Waiter) -> None:
        self.size -= 1
        visit.place = None
        self.over.discard(visit)

    def longest_wait_ms(self, now_ms: int) -> int:
        """Age of the oldest contact waiting; 0 when none."""
        return max((age for _, _, age in self._oldest(now_ms)), default=0)

    def limit_used_ratio(self, now_ms: int) -> float:
        """The largest share any waiting contact has used of its own limit; 0 when none waits or has one."""
        shares = (
            (age + lead_ms) / (limit_ms + lead_ms)
            for limit_ms, lead_ms, age in self._oldest(now_ms)
            if 0 < limit_ms + lead_ms < NO_LIMIT_MS
        )
        return max(shares, default=0.0)

    def _oldest(self, now_ms: int) -> list[tuple[int, int, int]]:
        """(limit, lead, age) of the oldest of each line; lines that nobody stands in any more are forgotten."""
        oldest = []
        for (limit_ms, lead_ms), line in list(self._lines.items()):
            _drop_left(line)
            if line:
                oldest.append((limit_ms, lead_ms, max(0, now_ms - line[0][0])))
            else:
                del self._lines[limit_ms, lead_ms]
        return oldest


def _drop_left(line: list[Place]) -> None:
    """Drop the first places whose visits have left since, perhaps for another place here or in another line."""
    while line and line[0][2].place is not line[0]:
        heappop(line)
