"""What is fuzzed: every source, the records that bytes make for it, and something sound to begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from streams.gateway.cloud_events import BATCH, STRUCTURED, accepted_events
from streams.gateway.messages import Message, Refused
from streams.routing import Route, route
from streams.sources.amazon_connect import AmazonConnectEvents
from streams.sources.ami import AmiMapping
from streams.sources.ami_topic import AmiTopic, TopicRecord
from streams.sources.chatwoot import ChatwootWebhooks
from streams.sources.dictionary import QueueDictionary
from streams.sources.mail import Mail, MailThreads
from streams.sources.mapping import InvalidEvent
from streams.sources.queue_log import QueueLogMapping
from streams.sources.whatsapp import WhatsAppWebhooks
from tests.conformance.ami_topic_player import AmiTopicPlayer
from tests.conformance.asterisk_players import AmiPlayer, QueueLogPlayer
from tests.conformance.cloud_events_player import CloudEventsPlayer
from tests.conformance.connect_player import ConnectPlayer
from tests.conformance.kit import SOURCE, Player, dictionary
from tests.conformance.scenarios import SCENARIOS
from tests.conformance.written_players import ChatwootPlayer, MailPlayer, WhatsAppPlayer
from tests.queue_log_writer import queue_log as written

NOW_MS: Final = 1_800_000_000_000
HEAD: Final = b"1700000000|1.1|600|Ana|"
PARTITIONS: Final = range(4)
_APART: Final = b"\n\n"


class Target(NamedTuple):
    """``judge`` is given bytes, and raises for anything that must not be; ``seeds`` are sound."""

    judge: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def judged(make: Callable[..., Any], records: Iterable[Any]) -> None:
    """Nothing but InvalidEvent comes of records; a refused one has changed nothing; every event can be routed; a
    snapshot is taken back."""
    mapping = make()
    for number, record in enumerate(records):
        before = msgspec.json.encode(mapping.snapshot())
        try:
            events = mapping.feed(record, NOW_MS + number)
        except InvalidEvent:
            assert msgspec.json.encode(mapping.snapshot()) == before, "refused, and changed"
            continue
        _routed(events)
    make(msgspec.json.decode(msgspec.json.encode(mapping.snapshot())))


def _routed(events: Iterable[dict[str, Any]]) -> None:
    for event in events:
        assert isinstance(route(event), Route)
        msgspec.json.encode(event)


def _made(mapping: Callable[..., Any], names: QueueDictionary) -> Callable[..., Any]:
    return lambda snapshot=None: mapping(names, snapshot)


# -- what bytes are there ---------------------------------------------------------------------------------------------


def lines(data: bytes) -> list[bytes]:
    """What begins with a dot follows a sound head, so that more of them get past it."""
    return [HEAD + line[1:] if line[:1] == b"." else line for line in data.split(b"\n")]


def messages(data: bytes) -> list[dict[str, str]]:
    """As the manager's connection would cut them."""
    found = []
    for block in data.decode(errors="replace").split("\n\n"):
        pairs = (line.partition(":") for line in block.split("\n"))
        found.append({"Uniqueid": "1.1", "Queue": "600", **{name.strip(): value.strip() for name, _, value in pairs}})
    return found


def bodies(data: bytes) -> list[bytes]:
    return data.split(_APART)


def mails(data: bytes) -> list[Mail]:
    """The first byte of each says from which folder it is."""
    mailbox = MailPlayer.names["sac"]
    return [Mail(mailbox, each[1:], None, is_sent=each[:1] == b"s") for each in data.split(b"\n.\n")]


def _topic(data: bytes) -> None:
    """The first byte of each says in which partition it lies, the second how much later it came than the last."""
    topic, time_ms = AmiTopic(dictionary(), PARTITIONS), NOW_MS
    for offset, each in enumerate(bodies(data)):
        time_ms += 40 * (each[1] if len(each) > 1 else 0)
        before = topic.snapshot()
        try:
            topic.take(TopicRecord(each[0] % 4 if each else 0, offset, time_ms, None, each[2:]), 0.0)
        except InvalidEvent:
            assert topic.snapshot() == before, "refused, and changed"
        _routed(topic.settled(PARTITIONS, 0.0)[0])
    again = AmiTopic(dictionary(), PARTITIONS, msgspec.json.decode(msgspec.json.encode(topic.snapshot())))
    _routed(again.settled(PARTITIONS, 100.0)[0])
    assert not again.held


