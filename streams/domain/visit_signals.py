"""What the callbacks stage is told of a visit: a caller lost, a callback asked for, a customer served."""

from __future__ import annotations

from typing import NamedTuple

from streams.domain import signals
from streams.domain.decisions import Output
from streams.domain.directory import Directory
from streams.domain.facts import ABANDONED, ANSWERED, CALLBACK_REQUESTED, Party, leave_of
from streams.domain.visits import Visit


class Wanted(NamedTuple):
    """The signal a visit's facts call for, the instant it speaks of, and the customer."""

    name: str
    at_ms: int
    party: Party


def wanted_signal(visit: Visit) -> Wanted | None:
    """None for a visit that concerns no callback. History dials nobody; an attempt's own visit is no new plan."""
    state = visit.state
    leave = leave_of(state)
    party = _party(visit)
    if leave is None or state.is_historic or party is None:
        return None
    if leave.kind == ANSWERED:
        return Wanted("served", leave.time_ms, party)
    if party.token is None or party.sealed_address is None or state.offers[0].callback_job_id is not None:
        return None
    if leave.kind == CALLBACK_REQUESTED:
        return Wanted("requested", leave.time_ms, party)
    if leave.kind == ABANDONED and leave.wait_ms > visit.policy.short_abandon_ms:
        return Wanted("abandoned", leave.time_ms, party)
    return None


def news(visit: Visit, directory: Directory) -> list[Output]:
    """Signals for what is new of this visit; remembers that it was said. None where the tenant calls nobody back."""
    if visit.policy.tenant not in directory.callback_tenants:
        return []
    told = visit.state.told
    before = None
    if told.signal is not None and told.signal_party is not None:
        before = Wanted(told.signal, told.signal_ms, told.signal_party)
    wanted = wanted_signal(visit)
    if wanted == before:
        return []
    spoken: list[signals.Signal] = []
    if before is not None and (wanted is None or (wanted.name, wanted.party) != (before.name, before.party)):
        spoken += _signals(visit, before, stands=False)
    if wanted is not None:
        spoken += _signals(visit, wanted, stands=True)
    told.signal, told.signal_ms, told.signal_party = wanted or (None, 0, None)
    return [signals.signal_output(signal, directory) for signal in spoken]


def _signals(visit: Visit, said: Wanted, *, stands: bool) -> list[signals.Signal]:
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


def _party(visit: Visit) -> Party | None:
    """Who waits: as the callback request names them, else as the offer did."""
    state = visit.state
    for known in state.exits:
        if known.kind == CALLBACK_REQUESTED and known.party is not None:
            return known.party
    return state.offers[0].party if state.offers else None
