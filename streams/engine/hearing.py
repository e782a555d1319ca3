"""Notices a worker that the group hears nothing of any more, although the broker is there.

aiokafka looks for its group's coordinator without end and without a deadline. After a broker that froze or died it may
do so on a connection that is gone: no heartbeat, no rejoining, commits that never return. The producer has a connection
of its own, so what it gets acknowledged says that the broker answers.
"""

from __future__ import annotations

from typing import Final

LONGEST_SECONDS: Final = 15.0


class Hearing:
    """Asked regularly. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._known_at = 0.0
        self._answered_since: float | None = None

    def is_lost(self, *, knows_coordinator: bool, acknowledged_at: float, now: float) -> bool:
        """Whether the broker has been taking what we write for long while the coordinator stays unknown.

        An outage alone does not count: time begins with the first acknowledgement after the coordinator was lost.
        """
        if knows_coordinator:
            self._known_at, self._answered_since = now, None
            return False
        if self._answered_since is None and acknowledged_at > self._known_at:
            self._answered_since = acknowledged_at
        return self._answered_since is not None and acknowledged_at - self._answered_since > LONGEST_SECONDS
