"""The real Kafka the other tests rely on does what they rely on."""

from __future__ import annotations

import pytest
from kafka.errors import KafkaTimeoutError

from tests.answering import answers
from tests.brokers import BrokerUnderTest
from tests.conftest import new_kafka_server
from tests.integration.test_embedded_broker import producer_for, read, send
from tests.kafka_server import KafkaServer


def test_both_kinds_of_broker_carry_records(broker: BrokerUnderTest):
    """The shared fixture gives a broker that takes lz4 records and gives them back."""
    topic = f"{broker.prefix}-calls"
    broker.create_topic(topic, 3, cleanup_policy="compact")
    values = [b"%d" % number for number in range(50)]
    send(broker.bootstrap, topic, values, compression_type="lz4")
    assert sorted(read(broker.bootstrap, topic, 3, 50)) == sorted(values)


@pytest.mark.kafka
def test_topics_are_not_made_by_asking(kafka_server: KafkaServer):
    """A client that names an unknown topic gets an error, so a forgotten topic cannot hide."""
    producer = producer_for(kafka_server.bootstrap, max_block_ms=500)
    try:
        with pytest.raises(KafkaTimeoutError, match="metadata"):
            producer.send("nobody-made-this", b"x")
    finally:
        producer.close()


@pytest.mark.kafka
def test_acknowledged_records_survive_a_kill_and_a_freeze():
    """Same address, same data after kill and start, stop and start, suspend and resume."""
    with new_kafka_server() as server:
        server.create_topic("calls", 1)
        send(server.bootstrap, "calls", [b"one"])
        server.kill()
        server.start()
        send(server.bootstrap, "calls", [b"two"])
        server.stop()
        server.start()
        server.suspend()
        assert not answers(server.bootstrap, seconds=0.5)
        server.resume()
        assert read(server.bootstrap, "calls", 1, 2) == [b"one", b"two"]
