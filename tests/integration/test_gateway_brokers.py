"""The gateway in front of both kinds of broker."""

from __future__ import annotations

import asyncio
import json

from kafka.partitioner.default import murmur2

from streams.connections import PROTOCOL_RELEASE
from streams.publisher import Publisher
from streams.topic_reading import TopicReader
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.gateway_client import batch, binary, listening, offered, signed, structured

PARTITIONS = 4


def test_what_is_answered_lies_in_the_partition_of_its_owner(broker: BrokerUnderTest) -> None:
    """In every mode; on a real Kafka acknowledged by its replicas."""
    topic = full_name(broker.prefix, "call-events")
    broker.create_topic(topic, PARTITIONS)

    async def scenario() -> None:
        publisher = Publisher([broker.bootstrap], broker.prefix, {}, answers_for_each=True)
        async with listening(publisher) as gateway:
            sendings = [structured(offered(1)), binary(offered(2)), batch(*(offered(n) for n in range(3, 103)))]
            for sending in sendings:
                assert (await gateway.send(signed(sending))).status == 200

    asyncio.run(scenario())
    with TopicReader([broker.bootstrap], {"api_version": PROTOCOL_RELEASE}) as reader:
        records = list(reader.records(topic, lambda _: None))
    assert sorted(json.loads(each.value or b"")["id"] for each in records) == sorted(
        f"c{number}/offered" for number in range(1, 103)
    )
    for each in records:
        assert each.partition == (murmur2(each.key) & 0x7FFFFFFF) % PARTITIONS
