"""What the callbacks stage is told of a visit: a caller lost, a callback asked for, a customer served."""

from __future__ import annotations

from streams.domain import signals
from streams.domain.decisions import Output
from streams.domain.directory import Directory
from streams.domain.facts import ABANDONED, ANSWERED, CALLBACK_REQUESTED, Party, VisitState, leave_of
from streams.domain.visits import Said, Visit


def called_for(visit: Visit) -> Said | None:
    """What the visit's facts have to say; None when they concern no callback. History dials nobody, an attempt's own
    visit is no new reason, and without a sealed address there is nobody to dial."""
    state = visit.state
    leave = leave_of(state)
    if leave is None or state.is_historic:
        return None
    party = _party(state)
    if party is None:
        return None
    if leave.kind == ANSWERED:
        return Said("served", leave.time_ms, party)
    if party.sealed_address is None or visit.policy.callback_queue is None or state.offers[0].callback_job_id:
        return None
    if leave.kind == CALLBACK_REQUESTED:
        return Said("requested", leave.time_ms, party)
    if leave.kind == ABANDONED and leave.wait_ms > visit.policy.short_abandon_ms:
        return Said("abandoned", leave.time_ms, party)
    return None


def news(visit: Visit, directory: Directory) -> list[Output]:
    """Signals for what is new of this visit; remembers that it was said. None where the tenant calls nobody back."""
    if visit.policy.tenant not in directory.callback_tenants:
        return []
    before, now = visit.said, called_for(visit)
    if before == now:
        return []
    visit.said = now
    stands = [] if now is None else _signals(visit, now, stands=True)
    kept = {signal.subject for signal in stands}
    past = [] if before is None else _signals(visit, before, stands=False)
    withdrawn = [signal for signal in past if signal.subject not in kept]
    return [signals.signal_output(signal, directory) for signal in (*withdrawn, *stands)]


def _signals(visit: Visit, said: Said, *, stands: bool) -> list[signals.Signal]:
    """One signal per owner it concerns: every identifier of a customer served, the number to dial of one lost."""
    party = said.party
    if said.name == "served":
        return [_served(visit, token, said.at_ms, stands=stands) for token in party.tokens]
    kind = signals.Requested if said.name == "requested" else signals.Abandoned
    policy = visit.policy
    return [
        kind(
            tenant=policy.tenant,
            token=party.token or "",
            visit=visit.visit_id,
            revision=visit.revision,
            stands=stands,
            at_ms=said.at_ms,
            queue=policy.queue,
            callback_queue=policy.callback_queue or "",
            sealed_address=party.sealed_address or "",
            uf=party.uf,
            zone=party.zone,
            last_digits=party.last_digits or "",
        )
    ]


def _served(visit: Visit, token: str, at_ms: int, *, stands: bool) -> signals.Served:
    return signals.Served(
        tenant=visit.policy.tenant,
        token=token,
        visit=visit.visit_id,
        revision=visit.revision,
        stands=stands,
        at_ms=at_ms,
    )


def _party(state: VisitState) -> Party | None:
    """Who waited: where the callback request that stands names an address, whoever is there; else as the offer said."""
    asked_by = state.exits[0].party
    return asked_by if asked_by is not None and asked_by.token is not None else state.offers[0].party
