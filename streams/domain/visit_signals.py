"""What the callbacks stage is told of a visit: a caller lost, a callback asked for or owed, a customer served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from streams.domain import signals
from streams.domain.decisions import Output
from streams.domain.directory import Directory
from streams.domain.facts import (
    ABANDONED,
    ANSWERED,
    CALLBACK_REQUESTED,
    FLOWED_OUT,
    Leave,
    Party,
    VisitState,
    cut_off_ms,
    leave_of,
)
from streams.domain.privacy import Refusal
from streams.domain.signals import Connected, job_parts, log_output
from streams.domain.visits import Said, Visit

_REASONS: Final[dict[str, type[signals.Abandoned | signals.Requested | signals.Owed]]] = {
    "abandoned": signals.Abandoned,
    "requested": signals.Requested,
    "owed": signals.Owed,
}

_NOBODY: Final = Party(None, ())


def called_for(visit: Visit) -> tuple[Said, ...]:
    """What the visit's facts have to say; nothing when they concern no callback. History dials nobody, an attempt's own
    visit is no new reason unless it was cut off, and without a sealed address there is nobody to dial."""
    state = visit.state
    leave = leave_of(state)
    if leave is None or state.is_historic:
        return ()
    job_id = state.offers[0].callback_job_id or ""
    party = _party(state)
    said = []
    if leave.kind == ANSWERED and party is not None:
        said.append(Said("served", leave.time_ms, party, job_id))
    if job_parts(job_id) and _is_lost(leave):
        said.append(Said("attempted", leave.time_ms, _NOBODY, job_id))
    reason = _reason(visit)
    if reason and party is not None and party.sealed_address is not None and visit.policy.callback_queue is not None:
        said.append(Said(*reason, party, job_id))
    return tuple(said)


def refusal_of(visit: Visit) -> Refusal | None:
    """Why a customer whom the queue would call back cannot be called; None for whoever can, or is not to be."""
    if not visit.state.exits or visit.policy.callback_queue is None or _reason(visit) is None:
        return None
    party = _party(visit.state)
    return "no_address" if party is None else party.refusal


def _is_lost(leave: Leave) -> bool:
    """Whether nobody in this contact centre has the contact any more."""
    goes_on = leave.kind == ANSWERED or (leave.kind == FLOWED_OUT and leave.reason in ("transfer", "overflow"))
    return not goes_on


def _reason(visit: Visit) -> tuple[str, int] | None:
    """Why and since when the customer ought to be called back."""
    state = visit.state
    leave = leave_of(state)
    cut_off = cut_off_ms(state)
    if cut_off is not None:
        return "owed", cut_off
    creation = visit.policy.creation
    if leave is None or state.offers[0].callback_job_id:
        return None
    if creation.channels is not None and visit.channel not in creation.channels:
        return None
    if leave.kind == CALLBACK_REQUESTED and creation.requests:
        return "requested", leave.time_ms
    if leave.kind == ABANDONED and creation.abandons and _gave_up_for_good(visit, leave):
        return "abandoned", leave.time_ms
    return None


def _gave_up_for_good(visit: Visit, leave: Leave) -> bool:
    """Not at once, not before the least wait, and not about what nobody is called for."""
    policy, creation = visit.policy, visit.policy.creation
    if leave.wait_ms <= policy.short_abandon_ms and not creation.short_abandons:
        return False
    return leave.wait_ms >= creation.minimum_wait_ms and visit.state.offers[0].reason not in creation.excluded_reasons


def news(visit: Visit, directory: Directory) -> list[Output]:
    """Signals for what is new of this visit; remembers that it was said. None where the tenant calls nobody back."""
    if visit.policy.tenant not in directory.callback_tenants:
        return []
    before, now = visit.said, called_for(visit)
    if before == now:
        return []
    visit.said = now
    stands = [signal for said in now if said not in before for signal in _signals(visit, said, stands=True)]
    kept = {signal.subject for said in now for signal in _signals(visit, said, stands=True)}
    past = [signal for said in before for signal in _signals(visit, said, stands=False)]
    withdrawn = [signal for signal in past if signal.subject not in kept]
    outputs = [signals.signal_output(signal, directory) for signal in (*withdrawn, *stands)]
    new_jobs = [said for said in now if said not in before and said.name in ("served", "attempted")]
    return outputs + [log_output(connected, directory) for said in new_jobs for connected in _connected(visit, said)]


def _connected(visit: Visit, said: Said) -> Iterator[Connected]:
    """To the owner of the callback queue that this call was made for: its customer has left the line."""
    parts, leave = job_parts(said.job_id), leave_of(visit.state)
    if parts is not None and leave is not None:
        _, plan_id, attempt = parts
        yield Connected(
            tenant=visit.policy.tenant,
            callback_queue=visit.policy.queue,
            at_ms=leave.time_ms,
            plan_id=plan_id,
            attempt=attempt,
            agent_id=(leave.agent_id or "") if said.name == "served" else None,
        )


def _signals(visit: Visit, said: Said, *, stands: bool) -> Iterator[signals.Signal]:
    """One signal per owner it concerns: every identifier of a customer served; of one lost the number to dial, and the
    other identifiers, that they tell it when the customer is served."""
    party = said.party
    if said.name == "served":
        for token in party.tokens:
            about = _about(visit, token, said, stands=stands)
            yield signals.Served(**about, tokens=party.tokens, job_id=said.job_id)
        return
    if said.name == "attempted":
        yield _attempted(visit, said, stands=stands)
        return
    yield _reason_signal(visit, said, stands=stands)
    for token in party.tokens:
        if token != party.token:
            yield signals.Linked(**_about(visit, token, said, stands=stands), plan_token=party.token or "")


def _about(visit: Visit, token: str | None, said: Said, *, stands: bool) -> dict[str, Any]:
    """What every signal of a visit says of it, whomever it is for."""
    return {
        "tenant": visit.policy.tenant,
        "token": token or "",
        "visit": visit.visit_id,
        "revision": visit.revision,
        "stands": stands,
        "at_ms": said.at_ms,
    }


def _attempted(visit: Visit, said: Said, *, stands: bool) -> signals.Attempted:
    """Whoever picked up left the callback queue before an agent came."""
    parts = job_parts(said.job_id)
    assert parts is not None, "it would not have been said"
    token, plan_id, attempt = parts
    return signals.Attempted(
        **_about(visit, token, said, stands=stands),
        callback_queue=visit.policy.queue,
        plan_id=plan_id,
        attempt=attempt,
        outcome="abandoned",
        by="queue",
    )


def _reason_signal(visit: Visit, said: Said, *, stands: bool) -> signals.Abandoned | signals.Requested | signals.Owed:
    policy, party = visit.policy, said.party
    return _REASONS[said.name](
        **_about(visit, party.token, said, stands=stands),
        queue=policy.queue,
        callback_queue=policy.callback_queue or "",
        tokens=party.tokens,
        sealed_address=party.sealed_address or "",
        uf=party.uf,
        zone=party.zone,
        last_digits=party.last_digits or "",
    )


def _party(state: VisitState) -> Party | None:
    """Who waited: to be called where the callback request that stands says, else where the offer does; known by every
    identifier of both."""
    asked_by, offered = state.exits[0].party, state.offers[0].party
    if asked_by is None or offered is None:
        return asked_by or offered
    first, other = (asked_by, offered) if asked_by.token is not None else (offered, asked_by)
    return Party(
        first.token,
        tuple(dict.fromkeys((*first.tokens, *other.tokens))),
        first.sealed_address,
        first.last_digits,
        first.uf,
        first.zone,
        first.refusal,
    )
