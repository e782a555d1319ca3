"""The callback plans that ought to exist, from visits alone.

A plan belongs to one customer: one tenant and one address to call. Going through event time, a *reason* opens a plan,
or joins the one that is open; being *served* ends it, and a later reason opens another.

Reasons are, in queues with a callback queue: an abandon that is not short, a callback request, and an answered contact
that ended incomplete and not by the customer. A visit that is itself a callback attempt is no reason, unless it was cut
off like that, and a visit without an address has nobody to call. Served is any answered visit of the tenant, in any
queue and channel, that shares an address or customer id with a visit the plan rests on.

At one instant an abandon or request comes first, then being served, then an incomplete end: an answer at the instant of
the abandon ends the plan, and an answer cut off at once still leaves one.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.domain.recount_events import VisitId
from streams.domain.recount_visits import Visit

GAVE_UP, SERVED, CUT_OFF = range(3)


class Closing(NamedTuple):
    """A plan's end that no contact event tells, taken as a fact: expired, blocked, cancelled by command, settled."""

    tenant: str
    address: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan. ``ended_ms`` is None while it is open."""

    tenant: str
    address: str = field(repr=False)
    reasons: frozenset[VisitId]
    opened_ms: int
    ended_ms: int | None


class Moment(NamedTuple):
    """Something that happened to a customer: a reason with its visit, or a service with none."""

    time_ms: int
    rank: int
    visit: VisitId | None
    identifiers: frozenset[tuple[str, str]]


def plans_of(
    visits: Iterable[Visit],
    *,
    queues: Container[tuple[str, str]],
    is_short: Callable[[Visit], bool],
    closings: Iterable[Closing] = (),
) -> list[Plan]:
    """Every plan, open or ended, by customer and time. ``queues`` are the (tenant, queue) with a callback queue."""
    reasons: dict[tuple[str, str], list[Moment]] = {}
    services: dict[tuple[str, tuple[str, str]], list[Moment]] = {}
    for visit in visits:
        reason = reason_of(visit, is_short=is_short(visit)) if (visit.tenant, visit.queue) in queues else None
        if reason is not None and visit.address is not None:
            reasons.setdefault((visit.tenant, visit.address), []).append(reason)
        if visit.exit_kind == "answered":
            for identifier in visit.identifiers:
                service = Moment(visit.exit_ms, SERVED, None, visit.identifiers)
                services.setdefault((visit.tenant, identifier), []).append(service)
    for tenant, address, time_ms in closings:
        identifier = ("address", address)
        services.setdefault((tenant, identifier), []).append(Moment(time_ms, SERVED, None, frozenset({identifier})))
    plans = []
    for (tenant, address), of_customer in sorted(reasons.items()):
        known = frozenset[tuple[str, str]]().union(*(reason.identifiers for reason in of_customer))
        served = [moment for identifier in known for moment in services.get((tenant, identifier), ())]
        plans += plans_of_customer(tenant, address, sorted(of_customer + served, key=order))
    return plans


def reason_of(visit: Visit, *, is_short: bool) -> Moment | None:
    """Why this visit asks for a callback and since when, or None."""
    gave_up = visit.exit_kind == "callback_requested" or (visit.exit_kind == "abandoned" and not is_short)
    if gave_up and visit.callback_job_id is None:
        return Moment(visit.exit_ms, GAVE_UP, visit.visit_id, visit.identifiers)
    if visit.cut_off_ms is not None:
        return Moment(visit.cut_off_ms, CUT_OFF, visit.visit_id, visit.identifiers)
    return None


def order(moment: Moment) -> tuple[int, int]:
    return moment.time_ms, moment.rank


def plans_of_customer(tenant: str, address: str, moments: Iterable[Moment]) -> list[Plan]:
    """The plans of one customer from everything that may matter to it, in order."""
    plans = []
    joined: list[Moment] = []
    for moment in moments:
        if moment.visit is not None:
            joined.append(moment)
        elif any(reason.identifiers & moment.identifiers for reason in joined):
            plans.append(plan(tenant, address, joined, moment.time_ms))
            joined = []
    if joined:
        plans.append(plan(tenant, address, joined, None))
    return plans


def plan(tenant: str, address: str, joined: list[Moment], ended_ms: int | None) -> Plan:
    visits = frozenset(reason.visit for reason in joined if reason.visit is not None)
    return Plan(tenant, address, visits, joined[0].time_ms, ended_ms)
