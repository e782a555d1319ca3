"""Chatwoot's webhooks as visits. The payloads are written after its documentation ("Webhook events") and its event
presenters."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from streams.sources.chatwoot import ChatwootWebhooks
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event, InvalidEvent
from tests.unit.spoiling import spoilt

START = 1_795_435_200
PLACE = Place("acme", "fortaleza", "sac-chat", "chat")
CUSTOMER = {"id": 12, "type": "contact", "email": "jane@acme.example", "phone_number": None, "identifier": None}
AGENT = {"id": 1, "name": "John", "email": "john@acme.example", "type": "user"}


def mapping(snapshot: dict[str, Any] | None = None) -> ChatwootWebhooks:
    return ChatwootWebhooks(QueueDictionary("chatwoot-1", {"1": PLACE}), snapshot)


def conversation(status: str = "open", *, at: float = 0, **changes: Any) -> dict[str, Any]:
    """As it stands in every webhook; times are seconds after the start."""
    return {
        "id": 10,
        "inbox_id": 1,
        "channel": "Channel::WebWidget",
        "status": status,
        "messages": [],
        "meta": {"sender": CUSTOMER, "assignee": None, "assignee_type": None},
        "created_at": START,
        "timestamp": START + int(at),
        "updated_at": START + at,
        "waiting_since": START,
        "first_reply_created_at": None,
        **changes,
    }


def created(**changes: Any) -> dict[str, Any]:
    return conversation(**changes) | {"event": "conversation_created"}


def changed(status: str, at: float, **changes: Any) -> dict[str, Any]:
    return conversation(status, at=at, **changes) | {"event": "conversation_status_changed"}


def message(number: int, at: int, *, of: str = "customer", **changes: Any) -> dict[str, Any]:
    kinds = {
        "customer": ("incoming", CUSTOMER),
        "agent": ("outgoing", AGENT),
        "bot": ("outgoing", {"type": "agent_bot"}),
    }
    kind, sender = kinds[of]
    return {
        "event": "message_created",
        "id": number,
        "content": "+55 85 99746-5553",
        "created_at": f"2026-11-23T12:{at // 60:02}:{at % 60:02}.000Z",
        "message_type": kind,
        "private": False,
        "sender": sender,
        "conversation": conversation(at=at),
        "account": {"id": 1},
        **changes,
    }


def told(mapped: ChatwootWebhooks, *hooks: dict[str, Any]) -> list[Event]:
    return [event for hook in hooks for event in mapped.feed(json.dumps(hook).encode(), (START + 9999) * 1000)]


def kinds(events: list[Event]) -> list[str]:
    return [f"{event['type'].removeprefix('contact.')} {event['data']['entry']}" for event in events]


def test_a_conversation_is_created_once() -> None:
    """Told again, or late, after it was resolved."""
    mapped = mapping()
    told(mapped, created(), changed("resolved", 60))
    assert told(mapped, created()) == []


def test_a_conversation_from_its_beginning_to_its_end() -> None:
    """Offered, assigned, answered by the first words of a person, ended."""
    assigned = conversation(at=20, meta={"sender": CUSTOMER, "assignee": AGENT, "assignee_type": "User"})
    assigned |= {"event": "conversation_updated", "changed_attributes": [{"assignee_id": {"current_value": 1}}]}
    events = told(
        mapping(), created(), message(100, 1), assigned, message(101, 30, of="agent"), changed("resolved", 90)
    )
    assert kinds(events) == ["offered 1", "message 1", "answered 1", "message 1", "ended 1"]
    offered, first, _, reply, ended = (event["data"] for event in events)
    assert offered["customer"] == {"address": "jane@acme.example", "id": "chatwoot-1-12"}
    assert (offered["tenant"], offered["queue"], offered["channel"]) == ("acme", "sac-chat", "chat")
    assert (first["direction"], first["author"]) == ("in", "customer")
    assert (reply["direction"], reply["author"], reply["agent_id"]) == ("out", "agent", "1")
    assert ended["completed"] is True
    assert [event["time"] for event in events][:1] == ["2026-11-23T12:00:00.000Z"]
    assert len({event["id"] for event in events}) == len(events)
    assert "99746" not in json.dumps(events)


def test_what_a_bot_writes_is_no_answer() -> None:
    """Bots, templates, campaigns and automations; private notes and activities are no messages at all."""
    hooks = [
        message(101, 1, of="bot"),
        message(102, 2, of="agent", content_attributes={"automation_rule_id": 3}),
        message(103, 3, of="agent", additional_attributes={"campaign_id": 3}),
        message(104, 4, of="agent", message_type="template"),
        message(105, 5, of="agent", message_type=3),
        message(106, 6, of="agent", private=True),
        message(107, 7, of="agent", message_type="activity"),
        message(108, 8, of="agent", sender=None),
    ]
    mapped = mapping()
    events = told(mapped, created(), *hooks)
    assert {event["data"]["author"] for event in events[1:]} == {"bot"}
    assert len(events) == 1 + 6
    assert mapped.ignored.by_kind == {"private message": 1, "activity message": 1}
    assert kinds(told(mapped, changed("resolved", 60))) == ["flowed_out 1"]


def test_the_bots_time_is_nobodys_wait() -> None:
    """Pending is the bot's: the visit begins when it hands over, and ends when it gets the conversation back."""
    mapped = mapping()
    assert told(mapped, created(status="pending"), message(100, 1, conversation=conversation("pending"))) == []
    events = told(mapped, changed("open", 60.25), changed("pending", 80))
    assert kinds(events) == ["offered 1", "flowed_out 1"]
    assert events[0]["time"] == "2026-11-23T12:01:00.250Z"
    assert events[0]["data"]["contact_started_at"] == "2026-11-23T12:00:00.000Z"
    assert events[1]["data"]["reason"] == "transfer"


