"""What the queues stage tells the outside: one record per visit, per interval, per finding.

Every record is a CloudEvent whose id ends in its revision. A revision is a function of the facts behind the record, so
writing it again gives the same bytes, and a reader that keeps the highest revision per id is always right.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

import msgspec

from streams.domain.channel_queue import ChannelQueue
from streams.domain.counts import Counts, Standing
from streams.domain.decisions import Output
from streams.domain.directory import QueuePolicy
from streams.domain.encoding import cloud_event, iso_time
from streams.domain.facts import ChosenLimit, VisitState, handle_ms, leave_of, talk_and_hold_ms, wrap_up_ms
from streams.domain.figures import OUTCOMES
from streams.domain.privacy import Refusal
from streams.domain.service_level import FORMULAS, Share, tally_of
from streams.domain.time import INTERVAL_MS

CONTACT_OUTCOMES: Final = "contact-outcomes"
QUEUE_INTERVALS: Final = "queue-intervals"
SLA_BREACHES: Final = "sla-breaches"


class ContactOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one visit went. Durations in seconds, instants in UTC; ``date`` and ``interval_start`` are the site's.

    ``rule``, ``policy_version`` and ``force`` name the limit it is judged by, ``max_wait_seconds`` is that limit
    (absent where there was none), ``verdict`` the judgement: met, breached or no_limit. The wait of a rule may begin
    before the offer, when a person was asked for: ``judged_wait_seconds`` is then given beside ``wait_seconds``.
    ``callback_refused`` says why a customer whom the queue would call back cannot be: no_address, not_a_phone,
    no_area_code or impossible_number.
    """

    visit_id: str
    revision: int
    tenant: str
    site: str
    queue: str
    channel: str
    contact_id: str
    entry: int
    offered_at: str
    outcome: str
    date: str
    interval_start: str
    rule: str
    policy_version: str
    force: str
    confidence: str
    verdict: str
    left_at: str | None = None
    wait_seconds: float | None = None
    requested_at: str | None = None
    assigned_at: str | None = None
    exit_reason: str | None = None
    agent_id: str | None = None
    talk_seconds: float | None = None
    hold_seconds: float | None = None
    wrap_up_seconds: float | None = None
    handle_seconds: float | None = None
    ended_by: str | None = None
    completed: bool | None = None
    priority: int | None = None
    reason: str | None = None
    transferred_from: str | None = None
    handled_by: str | None = None
    callback_job_id: str | None = None
    customer_tokens: tuple[str, ...] = ()
    answer_target_seconds: float = 0.0
    max_wait_seconds: float | None = None
    is_breach: bool = False
    tolerated_if: tuple[str, ...] = ()
    judged_wait_seconds: float | None = None
    callback_refused: Refusal | None = None


