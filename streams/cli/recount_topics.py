"""Reading the contact topics once, from their beginning to the ends they had when reading began."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.connections import client_options
from streams.errors import Unavailable
from streams.settings_secrets import Secret
from streams.settings_sections import Kafka

CONTACT_TOPICS: Final = ("call-events", "chat-events", "email-events")
PATIENCE_SECONDS: Final = 60.0

RawRecord = tuple[Sequence[tuple[str, bytes]], bytes | None]


def topic_records(kafka: Kafka, password: Secret | None, on_size: Callable[[int], None]) -> Iterator[RawRecord]:
    """Every record's headers and value; ``on_size`` hears first how many offsets there are. Joins no group, commits
    nothing. Raises Unavailable when a topic is not there or the brokers fall silent."""
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=list(kafka.brokers),
            group_id=None,
            enable_auto_commit=False,
            **client_options(kafka, password),
        )
    except KafkaError as error:
        raise Unavailable(f"no broker at {', '.join(kafka.brokers)}: {error}") from None
    try:
        yield from records_to_the_ends(consumer, [f"{kafka.prefix}-{topic}" for topic in CONTACT_TOPICS], on_size)
    except KafkaError as error:
        raise Unavailable(f"reading stopped: {error}") from None
    finally:
        consumer.close()


def records_to_the_ends(consumer: Any, topics: Sequence[str], on_size: Callable[[int], None]) -> Iterator[RawRecord]:
    partitions = [partition for topic in topics for partition in partitions_of(consumer, topic)]
    consumer.assign(partitions)
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    consumer.seek_to_beginning()
    on_size(sum(ends[partition] - begins[partition] for partition in partitions))
    heard = time.monotonic()
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        polled: Mapping[Any, Sequence[Any]] = consumer.poll(timeout_ms=500, max_records=5000)
        if polled:
            heard = time.monotonic()
        elif time.monotonic() - heard > PATIENCE_SECONDS:
            raise Unavailable(f"the brokers sent nothing for {PATIENCE_SECONDS:.0f} s before the end was reached")
        for partition, records in polled.items():
            yield from ((record.headers, record.value) for record in records if record.offset < ends[partition])


def partitions_of(consumer: Any, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise Unavailable(f"there is no topic {topic}; create it with `filaviva topics`, or check --prefix")
    return [TopicPartition(topic, number) for number in sorted(numbers)]
