"""WhatsApp's notifications as visits. The payloads are written after Meta's "messages webhook reference" and "Status
messages webhook reference"."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event, InvalidEvent
from streams.sources.whatsapp import MOST_EARLY, WhatsAppWebhooks
from tests.unit.spoiling import spoilt

START = 1_795_435_200
HOUR = 3600
PLACE = Place("acme", "fortaleza", "sac-whatsapp", "whatsapp")
NUMBER = "5585997465553"


def mapping(snapshot: dict[str, Any] | None = None) -> WhatsAppWebhooks:
    return WhatsAppWebhooks(QueueDictionary("whatsapp-1", {"106540352242922": PLACE}), snapshot)


def wamid(number: int) -> str:
    """As Meta makes them: the customer's number is inside."""
    return "wamid." + base64.b64encode(f"\x1c\x18\r{NUMBER}\x15\x02{number:020}".encode()).decode()


def notification(*values: dict[str, Any], field: str = "messages") -> dict[str, Any]:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"}
    changes = [
        {"value": {"messaging_product": "whatsapp", "metadata": metadata, **value}, "field": field} for value in values
    ]
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": changes}]}


def said(number: int, at: int, **changes: Any) -> dict[str, Any]:
    """A customer's message so many seconds after the start."""
    message = {"from": NUMBER, "id": wamid(number), "timestamp": str(START + at), "type": "text", "text": {"body": "?"}}
    contacts = [{"profile": {"name": "Sheena Nelson"}, "wa_id": NUMBER}]
    return {"contacts": contacts, "messages": [message | changes]}


