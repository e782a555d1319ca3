"""What is told because of a job: to the dialer on ``callback-jobs``, and to the owner of the customer."""

from __future__ import annotations

from typing import Final

import msgspec

from streams.domain.decisions import Output
from streams.domain.encoding import cloud_event, iso_time
from streams.domain.signals import Attempted, Freed, LeaseEnded, PlanEntry, Ready, Released

CALLBACK_JOBS: Final = "callback-jobs"


class DialJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Call this address for this callback queue, between two instants (UTC). Higher ``priority`` first. A job that
    comes once more is the same job. Past ``expires`` its agent is given to another: do not dial then."""

    job_id: str
    plan_id: str
    attempt: int
    revision: int
    tenant: str
    callback_queue: str
    address: str
    not_before: str
    expires: str
    priority: int
    uf: str | None
    zone: str | None
    ivr_first: bool = False
    """A recorded voice speaks to the customer before an agent does."""

    def __repr__(self) -> str:
        return f"DialJob({self.job_id})"


class CancelJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Do not make this call; one that rings already may be let go on, and is reported like any other."""

    job_id: str
    plan_id: str
    attempt: int
    revision: int
    tenant: str
    callback_queue: str
    cause: str


def dial_output(ready: Ready, freed: Freed, address: str, *, ivr_first: bool) -> Output:
    """The job of a released attempt; the release decides about its times."""
    job = DialJob(
        job_id=freed.job_id,
        plan_id=freed.plan_id,
        attempt=freed.attempt,
        revision=ready.revision,
        tenant=ready.tenant,
        callback_queue=ready.callback_queue,
        address=address,
        not_before=iso_time(freed.at_ms),
        expires=iso_time(min(ready.expires_ms, freed.lease_until_ms)),
        priority=ready.priority,
        uf=ready.uf,
        zone=ready.zone,
        ivr_first=ivr_first,
    )
    return _job_output("callback.dial", job, freed.at_ms)


def cancel_output(entry: PlanEntry, attempt: int, cause: str) -> Output:
    """Takes the job of an attempt back because of what was said of its plan."""
    job = CancelJob(
        job_id=f"{entry.plan_id}.{attempt}",
        plan_id=entry.plan_id,
        attempt=attempt,
        revision=entry.revision,
        tenant=entry.tenant,
        callback_queue=entry.callback_queue,
        cause=cause,
    )
    return _job_output("callback.cancel", job, entry.at_ms)


def token_of_plan(plan_id: str) -> str:
    """The customer's."""
    return plan_id.partition(".")[0]


def released_signal(freed: Freed) -> Released:
    """To the owner of the customer: the job is with the dialer."""
    return Released(
        tenant=freed.tenant,
        token=token_of_plan(freed.plan_id),
        visit=freed.job_id,
        revision=1,
        stands=True,
        at_ms=freed.at_ms,
        plan_id=freed.plan_id,
        attempt=freed.attempt,
    )


def unheard_of(entry: LeaseEnded) -> Attempted:
    """To the owner of the customer: nobody said how it went. The attempt counts, or a dialer that never answers would
    be asked for ever."""
    return Attempted(
        tenant=entry.tenant,
        token=token_of_plan(entry.plan_id),
        visit=entry.job_id,
        revision=1,
        stands=True,
        at_ms=entry.at_ms,
        callback_queue=entry.callback_queue,
        plan_id=entry.plan_id,
        attempt=entry.attempt,
        outcome="no_result",
        by="lease",
    )


def _job_output(event_type: str, job: DialJob | CancelJob, at_ms: int) -> Output:
    value = cloud_event(
        event_type=event_type,
        event_id=f"{job.job_id}#{job.revision}",
        time_ms=at_ms,
        subject=job.job_id,
        data=job,
    )
    return Output(CALLBACK_JOBS, job.job_id.encode(), value)
