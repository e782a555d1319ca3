"""Reading topics of events once, from their beginning to the ends they had when reading began."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.errors import Unavailable
from streams.topic_reading import partition_counts, records_to_the_ends

CONTACT_TOPICS: Final = ("call-events", "chat-events", "email-events")
BOOTSTRAP_MS: Final = 10_000

RawRecord = tuple[Sequence[tuple[str, bytes | None]], bytes | None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the topics are; ``client_options`` connect a kafka-python client."""

    brokers: tuple[str, ...]
    prefix: str
    client_options: Mapping[str, Any]


def topic_records(
    cluster: Cluster, on_size: Callable[[int], None], topics: Sequence[str] = CONTACT_TOPICS
) -> Iterator[RawRecord]:
    """Every record's headers and value; ``on_size`` hears first how many offsets there are to pass.

    Joins no group and commits nothing. Raises Unavailable when no broker answers, a topic is not there, or nothing
    comes for a minute.
    """
    try:
        partitions = partitions_of(cluster, topics)
        consumer = KafkaConsumer(
            bootstrap_servers=list(cluster.brokers), group_id=None, enable_auto_commit=False, **cluster.client_options
        )
        try:
            for record in records_to_the_ends(consumer, partitions, on_size):
                yield record.headers, record.value
        finally:
            consumer.close()
    except KafkaError as error:
        raise Unavailable(f"reading from {', '.join(cluster.brokers)} failed: {error}") from None


def partitions_of(cluster: Cluster, topics: Sequence[str]) -> list[TopicPartition]:
    """Every partition of some topics."""
    counts = partition_counts(cluster.brokers, cluster.client_options, bootstrap_ms=BOOTSTRAP_MS)
    names = [f"{cluster.prefix}-{topic}" for topic in topics]
    missing = [name for name in names if name not in counts]
    if missing:
        raise Unavailable(f"no topic {', '.join(missing)}: is the prefix right? `filaviva topics create` makes them")
    return [TopicPartition(name, number) for name in names for number in range(counts[name])]
