"""Amazon Connect's contact events as visits. The events are written after "Amazon Connect contact events" of the
administrator guide."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from streams.sources.amazon_connect import AmazonConnectEvents
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event, InvalidEvent
from tests.unit.spoiling import spoilt

INSTANCE = "arn:aws:connect:us-west-2:123456789012:instance/12345678-1234-1234-1234-123456789012"
SAC, GOLD, CHAT, MAIL = "sac-uuid", "gold-uuid", "chat-uuid", "mail-uuid"
PLACES = {
    SAC: Place("acme", "fortaleza", "sac", "voice"),
    GOLD: Place("acme", "fortaleza", "sac-ouro", "voice"),
    CHAT: Place("acme", "fortaleza", "sac-chat", "chat"),
    MAIL: Place("acme", "fortaleza", "sac-email", "email"),
}


def mapping(snapshot: dict[str, Any] | None = None) -> AmazonConnectEvents:
    return AmazonConnectEvents(QueueDictionary("connect-1", PLACES), snapshot)


def at(seconds: float) -> str:
    return f"2026-11-23T12:{int(seconds) // 60:02}:{seconds % 60:06.3f}Z"


class Call:
    """One contact, told as far as it has come."""

    def __init__(self, contact: str, *, queue: str | None = SAC, method: str = "INBOUND", **known: Any) -> None:
        self.detail: dict[str, Any] = {
            "contactId": contact,
            "channel": "VOICE",
            "instanceArn": INSTANCE,
            "initiationMethod": method,
            "initiationTimestamp": at(0),
            "tags": {"aws:connect:instanceId": "x"},
            **known,
        }
        self._queue = queue

    def told(self, kind: str, seconds: float, **changes: Any) -> dict[str, Any]:
        self.detail |= changes
        match kind:
            case "CONNECTED_TO_SYSTEM":
                self.detail |= {"connectedToSystemTimestamp": at(seconds)}
            case "QUEUED":
                arn = f"{INSTANCE}/queue/{self._queue}"
                self.detail["queueInfo"] = {"queueArn": arn, "queueType": "STANDARD", "enqueueTimestamp": at(seconds)}
            case "CONNECTED_TO_AGENT":
                agent = {"agentArn": f"{INSTANCE}/agent/ana", "connectedToAgentTimestamp": at(seconds)}
                self.detail["agentInfo"] = agent | {"routingProfileArn": "arn"}
            case "DISCONNECTED":
                self.detail |= {"disconnectTimestamp": at(seconds)}
            case "COMPLETED" if "agentInfo" in self.detail:
                work = {"afterContactWorkEndTimestamp": at(seconds), "afterContactWorkDuration": 30}
                self.detail["agentInfo"] = self.detail["agentInfo"] | work
        return {
            "version": "0",
            "id": f"{self.detail['contactId']}-{kind}",
            "detail-type": "Amazon Connect Contact Event",
            "source": "aws.connect",
            "account": "123456789012",
            "time": at(int(seconds)),
            "region": "us-west-2",
            "resources": [INSTANCE],
            "detail": {**self.detail, "eventType": kind},
        }


def told(mapped: AmazonConnectEvents, *records: dict[str, Any]) -> list[Event]:
    return [event for record in records for event in mapped.feed(json.dumps(record).encode(), 1_795_435_200_000)]


def facts(events: list[Event]) -> dict[str, Event]:
    """The different ones by id; the same id says the same thing, whoever said it."""
    found: dict[str, Event] = {}
    for event in events:
        assert found.setdefault(event["id"], event) == event
    return found


def kinds(events: list[Event]) -> list[str]:
    return sorted(event["type"].removeprefix("contact.") for event in facts(events).values())


def answered_call() -> list[dict[str, Any]]:
    call = Call("c1", customerEndpoint={"type": "TELEPHONE_NUMBER", "address": "+5585997465553"})
    steps = [("INITIATED", 0), ("CONNECTED_TO_SYSTEM", 1), ("QUEUED", 5.25), ("CONNECTED_TO_AGENT", 25.5)]
    records = [call.told(kind, seconds) for kind, seconds in steps]
    records.append(call.told("DISCONNECTED", 85, disconnectReason="CUSTOMER_DISCONNECT"))
    return [*records, call.told("COMPLETED", 115)]


def test_a_call_from_its_beginning_to_its_end() -> None:
    """To the millisecond, with the agent, the talk and the work afterwards."""
    events = facts(told(mapping(), *answered_call()))
    offered, answered, ended, wrapped_up = (
        events[f"connect-1-c1/sac/1/{kind}"] for kind in ("offered", "answered", "ended", "wrapped_up")
    )
    assert offered["time"] == "2026-11-23T12:00:05.250Z"
    assert offered["data"]["customer"] == {"address": "+5585997465553"}
    assert offered["data"]["contact_started_at"] == "2026-11-23T12:00:00.000Z"
    assert (answered["time"], answered["data"]["agent_id"]) == ("2026-11-23T12:00:25.500Z", "ana")
    assert (ended["data"]["talk_seconds"], ended["data"]["ended_by"]) == (59.5, "customer")
    assert wrapped_up["data"]["wrap_up_seconds"] == 30
    assert len(events) == 4


def test_any_order_and_any_one_that_comes_tells_the_same() -> None:
    """The events are best effort: the last of them alone is enough."""
    records = answered_call()
    wanted = facts(told(mapping(), *records))
    for seed in range(20):
        shuffled = random.Random(seed).sample(records, len(records))
        assert facts(told(mapping(), *shuffled, *shuffled[:2])) == wanted
    assert facts(told(mapping(), records[-1])) == wanted


@pytest.mark.parametrize(
    ("reason", "kind", "how"),
    [
        ("CUSTOMER_DISCONNECT", "abandoned", None),
        (None, "abandoned", None),
        ("TELECOM_PROBLEM", "abandoned", None),
        ("CONTACT_FLOW_DISCONNECT", "flowed_out", "closed"),
        ("EXPIRED", "flowed_out", "timeout"),
        ("API", "flowed_out", "closed"),
        ("SOMETHING_NEW", "flowed_out", "unknown"),
    ],
)
def test_who_left_unanswered_and_how(reason: str | None, kind: str, how: str | None) -> None:
    """By the reason of the disconnection; what nobody knows is unknown."""
    call = Call("c1")
    events = told(mapping(), call.told("QUEUED", 5), call.told("DISCONNECTED", 65, disconnectReason=reason))
    assert kinds(events) == sorted([kind, "offered"])
    assert facts(events)[f"connect-1-c1/sac/1/{kind}"]["data"].get("reason") == how


def both_orders(*records: dict[str, Any]) -> list[list[Event]]:
    return [told(mapping(), *records), told(mapping(), *records[::-1])]


def test_a_transfer_between_queues_is_another_contact() -> None:
    """The first leaves when the second begins, whichever is told first."""
    first, second = Call("c1"), Call("c2", queue=GOLD, method="QUEUE_TRANSFER", previousContactId="c1")
    records = [
        first.told("QUEUED", 5),
        second.told("INITIATED", 65, initiationTimestamp=at(65)),
        first.told("DISCONNECTED", 65.2, nextContactId="c2"),
        second.told("QUEUED", 66),
    ]
    for events in both_orders(*records):
        assert set(kinds(events)) == {"flowed_out", "offered"}
        moved = facts(events)["connect-1-c1/sac/1/flowed_on"]
        assert (moved["time"], moved["data"]["reason"]) == ("2026-11-23T12:01:05.000Z", "transfer")
        assert facts(events)["connect-1-c2/sac-ouro/1/offered"]["data"]["transferred_from"] in ("sac", "another queue")


def test_a_callback_that_an_agent_arranged_takes_nothing_from_the_call() -> None:
    """The call was answered, and ends as calls do."""
    call = Call("c1")
    told_before = [call.told("QUEUED", 5), call.told("CONNECTED_TO_AGENT", 9)]
    back = Call("c2", method="CALLBACK", previousContactId="c1", initiationTimestamp=at(50))
    events = told(mapping(), *told_before, back.told("INITIATED", 50), call.told("DISCONNECTED", 60))
    assert {"answered", "ended", "offered"} <= set(kinds(events))


def test_a_customer_who_comes_back_to_a_queue_has_another_stay_there() -> None:
    """The same contact, by the first one's id, also after a restart; each stay keeps its number."""
    first = Call("c1", initialContactId="c1")
    second = Call("c2", queue=GOLD, method="TRANSFER", initialContactId="c1", previousContactId="c1")
    third = Call("c3", method="TRANSFER", initialContactId="c1", previousContactId="c2")
    mapped = mapping()
    told(mapped, first.told("QUEUED", 5), second.told("QUEUED", 60))
    after = mapping(json.loads(json.dumps(mapped.snapshot())))
    events = facts(
        told(after, third.told("QUEUED", 120), first.told("DISCONNECTED", 60), third.told("DISCONNECTED", 200))
    )
    assert set(events) == {
        "connect-1-c1/sac/1/offered",
        "connect-1-c1/sac/1/abandoned",
        "connect-1-c1/sac/2/offered",
        "connect-1-c1/sac/2/abandoned",
    }
    assert events["connect-1-c1/sac/2/offered"]["data"]["transferred_from"] == "sac-ouro"


