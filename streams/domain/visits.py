"""A visit in memory: its durable facts, and what has been derived and counted of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from streams.domain.channel_queue import ChannelQueue
from streams.domain.counts import (
    ABANDONED_IN_TARGET,
    ABANDONED_LATE,
    ABANDONED_SHORT,
    ANSWERED_IN_TARGET,
    ANSWERED_LATE,
    CALLBACK_IN_TARGET,
    CALLBACK_LATE,
    OUTCOME_NUMBER,
    UNKNOWN_EXIT,
    WAITING,
    Standing,
)
from streams.domain.directory import QueuePolicy
from streams.domain.facts import (
    ABANDONED,
    ANSWERED,
    CALLBACK_REQUESTED,
    Leave,
    Offer,
    Party,
    VisitState,
    leave_of,
    talk_and_hold_ms,
    wrap_up_ms,
)
from streams.domain.findings import is_breach
from streams.domain.privacy import Refusal
from streams.domain.waiting import NO_LIMIT_MS, Place

_FLOW_OUT_OUTCOME: Final = {
    "transfer": OUTCOME_NUMBER["transferred"],
    "overflow": OUTCOME_NUMBER["overflowed"],
    "timeout": OUTCOME_NUMBER["timed_out"],
    "closed": OUTCOME_NUMBER["closed"],
    "key": OUTCOME_NUMBER["key_exit"],
    "unknown": UNKNOWN_EXIT,
}


class Said(NamedTuple):
    """One thing a visit says to the callbacks stage: ``name`` abandoned, requested, owed or served, and of whom; or
    attempted, the visit being what a dial job led to. ``job_id`` is that of the visit."""

    name: str
    at_ms: int
    party: Party
    job_id: str


class Visit:
    """One retained visit. ``visit_id`` is tenant/queue/entry/contact_id."""

    __slots__ = (
        "crossed_limit",
        "crossed_target",
        "due_ms",
        "exit_seen_ms",
        "limit_ms",
        "limit_of",
        "offered_ms",
        "place",
        "places",
        "policy",
        "queue",
        "refusal",
        "revision",
        "said",
        "standing",
        "state",
        "told_revision",
        "visit_id",
    )

    def __init__(self, visit_id: str, policy: QueuePolicy, state: VisitState) -> None:
        self.visit_id = visit_id
        self.policy = policy
        self.state = state
        self.queue: ChannelQueue | None = None
        """Where the visit is counted; None until an offer is known."""
        self.standing: Standing | None = None
        """What is counted of it now."""
        self.revision = 0
        """What its intervals rest on because of it."""
        self.places: tuple[tuple[ChannelQueue, int], ...] = ()
        """The intervals that hold an offer of it."""
        self.limit_ms = NO_LIMIT_MS
        """The limit, counted from the offer."""
        self.limit_of: Offer | None = None
        """The offer that the limit was chosen for."""
        self.offered_ms = 0
        self.place: Place | None = None
        """Its place in the waiting line, None while it does not wait live."""
        self.due_ms: int | None = None
        self.exit_seen_ms: int | None = None
        """When the exit that stands reached Kafka; None once that is settled, and for history."""
        self.crossed_target = False
        self.crossed_limit = False
        self.told_revision: int | None = None
        """The revision at which a tick has told its finding open."""
        self.said: tuple[Said, ...] = ()
        """What the callbacks stage was told of it."""
        self.refusal: Refusal | None = None
        """Why the customer cannot be called back, where the queue would."""

    @property
    def row_key(self) -> bytes:
        return b"v/" + self.visit_id.encode()

    @property
    def is_waiting(self) -> bool:
        return self.standing is not None and self.standing.outcome == WAITING

    @property
    def channel(self) -> str:
        """The channel of the offer that stands."""
        return self.state.offers[0].channel if self.state.offers else self.state.channel

    @property
    def lead_ms(self) -> int:
        """How much of the wait that the limit speaks of was over when it was offered."""
        return self.state.limit.lead_ms if self.state.limit else 0

    @property
    def unknown_exit_ms(self) -> int:
        """How long it is believed to wait."""
        return self.policy.unknown_exit_ms[self.channel]

    @property
    def forget_ms(self) -> int:
        """From this instant on nothing of it can change any more, unless it still waits."""
        return self.state.last_ms + self.policy.retention_ms[self.channel]

    def grace_ms(self, most_ms: int) -> int:
        """How long past its limit an answer in flight is waited for. Nobody is given up before the finding is open: a
        limit at the very end of all patience has no grace, and neither has history."""
        return 0 if self.state.is_historic else max(0, min(most_ms, self.unknown_exit_ms - self.limit_ms))

    def next_due_ms(self, most_grace_ms: int) -> int:
        """The next instant at which waiting alone changes something of this visit."""
        if not self.is_waiting:
            return self.forget_ms
        wait_ms = self.unknown_exit_ms
        if not self.state.is_doubtful:
            if not self.crossed_target:
                wait_ms = min(wait_ms, self.policy.answer_target_ms)
            if not self.crossed_limit:  # with all the grace there is: beyond the end of all patience nothing is due
                wait_ms = min(wait_ms, self.limit_ms + (0 if self.state.is_historic else most_grace_ms))
        return self.offered_ms + wait_ms + 1


def outcome_of(leave: Leave, policy: QueuePolicy) -> int:
    """The number of the outcome in the closed list."""
    in_target = leave.wait_ms <= policy.answer_target_ms
    if leave.kind == ANSWERED:
        return ANSWERED_IN_TARGET if in_target else ANSWERED_LATE
    if leave.kind == CALLBACK_REQUESTED:
        return CALLBACK_IN_TARGET if in_target else CALLBACK_LATE
    if leave.kind == ABANDONED:
        if leave.wait_ms <= policy.short_abandon_ms:
            return ABANDONED_SHORT
        return ABANDONED_IN_TARGET if in_target else ABANDONED_LATE
    return _FLOW_OUT_OUTCOME[leave.reason or "transfer"]


def standing_of(visit: Visit, queue: ChannelQueue) -> Standing:
    """What the visit, which has an offer, adds to its interval and day."""
    state, policy = visit.state, visit.policy
    interval_ms, day = _interval_and_day(visit, queue)
    rule = state.limit.rule if state.limit else ""
    leave = leave_of(state)
    if leave is None and not (state.is_lost or state.endings or state.wrap_ups):
        return _waiting(interval_ms, day, is_breach(state, visit.limit_ms), rule)
    if leave is not None:
        outcome, wait_ms = outcome_of(leave, policy), leave.wait_ms
    else:
        outcome, wait_ms = (UNKNOWN_EXIT if state.is_lost else WAITING), 0
    talk, hold = talk_and_hold_ms(state)
    return Standing(
        interval_ms=interval_ms,
        day=day,
        outcome=outcome,
        wait_ms=wait_ms,
        talk_ms=talk or 0,
        hold_ms=hold or 0,
        wrap_up_ms=wrap_up_ms(state) or 0,
        is_handled=bool(state.endings) and outcome in (ANSWERED_IN_TARGET, ANSWERED_LATE),
        is_breach=is_breach(state, visit.limit_ms),
        rule=rule,
    )


def _interval_and_day(visit: Visit, queue: ChannelQueue) -> tuple[int, int]:
    """Where the visit is counted: as before, unless it has a new first offer."""
    offered_ms, known = visit.state.offers[0].time_ms, visit.standing
    if known is not None and visit.queue is queue and visit.offered_ms == offered_ms:
        return known.interval_ms, known.day
    return queue.calendar.interval_and_day(offered_ms)


@lru_cache(maxsize=1024)
def _waiting(interval_ms: int, day: int, is_over: bool, rule: str) -> Standing:  # noqa: FBT001 - a key of the cache
    """Shared by all who wait since one interval: most of what is open."""
    return Standing(interval_ms, day, WAITING, 0, 0, 0, 0, is_handled=False, is_breach=is_over, rule=rule)
