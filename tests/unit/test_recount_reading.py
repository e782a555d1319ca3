"""What the recount reads as an event, and what it skips for which reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.domain.recount import Skipped, read_events, read_records
from tests.recount_histories import OFFERED, START_MS, fact


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in OFFERED.items() if key != name}


BAD_RECORDS: list[tuple[str | bytes, str]] = [
    (b"\xff\xfe", "not_utf8"),
    ("{", "not_json"),
    (json.dumps(OFFERED).replace('"c1"', "NaN"), "not_json"),
    ("[]", "wrong_type"),
    ("[" * 100_000, "too_deep"),
    (json.dumps({**OFFERED, "padding": "x" * 600_000}), "too_large"),
    *((json.dumps(without(name)), "missing_field") for name in ("specversion", "id", "source", "type", "time", "data")),
    *(
        (json.dumps({**OFFERED, "time": time}), "bad_time")
        for time in (
            "2026-11-23T09:00:00",
            "2026-11-23",
            "23/11/2026 09:00",
            "2026-13-01T00:00:00Z",
            "1969-12-31T00:00:00Z",
            1,
        )
    ),
    *((json.dumps({**OFFERED, "type": kind}), "ignored_type") for kind in ("agent.state", "contact.sighed", "offered")),
    (json.dumps({**OFFERED, "specversion": "0.3"}), "bad_value"),
    (json.dumps({**OFFERED, "source": "PBX 1"}), "bad_value"),
    (json.dumps({**OFFERED, "id": ""}), "bad_value"),
    (json.dumps({**OFFERED, "data": "text"}), "bad_value"),
    *(
        (json.dumps(fact("offered", 0, **{name: None})), "missing_field")
        for name in ("tenant", "site", "queue", "channel", "contact_id")
    ),
    *(
        (json.dumps(fact(kind, 0, **fields)), "bad_value")
        for kind, fields in (
            ("offered", {"entry": 0}),
            ("offered", {"entry": True}),
            ("offered", {"entry": "1"}),
            ("offered", {"channel": "fax"}),
            ("offered", {"tenant": "Acme Ltda"}),
            ("offered", {"queue": "q" * 41}),
            ("offered", {"contact_id": "c" * 201}),
            ("offered", {"customer": "C-42"}),
            ("offered", {"customer": {"address": 55}}),
            ("offered", {"customer": {"address": "5" * 321}}),
            ("offered", {"priority": 1.5}),
            ("offered", {"protocol": 5}),
            ("flowed_out", {"reason": "bored"}),
            ("message", {"direction": "up", "author": "agent"}),
            ("message", {"direction": "out", "author": "parrot"}),
            ("ended", {"talk_seconds": -1}),
            ("ended", {"completed": "no"}),
            ("ended", {"ended_by": "ghost"}),
        )
    ),
    (json.dumps({**OFFERED, "data": {**OFFERED["data"], "entry": None}}), "missing_field"),
    (json.dumps(fact("flowed_out", 0)), "missing_field"),
    (json.dumps(fact("offered", 0, requested_at="yesterday")), "bad_time"),
]


@pytest.mark.parametrize(("record", "reason"), BAD_RECORDS, ids=lambda value: str(value)[:60])
def test_a_record_that_is_not_valid_is_skipped_for_a_reason(record: str | bytes, reason: str):
    """The others are read all the same."""
    skipped = Skipped()
    events = list(read_events([record, json.dumps(OFFERED)], skipped))
    assert [event.kind for event in events] == ["offered"]
    assert skipped.by_reason == {reason: 1}
    assert skipped.total == 1


def test_blank_lines_and_unknown_fields_say_nothing():
    """And optional fields may be null."""
    spoken = {
        **OFFERED,
        "traceparent": "00",
        "data": {**OFFERED["data"], "mood": 1, "customer": None, "priority": None},
    }
    skipped = Skipped()
    assert len(list(read_events(["", "  \n", json.dumps(spoken)], skipped))) == 1
    assert skipped.total == 0


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        ("2026-11-23T12:00:00Z", 0),
        ("2026-11-23t09:00:00.120-03:00", 120),
        ("2026-11-23T12:00:00.0019999z", 1),
        ("2026-11-23T17:45:00.5+05:45", 500),
    ],
)
def test_times_are_read_to_the_millisecond_in_any_offset(time: str, milliseconds: int):
    """Finer digits are cut off, never rounded up."""
    [event] = read_events([json.dumps({**OFFERED, "time": time})])
    assert event.time_ms == START_MS + milliseconds


def test_records_may_carry_their_attributes_in_headers():
    """CloudEvents' binary mode gives the same event as the structured one; a record without a value is none."""
    headers = [(f"ce_{name}", value.encode()) for name, value in OFFERED.items() if name != "data"]
    data = json.dumps(OFFERED["data"]).encode()
    other_headers = [("content-type", b"application/cloudevents+json")]
    skipped = Skipped()
    records = [(headers, data), (other_headers, json.dumps(OFFERED).encode()), ((), None), ([("ce_id", b"\xff")], data)]
    binary, structured = read_records(records, skipped)
    assert binary == structured
    assert skipped.by_reason == {"no_value": 1, "not_utf8": 1}
