"""Doubles at the edge of the engine: a changelog that can be read back, a core that counts, records by the number."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faust.types import TP

from streams.delivery import Appended, Outbox, RecordToSend
from streams.domain.decisions import OWN_PARTITION, Changes, DeadLetter, Decisions, Output, Reason, Rejection
from streams.domain.figures import StageFigures
from streams.domain.input_counts import InputCounts
from streams.engine.batches import Batch
from streams.engine.changelog import OFFSETS_KEY, RecoveredPartition, newest_epoch
from streams.engine.owner import Hold, Owner
from streams.partition_clock import Instant, PartitionClock

TOPIC = "numbers"


class StoredRecord(NamedTuple):
    offset: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


@dataclass
class Log:
    """One partition of one topic, as a broker keeps it; ``gate`` holds appends back while it is clear."""

    records: list[StoredRecord] = field(default_factory=list)

    def append(self, records: Iterable[RecordToSend]) -> Appended:
        first = len(self.records)
        for key, value, headers in records:
            self.records.append(StoredRecord(len(self.records), key, value, headers))
        return Appended(first, len(self.records))

    def recovered(self) -> RecoveredPartition:
        partition = RecoveredPartition()
        for record in self.records:
            partition.take(record)
        return partition


class Broker:
    """Every topic-partition as a Log, and the order in which topics were appended to."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], Log] = {}
        self.order: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.fails = False

    def log(self, topic: str, partition: int = 0) -> Log:
        return self.logs.setdefault((topic, partition), Log())

    async def put_batch(
        self, topic: str, partition: int, records: Iterable[RecordToSend], *, max_bytes: int
    ) -> Appended:
        await self.open.wait()
        if self.fails:
            raise ConnectionError("the broker is gone")
        self.order.append(topic)
        return self.log(topic, partition).append(records)


class SumCore:
    """Adds up the numbers it is given, by key; one output per record; ``bad`` values are rejected."""

    def __init__(self) -> None:
        self.sums: dict[bytes, int] = {}
        self.inputs = InputCounts()
        self._dirty: set[bytes] = set()

    def apply(self, topic: str, records: Sequence[Any], now_ms: int, wall_ms: int) -> Decisions:
        decisions = Decisions()
        for record in records:
            if record.value == b"bug":
                raise ZeroDivisionError("a bug")
            if record.value == b"bad":
                rejection = Rejection(Reason.BAD_VALUE, "not a number")
                decisions.dead_letters.append(DeadLetter(topic, record.offset, rejection, record))
                continue
            self.sums[record.key] = self.sums.get(record.key, 0) + int(record.value)
            self._dirty.add(record.key)
            decisions.outputs.append(Output("sums", record.key, b"%d" % self.sums[record.key], OWN_PARTITION))
        return decisions

    def skip(self, topic: str, record: Any) -> Decisions:
        rejection = Rejection(Reason.INTERNAL_ERROR, "given up")
        return Decisions(dead_letters=[DeadLetter(topic, record.offset, rejection, record)])

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        return [Output("ticks", b"tick", b"now", OWN_PARTITION)]

    def changed_rows(self) -> int:
        return len(self._dirty)

    def changes(self) -> Changes:
        rows = [(key, b"%d" % self.sums[key]) for key in sorted(self._dirty)]
        self._dirty.clear()
        return Changes(rows=list(rows))

    def snapshot(self) -> list[tuple[bytes, bytes | None]]:
        return [(key, b"%d" % total) for key, total in sorted(self.sums.items())]

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        self.sums = {key: int(value) for key, value in rows.items()}

    def stage_figures(self) -> StageFigures:
        return self.inputs.figures(len(self.sums))


class Stage:
    """What an owner needs of its stage, on the double of a broker."""

    name = "sums"
    changelog = "sums-changelog"

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def full_name(self, topic: str) -> str:
        return topic

    def dead_letter(self, partition: int, letter: DeadLetter) -> tuple[str, RecordToSend]:
        return "dead-letters", (b"%d" % letter.offset, letter.rejection.reason.value.encode(), [])

    async def append(self, partition: int, records: Iterable[RecordToSend], *, max_bytes: int) -> Appended:
        return await self._broker.put_batch(self.changelog, partition, records, max_bytes=max_bytes)

    async def newest_epoch(self, partition: int, begin: int, end: int) -> int:
        return newest_epoch(self._broker.log(self.changelog, partition).records[begin:end])


@dataclass
class Watch:
    """A clock a test sets, in milliseconds."""

    now_ms: int = 1000

    def __call__(self) -> Instant:
        return Instant(self.now_ms, self.now_ms)


def recovered_owner(broker: Broker, *, generation: int = 1, watch: Watch | None = None) -> tuple[Owner, SumCore]:
    """An owner as recovery makes it, from what the changelog holds now."""
    recovered = broker.log(Stage.changelog).recovered()
    core = SumCore()
    core.restore({key: value for key, value in recovered.rows.items() if key != OFFSETS_KEY})
    hold = Hold(
        partition=0,
        epoch=max(generation, recovered.epoch + 1),
        expected_offset=recovered.next_offset or 0,
        skips=recovered.skips,
    )
    clock = PartitionClock("event", lateness_ms=0, restored_now_ms=None, started=Instant(0, 0))
    owner = Owner(Stage(broker), core, hold, outbox=Outbox(broker), clocks={TOPIC: clock}, instant=watch or Watch())
    owner.start_at(recovered.positions())
    owner.position_at(TOPIC, owner.positions.get(TOPIC, 0))
    return owner, core


def batch_of(first_offset: int, *numbers: int | bytes, key: bytes = b"k", topic: str = TOPIC) -> Batch:
    """A batch of one record per number; bytes are taken as they are."""
    records = [
        StoredRecord(first_offset + place, key, number if isinstance(number, bytes) else b"%d" % number)
        for place, number in enumerate(numbers)
    ]
    return Batch(TP(topic, 0), records, readers=frozenset({"sums"}), seek_number=1)
