"""Mail threads as visits."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mail import MAX_HEADER_BYTES, Mail, MailThreads
from streams.sources.mapping import Event, InvalidEvent

SAC = "sac@acme.example"
START_MS = 1_795_435_200_000
PLACES = {
    SAC: Place("acme", "fortaleza", "sac-email", "email"),
    "ouro@acme.example": Place("acme", "fortaleza", "ouro-email", "email"),
}
JANE = "Jane <jane@customer.example>"


def mapping(snapshot: dict[str, Any] | None = None) -> MailThreads:
    return MailThreads(QueueDictionary("mail-1", PLACES), snapshot)


def mail(
    name: str,
    minutes: float,
    *fields: str,
    sender: str = JANE,
    parents: str = "",
    mailbox: str = SAC,
    is_sent: bool = False,
) -> Mail:
    """A mail of this message id, arrived so many minutes after the start."""
    lines = [
        f"From: {sender}",
        f"To: {mailbox}",
        f"Message-ID: <{name}@mx.example>",
        "Subject: Cartão bloqueado",
        *fields,
    ]
    if parents:
        ids = " ".join(f"<{each}@mx.example>" for each in parents.split())
        lines += [f"References: {ids}", f"In-Reply-To: <{parents.rsplit(maxsplit=1)[-1]}@mx.example>"]
    header = "\r\n".join([*lines, "", ""]).encode()
    return Mail(mailbox, header, START_MS + round(minutes * 60_000), is_sent)


def reply(name: str, minutes: float, *fields: str, parents: str, sender: str = SAC, is_sent: bool = False) -> Mail:
    return mail(name, minutes, *fields, sender=sender, parents=parents, is_sent=is_sent)


def told(mapped: MailThreads, *mails: Mail) -> list[Event]:
    return [event for each in mails for event in mapped.feed(each, START_MS)]


def kinds(events: list[Event]) -> list[str]:
    return [f"{event['type'].removeprefix('contact.')} {event['data']['entry']}" for event in events]


def test_a_question_and_its_reply() -> None:
    """Two mails before the reply are one visit; the reply ends it; whom to reply to is the customer."""
    first = mail("a", 0, "Reply-To: jane@home.example")
    events = told(mapping(), first, mail("b", 5, parents="a"), reply("c", 90, parents="a b"))
    assert kinds(events) == ["offered 1", "message 1", "message 1", "message 1", "ended 1"]
    assert events[0]["data"]["customer"] == {"address": "jane@home.example"}
    assert [event["data"].get("author") for event in events[1:4]] == ["customer", "customer", "agent"]
    assert events[4]["time"] == "2026-11-23T13:30:00.000Z"
    assert events[4]["data"]["completed"] is True
    assert len({event["data"]["contact_id"] for event in events}) == 1
    assert "Cartão" not in json.dumps(events, ensure_ascii=False)
    assert "mx.example" not in json.dumps(events)


def test_whoever_writes_again_waits_again() -> None:
    """As the next entry of the same contact, also weeks later and after a restart."""
    mapped = mapping()
    told(mapped, mail("a", 0), reply("b", 60, parents="a"))
    events = told(mapping(json.loads(json.dumps(mapped.snapshot()))), mail("c", 20_000, parents="a b"))
    assert kinds(events) == ["offered 2", "message 2"]
    assert kinds(told(mapped, mail("d", 100, parents="b"), reply("e", 110, parents="b d"))) == [
        "offered 2",
        "message 2",
        "message 2",
        "ended 2",
    ]


def test_a_question_that_the_reply_does_not_know_waits_on() -> None:
    """It came after the reply was written, and was read before it."""
    mapped = mapping()
    events = told(mapped, mail("a", 0), mail("b", 50, parents="a"), reply("c", 40, parents="a"))
    assert kinds(events)[-2:] == ["ended 1", "offered 2"]
    assert events[-1]["time"] == "2026-11-23T12:50:00.000Z"
    assert events[-1]["data"]["customer"] == {"address": "jane@customer.example"}


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: AUTO-GENERATED; owner-email=x@y",
        "Return-Path: <>",
        "Content-Type: multipart/report; report-type=delivery-status",
        "Precedence: bulk",
        "Precedence: junk",
        "List-Id: <news.example>",
        "X-Autoreply: yes",
    ],
)
def test_what_was_sent_by_itself_asks_nothing_and_answers_nothing(field: str) -> None:
    """RFC 3834: vacation notes, bounces, lists; our own acknowledgement too."""
    mapped = mapping()
    assert told(mapped, mail("a", 0, field)) == []
    assert kinds(told(mapped, mail("b", 1), reply("c", 2, field, parents="b"))) == ["offered 1", "message 1"]
    assert sum(mapped.ignored.by_kind.values()) == 2


def test_an_explicit_no_is_a_person() -> None:
    """Auto-Submitted: no says so."""
    assert kinds(told(mapping(), mail("a", 0, "Auto-Submitted: no"))) == ["offered 1", "message 1"]


def test_a_reply_from_the_folder_of_what_was_sent_is_one_whoever_wrote_it() -> None:
    """Agents write under their own names; a mail sent to somebody new is no visit."""
    mapped = mapping()
    events = told(mapped, mail("a", 0), reply("b", 10, parents="a", sender="ana@acme.example", is_sent=True))
    assert kinds(events)[-1] == "ended 1"
    assert told(mapped, mail("n", 20, sender=SAC, is_sent=True)) == []
    assert mapped.ignored.by_kind == {"mail outside a visit": 1}


def test_a_thread_holds_together_however_it_is_told() -> None:
    """By References alone, by In-Reply-To alone, and by mails that nobody has seen."""
    mapped = mapping()
    root = told(mapped, mail("a", 0))[0]["data"]["contact_id"]
    only_parent = Mail(
        SAC, b"From: jane@customer.example\nMessage-ID: <c@mx.example>\nIn-Reply-To: <b@mx.example>\n\n", START_MS
    )
    told(mapped, reply("b", 1, parents="a"))
    assert {
        event["data"]["contact_id"] for event in told(mapped, only_parent._replace(arrived_ms=START_MS + 120_000))
    } == {root}
    unseen = told(mapping(), mail("d", 3, parents="a b c"))
    assert unseen[0]["data"]["contact_id"] == root


def test_a_mail_to_two_mailboxes_waits_in_both() -> None:
    """One contact, two queues."""
    events = told(mapping(), mail("a", 0), mail("a", 0, mailbox="ouro@acme.example"))
    assert {event["data"]["queue"] for event in events} == {"sac-email", "ouro-email"}
    assert len({event["data"]["contact_id"] for event in events}) == 1


def test_reading_again_says_the_same_again() -> None:
    """A restart reads some mails twice."""
    mails = [mail("a", 0), reply("b", 10, parents="a"), mail("c", 20, parents="a b"), reply("d", 30, parents="a b c")]
    mapped = mapping()
    once = {event["id"]: event for event in told(mapped, *mails)}
    for event in told(mapped, *mails):
        assert once[event["id"]] == event


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Received: from a by b; Mon, 23 Nov 2026 09:00:01 -0300", "Date: Sun, 1 Jan 2040 00:00:00 +0000"], 1),
        (["Date: Mon, 23 Nov 2026 09:00:02 -0300"], 2),
        (["Date: yesterday"], 3),
        (["Received: from nowhere"], 3),
    ],
)
def test_when_it_arrived_is_our_own_servers_word(lines: list[str], expected: int) -> None:
    """The topmost Received; a sender's date only where there is nothing better; else when it was read."""
    header = "\n".join([f"From: {JANE}", "Message-ID: <a@b>", *lines, "", ""]).encode()
    events = mapping().feed(Mail(SAC, header), START_MS + 3000)
    moment = datetime.fromisoformat(events[0]["time"])
    assert moment == datetime.fromtimestamp(START_MS / 1000 + expected, UTC)


