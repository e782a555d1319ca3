"""Where a key belongs: Kafka's own default partitioner, in one place."""

from __future__ import annotations

from aiokafka.partitioner import murmur2

_POSITIVE = 0x7FFFFFFF


def partition_of(key: str, partitions: int) -> int:
    """The partition that murmur2 gives a key, as Kafka's Java clients and kafka-python do."""
    return (int(murmur2(key.encode())) & _POSITIVE) % partitions