def test_a_caller_who_asks_for_a_callback_leaves_at_that_moment() -> None:
    """And the callback contact waits only once the customer has picked up."""
    caller = Call("c1")
    back = Call("c2", method="CALLBACK", previousContactId="c1", initiationTimestamp=at(65))
    records = [
        caller.told("QUEUED", 5),
        back.told("INITIATED", 65),
        caller.told("DISCONNECTED", 70, disconnectReason="CONTACT_FLOW_DISCONNECT"),
        back.told("QUEUED", 70),
        back.told("CONNECTED_TO_AGENT", 300),
        back.told("CONNECTED_TO_SYSTEM", 310),
    ]
    for events in both_orders(*records):
        requested = facts(events)["connect-1-c1/sac/1/callback_requested"]
        assert requested["time"] == "2026-11-23T12:01:05.000Z"
        offered, answered = (facts(events)[f"connect-1-c2/sac/1/{kind}"] for kind in ("offered", "answered"))
        assert offered["time"] == answered["time"] == "2026-11-23T12:05:10.000Z"
    assert kinds(told(mapping(), *records[3:5])) == []
    again = Call("c3", method="CALLBACK", previousContactId="c2", initiationTimestamp=at(400))
    assert kinds(told(mapping(), *records[3:5], again.told("INITIATED", 400))) == []