def test_a_mail_without_an_id_or_a_sender_is_a_mail() -> None:
    """Old systems write such."""
    events = mapping().feed(Mail(SAC, b"Subject: x\n\n", START_MS), START_MS)
    assert kinds(list(events)) == ["offered 1", "message 1"]
    assert "customer" not in events[0]["data"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Mail(SAC, b"", START_MS), "missing_field"),
        (Mail(SAC, b"\n\nbody", START_MS), "missing_field"),
        (Mail(SAC, b"A: " + b"b" * MAX_HEADER_BYTES, START_MS), "too_large"),
        (Mail(SAC, b"A: b\n\n", -1), "bad_time"),
    ],
)
def test_what_is_no_mail_is_refused(record: Mail, reason: str) -> None:
    """As if it had never come."""
    mapped = mapping()
    with pytest.raises(InvalidEvent) as caught:
        mapped.feed(record, START_MS)
    assert caught.value.reason == reason
    assert mapped.snapshot() == mapping().snapshot()


FIELDS = [
    "From",
    "Reply-To",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Date",
    "Received",
    "Auto-Submitted",
    "Precedence",
]
LINES = st.lists(
    st.tuples(st.sampled_from(FIELDS), st.binary(max_size=60) | st.text(max_size=60).map(str.encode)), max_size=8
)


@given(LINES, st.booleans())
def test_any_header_is_mapped_or_refused(lines: list[tuple[str, bytes]], is_dated: bool) -> None:  # noqa: FBT001
    """Bytes of any kind in the fields that are read."""
    header = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines) + b"\r\n"
    mapped = mapping()
    with suppress(InvalidEvent):
        msgspec.json.encode(told(mapped, Mail(SAC, header, START_MS if is_dated else None)))
        msgspec.json.encode(told(mapped, Mail(SAC, header, None, is_sent=True)))


@given(st.binary(max_size=500))
def test_any_bytes_are_mapped_or_refused(record: bytes) -> None:
    """The same for what is no mail at all."""
    with suppress(InvalidEvent):
        msgspec.json.encode(told(mapping(), Mail(SAC, record)))
