"""A header name that is not UTF-8 costs nobody a record: aiokafka stops there, we read on."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from streams.engine.tolerant_records import TolerantRecords


class NameOfBytes(str):
    """A header name that a client in another language might send."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff\xfetrace"


ODD = NameOfBytes("odd")
NAMES = ["plain", ODD, "plain", "après", ODD]


def batch_of(names: list[str], first_offset: int = 0, *, compression: int = 0) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=100_000,
    )
    for number, name in enumerate(names):
        builder.append(number, timestamp=number, key=b"k", value=b"v%d" % number, headers=[(name, b"x")])
    whole = bytearray(builder.build())
    whole[:8] = first_offset.to_bytes(8, "big")
    return bytes(whole)


def read(records: Any) -> list[Any]:
    found = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += [(batch.base_offset, record.offset, record.value, tuple(record.headers)) for record in batch]
    return found


def test_aiokafka_itself_gives_up() -> None:
    """The fault this guards against; once it is gone upstream, so can be the guard."""
    with pytest.raises(UnicodeDecodeError):
        read(MemoryRecords(batch_of(NAMES)))


@pytest.mark.parametrize("compression", [0, 3], ids=["plain", "lz4"])
def test_every_record_is_read_once_in_order(compression: int) -> None:
    """Also those before and after the odd ones, of this batch and its neighbours."""
    data = batch_of(["a"], 5) + batch_of(NAMES, 6, compression=compression) + batch_of(["b"], 11)
    found = read(TolerantRecords(data))
    assert [offset for _, offset, _, _ in found] == list(range(5, 12))
    assert [value for _, _, value, _ in found[1:6]] == [b"v0", b"v1", b"v2", b"v3", b"v4"]
    assert [headers[0][0] for *_, headers in found[1:6]] == [
        "plain",
        "\\xff\\xfetrace",
        "plain",
        "après",
        "\\xff\\xfetrace",
    ]


def test_sound_records_are_read_as_ever() -> None:
    """Batch for batch and record for record what aiokafka reads."""
    data = batch_of(["a", "b"]) + batch_of(["c"], 2)
    assert read(TolerantRecords(data)) == read(MemoryRecords(data))
    assert TolerantRecords(data).size_in_bytes() == len(data)
