r"""Reads records whose header names are not UTF-8, which aiokafka cannot.

The names of Kafka's headers are UTF-8 by convention only: no broker checks them. aiokafka raises in the middle of a
fetch, for ever, so one such record would stop every worker that gets its partition. Here the batch it lies in is read
again by aiokafka's own plain Python parser, with what does not decode spelt out as ``\xff``. No header of ours is
spelt like that, so the record is judged by what else it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class TolerantRecords:
    """The record batches of one fetch, as the fetcher takes them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._records = MemoryRecords(data)
        self._batches = 0

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        self._batches += 1
        return None if batch is None else _TolerantBatch(batch, self._data, self._batches - 1)


class _TolerantBatch:
    """One batch, and how to find it again."""

    def __init__(self, batch: Any, data: bytes, number: int) -> None:
        self._batch = batch
        self._data = data
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            yield from islice(self._read_again(), read, None)

    def _read_again(self) -> Iterator[Any]:
        found = islice(_slices(self._data), self._number, None)
        return iter(_LenientBatch(next(found)))


class _LenientBytes(bytes):
    """Bytes that decode whatever they are."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return part if isinstance(part, int) else _LenientBytes(part)

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _LenientBatch(_DefaultRecordBatchPy):
    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _LenientBytes(self._buffer)


def _slices(data: bytes) -> Iterator[Any]:
    """The bytes of each batch."""
    records = _MemoryRecordsPy(data)
    while records.has_next():
        found = records._next_slice
        records._cache_next()
        yield found


def read_tolerantly() -> None:
    """From here on every aiokafka consumer of this process. There is no other way in: the fetcher names the class."""
    fetcher.MemoryRecords = TolerantRecords