def _cloud_events(data: bytes) -> None:
    """In the mode that the first byte says; refused with a status, or all of them can be routed as they are."""
    kind = {b"s": STRUCTURED, b"b": BATCH}.get(data[:1], "application/json")
    names = ("id", "source", "type", "time", "specversion")
    head, _, body = data[1:].partition(b"\n")
    words = head.decode("latin-1").split("|")
    headers = {f"ce-{name}": word for name, word in zip(names, words, strict=False)} if data[:1] == b"h" else {}
    try:
        accepted = accepted_events(Message("/", {"content-type": kind, **headers}, body), "acme", SOURCE)
    except Refused:
        return
    for each in accepted:
        assert route(msgspec.json.decode(each.value)) == each.route


# -- what to begin with -----------------------------------------------------------------------------------------------


def played(player: Player) -> list[list[Any]]:
    """The records of every scenario of the conformance kit."""
    found: list[list[Any]] = []

    def kept(records: list[Any]) -> list[Any]:
        found.append(records)
        return []

    for scenario in SCENARIOS:
        player.play(scenario, kept)
    return found


def _log() -> list[bytes]:
    some = [line.encode() for line in written(60, seed=1)]
    portions = [some[start : start + 12] for start in range(0, len(some), 12)]
    return [b"\n".join(each) for each in (*portions, *played(QueueLogPlayer()))]


def _manager() -> list[bytes]:
    """Every event that is understood, and every scenario."""
    handlers = AmiMapping(dictionary())._handlers
    fields = "MemberName: Ana\nHoldTime: 4\nTalkTime: 3\nWait: 4\nUptime: 9\nPaused: 0\nStatus: 1"
    joined = "Event: QueueCallerJoin\n\nEvent: QueueCallerAbandon\n\n"
    more = "Variable: QUEUESTATUS\nValue: TIMEOUT\nExtension: 1"
    each = [f"{joined}Event: {event}\n{fields}\n{more}".encode() for event in handlers]
    return each + [
        "\n\n".join("\n".join(f"{name}: {text}" for name, text in said.items()) for _, said in records).encode()
        for records in played(AmiPlayer("ami"))
    ]


def _records() -> list[bytes]:
    return [
        _APART.join(bytes([65 + partition, 65]) + value for partition, _, _, value in records)
        for records in played(AmiTopicPlayer())
    ]


def _of_mail() -> list[bytes]:
    return [
        b"\n.\n".join((b"s" if each.is_sent else b"i") + each.header for each in records)
        for records in played(MailPlayer())
    ]


def _requests() -> list[bytes]:
    found = []
    for request in (each for records in played(CloudEventsPlayer()) for each in records):
        kind = {STRUCTURED: b"s", BATCH: b"b"}.get(request.headers["content-type"], b"h")
        words = [request.header(f"ce-{name}") for name in ("id", "source", "type", "time", "specversion")]
        found.append(kind + "|".join(words).encode("latin-1") + b"\n" + request.body)
    return found


def _joined(player: Player) -> Callable[[], list[bytes]]:
    return lambda: [_APART.join(records) for records in played(player)]


def _target(
    make: Callable[..., Any], cut: Callable[[bytes], Sequence[Any]], seeds: Callable[[], list[bytes]]
) -> Target:
    return Target(lambda data: judged(make, cut(data)), seeds)


TARGETS: Final[dict[str, Target]] = {
    "queue_log": _target(_made(QueueLogMapping, dictionary()), lines, _log),
    "ami": _target(_made(AmiMapping, dictionary()), messages, _manager),
    "app_ami_kafka": Target(_topic, _records),
    "amazon_connect": _target(_made(AmazonConnectEvents, dictionary()), bodies, _joined(ConnectPlayer())),
    "chatwoot": _target(
        _made(ChatwootWebhooks, dictionary("chat", ChatwootPlayer.names)), bodies, _joined(ChatwootPlayer())
    ),
    "whatsapp": _target(
        _made(WhatsAppWebhooks, dictionary("whatsapp", WhatsAppPlayer.names)), bodies, _joined(WhatsAppPlayer())
    ),
    "mail": _target(_made(MailThreads, dictionary("email", MailPlayer.names)), mails, _of_mail),
    "cloud_events": Target(_cloud_events, _requests),
}
