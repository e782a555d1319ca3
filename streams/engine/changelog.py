"""The changelog of a stage: rows beside the offsets they rest on, and what recovery makes of them.

A flush of one partition is one Kafka record batch: appended whole or not at all. Each value begins with a head of six
bytes: format version, flags, epoch. A flush too large for one batch is written in several, every row of it marked and
the offsets last; recovery holds marked rows back until their offsets come, so a flush cut short never happened.

Epochs rise with every new owner. Recovery ignores rows of an older epoch that follow a newer one: a worker that slept
through the loss of its partitions cannot undo what its successor wrote.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from faust.stores.memory import Store as MemoryStore
from faust.types import TP

from streams.delivery import RecordToSend, end_process
from streams.engine.batches import Batch
from streams.engine.skips import record_given_up

OFFSETS_KEY: Final = b"offsets"
_FORMAT: Final = 1
_HELD_BACK: Final = 1
_HEAD: Final = struct.Struct(">BBI")
_EPOCH_HEADER: Final = "epoch"


class TopicPosition(msgspec.Struct, array_like=True, frozen=True):
    """Where a stage stands in one input topic: the next offset, and the partition's clock there."""

    next_offset: int
    now_ms: int


Positions = dict[str, TopicPosition]
_encode_positions = msgspec.msgpack.Encoder().encode
_decode_positions = msgspec.msgpack.Decoder(Positions).decode


def flush_records(
    rows: Iterable[tuple[bytes, bytes | None]], positions: Mapping[str, TopicPosition], *, epoch: int, is_split: bool
) -> list[RecordToSend]:
    """The records of one flush, the offsets last. ``is_split`` says that they take more than one record batch."""
    flags = _HELD_BACK if is_split else 0
    records = [row_record(key, value, epoch=epoch, flags=flags) for key, value in rows]
    records.append(row_record(OFFSETS_KEY, _encode_positions(dict(positions)), epoch=epoch))
    return records


def row_record(key: bytes, value: bytes | None, *, epoch: int, flags: int = 0) -> RecordToSend:
    head = _HEAD.pack(_FORMAT, flags, epoch)
    if value is None:
        return key, None, [(_EPOCH_HEADER, head)]
    return key, head + value, []


@dataclass(slots=True)
class RecoveredPartition:
    """The rows of one partition as its changelog tells them."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    skips: set[tuple[str, int]] = field(default_factory=set)
    epoch: int = 0
    next_offset: int | None = None
    """The changelog offset after the last one read; None when nothing was read."""
    ignored: int = 0
    _held_back: dict[bytes, bytes | None] = field(default_factory=dict)

    def take(self, record: Any) -> None:
        self.next_offset = record.offset + 1
        key, value = record.key, record.value
        given_up = record_given_up(key)
        if given_up is not None:
            self.skips.add(given_up)
            return
        head = value if value is not None else dict(record.headers or ()).get(_EPOCH_HEADER, b"")
        if len(head) < _HEAD.size:
            self.ignored += 1
            return
        version, flags, epoch = _HEAD.unpack_from(head)
        if version != _FORMAT or epoch < self.epoch:
            self.ignored += 1
            return
        if epoch > self.epoch:
            self.epoch = epoch
            self._held_back.clear()
        body = None if value is None else value[_HEAD.size :]
        if flags & _HELD_BACK:
            self._held_back[key] = body
            return
        if key == OFFSETS_KEY and self._held_back:
            for held_key, held_body in self._held_back.items():
                self._put(held_key, held_body)
            self._held_back.clear()
        self._put(key, body)

    def _put(self, key: bytes, body: bytes | None) -> None:
        if body is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = body

    def positions(self) -> Positions:
        value = self.rows.get(OFFSETS_KEY)
        return {} if value is None else _decode_positions(value)


def newest_epoch(records: Iterable[Any]) -> int:
    """The highest epoch under which any of these was written; 0 where none says."""
    partition = RecoveredPartition()
    for record in records:
        partition.take(record)
    return partition.epoch


class ChangelogStore(MemoryStore):
    """Filled during recovery, a batch at a time; live state is never read from here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.recovered: dict[int, RecoveredPartition] = {}

    def forget(self) -> None:
        """A new recovery begins."""
        self.recovered = {}

    def apply_changelog_batch(self, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:
        del to_key, to_value
        try:
            for event in batch:
                found: Batch = event.message.value
                partition = self.recovered.setdefault(found.tp.partition, RecoveredPartition())
                for record in found.records:
                    partition.take(record)
        except Exception as error:  # noqa: BLE001 - Faust would log it and wait for ever
            end_process("a changelog could not be read back", error)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Keep what was recovered until the stage takes it."""
        del active_tps, standby_tps
