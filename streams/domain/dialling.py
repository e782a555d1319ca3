"""The dialling stage: the only writer of dial jobs, from the log of one callback queue and the agents that are free.

    ready --(decide: an agent is free)--> released, into the log --(read back)--> job out, agent held
                                                                                      |
           agent given back <-- settled without an answer | the agent shows busy | the lease ends

A release is decided only at the end of the log, written to it, and acted upon when it is read back: then the first
release of an attempt stands by the content of the log alone, whoever wrote it. From its sending on it counts as out.

An owner claims each of its callback queues in the log before it releases anything there, and decides once the claim is
read back: a release that an owner before it had still on its way comes before the claim and is counted, or after it and
is void.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec.structs import replace

from streams.domain.agents_of_queues import AgentsOfQueues
from streams.domain.decisions import Decisions, Output, Reason, Record, Rejection
from streams.domain.decoding import decode
from streams.domain.dialling_rows import (
    AgentRows,
    Claim,
    Dialled,
    Queue,
    Slot,
)
from streams.domain.directory import DAY_MS, HOUR_MS, CallbackPolicy, Directory
from streams.domain.encoding import read_event
from streams.domain.events import COMMANDS, CommandEvent, QueueCommand
from streams.domain.figures import Flights
from streams.domain.held_agents import HeldAgents
from streams.domain.jobs import cancel_output, dial_output, released_signal, token_of_plan, unheard_of
from streams.domain.live_waits import LiveWaits
from streams.domain.privacy import Sealer
from streams.domain.queue_modes import QueueModes
from streams.domain.release import in_turn, may_dial, one_of_each_customer, room
from streams.domain.rows import PartitionState, Retention, Rows
from streams.domain.signals import (
    LOG_TYPES,
    AttemptEntry,
    Claimed,
    Connected,
    Entry,
    Freed,
    LeaseEnded,
    LiveCaller,
    PlanEntry,
    Ready,
    Settled,
    Withdrawn,
    log_output,
    signal_output,
)
from streams.domain.staffing import QUEUE_STAFFING
from streams.errors import FilavivaError

RETENTION_MS: Final = DAY_MS
"""How long a plan is remembered after its last entry arrived and its time to call is over."""


class DiallingCore(PartitionState):
    """The callback queues of one partition of ``dialling-log``."""

    def __init__(self, partition: int, directory: Directory, sealer: Sealer) -> None:
        self._plans = Rows(b"d/", Dialled)
        self._held = HeldAgents()
        self._modes = QueueModes()
        self._live = LiveWaits()
        self._claims = Rows(b"e/", Claim)
        ours = [one for one in directory.callback_queues.values() if directory.partition(one.owner_key) == partition]
        self._agents = AgentsOfQueues(policy.owner_key for policy in ours)
        super().__init__(
            self._plans, self._held.rows, self._modes.rows, self._live.rows, self._claims, AgentRows(self._agents)
        )
        self._partition = partition
        self._directory = directory
        self._sealer = sealer
        self._queues: dict[str, Queue] = {}
        for policy in ours:
            self._queue(policy.tenant, policy.queue)
        self._newest_arrival_ms = 0
        self._retention = Retention()

    # -- reading ------------------------------------------------------------------------------------------------------

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Take the log, staffing and commands. Of the log its content decides, not when it comes."""
        del now_ms, wall_ms
        decisions = Decisions()
        for record in records:
            if topic == QUEUE_STAFFING:
                self._take_staffing(decisions, record)
            elif topic == COMMANDS:
                self._take_command(decisions, record)
            else:
                self._take_log(decisions, topic, record)
        return decisions

    def _take_staffing(self, decisions: Decisions, record: Record) -> None:
        at_ms = self._agents.take(record, self.inputs)
        if at_ms is not None:
            decisions.see(at_ms)
        for slot in self._held.with_a_customer():
            self._give_back_if_busy(slot)

    def _take_command(self, decisions: Decisions, record: Record) -> None:
        """The callbacks stage rejects what is no command."""
        event = decode(COMMANDS, self._partition, record, self._directory)
        if not isinstance(event, CommandEvent) or not isinstance(event.data, QueueCommand):
            self.inputs.count_ignored(COMMANDS)
            return
        decisions.see(event.time_ms)
        mode = self._modes.take(event, event.data)
        if mode is None:
            self.inputs.count_duplicate(COMMANDS)
        else:
            self.inputs.count_applied(COMMANDS, f"command.{mode}")

    def _take_log(self, decisions: Decisions, topic: str, record: Record) -> None:
        entry = self._read(record)
        if entry is None:
            self.inputs.count_ignored(topic)
        elif isinstance(entry, Rejection):
            self._reject(decisions, topic, record, entry)
        else:
            decisions.see(entry.at_ms)
            self._newest_arrival_ms = max(self._newest_arrival_ms, record.timestamp)
            outputs = self._taken(entry, record.timestamp)
            if outputs is None:
                self.inputs.count_duplicate(topic)
            else:
                self.inputs.count_applied(topic, entry.event_type)
                decisions.outputs += outputs
            self._forget()

    def _read(self, record: Record) -> Entry | Rejection | None:
        entry = read_event(record.value, LOG_TYPES)
        if entry is None or isinstance(entry, Rejection):
            return entry
        if self._directory.partition(entry.owner_key) != self._partition:
            return Rejection(Reason.WRONG_PARTITION, "$.data: the callback queue belongs to another partition")
        if isinstance(entry, Ready) and self._address(entry) is None:
            return Rejection(Reason.BAD_VALUE, "$.data.sealed_address: the tenant's key does not open it")
        return entry

    def _address(self, ready: Ready) -> str | None:
        try:
            return self._sealer.open(ready.tenant, ready.sealed_address)
        except FilavivaError:
            return None

    # -- the log ------------------------------------------------------------------------------------------------------

    def _taken(self, entry: Entry, arrived_ms: int) -> list[Output] | None:
        """What follows from an entry; None when it says nothing new."""
        match entry:
            case Ready() | Withdrawn():
                return self._take_plan(entry, arrived_ms)
            case Freed():
                return self._take_release(entry)
            case Claimed():
                return self._take_claim(entry)
            case LiveCaller():
                return [] if self._live.take(entry) else None
            case Settled() | Connected() | LeaseEnded():
                return self._take_outcome(entry)

    def _take_plan(self, entry: PlanEntry, arrived_ms: int) -> list[Output] | None:
        key = _key(entry)
        known = self._plans.get(key) or Dialled()
        if entry.revision <= known.revision:
            return None if entry.revision == known.revision else []
        outputs = []
        ready = entry if isinstance(entry, Ready) else None
        if known.is_out and (ready is None or known.attempt < ready.attempt):
            is_over = ready is not None and known.attempt <= ready.settled
            cause = entry.cause if isinstance(entry, Withdrawn) else "superseded"
            outputs = [] if is_over else [cancel_output(entry, known.attempt, cause)]
            known = replace(known, is_out=False)
            slot = self._held.get(f"{entry.plan_id}.{known.attempt}")
            if slot is not None:  # the dialer may have dialled already: the agent is held on, but no result is missed
                self._held.hold(replace(slot, is_reported=True))
        newest_ms = max(arrived_ms, known.arrived_ms)
        wanted_until_ms = min(ready.expires_ms, newest_ms + RETENTION_MS) if ready else newest_ms
        self._put(
            key,
            replace(
                known,
                revision=entry.revision,
                ready=ready,
                arrived_ms=newest_ms,
                keep_until_ms=max(newest_ms, wanted_until_ms) + RETENTION_MS,
            ),
        )
        return outputs

    def _take_release(self, freed: Freed) -> list[Output] | None:
        """The first release of an attempt stands, if the plan still is to be called by then and no later owner has
        begun."""
        queue = self._queue(freed.tenant, freed.callback_queue)
        key = _key(freed)
        if queue.sent.get(key, 0) <= freed.attempt:
            queue.sent.pop(key, None)
        known = self._plans.get(key) or Dialled()
        if freed.attempt <= known.attempt:
            return None
        ready = known.ready
        address = self._address(ready) if ready is not None else None
        is_void = freed.epoch < self._claimed_epoch(queue.policy)
        if is_void or ready is None or address is None or ready.attempt != freed.attempt:
            return []
        self._put(key, replace(known, attempt=freed.attempt, is_out=True))
        slot = Slot(freed.tenant, freed.callback_queue, freed.plan_id, freed.attempt, freed.lease_until_ms)
        self._held.hold(slot)
        job = dial_output(ready, freed, address, ivr_first=queue.policy.ivr_first)
        return [job, signal_output(released_signal(freed), self._directory)]

    def _take_claim(self, claimed: Claimed) -> list[Output] | None:
        policy = self._queue(claimed.tenant, claimed.callback_queue).policy
        if claimed.epoch <= self._claimed_epoch(policy):
            return None
        self._claims.put(policy.owner_key, Claim(claimed.epoch))
        return []

    def _claimed_epoch(self, policy: CallbackPolicy) -> int:
        claim = self._claims.get(policy.owner_key)
        return 0 if claim is None else claim.epoch

    def _take_outcome(self, entry: Settled | Connected | LeaseEnded) -> list[Output] | None:
        """An attempt is over, or its customer is with an agent. Who only picked up keeps the agent held."""
        slot = self._held.get(entry.job_id)
        if slot is None:
            return []
        if isinstance(entry, Connected) and entry.agent_id is not None:
            held = replace(slot, is_reported=True, agent_id=entry.agent_id, answered_ms=entry.at_ms)
            self._held.hold(held)
            self._give_back_if_busy(held)
            return []
        if isinstance(entry, Settled) and entry.outcome == "answered":
            self._held.hold(replace(slot, is_reported=True))
            return []
        self._give_back(slot)
        if isinstance(entry, LeaseEnded) and not slot.is_reported:
            return [signal_output(unheard_of(entry), self._directory)]
        return []

    # -- deciding -----------------------------------------------------------------------------------------------------

    def decide(self, now_ms: Mapping[str, int], epoch: int) -> list[Output]:
        """Claims, releases and ends of leases, into the log. Called at the end of every input; changes no durable
        state."""
        now = max(now_ms.values(), default=0)
        outputs = [log_output(entry, self._directory) for entry in self._held.ended_leases(now)]
        for queue in self._queues.values():
            claimed = self._claimed_epoch(queue.policy)
            if claimed == epoch:
                outputs += [log_output(freed, self._directory) for freed in self._released(queue, now, epoch)]
            elif claimed < epoch and queue.claim_sent < epoch:
                queue.claim_sent = epoch
                outputs.append(log_output(_claim(queue.policy, now, epoch), self._directory))
        return outputs

    def _released(self, queue: Queue, now_ms: int, epoch: int) -> Iterator[Freed]:
        policy = queue.policy
        slots = self._held.of_queue(policy.owner_key)
        places = room(self.free_agents(policy, now_ms), len(slots) + len(queue.sent), policy)
        if self._modes.is_paused(policy.owner_key) or self._live.is_anybody_over(policy.owner_key, now_ms):
            places = 0
        latest_ms = self._modes.latest_ms(policy.owner_key)
        candidates = [
            ready
            for key, ready in (queue.waiting.items() if places else ())
            if key not in queue.sent and ready.at_ms <= latest_ms and may_dial(ready, policy, now_ms)
        ]
        busy = {token_of_plan(slot.plan_id) for slot in slots.values()}
        in_order = in_turn(candidates, policy, now_ms, queue.turns)
        for ready in islice(one_of_each_customer(in_order, busy), places):
            queue.sent[_key(ready)] = ready.attempt
            queue.turn += 1
            queue.turns[ready.queue] = queue.turn
            yield Freed(
                tenant=ready.tenant,
                callback_queue=ready.callback_queue,
                plan_id=ready.plan_id,
                attempt=ready.attempt,
                at_ms=now_ms,
                lease_until_ms=now_ms + policy.lease_ms,
                epoch=epoch,
            )

    def free_agents(self, policy: CallbackPolicy, now_ms: int) -> int:
        """Agents who are free for this callback queue and for no other."""
        return self._agents.free_for(policy.owner_key, now_ms)

    def flights(self, now_ms: int) -> list[Flights]:
        """What every callback queue of this partition has out, and the agents it may count on."""
        return [
            Flights(
                queue.policy.tenant,
                queue.policy.site,
                queue.policy.queue,
                in_flight=len(self._held.of_queue(queue.policy.owner_key)) + len(queue.sent),
                free_agents=self.free_agents(queue.policy, now_ms),
            )
            for queue in self._queues.values()
        ]

    # -- state --------------------------------------------------------------------------------------------------------

    def _queue(self, tenant: str, name: str) -> Queue:
        policy = self._directory.callbacks(tenant, name)
        return self._queues.setdefault(policy.owner_key, Queue(policy))

    def _put(self, key: str, plan: Dialled) -> None:
        self._plans.put(key, plan)
        self._index(key, plan)
        self._retention.schedule(key, plan.keep_until_ms)

    def _index(self, key: str, plan: Dialled) -> None:
        """Whoever is to be called and has not been released for this attempt waits."""
        tenant, name, _ = key.split("/", 2)
        waiting = self._queue(tenant, name).waiting
        if plan.ready is not None and plan.attempt < plan.ready.attempt:
            waiting[key] = plan.ready
        else:
            waiting.pop(key, None)

    def _give_back(self, slot: Slot) -> None:
        self._held.drop(slot)
        key = f"{slot.owner_key}/{slot.plan_id}"
        plan = self._plans.get(key)
        if plan is not None and plan.is_out and plan.attempt == slot.attempt:
            self._put(key, replace(plan, is_out=False))

    def _give_back_if_busy(self, slot: Slot) -> None:
        """The agent who has the customer is no longer counted as free: the slot need not stand for them any more."""
        if slot.agent_id is not None and self._agents.is_seen_since(slot.owner_key, slot.agent_id, slot.answered_ms):
            self._give_back(slot)

    def _forget(self) -> None:
        for key in self._retention.due(self._newest_arrival_ms):
            plan = self._plans.get(key)
            if plan is None:
                continue
            if plan.keep_until_ms > self._newest_arrival_ms or key in self._queue(*key.split("/", 2)[:2]).waiting:
                self._retention.schedule(key, max(plan.keep_until_ms, self._newest_arrival_ms + HOUR_MS))
            else:
                self._plans.drop(key)
        self._live.forget(self._newest_arrival_ms)

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore(rows)
        self._newest_arrival_ms = max((plan.arrived_ms for plan in self._plans.values()), default=0)
        self._retention = Retention()
        self._live.restored()
        self._held.restored()
        for key, plan in self._plans.items():
            self._index(key, plan)
            self._retention.schedule(key, plan.keep_until_ms)


def _claim(policy: CallbackPolicy, now_ms: int, epoch: int) -> Claimed:
    return Claimed(tenant=policy.tenant, callback_queue=policy.queue, at_ms=now_ms, epoch=epoch)


def _key(entry: AttemptEntry) -> str:
    return f"{entry.owner_key}/{entry.plan_id}"
