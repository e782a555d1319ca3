"""Dead letters as they are written and as they are read back."""

from __future__ import annotations

from typing import Any

import pytest

from streams.dead_letters import (
    MAX_ORIGINAL_BYTES,
    OUR_HEADERS,
    REPLAY_OF,
    Coordinates,
    Original,
    ReplayNote,
    StoredDeadLetter,
    Survey,
    dead_letter_record,
    replay_headers,
)
from streams.domain.decisions import SKIPPED, DeadLetter, Reason, Rejection
from tests.event_records import StoredRecord, agent_event, binary, event, structured

TOPIC = "acme-call-events"
PLACE = Coordinates(TOPIC, 3, 42)
REJECTION = Rejection(Reason.UNKNOWN_QUEUE, "$.data.queue: not a queue of this tenant in the configuration")


def letter(record: StoredRecord | None, rejection: Rejection = REJECTION, place: Coordinates = PLACE) -> StoredRecord:
    """The letter of one rejected record, as it lies in the topic."""
    dead = DeadLetter("call-events", place.offset, rejection, record)
    key, value, headers = dead_letter_record("queues", place.topic, place.partition, dead)
    return StoredRecord(value, key, headers)


def note(place: Coordinates = PLACE, replayed_as: str = "acme-call-events/1/77") -> StoredRecord:
    key, value, headers = ReplayNote(place, replayed_as).to_record()
    return StoredRecord(value, key, headers)


def read(record: StoredRecord) -> StoredDeadLetter:
    found = StoredDeadLetter.from_record(record)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "record",
    [
        structured(event()),
        binary(event(), ("trace", None), ("trace", b"\xff"), ("ce_x", b"")),
        StoredRecord(b"\xff\x00 not an event", key=b"\xfe"),
        StoredRecord(None),
        StoredRecord(b"", key=b""),
        StoredRecord(b"{}", key=None),
        StoredRecord(None, key=None),
    ],
)
def test_what_was_rejected_is_read_back_as_it_came(record: StoredRecord):
    """Key, value and headers byte for byte, an empty one told from none, and the reason beside them."""
    found = read(letter(record))
    assert (found.place, found.reason, found.detail, found.stage) == (
        PLACE,
        "unknown_queue",
        REJECTION.detail,
        "queues",
    )
    assert found.original == Original(record.key, record.value, list(record.headers))
    assert found.replay_of is None


def test_a_displaced_offer_is_known_by_its_coordinates_only():
    """It was applied before, so its bytes are still where it came from."""
    found = read(letter(None))
    assert found.place == PLACE
    assert found.original is None


def test_a_value_no_dead_letter_can_hold_is_left_where_it_is():
    """The topic takes 4 MiB; beyond 3 MiB only the coordinates are kept."""
    kept = letter(StoredRecord(b"x" * MAX_ORIGINAL_BYTES))
    left = letter(StoredRecord(b"x" * (MAX_ORIGINAL_BYTES + 1)))
    assert read(kept).original is not None
    assert left.value is None
    assert read(left).original is None


def test_a_source_cannot_pass_its_headers_off_as_ours():
    """Neither hide a letter behind a note nor give it another reason or place."""
    forged = [(name, b"forged") for name in sorted(OUR_HEADERS)]
    found = read(letter(StoredRecord(b"{}", headers=[*forged, ("x", b"1")])))
    assert (found.place, found.reason) == (PLACE, "unknown_queue")
    assert found.original == Original(b"acme/sac", b"{}", [("x", b"1")])


def test_a_rejected_copy_says_what_it_is_a_copy_of():
    """The header of the first replay travels through the rejection, and the next replay names the copy instead."""
    first = Original.of_record(structured(event(), headers=[("x", b"1")]))
    copy = StoredRecord(first.value, first.key, replay_headers(first, PLACE))
    found = read(letter(copy, place=Coordinates(TOPIC, 0, 99)))
    assert found.replay_of == f"{TOPIC}/3/42"
    assert found.original is not None
    assert replay_headers(found.original, found.place) == [("x", b"1"), (REPLAY_OF, b"acme-call-events/0/99")]


