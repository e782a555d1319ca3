"""Callback plans as the product would make them, for a simulation that runs without the product.

Whoever gives up is called back once something is known of them; being served anywhere cancels it. Simplified: the plan
belongs to the customer, is dialled at most three times, and knows no calling hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from streams.domain.encoding import iso_time
from streams.simulation.clockwork import HOUR_MS, MINUTE_MS, Clockwork
from streams.simulation.contacts import Customer, Stay
from streams.simulation.dialer import CANCEL, DIAL, Dialer, DialJob

FIRST_CALL_MS: Final = 5 * MINUTE_MS
NEXT_CALL_MS: Final = 30 * MINUTE_MS
EXPIRES_MS: Final = 12 * HOUR_MS
MOST_ATTEMPTS: Final = 3


@dataclass(slots=True)
class _Plan:
    plan_id: str
    tenant: str
    callback_queue: str
    address: str
    attempt: int = 0

    @property
    def job_id(self) -> str:
        return f"{self.plan_id}.{self.attempt}"


class ImitatedPlans:
    """At most one open plan per customer; feeds a dialer with jobs in the form of ``callback-jobs``."""

    def __init__(self, tenant: str, clockwork: Clockwork, dialer: Dialer) -> None:
        self._tenant = tenant
        self._clockwork = clockwork
        self._dialer = dialer
        self._plans: dict[str, _Plan] = {}

    def lost(self, stay: Stay) -> None:
        """Somebody left a queue, or a call, without being helped."""
        customer, queue = stay.contact.customer, stay.queue
        if customer is None:
            return
        if stay.callback_job_id is not None:
            self._try_again(customer.address)
        elif queue.calls_back is not None and customer.address not in self._plans:
            plan = _Plan(
                _plan_id(customer.address, stay.contact.contact_id), self._tenant, queue.calls_back, customer.address
            )
            self._plans[customer.address] = plan
            self._dial(plan, self._clockwork.now_ms + FIRST_CALL_MS)

    def served(self, customer: Customer | None) -> None:
        """An agent answered them, in whichever queue."""
        plan = self._plans.pop(customer.address, None) if customer else None
        if plan is not None:
            self._dialer.take(_event(CANCEL, plan, cause="served"))

    def attempted(self, job: DialJob, outcome: str) -> None:
        """One attempt is over; who picked up is in the callback queue now."""
        plan = self._plans.get(job.address)
        if outcome != "answered" and plan is not None and plan.job_id == job.job_id:
            self._try_again(job.address)

    def _try_again(self, address: str) -> None:
        plan = self._plans.get(address)
        if plan is None:
            return
        if plan.attempt < MOST_ATTEMPTS:
            self._dial(plan, self._clockwork.now_ms + NEXT_CALL_MS)
        else:
            del self._plans[address]

    def _dial(self, plan: _Plan, not_before_ms: int) -> None:
        plan.attempt += 1
        times = {"not_before": iso_time(not_before_ms), "expires": iso_time(not_before_ms + EXPIRES_MS)}
        self._dialer.take(_event(DIAL, plan, address=plan.address, priority=1, **times))


def _plan_id(address: str, contact_id: str) -> str:
    """In the form of the product's: customer, then reason; nobody has the key, so it is nobody's plan there."""
    return f"{sha256(address.encode()).hexdigest()[:32]}.{sha256(contact_id.encode()).hexdigest()[:16]}"


def _event(kind: str, plan: _Plan, **fields: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "data": {
            "job_id": plan.job_id,
            "plan_id": plan.plan_id,
            "attempt": plan.attempt,
            "tenant": plan.tenant,
            "callback_queue": plan.callback_queue,
            **fields,
        },
    }
