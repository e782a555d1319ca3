"""The embedded broker as its clients see it, and its child process form."""

from __future__ import annotations

import subprocess
import sys
from ctypes.util import find_library
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.connections import PROTOCOL_RELEASE
from streams.embedded.broker import EmbeddedBroker
from streams.errors import Unavailable
from tests.answering import answers
from tests.deadlines import wait_until
from tests.embedded_process import EmbeddedProcess

pytestmark = pytest.mark.embedded

PRODUCE = 0
NOT_LEADER = 6


def producer_for(bootstrap: str, **options: Any) -> KafkaProducer:
    return KafkaProducer(bootstrap_servers=bootstrap, api_version=PROTOCOL_RELEASE, acks="all", **options)


def send(bootstrap: str, topic: str, values: list[bytes], **options: Any) -> None:
    """Produce the values, one key each, and wait until all are acknowledged."""
    producer = producer_for(bootstrap, **options)
    try:
        sent = [producer.send(topic, key=b"key-%d" % number, value=value) for number, value in enumerate(values)]
        for future in sent:
            future.get(20)
    finally:
        producer.close()


def read(bootstrap: str, topic: str, partitions: int, count: int) -> list[bytes]:
    """The first `count` values of a topic, whichever partition they are in."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        api_version=PROTOCOL_RELEASE,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    found: list[bytes] = []

    def enough() -> bool:
        for records in consumer.poll(timeout_ms=100).values():
            found.extend(record.value for record in records)
        return len(found) >= count

    try:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        wait_until(enough, f"{count} records of {topic} are read")
    finally:
        consumer.close()
    return found


@pytest.mark.parametrize("compression", [None, "lz4", "gzip"])
def test_what_is_produced_is_consumed(embedded_broker: EmbeddedBroker, compression: str | None):
    """Every record of every partition comes back, compressed or not."""
    embedded_broker.create_topic("calls", 3)
    values = [b"value %d" % number for number in range(200)]
    send(embedded_broker.bootstrap, "calls", values, compression_type=compression)
    assert sorted(read(embedded_broker.bootstrap, "calls", 3, 200)) == sorted(values)


def test_a_topic_has_the_partitions_it_was_created_with():
    """Topics given at construction and topics made later both keep their count."""
    with EmbeddedBroker({"at-start": 5}) as broker:
        broker.create_topic("later", 7)
        producer = producer_for(broker.bootstrap)
        try:
            assert [len(producer.partitions_for(name)) for name in ("at-start", "later")] == [5, 7]
        finally:
            producer.close()


def test_a_topic_is_created_once(embedded_broker: EmbeddedBroker):
    """A second topic of the same name and a topic without partitions are refused."""
    embedded_broker.create_topic("calls", 1)
    with pytest.raises(ValueError, match=r"calls.*exists"):
        embedded_broker.create_topic("calls", 1)
    with pytest.raises(ValueError, match="0 partitions"):
        embedded_broker.create_topic("empty", 0)


def test_records_survive_an_outage(embedded_broker: EmbeddedBroker):
    """While down nobody is answered; what was there before is there after."""
    embedded_broker.create_topic("calls", 1)
    send(embedded_broker.bootstrap, "calls", [b"before"])
    embedded_broker.set_down(True)
    assert not answers(embedded_broker.bootstrap)
    embedded_broker.set_down(False)
    send(embedded_broker.bootstrap, "calls", [b"after"])
    assert read(embedded_broker.bootstrap, "calls", 1, 2) == [b"before", b"after"]


def test_a_failed_request_is_answered_with_the_given_error(embedded_broker: EmbeddedBroker):
    """The producer sees the error once, tries again, and the record arrives once."""
    embedded_broker.create_topic("calls", 1)
    embedded_broker.fail_requests(PRODUCE, [NOT_LEADER])
    with pytest.raises(Exception, match="NotLeader"):
        send(embedded_broker.bootstrap, "calls", [b"lost"], retries=0, enable_idempotence=False)
    send(embedded_broker.bootstrap, "calls", [b"kept"])
    assert read(embedded_broker.bootstrap, "calls", 1, 1) == [b"kept"]


def test_a_round_trip_delays_every_answer(embedded_broker: EmbeddedBroker):
    """A client that waits less than the delay gives up; without the delay it does not."""
    embedded_broker.set_round_trip(60_000)
    assert not answers(embedded_broker.bootstrap, seconds=0.3)
    embedded_broker.set_round_trip(0)
    assert answers(embedded_broker.bootstrap)


def test_a_closed_broker_refuses():
    """Closing twice is harmless; using it afterwards is an error, not a crash of the process."""
    broker = EmbeddedBroker({"calls": 1})
    broker.close()
    broker.close()
    with pytest.raises(Unavailable, match="closed"):
        broker.create_topic("more", 1)


def test_a_child_process_obeys_and_ends_with_its_input(embedded_broker_process: EmbeddedProcess):
    """Each command gets one answer; the process ends by itself when nobody can command it any more."""
    child = embedded_broker_process
    assert child.tell({"do": "topic", "name": "calls", "partitions": 2}) == {"ok": True}
    send(child.bootstrap, "calls", [b"one", b"two"])
    assert sorted(read(child.bootstrap, "calls", 2, 2)) == [b"one", b"two"]
    for command in (
        {"do": "round_trip", "milliseconds": 1},
        {"do": "fail", "api_key": PRODUCE, "error_codes": [NOT_LEADER]},
        {"do": "down", "down": True},
    ):
        assert child.tell(command) == {"ok": True}
    assert child.close() == 0


@pytest.mark.parametrize("line", ["not json", "[]", '{"do": "dance"}', '{"do": "topic"}', '{"do": "topic", "name": 1}'])
def test_a_child_process_answers_a_bad_command_with_an_error(embedded_broker_process: EmbeddedProcess, line: str):
    """It tells what was wrong and goes on."""
    assert "error" in embedded_broker_process.tell(line)
    assert embedded_broker_process.tell({"do": "topic", "name": "calls", "partitions": 1}) == {"ok": True}


@pytest.mark.skipif(
    find_library("rdkafka") is not None, reason="this machine has a librdkafka outside Python's packages"
)
def test_without_librdkafka_it_says_what_is_missing():
    """A Python that sees no installed packages gets a sentence and exit status 1, not a traceback."""
    command = [sys.executable, "-S", "-m", "streams.embedded"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("the embedded broker needs confluent-kafka")
    assert "Traceback" not in done.stderr