def sent(number: int, at: int, *, category: str = "service", **changes: Any) -> dict[str, Any]:
    pricing = {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": category}
    status = {"id": wamid(number), "status": "sent", "timestamp": str(START + at), "recipient_id": NUMBER}
    return {"statuses": [status | {"pricing": pricing} | changes]}


def told(mapped: WhatsAppWebhooks, *values: dict[str, Any]) -> list[Event]:
    return [event for value in values for event in mapped.feed(json.dumps(notification(value)).encode(), START * 1000)]


def kinds(events: list[Event]) -> list[str]:
    return [f"{event['type'].removeprefix('contact.')} {event['data']['entry']}" for event in events]


def test_an_answer_that_comes_before_its_question_waits_for_it() -> None:
    """Also across a restart. What was written before the question is no answer to it."""
    mapped = mapping()
    assert told(mapped, sent(2, 40), sent(3, 10, category="marketing")) == []
    events = told(mapping(json.loads(json.dumps(mapped.snapshot()))), said(1, 20))
    assert kinds(events) == ["offered 1", "message 1", "message 1"]
    assert [event["data"].get("author") for event in events] == [None, "customer", "agent"]
    assert [event["time"][17:19] for event in events] == ["20", "20", "40"]


def test_answers_that_wait_are_bounded() -> None:
    """The longest wait go first."""
    mapped = mapping()
    for number in range(MOST_EARLY + 1):
        told(mapped, sent(number, 40, recipient_id=str(number)))
    assert kinds(told(mapped, said(0, 20, **{"from": "0"}))) == ["offered 1", "message 1"]
    assert kinds(told(mapped, said(1, 20, **{"from": "1"}))) == ["offered 1", "message 1", "message 1"]


def test_a_customer_is_offered_and_answered() -> None:
    """By the first free message of the business; its name, where the sender told it."""
    events = told(mapping(), said(1, 0), said(2, 5), sent(3, 60, biz_opaque_callback_data="agent:ana"))
    assert kinds(events) == ["offered 1", "message 1", "message 1", "message 1"]
    assert events[0]["data"]["customer"] == {"address": f"+{NUMBER}"}
    assert events[0]["time"] == "2026-11-23T12:00:00.000Z"
    assert [event["data"].get("author") for event in events[1:]] == ["customer", "customer", "agent"]
    assert events[3]["data"]["agent_id"] == "ana"


def test_the_customers_number_is_in_the_address_alone() -> None:
    """Message ids hold it, and contact ids go where numbers may not."""
    for event in told(mapping(), said(1, 0), sent(2, 60)):
        event["data"].pop("customer", None)
        assert NUMBER not in json.dumps(event)
        assert wamid(1)[6:] not in json.dumps(event)


def test_templates_and_marked_messages_are_the_bots() -> None:
    """They answer nothing; nor do messages to whoever did not write."""
    mapped = mapping()
    assert told(mapped, sent(1, 0, category="marketing")) == []
    events = told(mapped, said(2, 10), sent(3, 20, category="utility"), sent(4, 30, biz_opaque_callback_data="bot"))
    assert [event["data"].get("author") for event in events[2:]] == ["bot", "bot"]
    assert kinds(told(mapped, said(5, 25 * HOUR)))[0] == "flowed_out 1"


def test_the_window_closes_a_day_after_the_last_message() -> None:
    """Answered it is over, unanswered it has timed out; the next message is another visit of the same contact."""
    for answers, how in (([sent(9, 60)], "ended 1"), ([], "flowed_out 1")):
        mapped = mapping()
        before = told(mapped, said(1, 0), said(2, 2 * HOUR), *answers)
        assert kinds(told(mapped, said(3, 26 * HOUR - 1))) == ["message 1"]
        after = told(mapping(mapped.snapshot()), said(4, 26 * HOUR + 24 * HOUR))
        assert kinds(after) == [how, "offered 2", "message 2"]
        assert after[0]["time"] == "2026-11-25T13:59:59.000Z"
        assert after[1]["data"]["contact_id"] == before[0]["data"]["contact_id"]


def test_a_message_after_the_window_ends_the_visit_and_is_none_of_it() -> None:
    """Only a template may be sent then."""
    mapped = mapping()
    told(mapped, said(1, 0), sent(2, 60))
    assert kinds(told(mapped, sent(3, 25 * HOUR, category="marketing"))) == ["ended 1"]
    assert mapped.ignored.by_kind == {"message outside a visit": 1}


def test_repeated_and_disordered_notifications_make_the_same_events() -> None:
    """Meta repeats for days what was not taken."""
    values = [said(1, 0), sent(2, 60), said(3, 25 * HOUR), sent(4, 25 * HOUR + 60)]
    mapped = mapping()
    once = told(mapped, *values)
    again = told(mapped, *values[2:])
    assert {event["id"] for event in again} <= {event["id"] for event in once}
    assert told(mapped, *values[:2]) == []
    assert kinds(told(mapping(), said(3, 5), said(1, 4))) == ["offered 1", "message 1", "message 1"]


def test_several_messages_in_one_notification() -> None:
    """Of several customers and changes."""
    other = said(2, 1, **{"from": "5511987654321"})
    both = notification({"messages": said(1, 0)["messages"] + other["messages"]}, sent(3, 60))
    events = mapping().feed(json.dumps(both).encode(), START * 1000)
    assert kinds(list(events)) == ["offered 1", "message 1", "offered 1", "message 1", "message 1"]
    assert len({event["data"]["contact_id"] for event in events}) == 2


def test_what_says_nothing_is_counted() -> None:
    """Reactions, groups, deliveries, and other fields of the account."""
    mapped = mapping()
    assert told(mapped, said(1, 0, type="reaction"), said(2, 0, group_id="g"), said(3, 0, type="system")) == []
    assert told(mapped, sent(4, 0, status="delivered"), sent(5, 0, status="read"), sent(6, 0, status="failed")) == []
    assert mapped.feed(json.dumps(notification({}, field="account_update")).encode(), START * 1000) == []
    assert mapped.ignored.by_kind == {
        "reaction": 1,
        "group message": 1,
        "system": 1,
        "status delivered": 1,
        "status read": 1,
        "status failed": 1,
        "account_update": 1,
    }


def test_a_customer_who_hides_the_number_has_an_id() -> None:
    """Meta's own."""
    event = told(mapping(), said(1, 0, **{"from": None, "from_user_id": "BR.13491208655302741918"}))[0]
    assert event["data"]["customer"] == {"id": "BR.13491208655302741918"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"{", "not_json"),
        (json.dumps(notification(said(1, 0)) | {"object": "page"}).encode(), "bad_value"),
        (json.dumps(notification(said(1, 0, timestamp="now"))).encode(), "bad_time"),
        (json.dumps(notification(said(1, 0, id=""))).encode(), "bad_value"),
        (json.dumps(notification(said(1, 0, **{"from": ""}))).encode(), "missing_field"),
        (json.dumps(notification(said(1, 0) | {"metadata": None})).encode(), "missing_field"),
        (json.dumps(notification(said(1, 0), sent(2, 0, timestamp=[]))).encode(), "wrong_type"),
    ],
)
def test_what_meta_does_not_send_is_refused(record: bytes, reason: str) -> None:
    """As if it had never come, the sound part of it too."""
    mapped = mapping()
    with pytest.raises(InvalidEvent) as caught:
        mapped.feed(record, START * 1000)
    assert caught.value.reason == reason
    assert mapped.snapshot() == mapping().snapshot()


@given(st.data())
def test_any_value_anywhere_is_mapped_or_refused(data: st.DataObject) -> None:
    """Nothing but InvalidEvent is raised, and a refused record changes nothing."""
    mapped = mapping()
    told(mapped, said(1, 0))
    before = mapped.snapshot()
    record = spoilt(data, data.draw(st.sampled_from([notification(said(2, 1)), notification(sent(3, 2))])))
    try:
        mapped.feed(record, START * 1000)
    except InvalidEvent:
        assert mapped.snapshot() == before


@given(st.binary(max_size=300))
def test_any_bytes_are_mapped_or_refused(record: bytes) -> None:
    """The same for what is no JSON."""
    with suppress(InvalidEvent):
        assert not mapping().feed(record, START * 1000)
