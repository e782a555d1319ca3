"""The agents held for jobs that are out, each until it is known that they need not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from streams.domain.dialling_rows import Slot
from streams.domain.rows import Rows
from streams.domain.signals import LeaseEnded

_NOBODY: Final[Mapping[str, Slot]] = {}


class HeldAgents:
    """By job. ``rows`` is the table of the partition."""

    def __init__(self) -> None:
        self.rows = Rows(b"j/", Slot)
        self._by_queue: dict[str, dict[str, Slot]] = {}
        self._leases_told: set[str] = set()

    def get(self, job_id: str) -> Slot | None:
        return self.rows.get(job_id)

    def of_queue(self, owner_key: str) -> Mapping[str, Slot]:
        """Job to slot, of one callback queue."""
        return self._by_queue.get(owner_key, _NOBODY)

    def hold(self, slot: Slot) -> None:
        self.rows.put(slot.job_id, slot)
        self._by_queue.setdefault(slot.owner_key, {})[slot.job_id] = slot

    def drop(self, slot: Slot) -> None:
        self.rows.drop(slot.job_id)
        self._leases_told.discard(slot.job_id)
        del self._by_queue[slot.owner_key][slot.job_id]

    def with_a_customer(self) -> list[Slot]:
        """Those of whom an agent is known to have the customer."""
        return [slot for slot in self.rows.values() if slot.agent_id is not None]

    def ended_leases(self, now_ms: int) -> Iterator[LeaseEnded]:
        """Each that has ended, once in this process."""
        for slot in self.rows.values():
            if slot.lease_until_ms <= now_ms and slot.job_id not in self._leases_told:
                self._leases_told.add(slot.job_id)
                yield LeaseEnded(
                    tenant=slot.tenant,
                    callback_queue=slot.callback_queue,
                    plan_id=slot.plan_id,
                    attempt=slot.attempt,
                    at_ms=slot.lease_until_ms,
                )

    def restored(self) -> None:
        """The rows have been read back."""
        self._by_queue.clear()
        for slot in self.rows.values():
            self._by_queue.setdefault(slot.owner_key, {})[slot.job_id] = slot
