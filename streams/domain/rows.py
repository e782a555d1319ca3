"""A partition's state as rows: what a core keeps in memory, and which of it a flush has still to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, ValuesView
from heapq import heappop, heappush
from typing import Generic, Protocol, TypeVar

import msgspec

from streams.domain.decisions import SKIPPED, Changes, DeadLetter, Decisions, Ledger, Output, Record, Rejection
from streams.domain.figures import StageFigures
from streams.domain.input_counts import LEDGER_ROW, InputCounts

T = TypeVar("T", bound=msgspec.Struct)
RowBytes = tuple[bytes, bytes | None]


class Rows(Generic[T]):
    """Rows of one type under one key prefix. Row values are frozen, so the flushed ones can be kept beside the new.

    The row type is a tagged ``array_like`` Struct: its tag, the first element written, is the version of the format.
    """

    def __init__(self, prefix: bytes, row_type: type[T]) -> None:
        self._prefix = prefix
        self._decode = msgspec.msgpack.Decoder(row_type).decode
        self._rows: dict[str, T] = {}
        self._flushed: dict[str, T | None] = {}
        """Of every key touched since the last flush: what that flush had; None when it had no such row."""

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> T | None:
        return self._rows.get(key)

    def values(self) -> ValuesView[T]:
        return self._rows.values()

    def items(self) -> list[tuple[str, T]]:
        return list(self._rows.items())

    def put(self, key: str, row: T) -> None:
        self._flushed.setdefault(key, self._rows.get(key))
        self._rows[key] = row

    def drop(self, key: str) -> None:
        self._flushed.setdefault(key, self._rows[key])
        del self._rows[key]

    def changed_rows(self) -> int:
        """How many rows were put or dropped since the last ``changes``."""
        return len(self._flushed)

    def changes(self) -> list[RowBytes]:
        """The rows put or dropped since the last call."""
        changed = [self._encoded(key, self._rows.get(key)) for key in self._flushed]
        self._flushed.clear()
        return changed

    def snapshot(self) -> list[RowBytes]:
        """Every row as the last ``changes`` left it."""
        rows = self._rows | self._flushed
        return [self._encoded(key, row) for key, row in rows.items() if row is not None]

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Start from these rows; those of other prefixes are not ours."""
        self._flushed.clear()
        start = len(self._prefix)
        self._rows = {
            key[start:].decode(): self._decode(value) for key, value in rows.items() if key.startswith(self._prefix)
        }

    def _encoded(self, key: str, row: T | None) -> RowBytes:
        return self._prefix + key.encode(), None if row is None else msgspec.msgpack.encode(row)


class _Table(Protocol):
    def __len__(self) -> int: ...
    def changed_rows(self) -> int: ...
    def changes(self) -> list[RowBytes]: ...
    def snapshot(self) -> list[RowBytes]: ...
    def restore(self, rows: Mapping[bytes, bytes]) -> None: ...


class PartitionState:
    """The tables of one partition with the ledger beside them: the durable side of a core."""

    def __init__(self, *tables: _Table) -> None:
        self._tables = tables
        self.inputs = InputCounts()
        self._flushed_ledger = self.inputs.row()

    @property
    def ledger(self) -> Ledger:
        return self.inputs.ledger

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        """Nothing comes true by waiting alone."""
        del now_ms
        return []

    def changes(self) -> Changes:
        rows = [row for table in self._tables for row in table.changes()]
        ledger = self.inputs.row()
        if ledger != self._flushed_ledger:
            rows.append(ledger)
            self._flushed_ledger = ledger
        return Changes(rows=rows)

    def changed_rows(self) -> int:
        """How many rows the next ``changes`` writes, the ledger aside."""
        return sum(table.changed_rows() for table in self._tables)

    def skip(self, topic: str, record: Record) -> Decisions:
        """Reject a record that an operator has given up."""
        decisions = Decisions()
        self._reject(decisions, topic, record, SKIPPED)
        return decisions

    def snapshot(self) -> list[RowBytes]:
        return [*(row for table in self._tables for row in table.snapshot()), self._flushed_ledger]

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        for table in self._tables:
            table.restore(rows)
        self.inputs.restore(rows.get(LEDGER_ROW))
        self._flushed_ledger = self.inputs.row()

    def stage_figures(self) -> StageFigures:
        """What this stage counts of its input."""
        return self.inputs.figures(sum(len(table) for table in self._tables))

    def _reject(self, decisions: Decisions, topic: str, record: Record, rejection: Rejection) -> None:
        self.inputs.count_rejected(topic, rejection.reason)
        decisions.dead_letters.append(DeadLetter(topic, record.offset, rejection, record))


class Retention:
    """Keys that may be forgotten from some instant on. Whoever takes one that is due looks again, as it may have been
    touched meanwhile, and schedules it anew."""

    def __init__(self) -> None:
        self._due: list[tuple[int, str]] = []
        self._scheduled: set[str] = set()

    def schedule(self, key: str, due_ms: int) -> None:
        """Look at the key at ``due_ms``, or earlier where it is scheduled already."""
        if key not in self._scheduled:
            self._scheduled.add(key)
            heappush(self._due, (due_ms, key))

    def due(self, now_ms: int) -> Iterator[str]:
        """The keys whose instant has come; each is no longer scheduled."""
        while self._due and self._due[0][0] <= now_ms:
            _, key = heappop(self._due)
            self._scheduled.remove(key)
            yield key
