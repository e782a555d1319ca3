"""The callbacks stage: one open plan per customer, from the signals of every queue.

The owner of a customer keeps what was signalled for the retention, so that a served that arrives before its abandon, or
a correction of either, still ends in the right plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.domain.decisions import Decisions, Output, Reason, Record, Rejection
from streams.domain.directory import DAY_MS, Directory
from streams.domain.encoding import cloud_event, iso_time, read_event
from streams.domain.figures import CallbackFigures
from streams.domain.plans import Plan, groups_of, settle
from streams.domain.rows import PartitionState, Retention, Rows
from streams.domain.signals import (
    SIGNAL_TYPES,
    CallbackReason,
    Linked,
    Ready,
    Served,
    Signal,
    Withdrawn,
    log_output,
    signal_output,
)

CALLBACK_PLANS: Final = "callback-plans"
RETENTION_MS: Final = DAY_MS
"""How long a signal is kept after its event time and its arrival, whichever is later."""
LATENESS_BOUND_MS: Final = 60_000
"""Nobody is called sooner after the first reason: a served that is still on its way shall win."""
PLAN_LIFE_MS: Final = DAY_MS
"""Nobody is called later after the first reason."""
_RETENTION_MS_OF: Final[dict[type[Signal], int]] = {Linked: PLAN_LIFE_MS + RETENTION_MS}
"""A link is wanted for as long as the plan it leads to may be open."""


class CallbackPlan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of one plan as it is published: no address, at most two digits of it.

    ``reasons`` are visit ids, instants are UTC; ``cause`` says why a cancelled plan ended.
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
    not_before: str
    expires: str
    priority: int
    attempt: int
    uf: str | None
    zone: str | None
    last_digits: str


class _Known(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """A signal and the newest Kafka timestamp any revision of it came with."""

    arrived_ms: int
    signal: Signal

    @property
    def kept_until_ms(self) -> int:
        return max(self.arrived_ms, self.signal.at_ms) + _RETENTION_MS_OF.get(type(self.signal), RETENTION_MS)


@dataclass(slots=True)
class _Customer:
    """What is kept of one customer, by row key."""

    known: dict[str, _Known] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)

    @property
    def has_open_plan(self) -> bool:
        return any(plan.is_open for plan in self.plans.values())

    @property
    def kept_until_ms(self) -> int:
        return max(known.kept_until_ms for known in self.known.values())


class CallbacksCore(PartitionState):
    """The customers of one partition of ``callback-signals``."""

    def __init__(self, partition: int, directory: Directory) -> None:
        self._known = Rows(b"s/", _Known)
        self._plans = Rows(b"p/", Plan)
        super().__init__(self._known, self._plans)
        self._partition = partition
        self._directory = directory
        self._customers: dict[str, _Customer] = {}
        self._open: dict[tuple[str, str], int] = {}
        """(tenant, callback queue) to open plans."""
        self._newest_arrival_ms = 0
        self._retention = Retention()

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Take signals; their event times decide, not when they come."""
        del now_ms, wall_ms
        decisions = Decisions()
        for record in records:
            signal = self._read(record)
            if signal is None:
                self.inputs.count_ignored(topic)
            elif isinstance(signal, Rejection):
                self._reject(decisions, topic, record, signal)
            else:
                decisions.see(signal.at_ms)
                decisions.outputs += self._take(topic, signal, record.timestamp)
        return decisions

    def figures(self, now_ms: int) -> list[CallbackFigures]:
        """Open plans of the customers of this partition, for every callback queue of the configuration."""
        del now_ms
        policies = self._directory.queues.values()
        sites = {(policy.tenant, policy.callback_queue): policy.site for policy in policies if policy.callback_queue}
        return [
            CallbackFigures(tenant, self._site(tenant, queue) or site, queue, self._open.get((tenant, queue), 0), 0.0)
            for (tenant, queue), site in sites.items()
        ]

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore(rows)
        self._customers, self._open, self._retention = {}, {}, Retention()
        for plan in self._plans.values():
            self._customer(f"{plan.tenant}/{plan.token}").plans[plan.plan_id] = plan
            self._count_open(plan, 1)
        for key, known in self._known.items():
            self._customer(known.signal.owner_key).known[key] = known
        self._newest_arrival_ms = max((known.arrived_ms for known in self._known.values()), default=0)
        for owner_key, customer in self._customers.items():
            self._schedule(owner_key, customer)

    def _read(self, record: Record) -> Signal | Rejection | None:
        signal = read_event(record.value, SIGNAL_TYPES)
        if signal is None or isinstance(signal, Rejection):
            return signal
        if self._directory.partition_of(signal.owner_key) != self._partition:
            return Rejection(Reason.WRONG_PARTITION, "$.data: the customer belongs to another partition")
        return signal

    def _take(self, topic: str, signal: Signal, arrived_ms: int) -> list[Output]:
        known = self._known.get(signal.subject)
        if known is not None and known.signal.rank == signal.rank:
            self.inputs.count_duplicate(topic)
            return []
        self.inputs.count_applied(topic, signal.event_type)
        if known is not None and known.signal.rank > signal.rank:
            return []
        self._newest_arrival_ms = max(self._newest_arrival_ms, arrived_ms)
        customer = self._customer(signal.owner_key)
        self._forget_past(customer)
        newest_ms = max(arrived_ms, known.arrived_ms) if known else arrived_ms
        self._keep(customer, _Known(newest_ms, signal))
        outputs = [signal_output(told, self._directory) for told in _told_elsewhere(signal, customer)]
        outputs += self._settle(customer, signal.at_ms)
        self._schedule(signal.owner_key, customer)
        self._forget_idle()
        return outputs

    def _settle(self, customer: _Customer, at_ms: int) -> list[Output]:
        groups = groups_of(known.signal for known in customer.known.values())
        outputs = []
        for plan in settle(customer.plans.values(), groups):
            before = customer.plans.get(plan.plan_id)
            self._put_plan(customer, plan)
            outputs.append(_plan_output(plan, at_ms))
            if plan.is_open:
                outputs.append(log_output(_ready(plan, at_ms), self._directory))
            elif before is not None and before.is_open:
                outputs.append(log_output(_withdrawn(plan, at_ms), self._directory))
        return outputs

    def _customer(self, owner_key: str) -> _Customer:
        return self._customers.setdefault(owner_key, _Customer())

    def _site(self, tenant: str, queue: str) -> str | None:
        policy = self._directory.queue(tenant, queue)
        return policy.site if policy else None

    def _keep(self, customer: _Customer, known: _Known) -> None:
        key = known.signal.subject
        self._known.put(key, known)
        customer.known[key] = known

    def _put_plan(self, customer: _Customer, plan: Plan) -> None:
        before = customer.plans.get(plan.plan_id)
        if before is not None:
            self._count_open(before, -1)
        self._count_open(plan, 1)
        self._plans.put(plan.plan_id, plan)
        customer.plans[plan.plan_id] = plan

    def _count_open(self, plan: Plan, count: int) -> None:
        if plan.is_open:
            queue = (plan.tenant, plan.callback_queue)
            self._open[queue] = self._open.get(queue, 0) + count

    def _schedule(self, owner_key: str, customer: _Customer) -> None:
        """Look at a customer again when all that is kept has had its time; not while a plan is open."""
        if not customer.has_open_plan:
            self._retention.schedule(owner_key, customer.kept_until_ms)

    def _forget_idle(self) -> None:
        """Drop the customers of whom everything is past."""
        for owner_key in self._retention.due(self._newest_arrival_ms):
            customer = self._customers[owner_key]
            if customer.has_open_plan or customer.kept_until_ms > self._newest_arrival_ms:
                self._schedule(owner_key, customer)
            else:
                self._forget_past(customer)
                del self._customers[owner_key]

    def _forget_past(self, customer: _Customer) -> None:
        """Drop what no fact of the retention can change: ended plans whole, then the signals that no plan needs.

        A served stays as long as a reason at or before it does, or that reason would stand open again.
        """
        past = {key: known for key, known in customer.known.items() if known.kept_until_ms <= self._newest_arrival_ms}
        if not past:
            return
        fresh_visits = {known.signal.visit for key, known in customer.known.items() if key not in past}
        for plan in [plan for plan in customer.plans.values() if not plan.is_open and not plan.visits & fresh_visits]:
            self._plans.drop(plan.plan_id)
            del customer.plans[plan.plan_id]
        needed = set[str]().union(*(plan.visits for plan in customer.plans.values()))
        kept = [known.signal for key, known in customer.known.items() if key not in past]
        kept += [known.signal for known in past.values() if known.signal.visit in needed]
        oldest_reason_ms = min((signal.at_ms for signal in kept if isinstance(signal, CallbackReason)), default=None)
        for key, known in past.items():
            signal = known.signal
            if isinstance(signal, Linked):
                is_needed = False
            elif isinstance(signal, Served):
                is_needed = oldest_reason_ms is not None and oldest_reason_ms <= signal.at_ms
            else:
                is_needed = signal.visit in needed
            if not is_needed:
                self._known.drop(key)
                del customer.known[key]


