"""What a core asks the shell to do: records to write, rows to keep, rejections to park.

Cores return these as data. The shell writes outputs first, then the rows with the offsets they rest on, in one atomic
record batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, runtime_checkable

from streams.domain.figures import StageFigures

OWN_PARTITION: Final = -1
"""Marks an output for outside readers: it goes to the partition number of the stage that writes it."""


class Record(Protocol):
    """One Kafka record as the shell hands it over (an aiokafka ConsumerRecord is one)."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Output(NamedTuple):
    """A record to append. ``topic`` is the bare name (no prefix); ``value`` None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    partition: int = OWN_PARTITION


class Reason(StrEnum):
    """Why an input record was rejected: a closed list."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    BAD_TIME = "bad_time"
    UNKNOWN_TENANT = "unknown_tenant"
    UNKNOWN_QUEUE = "unknown_queue"
    WRONG_SITE = "wrong_site"
    ENTRY_REQUIRED = "entry_required"
    TOO_LATE = "too_late"
    TOO_EARLY = "too_early"
    NO_VALUE = "no_value"
    WRONG_PARTITION = "wrong_partition"
    INTERNAL_ERROR = "internal_error"


class Rejection(NamedTuple):
    """A record the core will not apply. ``detail`` names the place and what was expected, never a personal value."""

    reason: Reason
    detail: str


SKIPPED: Final = Rejection(Reason.INTERNAL_ERROR, "set aside by an operator: filaviva skip")


class DeadLetter(NamedTuple):
    """A rejected record for the ``dead-letters`` topic. ``record`` is None for an offer displaced after it was applied:
    its bytes are read again from the input topic by the coordinates."""

    topic: str
    offset: int
    rejection: Rejection
    record: Record | None


@dataclass(slots=True)
class Decisions:
    """Everything one call of a core asks for."""

    outputs: list[Output] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    newest_event_ms: int | None = None
    """The newest event time among the records that could be read; moves the partition's clock while it catches up."""

    def see(self, event_ms: int) -> None:
        """A record of this event time was read."""
        self.newest_event_ms = event_ms if self.newest_event_ms is None else max(event_ms, self.newest_event_ms)


@dataclass(slots=True)
class Changes:
    """What a flush writes: ``outputs`` to append first, then ``rows`` (None deletes) beside the offsets."""

    outputs: list[Output] = field(default_factory=list)
    rows: list[tuple[bytes, bytes | None]] = field(default_factory=list)


@dataclass(slots=True)
class Ledger:
    """Every input record of a partition ends in exactly one of these classes."""

    applied: int = 0
    duplicate: int = 0
    ignored: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        return self.applied + self.duplicate + self.ignored + self.rejected


@runtime_checkable
class Decider(Protocol):
    """A core that decides something by the time at the end of its input, and writes it into its own log."""

    def decide(self, now_ms: Mapping[str, int], epoch: int) -> list[Output]:
        """What is decided now, per input topic's clock; called only while every input is read to its end. Changes no
        durable state: a decision counts once it is read back. ``epoch`` is the owner's; later owners have later
        ones."""
        ...


class Core(Protocol):
    """One stage's state for one partition. Nothing here reads a clock, a broker or the environment."""

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Apply records of one input topic, in offset order.

        ``now_ms`` is that topic-partition's clock, which decides; ``wall_ms`` only measures how long events took.
        """
        ...

    def skip(self, topic: str, record: Record) -> Decisions:
        """Reject a record that an operator has given up (``internal_error``)."""
        ...

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        """What has become true by waiting, per input topic's clock. Changes no durable state."""
        ...

    def changes(self) -> Changes:
        """Outputs and rows changed since the last call; forgets them."""
        ...

    def changed_rows(self) -> int:
        """About how many rows the next ``changes`` would write."""
        ...

    def snapshot(self) -> list[tuple[bytes, bytes | None]]:
        """Every row of the state; called right after ``changes``."""
        ...

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Start from rows as ``changes`` wrote them."""
        ...

    def stage_figures(self) -> StageFigures:
        """What the stage counts of its input in this partition."""
        ...
