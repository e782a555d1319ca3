"""What the mappings write is what the worker takes: every event of every vendor is decoded, in its partition."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

import msgspec
import pytest

from streams.domain.decisions import Rejection
from streams.domain.decoding import decode
from streams.partitioning import partition_of
from streams.routing import Route, route
from streams.settings import Settings
from streams.sources.amazon_connect import AmazonConnectEvents
from streams.sources.chatwoot import ChatwootWebhooks
from streams.sources.dictionary import QueueDictionary
from streams.sources.mail import MailThreads
from streams.sources.mapping import Event
from streams.sources.whatsapp import WhatsAppWebhooks
from tests.configuration import parsed, queue
from tests.event_records import StoredRecord
from tests.unit import (
    test_amazon_connect as connect,
    test_chatwoot as chatwoot,
    test_mail as mail,
    test_whatsapp as whatsapp,
)

START_MS = 1_795_435_200_000
NAMES = {
    "chatwoot-1": {"1": "chat"},
    "whatsapp-1": {"106540352242922": "whatsapp"},
    "connect-1": {connect.SAC: "sac", connect.GOLD: "ouro"},
    "mail-1": {mail.SAC: "email"},
}


def settings() -> Settings:
    names = [
        {"source": source, "name": name, "tenant": "acme", "queue": queue_name}
        for source, listed in NAMES.items()
        for name, queue_name in listed.items()
    ]
    others = [queue("ouro"), queue("chat", channels=["chat"]), queue("whatsapp", channels=["whatsapp"])]
    return parsed(("vendor_queues", names), *((f"queues[{3 + index}]", each) for index, each in enumerate(others)))


def of_chatwoot(dictionary: QueueDictionary) -> Iterable[Event]:
    mapped = ChatwootWebhooks(dictionary)
    return chatwoot.told(
        mapped,
        chatwoot.created(),
        chatwoot.message(100, 1),
        chatwoot.message(101, 30, of="agent"),
        chatwoot.message(102, 40, of="bot"),
        chatwoot.changed("resolved", 60),
        chatwoot.changed("open", 90),
        chatwoot.changed("pending", 95),
    )


def of_whatsapp(dictionary: QueueDictionary) -> Iterable[Event]:
    day = 24 * whatsapp.HOUR
    spoken = [whatsapp.said(1, 0), whatsapp.sent(2, 60), whatsapp.said(3, day + 61), whatsapp.said(4, 3 * day)]
    return whatsapp.told(WhatsAppWebhooks(dictionary), *spoken)


def of_connect(dictionary: QueueDictionary) -> Iterable[Event]:
    records = connect.answered_call()
    for number, reason in enumerate(["CUSTOMER_DISCONNECT", "CONTACT_FLOW_DISCONNECT", "EXPIRED", "NEW"]):
        call = connect.Call(f"left-{number}")
        records += [call.told("QUEUED", 5), call.told("DISCONNECTED", 65, disconnectReason=reason)]
    for number, method in enumerate(["CALLBACK", "QUEUE_TRANSFER"]):
        before = connect.Call(f"before-{number}")
        after = connect.Call(f"after-{number}", method=method, queue=connect.GOLD, previousContactId=f"before-{number}")
        records += [before.told("QUEUED", 5), after.told("INITIATED", 60, initiationTimestamp=connect.at(60))]
        records += [
            after.told("QUEUED", 61),
            after.told("CONNECTED_TO_SYSTEM", 62),
            after.told("CONNECTED_TO_AGENT", 63),
        ]
    mapped = AmazonConnectEvents(dictionary)
    return [event for record in records for event in mapped.feed(json.dumps(record).encode(), START_MS)]


def of_mail(dictionary: QueueDictionary) -> Iterable[Event]:
    mapped = MailThreads(dictionary)
    mails = [mail.mail("a", 0), mail.reply("b", 10, parents="a"), mail.mail("c", 20, parents="a b")]
    return [event for each in mails for event in mapped.feed(each, START_MS)]


@pytest.mark.parametrize(
    ("source", "events_of", "least"),
    [
        ("chatwoot-1", of_chatwoot, {"offered", "message", "ended", "flowed_out"}),
        ("whatsapp-1", of_whatsapp, {"offered", "message", "ended", "flowed_out"}),
        (
            "connect-1",
            of_connect,
            {"offered", "answered", "ended", "wrapped_up", "abandoned", "flowed_out", "callback_requested"},
        ),
        ("mail-1", of_mail, {"offered", "message", "ended"}),
    ],
)
def test_the_worker_takes_what_the_mapping_writes(
    source: str, events_of: Callable[[QueueDictionary], Sequence[Event]], least: set[str]
) -> None:
    """None rejected, none ignored, and every kind of event that the vendor can tell is among them."""
    configured = settings()
    directory = configured.directory(partition_of)
    kinds = set()
    for event in events_of(configured.queue_dictionary(source)):
        target = route(event)
        assert isinstance(target, Route), target
        partition = partition_of(target.key, configured.kafka.partitions)
        record = StoredRecord(msgspec.json.encode(event), target.key.encode(), timestamp=START_MS + 10**9)
        decoded = decode(target.topic, partition, record, directory)
        assert decoded is not None, event["type"]
        assert not isinstance(decoded, Rejection), (event, decoded)
        kinds.add(event["type"].removeprefix("contact."))
    assert kinds == least
