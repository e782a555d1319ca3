"""The callback plans that ought to exist, from visits and from what is taken as fact beside them.

A plan belongs to one customer: one tenant and one address to call. Going through event time, a *reason* opens a plan,
or joins the one that is open; being *served* ends it, and a later reason opens another.

Reasons are, in queues with a callback queue: an abandon that is not short, a callback request, and an answered contact
that ended incomplete and not by the customer, to whom a call is owed by law. A visit that is itself a callback attempt
is no reason, unless it was cut off like that, and where no number was given that could ring nobody is called: the
reason is *refused*. Served is any answered visit of the tenant, in any queue and channel, that shares an address or
customer id with a visit the plan rests on.

Attempts, the passing of the time to call, and commands come with their times as facts. The time to call and the last
attempt do not end a plan with an owed call. After a block nothing is a reason, after an opt-out no abandon is, until
the customer is unblocked.

At one instant an abandon or request comes first, then what ends plans, then an incomplete end, then a block: an answer
at the instant of the abandon ends the plan, and an answer cut off at once still leaves one.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streams.domain.recount_addresses import refusal_of
from streams.domain.recount_events import VisitId
from streams.domain.recount_visits import Visit

RANKS: Final = {"abandoned": 0, "requested": 0, "end": 1, "owed": 2, "block": 3, "opt_out": 3, "unblock": 3}
NOBODY: Final = frozenset[tuple[str, str]]()
MOST_BELIEVED: Final = ("queue", "dialer", "lease")


class Closing(NamedTuple):
    """A plan's end that no contact event tells, taken as a fact: expired, blocked, cancelled by command, settled."""

    tenant: str
    address: str
    time_ms: int
    spares_owed: bool = False


class Bar(NamedTuple):
    """``kind`` block, opt_out or unblock: from then on nothing, or no abandon, or anything again, is a reason."""

    tenant: str
    address: str
    time_ms: int
    kind: str


class Attempt(NamedTuple):
    """One word on one attempt of a plan, ``by`` the queue, the dialer or the end of the lease."""

    tenant: str
    address: str
    callback_queue: str
    plan_id: str
    number: int
    by: str
    time_ms: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What is taken as fact beside the visits."""

    closings: tuple[Closing, ...] = ()
    bars: tuple[Bar, ...] = ()


NOTHING_BESIDE: Final = Beside()


def closings_of(attempts: Iterable[Attempt], attempts_allowed: Callable[[str, str], int]) -> Iterator[Closing]:
    """The attempts after which nobody is called: an invalid number, the last one of its plan that was not answered."""
    plans: dict[str, dict[int, Attempt]] = {}
    for attempt in sorted(attempts, key=lambda one: (MOST_BELIEVED.index(one.by), one.time_ms)):
        plans.setdefault(attempt.plan_id, {}).setdefault(attempt.number, attempt)
    for made in plans.values():
        for count, attempt in enumerate(sorted(made.values(), key=lambda one: (one.time_ms, one.outcome)), start=1):
            is_last = count >= attempts_allowed(attempt.tenant, attempt.callback_queue)
            if attempt.outcome == "invalid_number" or (is_last and attempt.outcome != "answered"):
                yield Closing(attempt.tenant, attempt.address, attempt.time_ms, spares_owed=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan. ``ended_ms`` is None while it is open."""

    tenant: str
    address: str = field(repr=False)
    reasons: frozenset[VisitId]
    opened_ms: int
    ended_ms: int | None


class Moment(NamedTuple):
    """Something that happened to a customer. Reasons have their visit; ends concern whoever shares an identifier, or
    the customer of the plan where they have none, and spare the owed or do not."""

    time_ms: int
    kind: str
    visit: VisitId | None
    identifiers: frozenset[tuple[str, str]]
    spares_owed: bool = False


@dataclass(frozen=True, slots=True)
class Calling:
    """Whom the queues call back. ``queues`` are the (tenant, queue) with a callback queue; ``is_wanted`` says of an
    abandon or request there whether its queue wants it called back, ``is_short`` whether it gave up at once."""

    queues: Container[tuple[str, str]]
    is_short: Callable[[Visit], bool]
    is_wanted: Callable[[Visit], bool]

    def reason_of(self, visit: Visit) -> Moment | None:
        """Why the customer is to be called back, and since when."""
        if (visit.tenant, visit.queue) not in self.queues:
            return None
        reason = reason_of(visit, is_short=self.is_short(visit))
        return reason if reason is None or reason.kind == "owed" or self.is_wanted(visit) else None


