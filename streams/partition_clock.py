"""What "now" is for one topic-partition: the wall clock only while we have read to the end of a broker that answers.

Everything comes in as integer milliseconds. An `Instant` holds both clocks of one moment: the wall clock becomes "now",
the monotonic one measures ages, so that a stepped wall clock cannot make an old answer of the broker look fresh.

Rules of "now" under ``wall``, first match wins. It never goes back, and never runs ahead of the wall clock:

1. the broker gave no answer for 5 s, or a failure was reported: it stands still;
2. held (the lateness bound after the broker's return, or after a start from state older than 30 s), not at the end, or
   the end observed more than 2 s ago: newest event time minus the lateness bound, capped by the Kafka timestamp;
3. otherwise: the wall clock.

Under ``event`` it is the newest event time minus the lateness bound, and nothing is ever stale.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

END_VALID_MS: Final = 2_000
ANSWER_VALID_MS: Final = 5_000
STALE_BEHIND_MS: Final = 30_000
OLD_STATE_MS: Final = 30_000

ClockMode = Literal["wall", "event"]


class Instant(NamedTuple):
    """One moment on both clocks of this process."""

    wall_ms: int
    monotonic_ms: int


class _ObservedEnd(NamedTuple):
    offset: int
    asked_ms: int


class PartitionClock:
    """The time of one topic-partition, from the end of its recovery to its revocation.

    ``restored_now_ms`` is what `now` gave when the restored state was flushed (None: no state): the floor, and its age
    decides whether the start is held. Never the bare wall clock, which would skip the catching up that `now` waits for;
    nor a time of the other mode.
    """

    def __init__(self, mode: ClockMode, *, lateness_ms: int, restored_now_ms: int | None, started: Instant) -> None:
        self._follows_wall = mode == "wall"
        self._lateness_ms = lateness_ms
        self._now_ms = restored_now_ms or 0
        self._event_now_ms = 0
        self._position: int | None = None
        self._end: int | None = None
        self._ends_ahead: list[_ObservedEnd] = []
        self._at_end_as_of_ms: int | None = None
        self._has_answered = False
        self._answered_ms = started.monotonic_ms
        self._is_reported_away = False
        self._hold_on_answer = restored_now_ms is not None and started.wall_ms - restored_now_ms > OLD_STATE_MS
        self._held_until_ms: int | None = None

    @property
    def position(self) -> int | None:
        """The offset of the next record to apply; None until told."""
        return self._position

    @property
    def lag_messages(self) -> int | None:
        """Newest observed end minus position; None until both are known."""
        if self._end is None or self._position is None:
            return None
        return max(0, self._end - self._position)

    def observe_position(self, next_offset: int) -> None:
        """Everything below ``next_offset`` is applied, or holds no record: the start of an idle partition, a marker."""
        self._position = max(next_offset, self._position or 0)
        reached = [end for end in self._ends_ahead if end.offset <= self._position]
        if reached:
            self._reach_end(max(end.asked_ms for end in reached))
            self._ends_ahead = [end for end in self._ends_ahead if end.offset > self._position]

    def observe_records(self, last_offset: int, newest_event_ms: int | None, newest_kafka_ms: int) -> None:
        """Records up to ``last_offset`` are applied; ``newest_event_ms`` is None when none has a valid time."""
        self.observe_position(last_offset + 1)
        if newest_event_ms is None:
            return
        event_now_ms = newest_event_ms - self._lateness_ms
        if self._follows_wall:
            event_now_ms = min(event_now_ms, newest_kafka_ms)
        self._event_now_ms = max(self._event_now_ms, event_now_ms)

    def observe_end(self, end_offset: int, *, asked_ms: int, answered_ms: int) -> None:
        """The broker said where the partition ends. Both times are monotonic; the end is as old as the question."""
        if self._follows_wall and (self._hold_on_answer or self._is_away(answered_ms)):
            self._held_until_ms = answered_ms + self._lateness_ms
        self._hold_on_answer = self._is_reported_away = False
        self._has_answered = True
        self._answered_ms = max(answered_ms, self._answered_ms)
        self._end = end_offset
        if self._position is not None and self._position >= end_offset:
            self._reach_end(asked_ms)
        else:
            # An end older than it may be used is dropped, so the list holds 2 s of answers at most.
            self._ends_ahead = [end for end in self._ends_ahead if asked_ms - end.asked_ms <= END_VALID_MS]
            self._ends_ahead.append(_ObservedEnd(end_offset, asked_ms))

    def observe_broker_away(self, monotonic_ms: int) -> None:
        """The broker was found away at ``monotonic_ms``: it counts as away until it answers again."""
        if monotonic_ms >= self._answered_ms:
            self._is_reported_away = True

    def now(self, instant: Instant) -> int:
        """Event time up to which the partition is believed complete, in milliseconds; 0 while nothing is known."""
        self._now_ms = max(self._now_ms, self._candidate_ms(instant))
        return self._now_ms

    def is_caught_up(self, instant: Instant) -> bool:
        """Whether everything the partition held at most 2 s ago is applied, and the broker answers."""
        if self._at_end_as_of_ms is None or self._is_away(instant.monotonic_ms):
            return False
        return instant.monotonic_ms - self._at_end_as_of_ms <= END_VALID_MS

    def is_standing_still(self, instant: Instant) -> bool:
        """Whether time waits for the broker, which gave no answer for 5 s or was found away."""
        return self._follows_wall and self._is_away(instant.monotonic_ms)

    def is_held(self, instant: Instant) -> bool:
        """Whether late records are awaited although the end is reached."""
        return self._held_until_ms is not None and instant.monotonic_ms < self._held_until_ms

    def catching_up_by_ms(self, instant: Instant) -> int:
        """How far `now` is behind the wall clock: by so much every age computed from `now` is too small."""
        return max(0, instant.wall_ms - self.now(instant)) if self._follows_wall else 0

    def is_stale(self, instant: Instant) -> bool:
        """Whether live figures must not be shown. A wall clock stepped back by more than 30 s counts too."""
        if not self._follows_wall:
            return False
        if not self._has_answered or self.is_standing_still(instant) or self.is_held(instant):
            return True
        return abs(instant.wall_ms - self.now(instant)) > STALE_BEHIND_MS

    def _candidate_ms(self, instant: Instant) -> int:
        if not self._follows_wall:
            return self._event_now_ms
        if self._is_away(instant.monotonic_ms):
            return self._now_ms
        if self.is_held(instant) or not self.is_caught_up(instant):
            return min(self._event_now_ms, instant.wall_ms)
        return instant.wall_ms

    def _is_away(self, monotonic_ms: int) -> bool:
        return self._is_reported_away or monotonic_ms - self._answered_ms > ANSWER_VALID_MS

    def _reach_end(self, asked_ms: int) -> None:
        self._at_end_as_of_ms = max(asked_ms, self._at_end_as_of_ms or asked_ms)
