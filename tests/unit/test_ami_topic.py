"""Manager events out of a Kafka topic: held, brought into order, mapped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, strategies as st

from streams.sources.ami import AmiMapping
from streams.sources.ami_topic import MAX_BYTES, AmiTopic, TopicRecord, read_event
from streams.sources.mapping import Event, InvalidEvent
from tests.ami_records import START_MS, record, steps
from tests.conformance.kit import dictionary

PARTITIONS = range(3)
CALL = {"Uniqueid": "1.1", "Linkedid": "1.1", "Queue": "600"}


def topic(snapshot: dict[str, Any] | None = None, **options: Any) -> AmiTopic:
    return AmiTopic(dictionary(), PARTITIONS, snapshot, **options)


def published(said: Iterable[tuple[int, dict[str, str]]]) -> list[TopicRecord]:
    """In partitions by the name of the event."""
    records = []
    for offset, (at_ms, message) in enumerate(said):
        key, value = record(message)
        records.append(TopicRecord(crc32(key) % len(PARTITIONS), offset, at_ms, key, value))
    return records


def events_of(ami: AmiTopic, records: Iterable[TopicRecord], now: float = 0.0) -> list[Event]:
    """What is told once everything has come and some time has passed, refusing nothing."""
    for each in records:
        ami.take(each, now)
    told = []
    for moment in (now, now + 10, now + 20):
        events, refused = ami.settled(PARTITIONS, moment)
        assert refused == []
        told += events
    return told


def kinds(events: Iterable[Event]) -> list[str]:
    return [event["type"] for event in events if event["type"].startswith("contact.")]


def said(name: str, at_ms: int = 0, **fields: str) -> tuple[int, dict[str, str]]:
    return START_MS + at_ms, {"Event": name, **CALL, **fields}


TIMES_OUT = [
    said("QueueCallerAbandon", 9000, HoldTime="9"),
    said("QueueCallerLeave", 9000),
    said("VarSet", 9000, Variable="QUEUESTATUS", Value="TIMEOUT"),
]


@given(st.lists(st.sampled_from(PARTITIONS), max_size=400), st.integers(0, 400))
def test_however_the_partitions_are_read_the_order_comes_back(reads: list[int], restart_at: int) -> None:
    """Also in the middle of everything with a reader that goes on from a snapshot; what was settled early is right."""
    whole = list(steps(25, seed=5))
    mapping = AmiMapping(dictionary(), hears_all=True)
    expected = [event for step in whole for at_ms, message in step for event in mapping.feed(message, at_ms)]
    records = published(each for step in whole for each in step)
    queues = {number: [each for each in records if each.partition == number] for number in PARTITIONS}
    ami, told = topic(), []
    for count, number in enumerate([*reads, *(each.partition for each in records)]):
        if queues[number]:
            ami.take(queues[number].pop(0), 0.0)
        told += ami.settled({each for each in PARTITIONS if not queues[each]}, 0.0)[0]
        if count == restart_at:
            ami = topic(json.loads(json.dumps(ami.snapshot())))
    assert [*told, *events_of(ami, [])] == expected


def test_a_record_waits_for_those_of_other_partitions() -> None:
    """Until all have come so far, or everything is read and nothing came for two seconds."""
    ami = topic()
    join, hangup = published([said("QueueCallerJoin"), said("Hangup", 10_000)])
    ami.take(join, 0.0)
    assert ami.settled(set(), 100.0) == ([], [])
    assert ami.settled(PARTITIONS, 1.9) == ([], [])
    ami.take(hangup, 2.0)
    assert kinds(ami.settled({0, 1, 2} - {hangup.partition}, 2.0)[0]) == ["contact.offered"]
    assert [each.fields["Event"] for each in ami.held] == ["Hangup"]


def test_of_one_instant_a_caller_leaves_before_it_joins_anew() -> None:
    """Whichever partition is read first; a record that was sent twice is one."""
    again = [*TIMES_OUT, said("QueueCallerJoin", 9000), said("QueueCallerJoin", 9000)]
    for order in (again, again[::-1]):
        events = events_of(topic(), published([said("QueueCallerJoin"), *order]))
        assert kinds(events) == ["contact.offered", "contact.flowed_out", "contact.offered"]
        assert [event["data"]["entry"] for event in events] == [1, 1, 2]
        assert events[1]["data"]["reason"] == "timeout"


def test_microseconds_of_timestampevents_order_what_the_record_does_not() -> None:
    """And are the time that is told."""
    at = START_MS // 1000
    late = said("QueueCallerJoin", 7, Timestamp=f"{at}.000900")
    early = said("QueueCallerJoin", 7, Timestamp=f"{at}.000100", Uniqueid="1.2", Linkedid="1.2")
    events = events_of(topic(), published([late, early]))
    assert [event["data"]["contact_id"] for event in events] == ["1.2@pbx-1", "1.1@pbx-1"]
    assert events[0]["time"] == events[1]["time"] == "2026-11-23T12:00:00.000Z"


def test_how_somebody_left_is_decided_by_waiting() -> None:
    """Where nothing more comes: by the clock of the exchange, as far as it is known."""
    ami = topic()
    assert kinds(events_of(ami, published([said("QueueCallerJoin"), *TIMES_OUT[:2]]))) == [
        "contact.offered",
        "contact.flowed_out",
    ]
    assert not ami.mapping.is_undecided


def test_an_asterisk_that_has_started_anew_has_no_callers() -> None:
    """It says so to everybody once, not to each who logs in."""
    booted = (START_MS + 5000, {"Event": "FullyBooted", "Uptime": "2"})
    events = events_of(topic(), published([said("QueueCallerJoin"), booted]))
    assert kinds(events) == ["contact.offered", "contact.flowed_out"]


def test_other_exchanges_of_the_topic_are_passed_over() -> None:
    """By the name or the id of the one that is meant."""
    join = published([said("QueueCallerJoin")])
    for system in ("pbx-01", "00:11:22:33:44:55"):
        assert len(events_of(topic(system=system), join)) == 1
    other = topic(system="pbx-02")
    assert events_of(other, join) == []
    assert other.ignored.by_kind == {"of another system": 1}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"QueueCallerJoin", b'{"Event": "QueueCallerJoin", "Queue": "600"}'),
        (b"QueueCallerJoin", b"EntityID: 00:11\r\nPrivilege: agent,all\r\nQueue: 600\r\n\r\n"),
        (None, b"Event: QueueCallerJoin\r\nQueue: 600\r\n"),
    ],
)
def test_both_forms_are_read(key: bytes | None, value: bytes) -> None:
    """JSON, and the text of the manager interface, whose event may be known from the key alone."""
    fields = read_event(key, value)
    assert (fields["Event"], fields["Queue"]) == ("QueueCallerJoin", "600")


@pytest.mark.parametrize(
    "value", [b"", b"{", b'{"Event": 1}', b"[]", b"\xff: \xff", b'{"a": "b"}', b"a: b", b"a" * (MAX_BYTES + 1)]
)
def test_what_is_no_event_is_refused(value: bytes) -> None:
    """With a reason."""
    with pytest.raises(InvalidEvent):
        topic().take(TopicRecord(0, 0, START_MS, None, value), 0.0)


@given(st.lists(st.tuples(st.sampled_from(PARTITIONS), st.integers(-1, 2**62), st.binary(max_size=60), st.binary())))
def test_no_bytes_raise_anything_but_invalid_event(records: list[tuple[int, int, bytes, bytes]]) -> None:
    """Nor do they make a snapshot that is not taken back."""
    ami = topic()
    for offset, (partition, time_ms, key, value) in enumerate(records):
        with suppress(InvalidEvent):
            ami.take(TopicRecord(partition, offset, time_ms, key, value), 0.0)
    ami.settled(PARTITIONS, 100.0)
    topic(msgspec.json.decode(msgspec.json.encode(ami.snapshot())))


@pytest.mark.parametrize("time_ms", [-1, 2**60])
def test_a_record_without_a_sound_time_is_refused(time_ms: int) -> None:
    """And changes nothing of what others wait for."""
    ami, (join,) = topic(), published([said("QueueCallerJoin")])
    with pytest.raises(InvalidEvent, match="time"):
        ami.take(join._replace(time_ms=time_ms), 0.0)
    assert not ami.held


def test_a_foreign_snapshot_is_refused() -> None:
    """With a reason."""
    with pytest.raises(InvalidEvent, match="snapshot"):
        topic({"mapping": {}, "held": [1]})