def test_a_conversation_opened_again_is_another_visit() -> None:
    """By the customer, in whatever order Chatwoot tells it; never twice."""
    mapped = mapping()
    told(mapped, created(), message(101, 30, of="agent"), changed("resolved", 60))
    again = [message(102, 300), changed("open", 300.4)]
    for hooks in (again, again[::-1]):
        events = told(mapping(mapped.snapshot()), *hooks)
        assert kinds(events) == ["offered 2", "message 2"]
    assert kinds(told(mapped, *again, *again)) == ["offered 2", "message 2", "message 2"]
    assert kinds(told(mapped, changed("resolved", 400), changed("open", 500))) == ["flowed_out 2", "offered 3"]


def test_who_opens_an_old_conversation_to_write_waits_for_nobody() -> None:
    """An agent opens it and writes; the visit begins when the customer answers. Where the word of the opening shows
    nobody waiting yet, the customer's message before it does."""
    mapped = mapping()
    told(mapped, created(), changed("resolved", 60))
    assert told(mapped, changed("open", 100, waiting_since=0), message(101, 110, of="agent")) == []
    assert kinds(told(mapped, message(102, 200))) == ["offered 2", "message 2"]
    told(mapped, changed("resolved", 300))
    asked = message(103, 400, conversation=conversation("resolved", at=400, waiting_since=0))
    assert kinds(told(mapped, asked, changed("open", 400, waiting_since=0))) == ["offered 3"]


def test_a_lost_beginning_is_told_by_what_comes_next() -> None:
    """Chatwoot does not repeat a webhook that was not taken. The wait is from when the customer began to wait."""
    events = told(mapping(), message(100, 90))
    assert kinds(events) == ["offered 1", "message 1"]
    assert events[0]["time"] == "2026-11-23T12:00:00.000Z"
    assert told(mapping(), changed("resolved", 90)) == []


