"""Scenarios as an Asterisk publishes them to a Kafka topic: by event name into partitions, read in any order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from streams.domain.events import Channel
from streams.sources.ami_topic import AmiTopic, TopicRecord
from tests.conformance.asterisk_players import AmiPlayer
from tests.conformance.kit import NINE, Event, Instead, Order, as_they_came, dictionary
from tests.conformance.scenarios import Scenario

PARTITIONS = 4


class AmiTopicPlayer:
    """What an `AmiPlayer` says, without a time in it. A record is a partition and what lies there."""

    name = "app_ami_kafka"
    channel: Channel = "voice"
    repeats = shuffles = restarts = ""

    def __init__(self) -> None:
        self._ami = AmiPlayer(self.name)
        self.instead: Mapping[str, Instead] = self._ami.instead

    def play(self, scenario: Scenario, order: Order = as_they_came, *, restarts: bool = False) -> list[Event]:
        topic = AmiTopic(dictionary(), range(PARTITIONS))
        records = [self._record(at, fields) for at, fields in self._ami.messages(scenario)]
        for offset, (partition, time_ms, key, value) in enumerate(order(records)):
            topic.take(TopicRecord(partition, offset, time_ms, key, value), 0.0)
            if restarts:
                topic = AmiTopic(dictionary(), range(PARTITIONS), json.loads(json.dumps(topic.snapshot())))
        events: list[Event] = []
        for now in (0.0, 10.0, 20.0, 30.0):  # the last words are settled by waiting, and so is how somebody left
            told, refused = topic.settled(range(PARTITIONS), now)
            assert refused == []
            events += told
        return events

    def caller(self, contact_id: str) -> str:
        return self._ami.caller(contact_id)

    def _record(self, at: int, fields: dict[str, str]) -> tuple[int, int, bytes, bytes]:
        key = fields["Event"].encode()
        said: dict[str, Any] = {**fields, "EntityID": "00:11:22:33:44:55"}
        return crc32(key) % PARTITIONS, (NINE + at) * 1000, key, json.dumps(said).encode()
