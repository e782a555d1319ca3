"""The staffing stage: what every agent does now, told to each queue the agent serves.

Of an agent's facts the newest stands, by event time, then event id. An agent unheard of for the time to live is not
free, whatever the last word was; readers see when that is in ``fresh_until_ms``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from zlib import crc32

import msgspec
from msgspec.structs import replace

from streams.domain.decisions import Decisions, Output, Record, Rejection
from streams.domain.decoding import decode
from streams.domain.directory import DAY_MS, Directory
from streams.domain.encoding import cloud_event
from streams.domain.events import AGENT_STATES, AgentEvent, AgentStateName
from streams.domain.figures import SiteFigures
from streams.domain.rows import PartitionState, Retention, Rows

QUEUE_STAFFING: Final = "queue-staffing"
QUEUE_STAFFING_TYPE: Final = "queue.staffing"
FORGOTTEN_AFTER_MS: Final = 7 * DAY_MS
"""An agent this much older than the partition's newest fact is dropped: ``agent-events`` keeps no more either."""


class QueueStaffing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One agent as one queue sees it. From ``fresh_until_ms`` on the agent counts as offline.

    ``revision`` is the event time, ``at_ms`` as well: a newer fact replaces an older one.
    """

    tenant: str
    site: str
    queue: str
    agent_id: str
    state: AgentStateName
    revision: int
    at_ms: int
    fresh_until_ms: int
    callback_queue: str | None = None
    """Of the callback queues the agent serves, the one that may count on the agent while free."""


class _Agent(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    tenant: str
    site: str
    agent_id: str
    state: AgentStateName
    queues: tuple[str, ...]
    time_ms: int
    event_id: str
    source: str
    callback_queue: str | None = None

    @property
    def order(self) -> tuple[int, str, str]:
        return (self.time_ms, self.event_id, self.source)

    @property
    def key(self) -> str:
        return f"{self.tenant}/{self.agent_id}"


class StaffingCore(PartitionState):
    """The agents of one partition of ``agent-events``."""

    def __init__(self, partition: int, directory: Directory, *, ttl_ms: int) -> None:
        self._agents = Rows(b"a/", _Agent)
        super().__init__(self._agents)
        self._partition = partition
        self._directory = directory
        self._ttl_ms = ttl_ms
        self._newest_ms = 0
        self._retention = Retention()

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Take agent events; event times decide, so ``now_ms`` does not matter here."""
        del now_ms
        decisions = Decisions()
        for record in records:
            event = decode(topic, self._partition, record, self._directory)
            if isinstance(event, Rejection):
                self._reject(decisions, topic, record, event)
            elif isinstance(event, AgentEvent):
                decisions.see(event.time_ms)
                decisions.outputs += self._take(topic, event, wall_ms)
            else:
                self.inputs.count_ignored(topic)
        return decisions

    def figures(self, now_ms: int) -> list[SiteFigures]:
        """Agents of this partition by configured site, each once by state; those unheard of are offline."""
        sites = {place: dict.fromkeys(AGENT_STATES, 0) for place in self._directory.sites}
        oldest_ms = now_ms - self._ttl_ms
        for agent in self._agents.values():
            states = sites.get((agent.tenant, agent.site))
            if states is not None:
                states[agent.state if agent.time_ms > oldest_ms else "offline"] += 1
        return [SiteFigures(tenant, site, states) for (tenant, site), states in sites.items()]

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore(rows)
        self._newest_ms = max((agent.time_ms for agent in self._agents.values()), default=0)
        self._retention = Retention()
        for key, agent in self._agents.items():
            self._retention.schedule(key, agent.time_ms + FORGOTTEN_AFTER_MS)

    def _take(self, topic: str, event: AgentEvent, wall_ms: int) -> list[Output]:
        data = event.data
        queues = tuple(dict.fromkeys(data.queues))
        agent = _Agent(
            data.tenant, data.site, data.agent_id, data.state, queues, event.time_ms, event.event_id, event.source
        )
        known = self._agents.get(agent.key)
        agent = replace(agent, callback_queue=self._free_for(agent, known))
        if known is not None and known.order == agent.order:
            self.inputs.count_duplicate(topic)
            return []
        self.inputs.count_applied(topic, "agent.state")
        self.inputs.observe((data.tenant, data.site, event.source), topic, time_ms=event.time_ms, wall_ms=wall_ms)
        if known is not None and known.order > agent.order:
            return []
        self._agents.put(agent.key, agent)
        self._retention.schedule(agent.key, agent.time_ms + FORGOTTEN_AFTER_MS)
        self._newest_ms = max(self._newest_ms, agent.time_ms)
        return self._fan_out(agent, known) + self._forget()

    def _free_for(self, agent: _Agent, known: _Agent | None) -> str | None:
        """One callback queue for each time the agent becomes free, by chance but always the same one: a free agent who
        counted for several would be promised to several callers."""
        served = [queue for queue in agent.queues if (agent.tenant, queue) in self._directory.callback_queues]
        if known is not None and known.state == agent.state == "available" and known.callback_queue in served:
            return known.callback_queue
        return served[crc32(f"{agent.agent_id}/{agent.time_ms}".encode()) % len(served)] if served else None

    def _fan_out(self, agent: _Agent, known: _Agent | None) -> list[Output]:
        left = [queue for queue in known.queues if queue not in agent.queues] if known else []
        return [
            *(self._output(agent, queue, None) for queue in left),
            *(self._output(agent, queue, self._staffing(agent, queue)) for queue in agent.queues),
        ]

    def _staffing(self, agent: _Agent, queue: str) -> bytes:
        staffing = QueueStaffing(
            tenant=agent.tenant,
            site=agent.site,
            queue=queue,
            agent_id=agent.agent_id,
            state=agent.state,
            revision=agent.time_ms,
            at_ms=agent.time_ms,
            fresh_until_ms=agent.time_ms + self._ttl_ms,
            callback_queue=agent.callback_queue,
        )
        return cloud_event(
            event_type=QUEUE_STAFFING_TYPE,
            event_id=f"{agent.source}/{agent.event_id}/{queue}",
            time_ms=agent.time_ms,
            subject=agent.agent_id,
            data=staffing,
        )

    def _output(self, agent: _Agent, queue: str, value: bytes | None) -> Output:
        owner_key = f"{agent.tenant}/{queue}"
        partition = self._directory.partition(owner_key)
        return Output(QUEUE_STAFFING, f"{owner_key}/{agent.agent_id}".encode(), value, partition)

    def _forget(self) -> list[Output]:
        outputs = []
        for key in self._retention.due(self._newest_ms):
            agent = self._agents.get(key)
            assert agent is not None, "an agent leaves only here"
            due_ms = agent.time_ms + FORGOTTEN_AFTER_MS
            if due_ms > self._newest_ms:
                self._retention.schedule(key, due_ms)
                continue
            self._agents.drop(key)
            outputs += [self._output(agent, queue, None) for queue in agent.queues]
        return outputs
