"""One queue visit: the facts known of it and what they add up to.

A visit is one contact's stay in one queue. It keeps its facts, not a running state: every kind of fact holds the
earliest few in order of event time (then event id, then source), so that repeats change nothing and any order of
arrival ends in the same visit. What the facts add up to is derived afresh after each change.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

import msgspec

from streams.domain.events import Channel
from streams.domain.privacy import Refusal

ANSWERED: Final = 0
CALLBACK_REQUESTED: Final = 1
FLOWED_OUT: Final = 2
ABANDONED: Final = 3
GONE: Final = 4
"""Kinds of exit, in the order that decides between exits of one instant. GONE is what nobody can say how: any other
exit stands before it."""

MOST_FACTS: Final = 16
"""How many facts of one kind a visit keeps: the earliest. More than a handful is a fault of the source."""

_FAR_MS: Final = 1 << 42  # the year 2109: keeps revisions positive
_STATES_IN_TIME: Final = 4


class Party(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Who waits, without saying who: pseudonyms, and the address sealed for whoever may call back.

    ``token`` stands for the number to dial, ``tokens`` for every identifier given, under every active key.
    """

    token: str | None
    tokens: tuple[str, ...]
    sealed_address: str | None = None
    last_digits: str | None = None
    uf: str | None = None
    zone: str | None = None
    refusal: Refusal | None = None
    """Why nobody can be called there; None where somebody can, and where nobody is called back."""


