"""The agents that serve the queues of one partition, as the staffing stage tells them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from streams.domain.decisions import Record
from streams.domain.directory import QueuePolicy
from streams.domain.events import AGENT_STATES
from streams.domain.input_counts import InputCounts
from streams.domain.staffing import QUEUE_STAFFING, QUEUE_STAFFING_TYPE, QueueStaffing

_AGENT_ROW: Final = b"a/"


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    data: QueueStaffing


_decode = msgspec.json.Decoder(_Event).decode


class AgentsOfQueues:
    """Newest word per agent and queue; a tombstone takes the agent out of the queue."""

    def __init__(self, owner_keys: Iterable[str]) -> None:
        """Of these queues, tenant/queue each."""
        self._queues: dict[str, dict[str, QueueStaffing]] = {owner_key: {} for owner_key in owner_keys}
        self._changed: dict[tuple[str, str], None] = {}

    def take(self, record: Record, inputs: InputCounts) -> int | None:
        """Apply one ``queue-staffing`` record and return its event time; None where it has none.

        Foreign or unreadable ones are ignored, the topic is our own.
        """
        tenant, queue, agent_id = _parts_of(record.key)
        agents = self._queues.get(f"{tenant}/{queue}")
        told = _read(record.value)
        if agents is None or (record.value is not None and told is None):
            inputs.count_ignored(QUEUE_STAFFING)
            return None
        known = agents.get(agent_id)
        if told is None:
            agents.pop(agent_id, None)
        elif known is None or told.revision >= known.revision:
            agents[agent_id] = told
        if agents.get(agent_id) == known:
            inputs.count_duplicate(QUEUE_STAFFING)
        else:
            inputs.count_applied(QUEUE_STAFFING, QUEUE_STAFFING_TYPE)
            self._changed[f"{tenant}/{queue}", agent_id] = None
        return None if told is None else told.at_ms

    def by_state(self, policy: QueuePolicy, now_ms: int, *, is_stale: bool) -> dict[str, int]:
        """Agents that serve the queue by state; one unheard of for its time to live is offline, hence not free.

        While the staffing that reaches this queue is stale, nobody is known to be free: all are offline.
        """
        states = dict.fromkeys(AGENT_STATES, 0)
        for agent in self._queues[policy.owner_key].values():
            states[agent.state if now_ms < agent.fresh_until_ms and not is_stale else "offline"] += 1
        return states

    def free_for(self, owner_key: str, now_ms: int) -> int:
        """Agents who are available, heard of in time, and marked as free for this callback queue."""
        _, _, queue = owner_key.partition("/")
        return sum(
            agent.state == "available" and now_ms < agent.fresh_until_ms and agent.callback_queue in (queue, None)
            for agent in self._queues.get(owner_key, {}).values()
        )

    def is_seen_since(self, owner_key: str, agent_id: str, since_ms: int) -> bool:
        """Whether what is known of an agent is of this instant or later, or the agent is not free anyway."""
        agent = self._queues.get(owner_key, {}).get(agent_id)
        return agent is None or agent.state != "available" or agent.at_ms >= since_ms

    def changed_count(self) -> int:
        """How many rows the next ``changed_rows`` gives."""
        return len(self._changed)

    def changed_rows(self) -> Iterator[tuple[bytes, bytes | None]]:
        """The rows changed since the last call."""
        changed, self._changed = self._changed, {}
        for owner_key, agent_id in changed:
            agent = self._queues[owner_key].get(agent_id)
            yield _row_key(owner_key, agent_id), None if agent is None else msgspec.msgpack.encode(agent)

    def rows(self) -> Iterator[tuple[bytes, bytes | None]]:
        for owner_key, agents in self._queues.items():
            for agent_id, agent in agents.items():
                yield _row_key(owner_key, agent_id), msgspec.msgpack.encode(agent)

    def size(self) -> int:
        return sum(len(agents) for agents in self._queues.values())

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Rows of queues that are no longer configured are left alone."""
        for key, value in rows.items():
            if key.startswith(_AGENT_ROW):
                tenant, queue, agent_id = _parts_of(key[len(_AGENT_ROW) :])
                agents = self._queues.get(f"{tenant}/{queue}")
                if agents is not None:
                    agents[agent_id] = msgspec.msgpack.decode(value, type=QueueStaffing)


def _parts_of(key: bytes | None) -> tuple[str, str, str]:
    """Tenant, queue and agent of a record key; empty strings where it is not one of ours."""
    parts = (key or b"").decode(errors="replace").split("/", 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")


def _row_key(owner_key: str, agent_id: str) -> bytes:
    return _AGENT_ROW + f"{owner_key}/{agent_id}".encode()


def _read(value: bytes | None) -> QueueStaffing | None:
    if value is None:
        return None
    try:
        return _decode(value).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