def _told_elsewhere(news: Signal, customer: _Customer) -> Iterator[Served]:
    """Being served under this identifier, for the plans of other numbers whose reasons gave it too: nobody else tells
    their owners, unless the visit named that number as well."""
    known = [known.signal for known in customer.known.values()]
    links = [news] if isinstance(news, Linked) else [link for link in known if isinstance(link, Linked)]
    served = [news] if isinstance(news, Served) else [one for one in known if isinstance(one, Served)]
    if not isinstance(news, Linked | Served):
        return
    for plan_token in dict.fromkeys(link.plan_token for link in links if link.stands):
        for one in served:
            if plan_token not in one.tokens and one.token in one.tokens:
                yield replace(one, token=plan_token)


def _plan_output(plan: Plan, at_ms: int) -> Output:
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
        not_before=iso_time(plan.opened_ms + LATENESS_BOUND_MS),
        expires=iso_time(plan.opened_ms + PLAN_LIFE_MS),
        priority=len(plan.reasons),
        attempt=plan.attempt,
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


def _ready(plan: Plan, at_ms: int) -> Ready:
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
        not_before_ms=plan.opened_ms + LATENESS_BOUND_MS,
        expires_ms=plan.opened_ms + PLAN_LIFE_MS,
        priority=len(plan.reasons),
    )


def _withdrawn(plan: Plan, at_ms: int) -> Withdrawn:
    return Withdrawn(
        tenant=plan.tenant,
        callback_queue=plan.callback_queue,
        plan_id=plan.plan_id,
        attempt=plan.attempt,
        revision=plan.revision,
        at_ms=at_ms,
        cause=plan.cause,
    )