def test_old_news_is_none() -> None:
    """A status from before the newest one, and a message of a visit before the newest."""
    mapped = mapping()
    told(mapped, created(), changed("resolved", 60), changed("open", 100), changed("resolved", 200))
    assert told(mapped, changed("open", 100), message(101, 30)) == []
    assert mapped.ignored.by_kind == {"status from before": 1, "message outside a visit": 1}
    assert kinds(told(mapped, message(102, 150, of="agent"))) == ["message 2"]


def test_two_accounts_have_conversations_of_the_same_number() -> None:
    """Their inboxes differ."""
    dictionary = QueueDictionary("chatwoot-1", {"1": PLACE, "2": PLACE})
    mapped = ChatwootWebhooks(dictionary)
    first, second = told(mapped, created(), created(inbox_id=2))
    assert first["data"]["contact_id"] != second["data"]["contact_id"]


def test_an_inbox_that_is_not_listed_is_remembered() -> None:
    """For `filaviva ingest discover`."""
    dictionary = QueueDictionary("chatwoot-1", {})
    assert told(ChatwootWebhooks(dictionary), created(), message(100, 1)) == []
    assert dictionary.unmapped == {"1": 2}


def test_other_webhooks_are_counted_and_left() -> None:
    """Those that exist today, and those that come."""
    mapped = mapping()
    for kind in ("webwidget_triggered", "message_updated", "contact_created", "conversation_typing_on", "nova"):
        assert told(mapped, {"event": kind}) == []
    assert sum(mapped.ignored.by_kind.values()) == 5


def test_the_webhook_of_an_old_release_is_understood() -> None:
    """Times in whole seconds only, no created_at, numbers in quotes."""
    old = {key: value for key, value in created().items() if key not in ("created_at", "updated_at", "waiting_since")}
    events = told(mapping(), old | {"id": "10", "inbox_id": "1"}, message(1, 9, created_at="2026-11-23 12:00:09 UTC"))
    assert kinds(events) == ["offered 1", "message 1"]
    assert events[1]["time"] == "2026-11-23T12:00:09.000Z"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "not_json"),
        (b"\xff", "not_json"),
        (b'{"event": "\xff"}', "not_utf8"),
        (b"[" * 10_000, "not_json"),
        (b"{}", "missing_field"),
        (b'{"event": 1}', "wrong_type"),
        (json.dumps(created(status="odd")).encode(), "bad_value"),
        (json.dumps(created(inbox_id=[])).encode(), "wrong_type"),
        (json.dumps(created(id="9" * 21)).encode(), "bad_value"),
        (json.dumps(created(created_at="yesterday")).encode(), "bad_time"),
        (json.dumps(created(created_at=1e300)).encode(), "bad_time"),
        (json.dumps(message(1, 1, created_at="2026-11-23T12:00:00")).encode(), "bad_time"),
    ],
)
def test_what_chatwoot_does_not_send_is_refused(record: bytes, reason: str) -> None:
    """With a reason that repeats nothing of it, and as if it had never come."""
    mapped = mapping()
    with pytest.raises(InvalidEvent) as caught:
        mapped.feed(record, START * 1000)
    assert caught.value.reason in (reason, "wrong_type") if reason == "not_json" else caught.value.reason == reason
    assert "yesterday" not in caught.value.detail
    assert mapped.snapshot() == mapping().snapshot()


@given(st.data(), st.sampled_from([created(), changed("resolved", 60), message(100, 1), message(101, 2, of="agent")]))
def test_any_value_anywhere_is_mapped_or_refused(data: st.DataObject, hook: dict[str, Any]) -> None:
    """Nothing but InvalidEvent is raised, and a refused record changes nothing."""
    mapped = mapping()
    told(mapped, created())
    before = mapped.snapshot()
    try:
        mapped.feed(spoilt(data, hook), START * 1000)
    except InvalidEvent:
        assert mapped.snapshot() == before


@given(st.binary(max_size=300))
def test_any_bytes_are_mapped_or_refused(record: bytes) -> None:
    """The same for what is no JSON."""
    with suppress(InvalidEvent):
        assert mapping().feed(record, START * 1000) == ()
