"""The callback plan as a state machine, and which plans a customer's signals add up to.

                                  job released
    (a reason) --> ready ----------------------> released      recovered   served by the call itself
                     ^                              |          cancelled   served elsewhere, opt_out, command
                     |  the next attempt            |          expired     the time to call passed
                  waiting <-------------------------'          blocked     attempts, invalid_number, command
                             attempted

    from each of these three, the end that comes first in event time; a fact that takes the end back opens it again

Through event time: a standing reason opens a plan or joins the one that is open; an end ends it, at the very instant of
a reason too; a later reason opens another. So plans are groups of reasons with no end between them, whatever the order
in which signals arrive. What order does decide is a plan's id: a plan keeps the id it was opened with for as long as
its reasons last. Ends are: being served under any identifier that one of the reasons gave, a command, the passing of
the time to call, the last attempt. Neither time nor attempts end a plan of which a reason is owed by law.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from streams.domain.directory import CallbackPolicy
from streams.domain.ends import CANCELLED, Attempt, End, ends_of
from streams.domain.signals import CallbackReason, Commanded, Owed, Requested, Signal

READY: Final = "ready"
RELEASED: Final = "released"
WAITING: Final = "waiting"
OPEN_STATES: Final = frozenset({READY, RELEASED, WAITING})
SERVED: Final = "served"
NEVER_MS: Final = 253_370_764_800_000
"""The year 9999: an attempt that is not to be made, the expiry of what does not expire."""
_VISIT_HASH_DIGITS: Final = 16


class Plan(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=2):
    """The calling back of one customer. ``reasons`` are the visits that stand for it, the earliest first.

    ``cause`` says why it ended, ``ended_ms`` when. ``attempt`` numbers the job that is or will be out, ``settled`` the
    last one known to be over, with its ``outcome``. ``revision`` grows by one with each change. ``queue`` is the one
    that lost the customer first, ``first_released_ms`` when the first job went to the dialer, 0 before that.
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
    ended_ms: int = 0
    sealed_address: str = ""
    uf: str | None = None
    zone: str | None = None
    last_digits: str = ""
    attempt: int = 0
    settled: int = 0
    outcome: str = ""
    not_before_ms: int = 0
    expires_ms: int = 0
    is_requested: bool = False
    is_owed: bool = False
    queue: str = ""
    first_released_ms: int = 0
    revision: int = 0

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def visits(self) -> set[str]:
        return {self.opened_by, *self.reasons}


class Group(NamedTuple):
    """Reasons of one plan, one per visit in event time, and what ended it; None while it is open."""

    reasons: tuple[CallbackReason, ...]
    end: End | None


def groups_of(kept: Iterable[Signal], attempts_allowed: Callable[[str], int]) -> list[Group]:
    """The plans there ought to be. A visit that stands by two kinds counts by the one of the higher revision.

    ``attempts_allowed`` tells by callback queue after how many attempts nobody is called any more.
    """
    standing = [signal for signal in kept if signal.stands]
    reasons: dict[str, CallbackReason] = {}
    for signal in sorted(standing, key=lambda signal: (signal.revision, signal.subject)):
        if isinstance(signal, CallbackReason):
            reasons[signal.visit] = signal
    moments: list[CallbackReason | End | Commanded] = [*reasons.values(), *ends_of(standing, attempts_allowed)]
    moments += [signal for signal in standing if isinstance(signal, Commanded)]
    groups: list[Group] = []
    joined: list[CallbackReason] = []
    bar: str | None = None
    for moment in sorted(moments, key=_order):
        if isinstance(moment, Commanded):
            bar = {"block": "block", "opt_out": "opt_out", "unblock": None}.get(moment.order, bar)
        elif isinstance(moment, CallbackReason):
            if bar is None or (bar == "opt_out" and isinstance(moment, Requested | Owed)):
                joined.append(moment)
        elif joined and moment.ends(joined):
            groups.append(Group(tuple(joined), moment))
            joined = []
    return [*groups, Group(tuple(joined), None)] if joined else groups


def _order(moment: CallbackReason | End | Commanded) -> tuple[int, int, str]:
    """At one instant whoever gave up comes first, then the ends, then what was cut off, then what bars it."""
    if isinstance(moment, End):
        return (moment.at_ms, 1, moment.cause)
    if isinstance(moment, Commanded):
        return (moment.at_ms, 3, moment.visit)
    return (moment.at_ms, 2 if isinstance(moment, Owed) else 0, moment.visit)


