"""Reads back everything the worker of the demo has told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.connections import client_options
from streams.errors import Unavailable
from streams.settings import Settings
from streams.told import TOPICS_TOLD, Told
from streams.topic_reading import records_to_the_ends
from streams.topics import full_name


class DemoReader:
    """Topics are named without the prefix."""

    def __init__(self, consumer: Any, prefix: str, partitions: int) -> None:
        self._consumer = consumer
        self._prefix = prefix
        self._partitions = partitions

    def ends(self, topics: Iterable[str]) -> dict[str, int]:
        """How many records each of these topics has ever got."""
        places = {topic: self._places([topic]) for topic in topics}
        ends = self._consumer.end_offsets([place for of_topic in places.values() for place in of_topic])
        return {topic: sum(ends[place] for place in of_topic) for topic, of_topic in places.items()}

    def told(self) -> Told:
        """Everything the topics for outside readers say. Raises Unavailable when their beginning is gone."""
        told, places = Told(), self._places(TOPICS_TOLD)
        for record in records_to_the_ends(self._consumer, places, lambda _: None):
            told.take(record.topic.removeprefix(f"{self._prefix}-"), record.value)
        dropped = {place.topic for place, first in self._consumer.beginning_offsets(places).items() if first}
        if dropped:
            raise Unavailable(f"the embedded broker keeps 5 MB a partition and dropped the start of {sorted(dropped)}")
        return told

    def _places(self, topics: Iterable[str]) -> list[TopicPartition]:
        return [
            TopicPartition(full_name(self._prefix, topic), number)
            for topic in topics
            for number in range(self._partitions)
        ]


@contextmanager
def opened_reader(settings: Settings, prefix: str) -> Iterator[DemoReader]:
    """A reader for the length of the block. Raises Unavailable when the broker does not answer."""
    kafka = settings.kafka
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=list(kafka.brokers), group_id=None, enable_auto_commit=False, **client_options(kafka)
        )
        try:
            yield DemoReader(consumer, prefix, kafka.partitions)
        finally:
            consumer.close()
    except KafkaError as error:
        raise Unavailable(f"the embedded broker does not answer: {error}") from None