def test_nobody_waits_for_calls_that_are_made_or_in_an_agents_own_queue() -> None:
    """Both name a queue."""
    for method in ("OUTBOUND", "EXTERNAL_OUTBOUND", "MONITOR"):
        assert told(mapping(), Call("c1", method=method).told("QUEUED", 5)) == []
    own = Call("c1").told("QUEUED", 5)
    own["detail"]["queueInfo"] |= {"queueType": "AGENT", "queueArn": f"{INSTANCE}/queue/agent/ana"}
    mapped = mapping()
    assert told(mapped, own) == []
    assert told(mapped, Call("c1", queue=None).told("INITIATED", 0)) == []


def test_in_chat_the_acceptance_stands_for_the_first_words() -> None:
    """The events hold no messages. An e-mail is answered by the contact that is its reply."""
    chat = Call("c1", queue=CHAT, channel="CHAT")
    assert kinds(told(mapping(), chat.told("QUEUED", 5), chat.told("CONNECTED_TO_AGENT", 9))) == [
        "answered",
        "message",
        "offered",
    ]
    mail = Call("m1", queue=MAIL, channel="EMAIL")
    reply = Call("m2", method="AGENT_REPLY", channel="EMAIL", relatedContactId="m1", initiationTimestamp=at(600))
    for events in both_orders(mail.told("QUEUED", 5), reply.told("INITIATED", 600)):
        assert facts(events)["connect-1-m1/sac-email/1/reply"]["time"] == "2026-11-23T12:10:00.000Z"


