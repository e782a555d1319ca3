"""The dialling stage: the only writer of dial jobs, from the log of one callback queue.

A plan has at most one job out. What the plan's highest revision says holds: ready means its attempt is with the dialer,
withdrawn means that no job of it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.domain.decisions import Decisions, Output, Reason, Record, Rejection
from streams.domain.directory import DAY_MS, Directory
from streams.domain.encoding import cloud_event, iso_time, read_event
from streams.domain.privacy import Sealer
from streams.domain.rows import PartitionState, Retention, Rows
from streams.domain.signals import LOG_TYPES, Entry, Ready, Settled, Withdrawn
from streams.errors import FilavivaError

CALLBACK_JOBS: Final = "callback-jobs"
RETENTION_MS: Final = DAY_MS
"""How long a plan is remembered after its last entry arrived and its time to call is over."""


class DialJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Call this address for this callback queue, between two instants (UTC). Higher ``priority`` first."""

    job_id: str
    plan_id: str
    attempt: int
    revision: int
    tenant: str
    callback_queue: str
    address: str
    not_before: str
    expires: str
    priority: int
    uf: str | None
    zone: str | None

    def __repr__(self) -> str:
        return f"DialJob({self.job_id})"


class CancelJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Do not make this call, or do not repeat it."""

    job_id: str
    plan_id: str
    attempt: int
    revision: int
    tenant: str
    callback_queue: str
    cause: str


class _Dialled(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """What is known of one plan: its newest entry, the last attempt, and whether that attempt's job is out."""

    revision: int = 0
    attempt: int = 0
    is_out: bool = False
    arrived_ms: int = 0
    expires_ms: int = 0

    @property
    def keep_until_ms(self) -> int:
        return max(self.arrived_ms, min(self.expires_ms, self.arrived_ms + RETENTION_MS)) + RETENTION_MS


_NEVER_HEARD_OF: Final = _Dialled()


class DiallingCore(PartitionState):
    """The callback queues of one partition of ``dialling-log``."""

    def __init__(self, partition: int, directory: Directory, sealer: Sealer) -> None:
        self._plans = Rows(b"d/", _Dialled)
        super().__init__(self._plans)
        self._partition = partition
        self._directory = directory
        self._sealer = sealer
        self._newest_arrival_ms = 0
        self._retention = Retention()

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Take the log; what a plan's entries say decides, not when they come."""
        del now_ms, wall_ms
        decisions = Decisions()
        for record in records:
            entry = self._read(record)
            if entry is None:
                self.inputs.count_ignored(topic)
            elif isinstance(entry, Rejection):
                self._reject(decisions, topic, record, entry)
            else:
                decisions.see(entry.at_ms)
                self._take(decisions, topic, record, entry)
        return decisions

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore(rows)
        self._newest_arrival_ms = max((known.arrived_ms for known in self._plans.values()), default=0)
        self._retention = Retention()
        for plan_id, known in self._plans.items():
            self._retention.schedule(plan_id, known.keep_until_ms)

    def _read(self, record: Record) -> Entry | Rejection | None:
        entry = read_event(record.value, LOG_TYPES)
        if entry is None or isinstance(entry, Rejection):
            return entry
        if self._directory.partition(entry.owner_key) != self._partition:
            return Rejection(Reason.WRONG_PARTITION, "$.data: the callback queue belongs to another partition")
        return entry

    def _take(self, decisions: Decisions, topic: str, record: Record, entry: Entry) -> None:
        key = f"{entry.owner_key}/{entry.plan_id}"
        known = self._plans.get(key) or _NEVER_HEARD_OF
        if isinstance(entry, Settled):
            self.inputs.count_applied(topic, entry.event_type)
            if known.is_out and known.attempt == entry.attempt:
                self._plans.put(key, replace(known, is_out=False))
            return
        if entry.revision == known.revision:
            self.inputs.count_duplicate(topic)
            return
        jobs = self._jobs(entry, known) if entry.revision > known.revision else []
        if isinstance(jobs, Rejection):
            self._reject(decisions, topic, record, jobs)
            return
        self.inputs.count_applied(topic, entry.event_type)
        decisions.outputs += jobs
        if entry.revision > known.revision:
            self._remember(entry, known, record.timestamp)

    def _jobs(self, entry: Ready | Withdrawn, known: _Dialled) -> list[Output] | Rejection:
        """What the dialer is told because of the newest entry of a plan."""
        if isinstance(entry, Withdrawn):
            return [_cancel(entry, known.attempt, entry.cause)] if known.is_out else []
        if entry.attempt <= known.attempt:
            return []
        try:
            address = self._sealer.open(entry.tenant, entry.sealed_address)
        except FilavivaError:
            return Rejection(Reason.BAD_VALUE, "$.data.sealed_address: the tenant's key does not open it")
        is_superseded = known.is_out and known.attempt > entry.settled
        superseded = [_cancel(entry, known.attempt, "superseded")] if is_superseded else []
        return [*superseded, _dial(entry, address)]

    def _remember(self, entry: Ready | Withdrawn, known: _Dialled, arrived_ms: int) -> None:
        plan = _Dialled(
            revision=entry.revision,
            attempt=max(entry.attempt, known.attempt),
            is_out=isinstance(entry, Ready) and (known.is_out or entry.attempt > known.attempt),
            arrived_ms=max(arrived_ms, known.arrived_ms),
            expires_ms=entry.expires_ms if isinstance(entry, Ready) else known.expires_ms,
        )
        key = f"{entry.owner_key}/{entry.plan_id}"
        self._plans.put(key, plan)
        self._newest_arrival_ms = max(self._newest_arrival_ms, arrived_ms)
        self._retention.schedule(key, plan.keep_until_ms)
        self._forget()

    def _forget(self) -> None:
        for plan_id in self._retention.due(self._newest_arrival_ms):
            known = self._plans.get(plan_id)
            assert known is not None, "a plan leaves only here"
            if known.keep_until_ms > self._newest_arrival_ms:
                self._retention.schedule(plan_id, known.keep_until_ms)
            else:
                self._plans.drop(plan_id)


def _dial(ready: Ready, address: str) -> Output:
    job_id = f"{ready.plan_id}.{ready.attempt}"
    job = DialJob(
        job_id=job_id,
        plan_id=ready.plan_id,
        attempt=ready.attempt,
        revision=ready.revision,
        tenant=ready.tenant,
        callback_queue=ready.callback_queue,
        address=address,
        not_before=iso_time(ready.not_before_ms),
        expires=iso_time(ready.expires_ms),
        priority=ready.priority,
        uf=ready.uf,
        zone=ready.zone,
    )
    return _job_output("callback.dial", job, ready.at_ms)


def _cancel(entry: Ready | Withdrawn, attempt: int, cause: str) -> Output:
    job_id = f"{entry.plan_id}.{attempt}"
    job = CancelJob(
        job_id=job_id,
        plan_id=entry.plan_id,
        attempt=attempt,
        revision=entry.revision,
        tenant=entry.tenant,
        callback_queue=entry.callback_queue,
        cause=cause,
    )
    return _job_output("callback.cancel", job, entry.at_ms)


def _job_output(event_type: str, job: DialJob | CancelJob, at_ms: int) -> Output:
    value = cloud_event(
        event_type=event_type,
        event_id=f"{job.job_id}#{job.revision}",
        time_ms=at_ms,
        subject=job.job_id,
        data=job,
    )
    return Output(CALLBACK_JOBS, job.job_id.encode(), value)
