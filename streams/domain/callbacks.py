"""The callbacks stage: one open plan per customer, from the signals of every queue and the commands of operators.

The owner of a customer keeps what was signalled for the retention, so that a served that arrives before its abandon, or
a correction of either, still ends in the right plans.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Literal

from msgspec.structs import replace

from streams.domain.customer_calls import CustomerCalls
from streams.domain.customers import Customer, Known
from streams.domain.decisions import Decisions, Output, Reason, Record, Rejection
from streams.domain.decoding import decode
from streams.domain.directory import DAY_MS, CallbackPolicy, Directory
from streams.domain.encoding import read_event
from streams.domain.ends import attempts_by_plan
from streams.domain.events import (
    COMMANDS,
    BlockCustomer,
    CancelPlan,
    CommandEvent,
    CustomerCommand,
    OptOut,
    UnblockCustomer,
)
from streams.domain.figures import ATTEMPT_COUNTED, CallbackCounters, CallbackFigures
from streams.domain.plan_records import entries_of, plan_output
from streams.domain.plans import RELEASED, Course, Plan, groups_of, settle
from streams.domain.rows import PartitionState, Retention, Rows
from streams.domain.signals import (
    CALLBACK_SIGNALS,
    SIGNAL_TYPES,
    Attempted,
    CallbackReason,
    Commanded,
    Expired,
    Linked,
    Released,
    Served,
    Signal,
    log_output,
    signal_output,
)

RETENTION_MS: Final = DAY_MS
"""How long a signal is kept after its event time and its arrival, whichever is later."""
_ORDERS: Final[Mapping[type[CustomerCommand], Literal["cancel", "block", "unblock", "opt_out"]]] = {
    CancelPlan: "cancel",
    BlockCustomer: "block",
    UnblockCustomer: "unblock",
    OptOut: "opt_out",
}


class CallbacksCore(PartitionState):
    """The customers of one partition of ``callback-signals``."""

    def __init__(self, partition: int, directory: Directory) -> None:
        self._known = Rows(b"s/", Known)
        self._plans = Rows(b"p/", Plan)
        self._calls = CustomerCalls()
        super().__init__(self._known, self._plans, self._calls.rows)
        self._partition = partition
        self._directory = directory
        self._link_retention_ms = RETENTION_MS + max(
            (policy.life_ms for policy in directory.callback_queues.values()), default=0
        )
        """A link is wanted for as long as the plan it leads to may be open; of one that never expires it is told
        again."""
        self._told_expired: set[str] = set()
        self._told_links_ms: dict[str, int] = {}
        """By plan: when this process has last told its links again."""
        self._customers: dict[str, Customer] = {}
        self._open_plans: dict[str, Plan] = {}
        self.counters: dict[tuple[str, str], CallbackCounters] = defaultdict(CallbackCounters)
        """By tenant and callback queue, of this process."""
        self._newest_arrival_ms = 0
        self._retention = Retention()

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Take signals and commands; their event times decide, not when they come."""
        del now_ms, wall_ms
        decisions = Decisions()
        for record in records:
            signal = self._read_command(record) if topic == COMMANDS else self._read(record)
            if signal is None:
                self.inputs.count_ignored(topic)
            elif isinstance(signal, Rejection):
                self._reject(decisions, topic, record, signal)
            else:
                decisions.see(signal.at_ms)
                decisions.outputs += (
                    self._pass_on(signal) if topic == COMMANDS else self._take(signal, record.timestamp)
                )
        return decisions

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        """Say once of every open plan whose time to call has passed that it has: it ends when that is read back. And
        remind whoever keeps the links of a plan that never expires, before they have had their time."""
        outputs, signals_now_ms = [], now_ms.get(CALLBACK_SIGNALS, 0)
        for plan in self._open_plans.values():
            if plan.expires_ms <= signals_now_ms and plan.plan_id not in self._told_expired:
                self._told_expired.add(plan.plan_id)
                outputs.append(signal_output(_expired(plan), self._directory))
            told_ms = self._told_links_ms.get(plan.plan_id, plan.opened_ms)
            if plan.is_owed and told_ms + RETENTION_MS <= signals_now_ms:
                self._told_links_ms[plan.plan_id] = signals_now_ms
                outputs += [signal_output(link, self._directory) for link in self._links_of(plan)]
        return outputs

    def _links_of(self, plan: Plan) -> Iterator[Linked]:
        """As the queues told them of the same visits."""
        for known in self._customers[f"{plan.tenant}/{plan.token}"].known.values():
            reason = known.signal
            if isinstance(reason, CallbackReason) and reason.stands and reason.visit in plan.visits:
                about = {name: getattr(reason, name) for name in ("tenant", "visit", "revision", "stands", "at_ms")}
                others = (token for token in reason.tokens if token != plan.token)
                yield from (Linked(**about, token=token, plan_token=plan.token) for token in others)

    def figures(self, now_ms: int) -> list[CallbackFigures]:
        """Plans of the customers of this partition, for every callback queue of the configuration."""
        places = self._directory.callback_queues
        of_queue: dict[tuple[str, str], list[Plan]] = {place: [] for place in places}
        customers = Counter({(plan.tenant, plan.callback_queue, plan.token): 1 for plan in self._plans.values()})
        by_queue = Counter((tenant, queue) for tenant, queue, _ in customers)
        for plan in self._open_plans.values():
            of_queue.setdefault((plan.tenant, plan.callback_queue), []).append(plan)
        return [
            _figures(policy, of_queue[place], by_queue[place], self.counters[place], now_ms)
            for place, policy in places.items()
        ]

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore(rows)
        self._customers, self._open_plans, self._retention = {}, {}, Retention()
        for plan in self._plans.values():
            self._customer(f"{plan.tenant}/{plan.token}").plans[plan.plan_id] = plan
            self._index(plan)
        for key, known in self._known.items():
            self._customer(known.signal.owner_key).known[key] = known
        self._newest_arrival_ms = max((known.arrived_ms for known in self._known.values()), default=0)
        for owner_key, customer in self._customers.items():
            self._schedule(owner_key, customer)
        self._calls.restored()

    def _read(self, record: Record) -> Signal | Rejection | None:
        signal = read_event(record.value, SIGNAL_TYPES)
        if signal is None or isinstance(signal, Rejection):
            return signal
        if self._directory.partition_of(signal.owner_key) != self._partition:
            return Rejection(Reason.WRONG_PARTITION, "$.data: the customer belongs to another partition")
        return signal

    def _read_command(self, record: Record) -> Signal | Rejection | None:
        """Commands about callback queues are the dialling stage's; what is no command at all is rejected here alone."""
        event = decode(COMMANDS, self._partition, record, self._directory)
        if isinstance(event, Rejection):
            return event
        if not isinstance(event, CommandEvent) or not isinstance(event.data, CustomerCommand):
            return None
        return Commanded(
            tenant=event.data.tenant,
            token=event.data.token,
            visit=f"{event.source}/{event.event_id}",
            revision=1,
            stands=True,
            at_ms=event.time_ms,
            order=_ORDERS[type(event.data)],
        )

    def _pass_on(self, command: Signal) -> list[Output]:
        """A command takes its place among the signals of its customer: of two topics a successor may read on in another
        order, and one revision of a plan would have two contents."""
        if self._known.get(command.subject) is not None:
            self.inputs.count_duplicate(COMMANDS)
            return []
        self.inputs.count_applied(COMMANDS, command.event_type)
        return [signal_output(command, self._directory)]

    def _take(self, signal: Signal, arrived_ms: int) -> list[Output]:
        known = self._known.get(signal.subject)
        if known is not None and known.signal.rank == signal.rank:
            self.inputs.count_duplicate(CALLBACK_SIGNALS)
            if isinstance(signal, Linked):
                self._keep_longer(known, arrived_ms)
            return []
        self.inputs.count_applied(CALLBACK_SIGNALS, signal.event_type)
        if known is not None and known.signal.rank > signal.rank:
            return []
        self._newest_arrival_ms = max(self._newest_arrival_ms, arrived_ms)
        customer = self._customer(signal.owner_key)
        self._forget_past(customer)
        newest_ms = max(arrived_ms, known.arrived_ms) if known else arrived_ms
        retention_ms = self._link_retention_ms if isinstance(signal, Linked) else RETENTION_MS
        self._keep(customer, Known(newest_ms, max(newest_ms, signal.at_ms) + retention_ms, signal))
        if isinstance(signal, Attempted):
            self._calls.count(signal)
            if known is None and signal.outcome in ATTEMPT_COUNTED:
                self.counters[signal.tenant, signal.callback_queue].attempts[signal.outcome] += 1
        outputs = [signal_output(told, self._directory) for told in _told_elsewhere(signal, customer)]
        outputs += self._settle(customer, signal.at_ms)
        self._schedule(signal.owner_key, customer)
        self._forget_idle()
        self._calls.forget(self._newest_arrival_ms)
        return outputs

    def _settle(self, customer: Customer, at_ms: int) -> list[Output]:
        tenant = next(iter(customer.known.values())).signal.tenant
        signals = [known.signal for known in customer.known.values()]
        groups = groups_of(signals, lambda queue: self._directory.callbacks(tenant, queue).attempts)
        attempts = attempts_by_plan(signals)

        def course_of(plan: Plan) -> Course:
            policy = self._directory.callbacks(plan.tenant, plan.callback_queue)
            releases = {
                one.attempt: one.at_ms for one in signals if isinstance(one, Released) and one.plan_id == plan.plan_id
            }
            rested = partial(self._rested_ms, plan, policy)
            return Course(policy, attempts.get(plan.plan_id, {}), releases, rested, self._directory.lateness_ms)

        outputs = []
        for plan in settle(customer.plans.values(), groups, course_of):
            before = customer.plans.get(plan.plan_id)
            self._put_plan(customer, plan)
            self._count(before, plan)
            outputs.append(plan_output(plan, at_ms))
            outputs += [log_output(entry, self._directory) for entry in entries_of(before, plan, at_ms)]
        return outputs

    def _rested_ms(self, plan: Plan, policy: CallbackPolicy, from_ms: int) -> int:
        return self._calls.rested_ms(f"{plan.tenant}/{plan.token}", policy, from_ms, plan.zone or policy.zone)

    def _customer(self, owner_key: str) -> Customer:
        return self._customers.setdefault(owner_key, Customer())

    def _keep_longer(self, known: Known, arrived_ms: int) -> None:
        """A link that is told again leads to a plan that is open still."""
        until_ms = arrived_ms + self._link_retention_ms
        if until_ms > known.kept_until_ms:
            customer = self._customer(known.signal.owner_key)
            self._keep(customer, Known(max(arrived_ms, known.arrived_ms), until_ms, known.signal))
            self._schedule(known.signal.owner_key, customer)

    def _keep(self, customer: Customer, known: Known) -> None:
        key = known.signal.subject
        self._known.put(key, known)
        customer.known[key] = known

    def _put_plan(self, customer: Customer, plan: Plan) -> None:
        self._plans.put(plan.plan_id, plan)
        customer.plans[plan.plan_id] = plan
        self._index(plan)

    def _count(self, before: Plan | None, plan: Plan) -> None:
        counters = self.counters[plan.tenant, plan.callback_queue]
        if before is None:
            counters.plans["opened"] += 1
        if not plan.is_open and (before is None or before.state != plan.state):
            counters.plans[plan.state] += 1
        if plan.first_released_ms and not (before and before.first_released_ms):
            counters.first_attempt.observe(max(0, plan.first_released_ms - plan.opened_ms) / 1000)

    def _index(self, plan: Plan) -> None:
        if plan.is_open:
            self._open_plans[plan.plan_id] = plan
        else:
            self._open_plans.pop(plan.plan_id, None)
            self._told_expired.discard(plan.plan_id)
            self._told_links_ms.pop(plan.plan_id, None)

    def _schedule(self, owner_key: str, customer: Customer) -> None:
        """Look at a customer again when all that is kept has had its time; not while a plan is open, nor while a
        command says not to call."""
        if not customer.has_open_plan and not customer.is_barred:
            self._retention.schedule(owner_key, customer.kept_until_ms)

    def _forget_idle(self) -> None:
        """Drop the customers of whom everything is past."""
        for owner_key in self._retention.due(self._newest_arrival_ms):
            customer = self._customers[owner_key]
            if customer.is_over(self._newest_arrival_ms):
                self._forget_past(customer)
                del self._customers[owner_key]
            else:
                self._schedule(owner_key, customer)

    def _forget_past(self, customer: Customer) -> None:
        """Drop what no fact of the retention can change: ended plans whole, then the signals that no plan needs."""
        now_ms = self._newest_arrival_ms
        if all(known.kept_until_ms > now_ms for known in customer.known.values()):
            return
        for plan in customer.past_plans(now_ms):
            self._plans.drop(plan.plan_id)
            del customer.plans[plan.plan_id]
        for key in customer.past_signals(now_ms):
            self._known.drop(key)
            del customer.known[key]


def _figures(
    policy: CallbackPolicy, plans: list[Plan], customers: int, counters: CallbackCounters, now_ms: int
) -> CallbackFigures:
    late_ms = [
        now_ms - plan.opened_ms - (policy.owed_due_ms if plan.is_owed else policy.due_ms)
        for plan in plans
        if plan.state != RELEASED
    ]
    overdue_ms = [late for late in late_ms if late > 0]
    return CallbackFigures(
        policy.tenant,
        policy.site,
        policy.queue,
        pending=len(plans),
        overdue_seconds=max(overdue_ms, default=0) / 1000,
        overdue=len(overdue_ms),
        owed=sum(plan.is_owed for plan in plans),
        customers=customers,
        counters=counters,
    )


def _expired(plan: Plan) -> Expired:
    return Expired(
        tenant=plan.tenant,
        token=plan.token,
        visit=plan.plan_id,
        revision=1,
        stands=True,
        at_ms=plan.expires_ms,
    )


def _told_elsewhere(news: Signal, customer: Customer) -> Iterator[Served]:
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
