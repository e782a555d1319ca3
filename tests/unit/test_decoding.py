"""Raw records to events: what is accepted, what is ignored, and the reason of every rejection."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given, strategies as st

from streams.domain.decisions import Reason, Rejection
from streams.domain.decoding import MAX_AHEAD_MS, MAX_VALUE_BYTES, decode, parse_time
from streams.domain.events import (
    AGENT_EVENTS,
    AGENT_STATES,
    CALL_EVENTS,
    CHAT_EVENTS,
    CONTACT_TYPES,
    EMAIL_EVENTS,
    AgentEvent,
    ContactEvent,
    Offered,
)
from streams.domain.recount_events import Unfit, parse
from streams.partitioning import partition_of
from tests.event_records import (
    KEY,
    MISSING,
    PARTITIONS,
    TIME,
    TIME_MS,
    StoredRecord,
    agent_event,
    binary,
    directory,
    event,
    structured,
)

SECRET = "+5585997465553"
DIRECTORY = directory()
PLACED = {"partition": partition_of("acme/a-1", PARTITIONS), "key": b"acme/a-1"}
LATEST_MS = 253_370_815_199_999
OF_A_CORE = {Reason.ENTRY_REQUIRED, Reason.TOO_LATE, Reason.INTERNAL_ERROR}
"""What only a core can find, never the record alone."""


class Bad(NamedTuple):
    """A record that is rejected, why, and what the detail must name."""

    name: str
    record: StoredRecord
    reason: Reason
    names: str
    topic: str = CALL_EVENTS


def decoded(record: StoredRecord, topic: str = CALL_EVENTS) -> ContactEvent | AgentEvent | Rejection | None:
    return decode(topic, record.partition, record, DIRECTORY)


def offered(**data: Any) -> StoredRecord:
    return structured(event(data=data))


def ended(**data: Any) -> StoredRecord:
    return structured(event("contact.ended", data))


def at(time: object) -> StoredRecord:
    return structured(event(time=time))


def raw(value: bytes | None, **place: Any) -> StoredRecord:
    return StoredRecord(value, **place)


def with_number(text: str) -> StoredRecord:
    """A talk time written as JSON would let it, which Python would not."""
    return raw(ended(talk_seconds=1).value.replace(b'"talk_seconds": 1', f'"talk_seconds": {text}'.encode()))


def nested(depth: int) -> StoredRecord:
    return raw(offered(note=0).value.replace(b'"note": 0', b'"note": ' + b"[" * depth + b"]" * depth))


BAD = [
    Bad("null value", raw(None), Reason.NO_VALUE, "null"),
    Bad("empty value", raw(b""), Reason.NOT_JSON, "$"),
    Bad("a byte over the limit", raw(b" " * (MAX_VALUE_BYTES + 1)), Reason.TOO_LARGE, str(MAX_VALUE_BYTES)),
    Bad("UTF-16", raw('{"id": "x"}'.encode("utf-16")), Reason.NOT_UTF8, "byte 0"),
    Bad("Latin-1 in a spare field", raw(offered(note="x").value.replace(b'"x"', b'"\xe9"')), Reason.NOT_UTF8, "byte"),
    Bad("text that is no JSON", raw(b"hello " + SECRET.encode()), Reason.NOT_JSON, "$"),
    Bad("cut off", raw(offered(contact_id=SECRET).value[:-20]), Reason.NOT_JSON, "$"),
    Bad("something after the end", raw(offered().value + b"x"), Reason.NOT_JSON, "$"),
    Bad("byte order mark", raw(b"\xef\xbb\xbf" + offered().value), Reason.NOT_JSON, "$"),
    Bad("NaN", with_number("NaN"), Reason.NOT_JSON, "$"),
    Bad("infinity", with_number("-Infinity"), Reason.NOT_JSON, "$"),
    Bad("half a surrogate pair", offered(contact_id="\ud800"), Reason.NOT_JSON, "$"),
    Bad("an array", raw(b"[]"), Reason.WRONG_TYPE, "$: Expected `object`, got `array`"),
    Bad("JSON null", raw(b"null"), Reason.WRONG_TYPE, "$"),
    Bad("arrays 100,000 deep", nested(100_000), Reason.TOO_DEEP, "$"),
    Bad("objects 100,000 deep", raw(b'{"a":' * 100_000), Reason.TOO_DEEP, "$"),
    Bad("an id that is a number", structured(event(id=5)), Reason.WRONG_TYPE, "$.id"),
    Bad("data that is text", structured(event() | {"data": SECRET}), Reason.WRONG_TYPE, "$.data"),
    Bad("an entry that is text", offered(entry="1"), Reason.WRONG_TYPE, "$.data.entry"),
    Bad("an entry with a fraction", offered(entry=1.5), Reason.WRONG_TYPE, "$.data.entry"),
    Bad("an address that is a number", offered(customer={"address": 5}), Reason.WRONG_TYPE, "$.data.customer.address"),
    Bad("a time that is a number", at(TIME_MS), Reason.WRONG_TYPE, "$.time"),
    Bad("no data", structured(event() | {"data": None}), Reason.WRONG_TYPE, "$.data"),
    Bad("no id", structured(event(id=MISSING)), Reason.MISSING_FIELD, "`id`"),
    Bad("no time", structured(event(time=MISSING)), Reason.MISSING_FIELD, "`time`"),
    Bad("no contact id", offered(contact_id=MISSING), Reason.MISSING_FIELD, "`contact_id`"),
    Bad("no reason of a flow-out", structured(event("contact.flowed_out")), Reason.MISSING_FIELD, "`reason`"),
    Bad("another specification", structured(event(specversion="0.3")), Reason.BAD_VALUE, "$.specversion"),
    Bad("an empty id", structured(event(id="")), Reason.BAD_VALUE, "$.id"),
    Bad("an id of 201 characters", structured(event(id="x" * 201)), Reason.BAD_VALUE, "$.id"),
    Bad("a source that is no slug", structured(event(source=f"PBX {SECRET}")), Reason.BAD_VALUE, "$.source"),
    Bad("entry 0", offered(entry=0), Reason.BAD_VALUE, "$.data.entry"),
    Bad("entry 10^30", offered(entry=10**30), Reason.BAD_VALUE, "$.data.entry"),
    Bad("a negative duration", ended(talk_seconds=-1), Reason.BAD_VALUE, "$.data.talk_seconds"),
    Bad("a duration of more than a year", ended(hold_seconds=1e300), Reason.BAD_VALUE, "$.data.hold_seconds"),
    Bad("a number beyond all floats", with_number("1e400"), Reason.BAD_VALUE, "$.data.talk_seconds"),
    Bad("an address of 321 characters", offered(customer={"address": SECRET * 25}), Reason.BAD_VALUE, "address"),
    Bad("an unknown channel", offered(channel=SECRET), Reason.BAD_VALUE, "$.data.channel"),
    Bad("a channel of another topic", offered(queue="chat", channel="chat"), Reason.BAD_VALUE, "chat-events"),
    Bad("a channel the queue does not have", offered(channel="email"), Reason.BAD_VALUE, "$.data.channel"),
    Bad("an unknown way out", structured(event("contact.flowed_out", {"reason": SECRET})), Reason.BAD_VALUE, "reason"),
    Bad("an unknown end", ended(ended_by=SECRET), Reason.BAD_VALUE, "$.data.ended_by"),
    Bad("an unknown server", offered(handled_by=SECRET), Reason.BAD_VALUE, "$.data.handled_by"),
    Bad("an unknown author", structured(event("contact.message", {"direction": "in", "author": SECRET})),
        Reason.BAD_VALUE, "$.data.author"),
    Bad("the year 1", at("0001-01-01T00:00:00Z"), Reason.BAD_TIME, "$.time"),
    Bad("a moment before 1970", at("1969-12-31T23:59:59.999Z"), Reason.BAD_TIME, "$.time"),
    Bad("the year 9999", at("9999-12-31T23:59:59Z"), Reason.BAD_TIME, "$.time"),
    Bad("the year 9999, asked for", offered(requested_at="9999-12-31T23:59:59-14:00"), Reason.BAD_TIME, "requested_at"),
    Bad("a time without an offset", at("2026-11-23T09:00:00"), Reason.BAD_TIME, "$.time"),
    Bad("a date only", at("2026-11-23"), Reason.BAD_TIME, "$.time"),
    Bad("a space for the T", at("2026-11-23 09:00:00Z"), Reason.BAD_TIME, "$.time"),
    Bad("a week date", at("2026-W48-1T09:00:00Z"), Reason.BAD_TIME, "$.time"),
    Bad("an offset without colon", at("2026-11-23T09:00:00-0300"), Reason.BAD_TIME, "$.time"),
    Bad("an offset of 99 hours", at("2026-11-23T09:00:00+99:00"), Reason.BAD_TIME, "$.time"),
    Bad("the 30th of February", at("2026-02-30T09:00:00Z"), Reason.BAD_TIME, "$.time"),
    Bad("a request at some time", offered(requested_at=SECRET), Reason.BAD_TIME, "$.data.requested_at"),
    Bad("a start at some time", offered(contact_started_at=SECRET), Reason.BAD_TIME, "$.data.contact_started_at"),
    Bad("a day and a millisecond ahead", structured(event(), timestamp=TIME_MS - MAX_AHEAD_MS - 1),
        Reason.TOO_EARLY, "$.time"),
    Bad("an unknown tenant", offered(tenant=SECRET), Reason.UNKNOWN_TENANT, "$.data.tenant"),
    Bad("an unknown queue", offered(queue=SECRET), Reason.UNKNOWN_QUEUE, "$.data.queue"),
    Bad("another site", offered(site=SECRET), Reason.WRONG_SITE, "$.data.site"),
    Bad("no key", structured(event(), key=None), Reason.WRONG_PARTITION, "murmur2"),
    Bad("another key", structured(event(), key=SECRET.encode()), Reason.WRONG_PARTITION, "murmur2"),
    Bad("another partition", structured(event(), partition=(partition_of(KEY, PARTITIONS) + 1) % PARTITIONS),
        Reason.WRONG_PARTITION, "filaviva ingest kafka"),
    Bad("binary: empty value", binary(event())._replace(value=b""), Reason.NOT_JSON, "$.data"),
    Bad("binary: a header that is not UTF-8", binary(event(), ("ce_subject", b"\xff")), Reason.NOT_UTF8, "header"),
    Bad("binary: garbage", raw(b"{}", headers=[("ce_", b""), ("ce_x", b"\x00")]), Reason.MISSING_FIELD, "ce_"),
    Bad("binary: no type", binary(event(type=MISSING)), Reason.MISSING_FIELD, "`type`"),
    Bad("binary: an id of null", binary(event(id=MISSING), ("ce_id", None)), Reason.MISSING_FIELD, "`id`"),
    Bad("binary: another specification", binary(event(specversion=SECRET)), Reason.BAD_VALUE, "ce_"),
    Bad("binary: data of the wrong type", binary(event() | {"data": [SECRET]}), Reason.WRONG_TYPE, "$.data"),
    Bad("binary: an unknown queue", binary(event(data={"queue": "x"})), Reason.UNKNOWN_QUEUE, "$.data.queue"),
    Bad("agent: unknown state", structured(agent_event(state=SECRET), **PLACED), Reason.BAD_VALUE, "$.data.state",
        AGENT_EVENTS),
    Bad("agent: unknown tenant", structured(agent_event(tenant="x"), **PLACED), Reason.UNKNOWN_TENANT, "$.data.tenant",
        AGENT_EVENTS),
    Bad("agent: unknown site", structured(agent_event(site=SECRET), **PLACED), Reason.WRONG_SITE, "$.data.site",
        AGENT_EVENTS),
    Bad("agent: unknown queue", structured(agent_event(queues=["sac", SECRET]), **PLACED), Reason.UNKNOWN_QUEUE,
        "$.data.queues", AGENT_EVENTS),
    Bad("agent: 201 queues", structured(agent_event(queues=["sac"] * 201), **PLACED), Reason.BAD_VALUE, "$.data.queues",
        AGENT_EVENTS),
    Bad("agent: key of the queue", structured(agent_event(), partition=PLACED["partition"]), Reason.WRONG_PARTITION,
        "murmur2", AGENT_EVENTS),
]  # fmt: skip

SOUND = {
    "structured": structured(event()),
    "binary": binary(event()),
    "binary with its content type": binary(event(), ("content-type", b"application/json")),
    "binary with a header of null": binary(event(), ("ce_extra", None)),
    "structured beside a ce_ header": structured(
        event(), headers=[("content-type", b"application/cloudevents+json; charset=UTF-8"), ("ce_traceparent", b"00-1")]
    ),
    "structured beside other headers": structured(event(), headers=[("trace", None), ("x", b"\xff")]),
    "fields nobody knows": structured(event(data={"note": {"a": [1, None]}}, extra="x")),
    "nulls where a field may be missing": offered(customer=None, priority=None, requested_at=None),
    "small letters in the time": at("2026-11-23t12:00:00.120z"),
    "up to a day ahead": structured(event(), timestamp=TIME_MS - MAX_AHEAD_MS),
    "just small enough": raw(offered().value.rjust(MAX_VALUE_BYTES)),
    "text of any script": offered(contact_id="Ação 順番 \U0001f4de"),
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_record_is_rejected_with_its_reason(bad: Bad):
    """The reason is of the closed list, the detail names the place and what was expected."""
    rejection = decoded(bad.record, bad.topic)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is bad.reason
    assert bad.names in rejection.detail


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_rejection_repeats_nothing_of_the_record(bad: Bad):
    """A phone number where it does not belong is not carried on in the detail."""
    rejection = decoded(bad.record, bad.topic)
    assert isinstance(rejection, Rejection)
    assert SECRET not in rejection.detail
    assert SECRET[3:] not in rejection.detail


def test_the_table_has_every_reason_a_record_alone_can_give():
    """A new reason needs a line in the table."""
    assert {bad.reason for bad in BAD} == set(Reason) - OF_A_CORE


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_record_is_taken(name: str):
    """In both modes, whatever stands beside what we read."""
    found = decoded(SOUND[name])
    assert isinstance(found, ContactEvent)
    assert (found.time_ms, found.event_id, found.source) == (TIME_MS, "c-1/1", "pbx-1")
    assert isinstance(found.data, Offered)


def test_both_modes_give_the_same_event():
    """Every field of the data arrives, in either mode."""
    whole = event(
        data={
            "entry": 2,
            "customer": {"address": SECRET, "id": "C-42"},
            "protocol": "202611230000042",
            "requested_at": "2026-11-23T08:59:59-03:00",
            "contact_started_at": "2026-11-23T11:59:00Z",
            "priority": 5,
            "handled_by": "bot",
        }
    )
    found = decoded(structured(whole))
    assert found == decoded(binary(whole))
    assert isinstance(found, ContactEvent)
    assert isinstance(found.data, Offered)
    assert found.data.customer is not None
    assert (found.data.entry, found.data.customer.address, found.data.priority) == (2, SECRET, 5)
    assert (found.requested_ms, found.started_ms) == (TIME_MS - 1_120, TIME_MS - 60_120)


@pytest.mark.parametrize(
    ("topic", "whole"),
    [
        (CALL_EVENTS, event("contact.teleported")),
        (CALL_EVENTS, event("")),
        (CALL_EVENTS, event("case.registered")),
        (CALL_EVENTS, agent_event()),
        (AGENT_EVENTS, event()),
        (CHAT_EVENTS, event("contact.typing", {"tenant": 5}, time="whenever", source="?")),
        (EMAIL_EVENTS, event("source.heartbeat") | {"data": None}),
    ],
)
def test_a_type_that_is_not_known_on_the_topic_is_ignored(topic: str, whole: dict[str, Any]):
    """Whatever else is wrong with it: a newer source may send it, an older worker must not mind."""
    assert decoded(structured(whole), topic) is None
    assert decoded(binary(whole), topic) is None


@pytest.mark.parametrize("kind", CONTACT_TYPES)
def test_every_contact_type_is_known(kind: str):
    """The closed list, each with the fields it cannot do without."""
    found = decoded(structured(event(kind, {"reason": "timeout", "direction": "out", "author": "agent"})))
    assert isinstance(found, ContactEvent)
    assert type(found.data) is CONTACT_TYPES[kind]


@pytest.mark.parametrize("state", AGENT_STATES)
def test_every_agent_state_is_known(state: str):
    """The closed list."""
    found = decoded(structured(agent_event(state=state), **PLACED), AGENT_EVENTS)
    assert isinstance(found, AgentEvent)
    assert found.data.state == state


@pytest.mark.parametrize(
    ("text", "instant_ms"),
    [
        (TIME, TIME_MS),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2026-11-23T12:00:00.1209999Z", TIME_MS),
        ("9998-12-31T23:59:59.999-14:00", LATEST_MS),
    ],
)
def test_times_are_milliseconds_since_1970(text: str, instant_ms: int):
    """Finer digits are cut off, offsets taken into account."""
    assert parse_time(text) == instant_ms


@given(st.text(alphabet="0123456789-+:.TZtz ²३", max_size=40))
def test_any_text_is_a_time_or_none(text: str):
    """A time that is found lies in the years that can be counted with."""
    instant_ms = parse_time(text)
    assert instant_ms is None or 0 <= instant_ms <= LATEST_MS


DIGITS = st.text(alphabet="0123456789", min_size=2, max_size=2)
ZONES = st.one_of(
    st.sampled_from(["Z", "z", "", "+00:00", "-03:00", "+14:00", "-99:00", "7Z", "+0300", "Z "]), st.text(max_size=3)
)
MINUTES = st.one_of(
    st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:")),
    st.sampled_from(
        ["1970-01-01T00:00:", "1969-12-31T23:59:", "9999-01-01T00:00:", "2026-02-29T00:00:", "2026-11-23t12:00:"]
    ),
)


@given(MINUTES, DIGITS, st.sampled_from([".120", ".000", ".999", ".12", ".1209", "", ".", ",120", ".1²0"]), ZONES)
def test_the_usual_form_of_a_time_is_read_as_any_other(minute: str, seconds: str, fraction: str, zone: str):
    """Milliseconds as three digits of many are the same instant, or none, whichever way it is read."""
    text = f"{minute}{seconds}{fraction}{zone}"
    longer = f"{minute}{seconds}{fraction}000{zone}"
    if len(fraction) == 4 and fraction[1:].isdecimal():
        assert parse_time(text) == parse_time(longer)
    else:
        found = parse_time(text)
        assert found is None or found % 1000 == int((fraction[1:] + "000")[:3])


SHORT_RECORDS = [
    record for record in (*SOUND.values(), *(bad.record for bad in BAD)) if len(record.value or b"") < 1000
]


@given(st.data())
def test_a_damaged_record_never_raises(data: st.DataObject):
    """Bytes changed, dropped or put in anywhere, in both modes, with any headers: an event or a reason comes out."""
    record = data.draw(
        st.sampled_from([*SOUND.values(), *(bad.record for bad in BAD if len(bad.record.value or b"") < 5000)])
    )
    value = bytearray(record.value or b"")
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(value)))
        value[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    names = st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_data", "ce_", "content-type", "x"]) | st.text(
        max_size=5
    )
    headers = data.draw(st.lists(st.tuples(names, st.none() | st.binary(max_size=20)), max_size=4))
    topic = data.draw(st.sampled_from([CALL_EVENTS, CHAT_EVENTS, EMAIL_EVENTS, AGENT_EVENTS]))
    damaged = record._replace(value=bytes(value), headers=[*record.headers, *headers])
    assert isinstance(decoded(damaged, topic), ContactEvent | AgentEvent | Rejection | None)


OF_PLACE_OR_CONFIGURATION = {
    Reason.UNKNOWN_TENANT,
    Reason.UNKNOWN_QUEUE,
    Reason.WRONG_SITE,
    Reason.WRONG_PARTITION,
    Reason.TOO_EARLY,
}
"""What the recount leaves to others: it sees neither where a record lay nor what is configured."""
UNSEEN_BY_THE_RECOUNT = {
    "half a surrogate pair",  # Python's own parser lets it pass
    "a channel of another topic",
    "a channel the queue does not have",
}
BAD_FOR_THE_RECOUNT = [
    bad
    for bad in BAD
    if bad.topic == CALL_EVENTS
    and bad.reason not in OF_PLACE_OR_CONFIGURATION
    and bad.name not in UNSEEN_BY_THE_RECOUNT
]


@pytest.mark.parametrize("bad", BAD_FOR_THE_RECOUNT, ids=lambda bad: bad.name)
def test_the_recount_refuses_the_same_records(bad: Bad):
    """What the worker rejects for its content is not counted by the second opinion either."""
    with pytest.raises(Unfit):
        parse(bad.record.headers, bad.record.value)


@pytest.mark.parametrize("name", SOUND)
def test_the_recount_takes_the_same_records(name: str):
    """And the same instant."""
    assert parse(SOUND[name].headers, SOUND[name].value).time_ms == TIME_MS