class Course(NamedTuple):
    """What a plan goes by beside its reasons: how its callback queue calls, its attempts and releases (instants) by
    number, the earliest instant from a given one on at which the customer has not had too many calls, and how long
    after the first reason nobody is called yet."""

    policy: CallbackPolicy
    attempts: Mapping[int, Attempt]
    releases: Mapping[int, int]
    rested: Callable[[int], int]
    lateness_ms: int


def settle(plans: Iterable[Plan], groups: list[Group], course_of: Callable[[Plan], Course]) -> list[Plan]:
    """The plans that have to change so that there is one for each group, new ones among them.

    Of several plans that could be a group's the open one takes it, then the one opened earliest. A plan left without
    reasons is cancelled.
    """
    unclaimed = {reason.visit: number for number, group in enumerate(groups) for reason in group.reasons}
    settled = []
    for plan in sorted(plans, key=lambda plan: (not plan.is_open, plan.opened_ms, plan.plan_id)):
        number = next((unclaimed[visit] for visit in (plan.opened_by, *plan.reasons) if visit in unclaimed), None)
        group = None if number is None else groups[number]
        unclaimed = {visit: other for visit, other in unclaimed.items() if other != number}
        settled.append((plan, _revised(plan, group, course_of(plan))))
    for number in dict.fromkeys(unclaimed.values()):
        plan = _opened(groups[number])
        settled.append((plan, _revised(plan, groups[number], course_of(plan))))
    return [replace(after, revision=before.revision + 1) for before, after in settled if after != before]


def _opened(group: Group) -> Plan:
    first = group.reasons[0]
    digest = hashlib.sha256(first.visit.encode()).hexdigest()[:_VISIT_HASH_DIGITS]
    return Plan(f"{first.token}.{digest}", first.tenant, first.token, first.visit, first.callback_queue)


def _revised(plan: Plan, group: Group | None, course: Course) -> Plan:
    """The plan as its reasons, its end and its attempts now have it; without any reason nobody waits for a call."""
    if group is None:
        return replace(plan, state=CANCELLED, cause=SERVED, reasons=())
    first = group.reasons[0]
    plan = replace(
        plan,
        reasons=tuple(reason.visit for reason in group.reasons),
        opened_ms=first.at_ms,
        queue=first.queue,
        sealed_address=first.sealed_address,
        uf=first.uf,
        zone=first.zone,
        last_digits=first.last_digits,
        is_requested=any(isinstance(reason, Requested) for reason in group.reasons),
        is_owed=any(isinstance(reason, Owed) for reason in group.reasons),
        settled=max(course.attempts, default=0),
        outcome=course.attempts[max(course.attempts)].outcome if course.attempts else "",
        first_released_ms=min(course.releases.values(), default=0),
    )
    if group.end is not None:
        return replace(plan, state=group.end.state, cause=group.end.cause, ended_ms=group.end.at_ms)
    plan = _with_next_attempt(plan, group)
    is_out = plan.attempt in course.releases and plan.attempt > plan.settled
    return replace(
        plan,
        state=RELEASED if is_out else WAITING if course.attempts else READY,
        cause="",
        ended_ms=0,
        not_before_ms=_not_before_ms(plan, course),
        expires_ms=NEVER_MS if plan.is_owed else plan.opened_ms + course.policy.life_ms,
    )


def _with_next_attempt(plan: Plan, group: Group) -> Plan:
    """A plan that opens again or whose attempt is over gets the next one, for the callback queue of its most pressing
    reason: while an attempt is open its job may be out, and must not be out twice."""
    if plan.is_open and plan.settled < plan.attempt:
        return plan
    pressing = max(group.reasons, key=lambda one: (isinstance(one, Owed), isinstance(one, Requested), one.at_ms))
    return replace(plan, attempt=max(plan.attempt, plan.settled) + 1, callback_queue=pressing.callback_queue)


def _not_before_ms(plan: Plan, course: Course) -> int:
    earliest_ms = plan.opened_ms + course.lateness_ms
    if course.attempts:
        last = course.attempts[plan.settled]
        retry_ms = course.policy.retry_ms.get(last.outcome)
        is_worn_out = len(course.attempts) >= course.policy.attempts and not plan.is_owed
        if retry_ms is None or is_worn_out:
            return NEVER_MS
        earliest_ms = max(earliest_ms, last.at_ms + retry_ms)
    return earliest_ms if plan.is_owed else course.rested(earliest_ms)
