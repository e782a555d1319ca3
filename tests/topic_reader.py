"""Reads whole topics, and holds every record of ours to its promise: written again, it is the same bytes."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition

from streams.connections import client_options
from streams.settings_sections import Kafka
from streams.topics import full_name
from tests.deadlines import wait_until

READ_SECONDS = 120
POLL_MS = 200
FETCH_BYTES = 16 * 1024 * 1024


class TopicReader:
    """Reads the topics of one installation, named without its prefix; joins no group and commits nothing."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.repeats: dict[str, tuple[int, int]] = {}
        """Of every topic read as events: its records, and how many of them repeat an earlier one byte for byte."""
        self._prefix = prefix
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=None,
            enable_auto_commit=False,
            fetch_max_wait_ms=POLL_MS // 2,
            max_partition_fetch_bytes=FETCH_BYTES,
            max_poll_records=10_000,
            **client_options(Kafka(brokers=(bootstrap,))),
        )

    def records(self, topic: str) -> list[Any]:
        """Every record from the beginning to the ends of this moment, in offset order within each partition.

        Fails where the beginning is gone already: whoever reads whole topics is not served by a part.
        """
        partitions = self._partitions(topic)
        self._consumer.assign(partitions)
        ends = self._consumer.end_offsets(partitions)
        self._consumer.seek_to_beginning()
        found: list[Any] = []

        def is_read() -> bool:
            for partition, fetched in self._consumer.poll(timeout_ms=POLL_MS).items():
                found.extend(record for record in fetched if record.offset < ends[partition])
            return all(self._consumer.position(partition) >= end for partition, end in ends.items())

        wait_until(is_read, f"{topic} is read to its end", seconds=READ_SECONDS)
        self.assert_whole(topic)
        return found

    def events(self, topic: str) -> list[dict[str, Any]]:
        """The CloudEvents of a topic of ours, each id once. Two records of one id must have identical bytes."""
        records = self.records(topic)
        known: dict[str, tuple[bytes, bytes]] = {}
        events: list[dict[str, Any]] = []
        for record in records:
            event, content = json.loads(record.value), (record.key, record.value)
            before = known.setdefault(event["id"], content)
            assert before == content, f"{topic}: two records of id {event['id']} differ: {before} and {content}"
            if before is content:
                events.append(event)
        self.repeats[topic] = len(records), len(records) - len(events)
        return events

    def highest_revisions(self, topic: str, id_field: str) -> dict[str, dict[str, Any]]:
        """What a consumer that keeps the highest revision ends up with: the data of each thing, by its id."""
        kept: dict[str, dict[str, Any]] = {}
        for event in self.events(topic):
            data = event["data"]
            before = kept.setdefault(data[id_field], data)
            assert before is data or before["revision"] != data["revision"], f"{topic}: one revision twice: {data}"
            if data["revision"] > before["revision"]:
                kept[data[id_field]] = data
        return kept

    def record_count(self, topic: str) -> int:
        """How many records were ever appended to the topic."""
        return sum(self._consumer.end_offsets(self._partitions(topic)).values())

    def assert_whole(self, *topics: str) -> None:
        """Fail where a topic has lost records at its beginning: the embedded broker drops the oldest in silence."""
        partitions = [partition for topic in topics for partition in self._partitions(topic)]
        begun = {partition: first for partition, first in self._consumer.beginning_offsets(partitions).items() if first}
        assert not begun, f"the broker has dropped the beginning of {begun}"

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        name = full_name(self._prefix, topic)
        numbers = self._consumer.partitions_for_topic(name)
        assert numbers, f"there is no topic {name}"
        return [TopicPartition(name, number) for number in sorted(numbers)]
