"""Rows of a partition: what a flush writes, what a snapshot holds, what may be forgotten."""

from __future__ import annotations

import msgspec
import pytest

from streams.domain.decisions import Reason
from streams.domain.rows import PartitionState, Retention, Rows
from tests.callback_records import KafkaRecord


class Mark(msgspec.Struct, frozen=True, array_like=True, tag=1):
    number: int


class NextMark(msgspec.Struct, frozen=True, array_like=True, tag=2):
    number: int


def marks(**numbers: int) -> Rows[Mark]:
    """Rows as a flush left them."""
    rows = Rows(b"m/", Mark)
    for key, number in numbers.items():
        rows.put(key, Mark(number))
    rows.changes()
    return rows


def encoded(number: int) -> bytes:
    return msgspec.msgpack.encode(Mark(number))


def test_changes_are_told_once() -> None:
    """Each touched key with its last value, a dropped one with None."""
    rows = marks(a=1, b=2)
    rows.put("a", Mark(3))
    rows.put("a", Mark(4))
    rows.drop("b")
    assert (rows.changed_rows(), PartitionState(rows, marks()).changed_rows()) == (2, 2)
    assert rows.changes() == [(b"m/a", encoded(4)), (b"m/b", None)]
    assert rows.changes() == []
    assert rows.changed_rows() == 0


def test_a_snapshot_is_the_state_of_the_last_flush() -> None:
    """What has been touched since is not in it: it rests on offsets that are not written yet."""
    rows = marks(a=1, b=2)
    rows.put("a", Mark(2))
    rows.put("a", Mark(3))
    rows.drop("b")
    rows.put("c", Mark(5))
    assert dict(rows.snapshot()) == {b"m/a": encoded(1), b"m/b": encoded(2)}
    rows.changes()
    assert dict(rows.snapshot()) == {b"m/a": encoded(3), b"m/c": encoded(5)}


def test_restored_rows_are_clean_and_leave_other_prefixes_alone() -> None:
    """Restoring is no change to flush."""
    rows = marks(z=9)
    rows.restore({b"m/a": encoded(1), b"x/a": b"not ours"})
    assert rows.items() == [("a", Mark(1))]
    assert (len(rows), rows.changes()) == (1, [])


def test_the_first_element_of_a_row_is_its_format_version() -> None:
    """A row of a version this release does not know is refused, not misread."""
    assert msgspec.msgpack.decode(encoded(7)) == [1, 7]
    with pytest.raises(msgspec.ValidationError):
        marks().restore({b"m/a": msgspec.msgpack.encode(NextMark(7))})


def test_the_ledger_is_flushed_when_it_has_changed() -> None:
    """And is part of every snapshot as it was flushed."""
    state = PartitionState()
    assert state.changes().rows == []
    state.inputs.count_ignored("t")
    unflushed = state.snapshot()
    flushed = state.changes().rows
    assert state.changes().rows == []
    assert state.snapshot() == flushed != unflushed

    restored = PartitionState()
    restored.restore({key: value for key, value in flushed if value is not None})
    assert restored.ledger.ignored == 1
    assert restored.changes().rows == []


def test_a_record_that_an_operator_gave_up_is_rejected() -> None:
    """It counts as such and goes to the dead letters with its coordinates."""
    state, record = PartitionState(), KafkaRecord(b"poison", offset=7)
    [letter] = state.skip("t", record).dead_letters
    assert (letter.topic, letter.offset, letter.record) == ("t", 7, record)
    assert letter.rejection.reason is Reason.INTERNAL_ERROR
    assert state.ledger.rejected == 1


def test_nothing_comes_true_by_waiting_alone() -> None:
    """A tick of these stages is silent."""
    assert PartitionState().tick({"t": 1}) == []


def test_a_key_is_due_once_at_its_instant() -> None:
    """Scheduling a key again changes nothing until it has been looked at."""
    retention = Retention()
    retention.schedule("a", 10)
    retention.schedule("a", 5)
    retention.schedule("b", 20)
    assert list(retention.due(9)) == []
    assert list(retention.due(10)) == ["a"]
    retention.schedule("a", 15)
    assert list(retention.due(20)) == ["a", "b"]