class Offer(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An ``offered``; ``offset`` is where it stands in its input topic. ``identity`` as for every fact: event id, then
    source, which together name one event."""

    time_ms: int
    identity: str
    offset: int
    channel: Channel
    requested_ms: int | None = None
    priority: int | None = None
    reason: str | None = None
    transferred_from: str | None = None
    callback_job_id: str | None = None
    handled_by: str | None = None
    party: Party | None = None

    @property
    def order(self) -> tuple[int, int, str]:
        return (self.time_ms, 0, self.identity)


class Exit(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An exit from the queue; ``reason`` is set when it flowed out, ``agent_id`` when it was answered."""

    time_ms: int
    kind: int
    identity: str
    reason: str | None = None
    agent_id: str | None = None
    party: Party | None = None

    @property
    def order(self) -> tuple[int, int, str]:
        return (self.time_ms + (_FAR_MS if self.kind == GONE else 0), self.kind, self.identity)


class Ending(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An ``ended`` or ``wrapped_up``: durations in milliseconds, None where the source does not know."""

    time_ms: int
    identity: str
    talk_ms: int | None = None
    hold_ms: int | None = None
    ended_by: str | None = None
    completed: bool | None = None
    wrap_up_ms: int | None = None

    @property
    def order(self) -> tuple[int, int, str]:
        return (self.time_ms, 0, self.identity)


_F = TypeVar("_F", Offer, Exit, Ending)


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What has been said of this visit to the outside, so that only news is said again."""

    outcome_revision: int = 0
    finding_state: str | None = None
    finding_revision: int = 0


NOTHING_TOLD: Final = Told()


class ChosenLimit(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The limit a visit is judged by, chosen once from how it began and kept with it, so that another policy at the
    next start of the worker changes nothing of what was judged.

    ``limit_ms`` None: no limit then; ``lead_ms`` is the part of the wait that was over when it was offered.
    """

    rule: str
    policy_version: str
    limit_ms: int | None
    lead_ms: int
    force: str
    confidence: str
    tolerated_if: tuple[str, ...] = ()

    @property
    def cited_as(self) -> str:
        """What names the finding beside its visit."""
        return f"{self.rule}:{self.policy_version}"


class VisitState(msgspec.Struct, array_like=True, gc=False):
    """The durable part of a visit.

    ``channel`` and ``feed`` are those of the fact that came first. ``assigned`` are ``answered`` events of written
    channels, where they are no exit. ``last_ms`` is the newest event time heard, also of facts that are not kept.
    ``is_overdue`` and ``is_lost`` are derived from the passing of time and recorded with the facts: the wait passed its
    limit; no exit ever came. Facts are tuples: a visit that waits has most kinds empty, and the empty one is shared.
    """

    channel: Channel
    feed: int
    is_historic: bool
    offers: tuple[Offer, ...] = ()
    exits: tuple[Exit, ...] = ()
    assigned: tuple[Exit, ...] = ()
    endings: tuple[Ending, ...] = ()
    wrap_ups: tuple[Ending, ...] = ()
    last_ms: int = -1
    is_doubtful: bool = False
    is_overdue: bool = False
    is_lost: bool = False
    told: Told = NOTHING_TOLD
    limit: ChosenLimit | None = None


class Leave(NamedTuple):
    """How and when a visit left its queue."""

    kind: int
    time_ms: int
    wait_ms: int
    reason: str | None
    agent_id: str | None


def with_fact(facts: tuple[_F, ...], fact: _F) -> tuple[_F, ...]:
    """The facts of a kind with one more where it belongs; the very same when it is already there or later than all a
    visit keeps."""
    if not facts:
        return (fact,)
    order = fact.order
    place = len(facts)
    while place and order <= facts[place - 1].order:
        if order == facts[place - 1].order:
            return facts
        place -= 1
    if place == MOST_FACTS:
        return facts
    grown = list(facts)
    grown.insert(place, fact)
    return tuple(grown[:MOST_FACTS])


def revision_of(state: VisitState) -> int:
    """How much a visit rests on: its distinct facts, then what time alone has made of it.

    It grows with every change, and the same facts judged at the same instant give the same revision, whatever the order
    and the batches they came in. A fact outweighs whatever time did before it came, so that an exit found after a
    restart beats the ``unknown_exit`` recorded without it.
    """
    return fact_count(state) * _STATES_IN_TIME + _state_in_time(state)


def fact_count(state: VisitState) -> int:
    """The number of distinct facts. A kind that is full counts by how early its first fact is as well, because one more
    fact may then change the content but no longer the count."""
    kinds = (state.offers, state.exits, state.assigned, state.endings, state.wrap_ups)
    facts_in_all = sum(map(len, kinds))
    if facts_in_all >= MOST_FACTS:  # else no kind is full, as with nearly every visit
        facts_in_all += sum(2 * _FAR_MS - facts[0].order[0] for facts in kinds if len(facts) == MOST_FACTS)
    return facts_in_all


def _state_in_time(state: VisitState) -> int:
    """Overdue counts one, lost two; nothing any more once an exit is known: whether time was recorded first depends on
    how the events came in batches, and the sum over an interval must not."""
    return 0 if state.exits else state.is_overdue + 2 * state.is_lost


def leave_of(state: VisitState) -> Leave | None:
    """The exit that stands: the earliest; None while there is none or no offer to count it from. Waits are never
    negative."""
    if not state.offers or not state.exits:
        return None
    first = state.exits[0]
    wait_ms = max(0, first.time_ms - state.offers[0].time_ms)
    return Leave(first.kind, first.time_ms, wait_ms, first.reason, first.agent_id)


def cut_off_ms(state: VisitState) -> int | None:
    """When an answered contact ended incomplete and not by the customer, who is then owed a call; None otherwise."""
    leave = leave_of(state)
    if leave is None or leave.kind != ANSWERED or not state.endings:
        return None
    ending = state.endings[0]
    is_cut_off = ending.completed is False and ending.ended_by != "customer"
    return max(ending.time_ms, leave.time_ms) if is_cut_off else None


def talk_and_hold_ms(state: VisitState) -> tuple[int | None, int | None]:
    """Talk and hold of the ending that stands (the earliest), None where unknown."""
    if not state.endings:
        return None, None
    return state.endings[0].talk_ms, state.endings[0].hold_ms


def wrap_up_ms(state: VisitState) -> int | None:
    return state.wrap_ups[0].wrap_up_ms if state.wrap_ups else None


def handle_ms(state: VisitState) -> int | None:
    """Talk, hold and wrap-up together; None while the contact has not ended."""
    if not state.endings:
        return None
    talk, hold = talk_and_hold_ms(state)
    return (talk or 0) + (hold or 0) + (wrap_up_ms(state) or 0)