@pytest.mark.parametrize(
    "record",
    [
        StoredRecord(b"{}"),
        StoredRecord(b"{}", headers=[("filaviva_topic", b"t"), ("filaviva_reason", b"bad_value")]),
        letter(StoredRecord(b"{}"))._replace(headers=[("filaviva_topic", None), ("filaviva_offset", b"\xff")]),
        StoredRecord(
            b"{}",
            headers=[
                ("filaviva_topic", b"t"),
                ("filaviva_reason", b"bad_value"),
                ("filaviva_partition", b"-1"),
                ("filaviva_offset", b"1"),
            ],
        ),
    ],
)
def test_what_is_no_letter_and_no_note_is_only_counted(record: StoredRecord):
    """Whoever else writes to the topic does not stop the reading."""
    survey = Survey()
    survey.take_all([record, letter(None)])
    assert survey.unreadable == 1
    assert list(survey.letters) == [PLACE]


def test_a_survey_has_each_rejected_record_once():
    """A letter written again after a crash is the same letter; another offset is another."""
    other = PLACE._replace(offset=43)
    survey = Survey()
    survey.take_all([letter(structured(event())), letter(structured(event()), SKIPPED), letter(None, place=other)])
    assert {place: each.reason for place, each in survey.letters.items()} == {
        PLACE: "unknown_queue",
        other: "unknown_queue",
    }


def test_a_survey_knows_what_was_replayed():
    """By the notes beside the letters; a note is no letter."""
    survey = Survey()
    survey.take_all([note(), letter(structured(event()))])
    assert survey.replayed_as == {PLACE: "acme-call-events/1/77"}
    assert list(survey.letters) == [PLACE]
    assert survey.unreadable == 0


@pytest.mark.parametrize("keep_bytes", [True, False])
def test_a_survey_holds_bytes_only_on_request(*, keep_bytes: bool):
    """There may be more of them than fit into memory, and they are personal data."""
    survey = Survey(keep_bytes=keep_bytes)
    survey.take_all([letter(structured(event()))])
    assert (survey.letters[PLACE].original is not None) is keep_bytes


@pytest.mark.parametrize(
    ("record", "owner_key"),
    [
        (structured(event(data={"queue": "novo"}), key=b"wrong"), "acme/novo"),
        (binary(event(data={"queue": "novo"}), key=None), "acme/novo"),
        (
            structured(event(), headers=[("content-type", b"application/cloudevents+json"), ("ce_type", b"x")]),
            "acme/sac",
        ),
        (structured(agent_event()), "acme/a-1"),
        (structured(event("case.registered", {"case_id": "7"})), "acme/7"),
        (structured(event(data={"tenant": 5})), None),
        (structured(event(data={"channel": "fax"})), None),
        (structured(event("queue.staffing")), None),
        (structured([1]), None),
        (StoredRecord(b"\xff"), None),
        (StoredRecord(b"[" * 100_000), None),
        (StoredRecord(None), None),
        (StoredRecord(b"{}", headers=[("ce_type", b"\xff")]), None),
        (StoredRecord(b"{}", headers=[("ce_type", None)]), None),
    ],
)
def test_the_owner_key_comes_from_the_data_where_they_tell(record: StoredRecord, owner_key: str | None):
    """Whatever key and partition the record had."""
    assert Original.of_record(record).owner_key() == owner_key


def test_a_note_is_read_back():
    """And a letter is none."""
    assert ReplayNote.from_record(note()) == ReplayNote(PLACE, "acme-call-events/1/77")
    assert ReplayNote.from_record(letter(None)) is None


def test_the_headers_of_a_letter_hold_no_personal_data():
    """What the stage says about the record is place and reason only."""
    secret = "+5585997465553"
    headers: Any = letter(structured(event(data={"customer": {"address": secret}, "contact_id": secret}))).headers
    assert not [name for name, text in headers if secret.encode() in (text or b"")]