def test_a_dropped_line_was_not_completed() -> None:
    """So that a call may be owed."""
    call = Call("c1")
    records = [call.told("QUEUED", 5), call.told("CONNECTED_TO_AGENT", 9)]
    events = told(mapping(), *records, call.told("DISCONNECTED", 60, disconnectReason="TELECOM_PROBLEM"))
    ended = facts(events)["connect-1-c1/sac/1/ended"]["data"]
    assert (ended["ended_by"], ended["completed"]) == ("network", False)


def test_an_event_of_2021_is_understood() -> None:
    """Capital letters, no times but the envelope's: the sample of that year's guide."""
    record = {
        "version": "0",
        "detail-type": "Amazon Connect Contact Event",
        "source": "aws.connect",
        "time": "2021-05-01T18:43:48Z",
        "detail": {
            "eventType": "CONNECTED_TO_AGENT",
            "contactId": "11111111-1111-1111-1111-111111111111",
            "previousContactId": "11111111-2222-3333-4444-555555555555",
            "channel": "Voice",
            "instanceARN": INSTANCE,
            "initiationMethod": "INBOUND",
            "queueInfo": {"queueArn": f"{INSTANCE}/queue/{SAC}", "queueType": "STANDARD"},
            "AgentInfo": {"AgentArn": f"{INSTANCE}/agent/ana", "RoutingProfileArn": "arn"},
        },
    }
    assert told(mapping(), record) == []
    queued = json.loads(json.dumps(record))
    queued["detail"] |= {"eventType": "QUEUED", "AgentInfo": None}
    assert kinds(told(mapping(), queued)) == ["offered"]


def test_unknown_events_and_queues_are_counted() -> None:
    """New types come; queues that are not listed are remembered."""
    dictionary = QueueDictionary("connect-1", {})
    mapped = AmazonConnectEvents(dictionary)
    assert told(mapped, Call("c1").told("QUEUED", 5), Call("c1").told("CONTACT_DATA_UPDATED", 5)) == []
    assert told(mapped, Call("c1").told("QUEUED", 5) | {"detail-type": "Amazon Connect Rule"}) == []
    assert dictionary.unmapped == {SAC: 1}
    assert sum(mapped.ignored.by_kind.values()) == 3


def test_it_goes_on_after_a_restart() -> None:
    """What is remembered of a caller comes back from the snapshot."""
    mapped = mapping()
    told(mapped, Call("c1").told("QUEUED", 5))
    after = mapping(json.loads(json.dumps(mapped.snapshot())))
    back = Call("c2", method="CALLBACK", previousContactId="c1", initiationTimestamp=at(65))
    assert kinds(told(after, back.told("INITIATED", 65))) == ["callback_requested"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time": "now"}, "bad_time"),
        ({"detail": {}}, "missing_field"),
        ({"detail": {"eventType": 1, "contactId": "c"}}, "wrong_type"),
        ({"detail": {"eventType": "QUEUED", "contactId": "c" * 151}}, "bad_value"),
        ({"detail": Call("c1").told("QUEUED", 5)["detail"] | {"disconnectTimestamp": "later"}}, "bad_time"),
    ],
)
def test_what_amazon_does_not_send_is_refused(change: dict[str, Any], reason: str) -> None:
    """As if it had never come."""
    mapped = mapping()
    with pytest.raises(InvalidEvent) as caught:
        told(mapped, Call("c1").told("QUEUED", 5) | change)
    assert caught.value.reason == reason
    assert mapped.snapshot() == mapping().snapshot()


@given(st.data(), st.sampled_from([answered_call()[-1], Call("c2", previousContactId="c1").told("QUEUED", 9)]))
def test_any_value_anywhere_is_mapped_or_refused(data: st.DataObject, record: dict[str, Any]) -> None:
    """Nothing but InvalidEvent is raised, and a refused record changes nothing."""
    mapped = mapping()
    told(mapped, Call("c1").told("QUEUED", 5))
    before = mapped.snapshot()
    try:
        mapped.feed(spoilt(data, record), 1_795_435_200_000)
    except InvalidEvent:
        assert mapped.snapshot() == before


@given(st.binary(max_size=300))
def test_any_bytes_are_mapped_or_refused(record: bytes) -> None:
    """The same for what is no JSON."""
    with suppress(InvalidEvent):
        assert not mapping().feed(record, 0)
