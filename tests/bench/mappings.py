"""How many records of each platform become events in a second of processor time.

python -m tests.bench.mappings
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from streams.gateway.cloud_events import accepted_events
from streams.sources.amazon_connect import AmazonConnectEvents
from streams.sources.ami import AmiMapping
from streams.sources.ami_topic import AmiTopic, TopicRecord
from streams.sources.chatwoot import ChatwootWebhooks
from streams.sources.mail import MailThreads
from streams.sources.queue_log import QueueLogMapping
from streams.sources.whatsapp import WhatsAppWebhooks
from tests.callback_records import NINE_MS
from tests.conformance.ami_topic_player import PARTITIONS, AmiTopicPlayer
from tests.conformance.asterisk_players import AmiPlayer, QueueLogPlayer
from tests.conformance.cloud_events_player import CloudEventsPlayer
from tests.conformance.connect_player import ConnectPlayer
from tests.conformance.kit import SOURCE, Player, dictionary
from tests.conformance.scenarios import Scenario, Step
from tests.conformance.written_players import ChatwootPlayer, MailPlayer, WhatsAppPlayer

CALLERS: Final = 3_000
RECORDS_AT_ONCE: Final = 500
_ENDS: Final = ("caller_ends", "agent_ends", "hangs_up", "caller_ends")


class Rate(NamedTuple):
    """Of one platform; ``per_second`` of processor time, the events written as JSON as a mover does."""

    platform: str
    records: int
    events: int
    per_second: float


def traffic(callers: int) -> Scenario:
    """Three callers a second in two queues; three of four are answered."""
    steps = []
    for number in range(callers):
        at, caller, queue = number // 3, f"c{number}", ("sac", "vendas")[number % 2]
        end = _ENDS[number % len(_ENDS)]
        steps.append(Step(at, "enters", caller, queue))
        if end == "hangs_up":
            steps.append(Step(at + 30, end, caller, queue))
        else:
            steps += [Step(at + 10, "answered", caller, queue, "ana"), Step(at + 70, end, caller, queue, "ana")]
    return Scenario("traffic", tuple(sorted(steps)), ())


def _mapped(mapping: Any) -> Callable[[list[Any]], Iterator[dict[str, Any]]]:
    return lambda records: (event for record in records for event in mapping.feed(record, NINE_MS + 86_400_000))


def _manager() -> Callable[[list[Any]], Iterator[dict[str, Any]]]:
    mapping = AmiMapping(dictionary())
    return lambda records: (event for at, fields in records for event in mapping.feed(fields, NINE_MS + at * 1000))


def _topic() -> Callable[[list[Any]], Iterator[dict[str, Any]]]:
    topic = AmiTopic(dictionary(), range(PARTITIONS))

    def told(records: list[Any]) -> Iterator[dict[str, Any]]:
        for some in _batches(records):
            for partition, time_ms, key, value in some:
                topic.take(TopicRecord(partition, 0, time_ms, key, value), 0.0)
            yield from topic.settled(range(PARTITIONS), 0.0)[0]
        for moment in (10.0, 20.0):
            yield from topic.settled(range(PARTITIONS), moment)[0]

    return told


def _accepted() -> Callable[[list[Any]], Iterator[bytes]]:
    return lambda records: (each.value for record in records for each in accepted_events(record, "acme", SOURCE))


PLATFORMS: Final[tuple[tuple[Player, Callable[[], Callable[[list[Any]], Iterator[Any]]]], ...]] = (
    (QueueLogPlayer(), lambda: _mapped(QueueLogMapping(dictionary()))),
    (AmiPlayer("ami"), _manager),
    (AmiTopicPlayer(), _topic),
    (ConnectPlayer(), lambda: _mapped(AmazonConnectEvents(dictionary()))),
    (ChatwootPlayer(), lambda: _mapped(ChatwootWebhooks(dictionary("chat", ChatwootPlayer.names)))),
    (WhatsAppPlayer(), lambda: _mapped(WhatsAppWebhooks(dictionary("whatsapp", WhatsAppPlayer.names)))),
    (MailPlayer(), lambda: _mapped(MailThreads(dictionary("email", MailPlayer.names)))),
    (CloudEventsPlayer(), _accepted),
)


def _batches(records: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(records), RECORDS_AT_ONCE):
        yield records[start : start + RECORDS_AT_ONCE]


def records_of(player: Player, scenario: Scenario) -> list[Any]:
    """What the platform would say, as its mapping takes it."""
    found: list[Any] = []

    def kept(records: list[Any]) -> list[Any]:
        found.extend(records)
        return []

    player.play(scenario, kept)
    return found


def rates(callers: int = CALLERS) -> Iterator[Rate]:
    """Of every platform, one after another."""
    encode, scenario = msgspec.json.Encoder().encode, traffic(callers)
    for player, make in PLATFORMS:
        records = records_of(player, scenario)
        told, events = make(), 0
        started = time.process_time()
        for event in told(records):
            encode(event)
            events += 1
        yield Rate(player.name, len(records), events, len(records) / (time.process_time() - started))


def main() -> None:
    for rate in rates():
        print(
            f"{rate.platform:15} {rate.records:7,} records, {rate.events:7,} events: {rate.per_second:9,.0f} records/s"
        )


if __name__ == "__main__":
    main()
