"""Counts of visits that can be added and taken away again: the sums behind intervals, days and service levels."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

import msgspec

from streams.domain.figures import OUTCOMES, wait_edges_seconds

WAITING: Final = -1
"""Stands in for an outcome while the contact has not left."""

OUTCOME_NUMBER: Final = {name: number for number, name in enumerate(OUTCOMES)}
ANSWERED_IN_TARGET: Final = OUTCOME_NUMBER["answered_in_target"]
ANSWERED_LATE: Final = OUTCOME_NUMBER["answered_late"]
ABANDONED_SHORT: Final = OUTCOME_NUMBER["abandoned_short"]
ABANDONED_IN_TARGET: Final = OUTCOME_NUMBER["abandoned_in_target"]
ABANDONED_LATE: Final = OUTCOME_NUMBER["abandoned_late"]
CALLBACK_IN_TARGET: Final = OUTCOME_NUMBER["callback_in_target"]
CALLBACK_LATE: Final = OUTCOME_NUMBER["callback_late"]
UNKNOWN_EXIT: Final = OUTCOME_NUMBER["unknown_exit"]
FIRST_FLOWED_OUT: Final = OUTCOME_NUMBER["transferred"]
LAST_FLOWED_OUT: Final = OUTCOME_NUMBER["key_exit"]


class Standing(NamedTuple):
    """What one visit adds to the counts of its interval and day: its place and its amounts.

    ``outcome`` is a number of ``OUTCOMES`` or WAITING; times in milliseconds.
    """

    interval_ms: int
    day: int
    outcome: int
    wait_ms: int
    talk_ms: int
    hold_ms: int
    wrap_up_ms: int
    is_handled: bool
    is_breach: bool
    rule: str = ""
    """Whose limit it is that the visit is judged by."""


def wait_edges_ms(channel: str) -> tuple[int, ...]:
    return tuple(edge * 1000 for edge in wait_edges_seconds(channel))


class Counts(msgspec.Struct, array_like=True, gc=False):
    """Visits offered in one interval or day, by what became of them.

    ``answered_waits`` and ``abandoned_waits`` count visits per wait bucket of the channel (upper edges inclusive, the
    last bucket above every edge), and are empty while no visit was counted there; sums are milliseconds. ``revision``
    is the sum of the revisions of the visits the counts rest on.
    """

    revision: int = 0
    offered: int = 0
    outcomes: list[int] = msgspec.field(default_factory=lambda: [0] * len(OUTCOMES))
    answered_wait_ms: int = 0
    abandoned_wait_ms: int = 0
    handled: int = 0
    talk_ms: int = 0
    hold_ms: int = 0
    wrap_up_ms: int = 0
    breaches: int = 0
    answered_waits: list[int] = msgspec.field(default_factory=list)
    abandoned_waits: list[int] = msgspec.field(default_factory=list)
    breaches_by_rule: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def answered(self) -> int:
        return self.outcomes[ANSWERED_IN_TARGET] + self.outcomes[ANSWERED_LATE]

    @property
    def abandoned(self) -> int:
        return sum(self.outcomes[ABANDONED_SHORT : ABANDONED_LATE + 1])

    @property
    def callback_requested(self) -> int:
        return self.outcomes[CALLBACK_IN_TARGET] + self.outcomes[CALLBACK_LATE]

    @property
    def flowed_out(self) -> int:
        return sum(self.outcomes[FIRST_FLOWED_OUT : LAST_FLOWED_OUT + 1])

    @property
    def waiting(self) -> int:
        return self.offered - sum(self.outcomes)

    def change(self, standing: Standing, edges_ms: tuple[int, ...], sign: int) -> None:
        """Add a visit (``sign`` 1) or take it away again (-1)."""
        self.offered += sign
        if standing.is_breach:
            self.breaches += sign
            _add_breaches(self.breaches_by_rule, standing.rule, sign)
        outcome = standing.outcome
        if outcome == WAITING:
            return
        self.outcomes[outcome] += sign
        if outcome <= ANSWERED_LATE:
            self.answered_wait_ms += sign * standing.wait_ms
            _change_bucket(self.answered_waits, edges_ms, standing.wait_ms, sign)
        elif outcome <= ABANDONED_LATE:
            self.abandoned_wait_ms += sign * standing.wait_ms
            _change_bucket(self.abandoned_waits, edges_ms, standing.wait_ms, sign)
        if standing.is_handled:
            self.handled += sign
            self.talk_ms += sign * standing.talk_ms
            self.hold_ms += sign * standing.hold_ms
            self.wrap_up_ms += sign * standing.wrap_up_ms

    def add(self, other: Counts) -> None:
        """Add every count of ``other`` (an interval into its day)."""
        self.revision += other.revision
        self.offered += other.offered
        self.outcomes = [mine + theirs for mine, theirs in zip(self.outcomes, other.outcomes, strict=True)]
        self.answered_wait_ms += other.answered_wait_ms
        self.abandoned_wait_ms += other.abandoned_wait_ms
        self.handled += other.handled
        self.talk_ms += other.talk_ms
        self.hold_ms += other.hold_ms
        self.wrap_up_ms += other.wrap_up_ms
        self.breaches += other.breaches
        for rule, breaches in other.breaches_by_rule.items():
            _add_breaches(self.breaches_by_rule, rule, breaches)
        self.answered_waits = _sum_buckets(self.answered_waits, other.answered_waits)
        self.abandoned_waits = _sum_buckets(self.abandoned_waits, other.abandoned_waits)


def _change_bucket(buckets: list[int], edges_ms: tuple[int, ...], wait_ms: int, sign: int) -> None:
    if not buckets:
        buckets.extend([0] * (len(edges_ms) + 1))
    buckets[bisect_left(edges_ms, wait_ms)] += sign


def _add_breaches(by_rule: dict[str, int], rule: str, count: int) -> None:
    """What adds up to nothing leaves no trace."""
    by_rule[rule] = by_rule.get(rule, 0) + count
    if not by_rule[rule]:
        del by_rule[rule]


def _sum_buckets(mine: list[int], theirs: list[int]) -> list[int]:
    if not mine or not theirs:
        return list(mine or theirs)
    return [one + other for one, other in zip(mine, theirs, strict=True)]