class QueueInterval(msgspec.Struct, frozen=True):
    """Exact counts of the visits offered in one quarter of an hour.

    ``answered_by_wait`` and ``abandoned_by_wait`` count visits per bucket of ``wait_edges_seconds`` (upper edges
    inclusive, the last bucket above every edge): any formula at any edge can be computed from them and added up.
    """

    interval_id: str
    revision: int
    tenant: str
    site: str
    queue: str
    channel: str
    interval_start: str
    interval_seconds: int
    date: str
    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    callback_requested: int
    waiting: int
    outcomes: dict[str, int]
    wait_answered_seconds_sum: float
    wait_abandoned_seconds_sum: float
    handled: int
    talk_seconds_sum: float
    hold_seconds_sum: float
    wrap_up_seconds_sum: float
    breaches: int
    wait_edges_seconds: tuple[int, ...]
    answered_by_wait: list[int]
    abandoned_by_wait: list[int]
    answer_target_seconds: float
    short_abandon_seconds: float
    service_level: dict[str, Share]
    """Formula name to numerator and denominator."""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A limit of a policy not met by one visit. ``force``: law, adv (reference only), self (self-regulation) or op, an
    operational choice. ``wait_seconds`` is the wait the limit speaks of, which starts at ``started_at`` where a person
    was asked for before the offer. ``tolerated_if`` names readings of the calendar under which it would be none."""

    finding_id: str
    state: str
    revision: int
    rule: str
    policy_version: str
    tenant: str
    site: str
    queue: str
    channel: str
    visit_id: str
    offered_at: str
    limit_seconds: float
    breached_at: str
    force: str
    confidence: str
    wait_seconds: float | None = None
    started_at: str | None = None
    tolerated_if: tuple[str, ...] = ()


def _seconds(duration_ms: int | None) -> float | None:
    return None if duration_ms is None else duration_ms / 1000


def _optional_time(instant_ms: int | None) -> str | None:
    return None if instant_ms is None else iso_time(instant_ms)


@lru_cache(maxsize=1024)
def _iso_date(day: int) -> str:
    return date.fromordinal(day).isoformat()


def contact_outcome(
    visit_id: str,
    policy: QueuePolicy,
    state: VisitState,
    standing: Standing,
    *,
    revision: int,
    refusal: Refusal | None = None,
) -> Output:
    """The wide record of one visit that has left its queue (or is given up as ``unknown_exit``)."""
    offer, limit = state.offers[0], state.limit
    assert limit is not None, "chosen with the first offer"
    leave = leave_of(state)
    ending = state.endings[0] if state.endings else None
    talk, hold = talk_and_hold_ms(state)
    _, _, entry, contact_id = visit_id.split("/", 3)
    # By position, in the order of the declaration: forty names would take three times as long, and this is every visit.
    record = ContactOutcome(
        visit_id,
        revision,
        policy.tenant,
        policy.site,
        policy.queue,
        offer.channel,
        contact_id,
        int(entry),
        iso_time(offer.time_ms),
        OUTCOMES[standing.outcome],
        _iso_date(standing.day),
        iso_time(standing.interval_ms),
        limit.rule,
        limit.policy_version,
        limit.force,
        limit.confidence,
        _verdict(limit, standing),
        _optional_time(leave.time_ms if leave else None),
        _seconds(leave.wait_ms if leave else None),
        _optional_time(offer.requested_ms),
        _optional_time(state.assigned[0].time_ms if state.assigned else None),
        leave.reason if leave else None,
        leave.agent_id if leave else None,
        _seconds(talk),
        _seconds(hold),
        _seconds(wrap_up_ms(state)),
        _seconds(handle_ms(state)),
        ending.ended_by if ending else None,
        ending.completed if ending else None,
        offer.priority,
        offer.reason,
        offer.transferred_from,
        offer.handled_by,
        offer.callback_job_id,
        offer.party.tokens if offer.party else (),
        policy.answer_target_ms / 1000,
        _seconds(limit.limit_ms),
        standing.is_breach,
        limit.tolerated_if,
        _seconds(leave.wait_ms + limit.lead_ms) if leave and limit.lead_ms else None,
        refusal,
    )
    value = cloud_event(
        event_type="contact.outcome",
        event_id=f"{visit_id}#{revision}",
        time_ms=leave.time_ms if leave else offer.time_ms,
        subject=visit_id,
        data=record,
    )
    return Output(CONTACT_OUTCOMES, policy.owner_key.encode(), value)


def _verdict(limit: ChosenLimit, standing: Standing) -> str:
    if limit.limit_ms is None:
        return "no_limit"
    return "breached" if standing.is_breach else "met"


def _nobody(queue: ChannelQueue) -> list[int]:
    return [0] * (len(queue.edges_ms) + 1)


def queue_interval(queue: ChannelQueue, interval_ms: int, counts: Counts) -> Output:
    """The exact counts of one interval as they stand."""
    policy = queue.policy
    tally = tally_of(counts)
    start = iso_time(interval_ms)
    interval_id = f"{policy.tenant}/{policy.queue}/{queue.channel}/{start}"
    record = QueueInterval(
        interval_id=interval_id,
        revision=counts.revision,
        tenant=policy.tenant,
        site=policy.site,
        queue=policy.queue,
        channel=queue.channel,
        interval_start=start,
        interval_seconds=INTERVAL_MS // 1000,
        date=_iso_date(queue.calendar.day(interval_ms)),
        offered=counts.offered,
        answered=tally.answered,
        abandoned=tally.abandoned,
        short_abandoned=tally.abandoned_short,
        flowed_out=tally.flowed_out,
        callback_requested=tally.callback_requested,
        waiting=counts.waiting,
        outcomes=dict(zip(OUTCOMES, counts.outcomes, strict=True)),
        wait_answered_seconds_sum=counts.answered_wait_ms / 1000,
        wait_abandoned_seconds_sum=counts.abandoned_wait_ms / 1000,
        handled=counts.handled,
        talk_seconds_sum=counts.talk_ms / 1000,
        hold_seconds_sum=counts.hold_ms / 1000,
        wrap_up_seconds_sum=counts.wrap_up_ms / 1000,
        breaches=counts.breaches,
        wait_edges_seconds=tuple(edge // 1000 for edge in queue.edges_ms),
        answered_by_wait=counts.answered_waits or _nobody(queue),
        abandoned_by_wait=counts.abandoned_waits or _nobody(queue),
        answer_target_seconds=policy.answer_target_ms / 1000,
        short_abandon_seconds=policy.short_abandon_ms / 1000,
        service_level={name: formula(tally) for name, formula in FORMULAS.items()},
    )
    value = cloud_event(
        event_type="queue.interval",
        event_id=f"{interval_id}#{counts.revision}",
        time_ms=interval_ms,
        subject=interval_id,
        data=record,
    )
    return Output(QUEUE_INTERVALS, interval_id.encode(), value)


def finding(
    visit_id: str,
    policy: QueuePolicy,
    state: VisitState,
    *,
    finding_state: str,
    revision: int,
    limit: ChosenLimit | None = None,
) -> Output:
    """A wait finding of the limit the visit is judged by, or of another that it was judged by before."""
    offer = state.offers[0]
    leave = leave_of(state)
    judged_by = limit or state.limit
    assert judged_by is not None, "chosen with the first offer"
    assert judged_by.limit_ms is not None, "no limit, no finding"
    finding_id = f"{visit_id}:{judged_by.cited_as}"
    started_ms = offer.time_ms - judged_by.lead_ms
    breached_ms = started_ms + judged_by.limit_ms
    record = Finding(
        finding_id=finding_id,
        state=finding_state,
        revision=revision,
        rule=judged_by.rule,
        policy_version=judged_by.policy_version,
        tenant=policy.tenant,
        site=policy.site,
        queue=policy.queue,
        channel=offer.channel,
        visit_id=visit_id,
        offered_at=iso_time(offer.time_ms),
        limit_seconds=judged_by.limit_ms / 1000,
        breached_at=iso_time(breached_ms),
        force=judged_by.force,
        confidence=judged_by.confidence,
        wait_seconds=_seconds(leave.wait_ms + judged_by.lead_ms if leave else None),
        started_at=iso_time(started_ms) if judged_by.lead_ms else None,
        tolerated_if=judged_by.tolerated_if,
    )
    value = cloud_event(
        event_type=f"sla.{finding_state}",
        event_id=f"{finding_id}#{revision}",
        time_ms=breached_ms,
        subject=finding_id,
        data=record,
    )
    return Output(SLA_BREACHES, finding_id.encode(), value)
