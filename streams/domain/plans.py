"""Which callback plans a customer's signals add up to.

Through event time: a standing reason opens a plan or joins the one that is open, being served under any identifier
that one of its reasons gave ends it (at the very instant of a reason too, unless that is the cut-off of the very
answer), and a later reason opens another. So plans are groups of reasons with no such end between them, whatever the
order in which signals arrive. What order does decide is a plan's id: a plan keeps the id it was opened with for as long
as its reasons last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from streams.domain.signals import CallbackReason, Owed, Served, Signal

READY: Final = "ready"
CANCELLED: Final = "cancelled"
SERVED: Final = "served"
_VISIT_HASH_DIGITS: Final = 16


class Plan(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """The calling back of one customer. ``reasons`` are the visits that stand for it, the earliest first.

    ``state`` is ``ready`` or ``cancelled``, the latter with its ``cause``. ``attempt`` numbers the times it became
    ready. ``revision`` grows by one with each signal that changed the plan.
    """

    plan_id: str
    tenant: str
    token: str
    opened_by: str
    callback_queue: str
    state: str = CANCELLED
    cause: str = ""
    reasons: tuple[str, ...] = ()
    opened_ms: int = 0
    sealed_address: str = ""
    uf: str | None = None
    zone: str | None = None
    last_digits: str = ""
    attempt: int = 0
    revision: int = 0

    @property
    def is_open(self) -> bool:
        return self.state == READY

    @property
    def visits(self) -> set[str]:
        return {self.opened_by, *self.reasons}


class Group(NamedTuple):
    """Reasons of one plan, one per visit in event time; open while the customer has not been served since."""

    reasons: tuple[CallbackReason, ...]
    is_open: bool


def groups_of(signals: Iterable[Signal]) -> list[Group]:
    """The plans there ought to be. A visit that stands by two kinds counts by the one of the higher revision."""
    reasons: dict[str, CallbackReason] = {}
    ends: list[Served] = []
    for signal in sorted(signals, key=lambda signal: (signal.revision, signal.subject)):
        if not signal.stands:
            continue
        if isinstance(signal, CallbackReason):
            reasons[signal.visit] = signal
        elif isinstance(signal, Served):
            ends.append(signal)
    groups: list[Group] = []
    joined: list[CallbackReason] = []
    moments: list[CallbackReason | Served] = [*reasons.values(), *ends]
    for moment in sorted(moments, key=_order):
        if isinstance(moment, CallbackReason):
            joined.append(moment)
        elif any(not set(reason.tokens).isdisjoint(moment.tokens) for reason in joined):
            groups.append(Group(tuple(joined), is_open=False))
            joined = []
    return [*groups, Group(tuple(joined), is_open=True)] if joined else groups


def _order(moment: CallbackReason | Served) -> tuple[int, int, str]:
    """At one instant whoever gave up comes first, then being served, then being cut off."""
    rank = 1 if isinstance(moment, Served) else 2 if isinstance(moment, Owed) else 0
    return (moment.at_ms, rank, moment.visit)


def settle(plans: Iterable[Plan], groups: list[Group]) -> list[Plan]:
    """The plans that differ from before, each one revision on; one that was open comes first.

    A plan takes the group of the visit that opened it, else of a visit that stood for it. The open one chooses first,
    what no plan takes opens a new one.
    """
    unclaimed = {reason.visit: number for number, group in enumerate(groups) for reason in group.reasons}
    settled = []
    for plan in sorted(plans, key=lambda plan: (not plan.is_open, plan.opened_ms, plan.plan_id)):
        number = next((unclaimed[visit] for visit in (plan.opened_by, *plan.reasons) if visit in unclaimed), None)
        group = None if number is None else groups[number]
        unclaimed = {visit: other for visit, other in unclaimed.items() if other != number}
        settled.append((plan, _revised(plan, group)))
    for number in dict.fromkeys(unclaimed.values()):
        plan = _opened(groups[number])
        settled.append((plan, _revised(plan, groups[number])))
    return [replace(after, revision=before.revision + 1) for before, after in settled if after != before]


def _opened(group: Group) -> Plan:
    first = group.reasons[0]
    digest = hashlib.sha256(first.visit.encode()).hexdigest()[:_VISIT_HASH_DIGITS]
    return Plan(f"{first.token}.{digest}", first.tenant, first.token, first.visit, first.callback_queue)


def _revised(plan: Plan, group: Group | None) -> Plan:
    """The plan as its reasons now have it; without any, the customer no longer waits for a call."""
    if group is None:
        return replace(plan, state=CANCELLED, cause=SERVED, reasons=())
    first = group.reasons[0]
    return replace(
        plan,
        state=READY if group.is_open else CANCELLED,
        cause="" if group.is_open else SERVED,
        reasons=tuple(reason.visit for reason in group.reasons),
        opened_ms=first.at_ms,
        sealed_address=first.sealed_address,
        uf=first.uf,
        zone=first.zone,
        last_digits=first.last_digits,
        attempt=plan.attempt + (group.is_open and not plan.is_open),
    )
