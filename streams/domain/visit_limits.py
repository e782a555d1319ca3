"""Chooses the limit of a visit, once for the offer that stands."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from streams.domain.facts import ChosenLimit, Offer
from streams.domain.limits import WaitLimit
from streams.domain.queue_limits import Start
from streams.domain.visits import Visit
from streams.domain.waiting import NO_LIMIT_MS

_NO_RULE: Final = ChosenLimit("", "", None, 0, "", "")
"""Of a contact that no rule speaks of."""


def start_of(offer: Offer) -> Start:
    return Start(offer.time_ms, offer.requested_ms, offer.transferred_from is not None)


def choose_limit(visit: Visit) -> None:
    """Make sure that the visit, which has an offer, is judged by the limit of the offer that stands.

    What was chosen before stays, whatever the policy says now, unless another offer stands than it was chosen for.
    """
    offer = visit.state.offers[0]
    if visit.limit_of is offer:
        return
    before_ms = None if visit.limit_of is None else visit.limit_of.time_ms + visit.limit_ms
    if visit.limit_of is not None or visit.state.limit is None:
        limit, lead_ms = visit.policy.limit_of(offer.channel, start_of(offer))
        visit.state.limit = _NO_RULE if limit is None else _chosen(limit, lead_ms)
    visit.limit_of = offer
    chosen = visit.state.limit
    visit.limit_ms = NO_LIMIT_MS if chosen.limit_ms is None else chosen.limit_ms - chosen.lead_ms
    if before_ms is not None and before_ms < offer.time_ms + visit.limit_ms:
        _judge_time_again(visit)


def _judge_time_again(visit: Visit) -> None:
    """The limit is over later than was thought: the clock says once more whether it has passed, but not of a visit
    that was given up, whose wait is over."""
    visit.state.is_overdue = visit.state.is_lost and visit.limit_ms < visit.unknown_exit_ms
    visit.crossed_limit = visit.state.is_overdue


@lru_cache(maxsize=4096)
def _chosen(limit: WaitLimit, lead_ms: int) -> ChosenLimit:
    """One value for all visits of one limit."""
    return ChosenLimit(
        rule=limit.rule,
        policy_version=limit.policy_version,
        limit_ms=limit.limit_ms,
        lead_ms=lead_ms,
        force=limit.force,
        confidence=limit.confidence,
        tolerated_if=limit.tolerated_if,
    )
