"""What is said of a callback plan: the published record, and the words to the owner of its callback queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.domain.decisions import Output
from streams.domain.encoding import cloud_event, iso_time
from streams.domain.plans import NEVER_MS, Plan
from streams.domain.signals import Ready, Withdrawn

CALLBACK_PLANS: Final = "callback-plans"


class CallbackPlan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of one plan as it is published: no address, at most two digits of it.

    ``reasons`` are visit ids, instants are UTC. ``state`` is ready, released or waiting while the plan is open, then
    recovered, cancelled, expired or blocked; ``cause`` says why it was cancelled (served, opt_out, command) or blocked
    (attempts, invalid_number, command). ``attempt`` numbers the current dial job, ``attempts_made`` the last one that
    is over, ``last_outcome`` is how that went. ``expires`` is null where a call is owed by law.
    """

    plan_id: str
    revision: int
    tenant: str
    token: str
    callback_queue: str
    state: str
    cause: str
    reasons: tuple[str, ...]
    opened_at: str
    ended_at: str | None
    not_before: str | None
    expires: str | None
    priority: int
    is_requested: bool
    is_owed: bool
    attempt: int
    attempts_made: int
    last_outcome: str
    uf: str | None
    zone: str | None
    last_digits: str


def plan_output(plan: Plan, at_ms: int) -> Output:
    """The published state; ``at_ms`` is the event time of what changed it."""
    published = CallbackPlan(
        plan_id=plan.plan_id,
        revision=plan.revision,
        tenant=plan.tenant,
        token=plan.token,
        callback_queue=plan.callback_queue,
        state=plan.state,
        cause=plan.cause,
        reasons=plan.reasons,
        opened_at=iso_time(plan.opened_ms),
        ended_at=None if plan.is_open else iso_time(plan.ended_ms),
        not_before=_unless_never(plan.not_before_ms),
        expires=_unless_never(plan.expires_ms),
        priority=len(plan.reasons),
        is_requested=plan.is_requested,
        is_owed=plan.is_owed,
        attempt=plan.attempt,
        attempts_made=plan.settled,
        last_outcome=plan.outcome,
        uf=plan.uf,
        zone=plan.zone,
        last_digits=plan.last_digits,
    )
    value = cloud_event(
        event_type="callback.plan",
        event_id=f"{plan.plan_id}#{plan.revision}",
        time_ms=at_ms,
        subject=plan.plan_id,
        data=published,
    )
    return Output(CALLBACK_PLANS, plan.plan_id.encode(), value)


def _unless_never(instant_ms: int) -> str | None:
    return None if instant_ms in (0, NEVER_MS) else iso_time(instant_ms)


def ready_of(plan: Plan, at_ms: int) -> Ready:
    return Ready(
        tenant=plan.tenant,
        callback_queue=plan.callback_queue,
        plan_id=plan.plan_id,
        attempt=plan.attempt,
        revision=plan.revision,
        at_ms=at_ms,
        sealed_address=plan.sealed_address,
        uf=plan.uf,
        zone=plan.zone,
        last_digits=plan.last_digits,
        not_before_ms=plan.not_before_ms,
        expires_ms=plan.expires_ms,
        priority=len(plan.reasons),
        settled=plan.settled,
        queue=plan.queue,
        is_requested=plan.is_requested,
        is_owed=plan.is_owed,
        opened_ms=plan.opened_ms,
    )


def withdrawn_of(plan: Plan, at_ms: int, cause: str) -> Withdrawn:
    return Withdrawn(
        tenant=plan.tenant,
        callback_queue=plan.callback_queue,
        plan_id=plan.plan_id,
        attempt=plan.attempt,
        revision=plan.revision,
        at_ms=at_ms,
        cause=cause,
    )


def entries_of(before: Plan | None, plan: Plan, at_ms: int) -> Iterator[Ready | Withdrawn]:
    """What the owner of the callback queue has to know of a change. A plan that goes on in another callback queue is
    withdrawn from the one before."""
    was_out = before is not None and before.is_open
    if before is not None and was_out and before.callback_queue != plan.callback_queue:
        yield withdrawn_of(replace(before, revision=plan.revision), at_ms, "moved")
        was_out = False
    if not plan.is_open:
        if was_out:
            yield withdrawn_of(plan, at_ms, plan.cause or plan.state)
    elif before is None or not was_out or ready_of(before, 0) != ready_of(replace(plan, revision=before.revision), 0):
        yield ready_of(plan, at_ms)
