"""What the dialling stage keeps of plans, agents held, live callers and operators' wishes, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from streams.domain.agents_of_queues import AgentsOfQueues
from streams.domain.directory import CallbackPolicy
from streams.domain.rows import RowBytes
from streams.domain.signals import Ready

ACTIVE: Final = "active"
PAUSED: Final = "paused"
DRAINING: Final = "draining"


class Dialled(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=2):
    """What is known of one plan: its newest entry as the callbacks stage has it (None: withdrawn), the last attempt
    that was released, and whether that job is out."""

    revision: int = 0
    ready: Ready | None = None
    attempt: int = 0
    is_out: bool = False
    arrived_ms: int = 0
    keep_until_ms: int = 0


class Slot(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """An agent held for a job that is out. ``is_reported``: the dialer or the callback queue has said how it went, or
    the job was taken back; ``agent_id`` and ``answered_ms`` are set once an agent has the customer."""

    tenant: str
    callback_queue: str
    plan_id: str
    attempt: int
    lease_until_ms: int
    is_reported: bool = False
    agent_id: str | None = None
    answered_ms: int = 0

    @property
    def owner_key(self) -> str:
        return f"{self.tenant}/{self.callback_queue}"

    @property
    def job_id(self) -> str:
        return f"{self.plan_id}.{self.attempt}"


class Mode(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """What operators want of a callback queue; the command of the latest time stands, then of the greatest id."""

    mode: str
    at_ms: int
    command_id: str


class Claim(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """The latest owner that has claimed a callback queue in its log."""

    epoch: int


class Live(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """A live caller who has waited too long since ``at_ms``, or (not ``is_over``) one who no longer does."""

    tenant: str
    callback_queue: str
    at_ms: int
    is_over: bool

    @property
    def owner_key(self) -> str:
        return f"{self.tenant}/{self.callback_queue}"


@dataclass(slots=True)
class Queue:
    """One callback queue: by plan key who may be released, and what this process alone knows: releases sent and not
    read back, and whose turn it was."""

    policy: CallbackPolicy
    waiting: dict[str, Ready] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    turn: int = 0
    claim_sent: int = 0
    """The epoch under which this process has claimed it."""


class AgentRows:
    """The agents as a table of the partition."""

    def __init__(self, agents: AgentsOfQueues) -> None:
        self._agents = agents

    def __len__(self) -> int:
        return self._agents.size()

    def changed_rows(self) -> int:
        return self._agents.changed_count()

    def changes(self) -> list[RowBytes]:
        return list(self._agents.changed_rows())

    def snapshot(self) -> list[RowBytes]:
        return list(self._agents.rows())

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        self._agents.restore(rows)