def refusals_of(visits: Iterable[Visit], calling: Calling) -> dict[VisitId, str]:
    """The visits whose customer is to be called back and cannot be, with why."""
    refused = ((visit.visit_id, refusal_of(visit.address)) for visit in visits if calling.reason_of(visit) is not None)
    return {visit_id: why for visit_id, why in refused if why is not None}


def plans_of(visits: Iterable[Visit], calling: Calling, beside: Beside) -> list[Plan]:
    """Every plan, open or ended, by customer and time."""
    reasons: dict[tuple[str, str], list[Moment]] = {}
    services: dict[tuple[str, tuple[str, str]], list[Moment]] = {}
    for visit in visits:
        reason = calling.reason_of(visit)
        if reason is not None and visit.address is not None and refusal_of(visit.address) is None:
            reasons.setdefault((visit.tenant, visit.address), []).append(reason)
        if visit.exit_kind == "answered":
            for identifier in visit.identifiers:
                service = Moment(visit.exit_ms, "end", None, visit.identifiers)
                services.setdefault((visit.tenant, identifier), []).append(service)
    facts: dict[tuple[str, str], list[Moment]] = {}
    for closing in beside.closings:
        moment = Moment(closing.time_ms, "end", None, NOBODY, closing.spares_owed)
        facts.setdefault((closing.tenant, closing.address), []).append(moment)
    for bar in beside.bars:
        facts.setdefault((bar.tenant, bar.address), []).append(Moment(bar.time_ms, bar.kind, None, NOBODY))
    plans = []
    for (tenant, address), of_customer in sorted(reasons.items()):
        known = frozenset[tuple[str, str]]().union(*(reason.identifiers for reason in of_customer))
        beside_them = [moment for identifier in known for moment in services.get((tenant, identifier), ())]
        beside_them += facts.get((tenant, address), [])
        plans += plans_of_customer(tenant, address, sorted(of_customer + beside_them, key=order))
    return plans


def reason_of(visit: Visit, *, is_short: bool) -> Moment | None:
    """Why this visit asks for a callback and since when, or None."""
    if visit.cut_off_ms is not None:
        return Moment(visit.cut_off_ms, "owed", visit.visit_id, visit.identifiers)
    if visit.callback_job_id is not None:
        return None
    if visit.exit_kind == "callback_requested":
        return Moment(visit.exit_ms, "requested", visit.visit_id, visit.identifiers)
    if visit.exit_kind == "abandoned" and not is_short:
        return Moment(visit.exit_ms, "abandoned", visit.visit_id, visit.identifiers)
    return None


def order(moment: Moment) -> tuple[int, int]:
    return moment.time_ms, RANKS[moment.kind]


def plans_of_customer(tenant: str, address: str, moments: Iterable[Moment]) -> list[Plan]:
    """The plans of one customer from everything that may matter to it, in order."""
    plans = []
    joined: list[Moment] = []
    bar = "unblock"
    for moment in moments:
        if moment.kind in ("block", "opt_out", "unblock"):
            bar = moment.kind
        elif moment.kind != "end":
            if bar == "unblock" or (bar == "opt_out" and moment.kind != "abandoned"):
                joined.append(moment)
        elif ends(moment, joined):
            plans.append(plan(tenant, address, joined, moment.time_ms))
            joined = []
    if joined:
        plans.append(plan(tenant, address, joined, None))
    return plans


def ends(moment: Moment, joined: list[Moment]) -> bool:
    if moment.spares_owed and any(reason.kind == "owed" for reason in joined):
        return False
    return bool(joined) and (
        not moment.identifiers or any(reason.identifiers & moment.identifiers for reason in joined)
    )


def plan(tenant: str, address: str, joined: list[Moment], ended_ms: int | None) -> Plan:
    visits = frozenset(reason.visit for reason in joined if reason.visit is not None)
    return Plan(tenant, address, visits, joined[0].time_ms, ended_ms)
