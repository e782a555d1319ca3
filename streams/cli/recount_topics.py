"""Reading the contact topics once, from their beginning to the ends they had when reading began."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.errors import Unavailable

CONTACT_TOPICS: Final = ("call-events", "chat-events", "email-events")
BOOTSTRAP_MS: Final = 10_000
PATIENCE_SECONDS: Final = 60.0

RawRecord = tuple[Sequence[tuple[str, bytes]], bytes | None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the topics are; ``client_options`` connect a kafka-python client."""

    brokers: tuple[str, ...]
    prefix: str
    client_options: Mapping[str, Any]


def topic_records(cluster: Cluster, on_size: Callable[[int], None]) -> Iterator[RawRecord]:
    """Every record's headers and value; ``on_size`` hears first how many offsets there are to pass.

    Joins no group and commits nothing. Raises Unavailable when no broker answers, a topic is not there, or nothing
    comes for a minute.
    """
    try:
        partitions = contact_partitions(cluster)
        consumer = KafkaConsumer(
            bootstrap_servers=list(cluster.brokers), group_id=None, enable_auto_commit=False, **cluster.client_options
        )
        try:
            yield from records_to_the_ends(consumer, partitions, on_size)
        finally:
            consumer.close()
    except KafkaError as error:
        raise Unavailable(f"reading from {', '.join(cluster.brokers)} failed: {error}") from None


def contact_partitions(cluster: Cluster) -> list[TopicPartition]:
    """Every partition of the three topics. Asks by an admin client: unlike a consumer it gives up on silent brokers,
    and it creates no topic by asking."""
    admin = KafkaAdminClient(
        bootstrap_servers=list(cluster.brokers), bootstrap_timeout_ms=BOOTSTRAP_MS, **cluster.client_options
    )
    try:
        counts = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
    finally:
        admin.close()
    names = [f"{cluster.prefix}-{topic}" for topic in CONTACT_TOPICS]
    missing = [name for name in names if name not in counts]
    if missing:
        raise Unavailable(f"no topic {', '.join(missing)}: is the prefix right? `filaviva topics create` makes them")
    return [TopicPartition(name, number) for name in names for number in range(counts[name])]


def records_to_the_ends(
    consumer: Any, partitions: Sequence[TopicPartition], on_size: Callable[[int], None]
) -> Iterator[RawRecord]:
    consumer.assign(partitions)
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    consumer.seek_to_beginning()
    on_size(sum(ends[partition] - begins[partition] for partition in partitions))
    heard = time.monotonic()
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        polled: Mapping[TopicPartition, Sequence[Any]] = consumer.poll(timeout_ms=500, max_records=5000)
        if polled:
            heard = time.monotonic()
        elif time.monotonic() - heard > PATIENCE_SECONDS:
            raise Unavailable(f"nothing came for {PATIENCE_SECONDS:.0f} s, and the end is not reached")
        for partition, records in polled.items():
            yield from ((record.headers, record.value) for record in records if record.offset < ends[partition])
