"""What Faust as it is does to a record whose agent raises: why an unexpected error of ours ends the process at once."""

from __future__ import annotations

import asyncio

import faust
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.embedded.broker import EmbeddedBroker
from tests.deadlines import wait_until

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(120)]

RECORDS = 20
BAD = b"5"
NAME = "plain-faust"


def committed(bootstrap: str) -> int:
    """The group's committed offset of the only partition; negative when there is none."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": NAME, "log_level": 0})
    try:
        [place] = consumer.committed([TopicPartition(NAME, 0)], timeout=10)
        return int(place.offset)
    finally:
        consumer.close()


async def run_until_committed(bootstrap: str, seen: list[bytes]) -> None:
    """A plain Faust worker that raises on one record, until it has committed all of them."""
    app = faust.App(
        NAME,
        broker=f"aiokafka://{bootstrap}",
        store="memory://",
        broker_commit_interval=0.2,
        web_enabled=False,
        topic_disable_leader=True,
        topic_replication_factor=1,
    )
    topic = app.topic(NAME, value_type=bytes, value_serializer="raw", partitions=1)

    @app.agent(topic)
    async def take(stream: faust.Stream[bytes]) -> None:
        async for value in stream:
            if value == BAD:
                raise ZeroDivisionError
            seen.append(value)

    await app.start()
    try:
        await asyncio.to_thread(
            wait_until, lambda: committed(bootstrap) >= RECORDS, "all offsets are committed", seconds=90
        )
    finally:
        await app.stop()


def test_faust_commits_a_record_whose_agent_raised(embedded_broker: EmbeddedBroker) -> None:
    """faust-streaming #315: all others are processed, all offsets are committed, so nobody ever processes it."""
    embedded_broker.create_topic(NAME, 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap, "log_level": 0})
    for number in range(RECORDS):
        producer.produce(NAME, b"%d" % number, partition=0)
    producer.flush(30)
    seen: list[bytes] = []
    asyncio.run(run_until_committed(embedded_broker.bootstrap, seen))
    assert seen == [b"%d" % number for number in range(RECORDS) if number != 5]
