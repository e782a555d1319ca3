"""`filaviva recount --topics` against both kinds of broker."""

from __future__ import annotations

import gc
import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaProducer

from streams.cli import recount_topics
from streams.cli.recount import recount
from streams.connections import PROTOCOL_RELEASE
from tests.brokers import BrokerUnderTest

PARTITIONS = 3
TOPIC_OF_CHANNEL = {"voice": "call-events", "chat": "chat-events", "email": "email-events"}


def fact(kind: str, second: int, channel: str, contact: str, **fields: Any) -> dict[str, Any]:
    data = {"tenant": "acme", "site": "fortaleza", "queue": "sac", "channel": channel, "contact_id": contact, **fields}
    names = {"specversion": "1.0", "id": f"{contact}/{kind}", "source": "pbx-1", "type": f"contact.{kind}"}
    return {**names, "time": f"2026-11-23T12:00:{second:02}Z", "data": data}


def history(channel: str, contact: str) -> list[dict[str, Any]]:
    """Offered, and answered 10 s later as the channel does."""
    answer = {} if channel == "voice" else {"author": "agent", "direction": "out"}
    kind = "answered" if channel == "voice" else "message"
    return [fact("offered", 0, channel, contact), fact(kind, 10, channel, contact, **answer)]


def binary(event: dict[str, Any]) -> tuple[list[tuple[str, bytes]], bytes]:
    """CloudEvents' binary mode: attributes in the headers, data in the value."""
    headers = [(f"ce_{name}", value.encode()) for name, value in event.items() if name != "data"]
    return headers, json.dumps(event["data"]).encode()


def run(broker: BrokerUnderTest, *arguments: str) -> Result:
    options = ["--topics", "--brokers", broker.bootstrap, "--prefix", broker.prefix]
    return CliRunner().invoke(recount, [*options, *arguments], catch_exceptions=False)


@pytest.fixture
def prepared(broker: BrokerUnderTest) -> BrokerUnderTest:
    for topic in TOPIC_OF_CHANNEL.values():
        broker.create_topic(f"{broker.prefix}-{topic}", PARTITIONS)
    return broker


def write(broker: BrokerUnderTest, contacts: int) -> None:
    """Visits on every topic over all partitions, every third event in binary mode, and a record that is none."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, api_version=PROTOCOL_RELEASE)
    try:
        for number in range(contacts):
            for channel, topic in TOPIC_OF_CHANNEL.items():
                for place, event in enumerate(history(channel, f"{channel}-{number}")):
                    headers, value = binary(event) if (number + place) % 3 == 0 else ([], json.dumps(event).encode())
                    name = f"{broker.prefix}-{topic}"
                    producer.send(name, value, headers=headers, partition=(number + place) % PARTITIONS)
        producer.send(f"{broker.prefix}-call-events", b"nonsense", partition=0)
        producer.flush()
    finally:
        producer.close()


def test_the_three_topics_are_read_from_beginning_to_end(prepared: BrokerUnderTest):
    """In both modes of CloudEvents, and what is no event is told."""
    write(prepared, 200)
    result = run(prepared, "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert {key: (queue["offered"], queue["answered"]) for key, queue in report["queues"].items()} == {
        f"acme/sac/{channel}": (200, 200) for channel in TOPIC_OF_CHANNEL
    }
    assert report["all"]["longest_wait_seconds"] == 10
    assert result.stderr == "skipped 1 records: not_json 1\n"


def test_empty_topics_are_no_visits(prepared: BrokerUnderTest):
    """Nothing to read is not something to wait for."""
    assert json.loads(run(prepared, "--json").stdout)["all"]["offered"] == 0


def test_a_missing_topic_is_named(broker: BrokerUnderTest):
    """And not created by asking for it."""
    broker.create_topic(f"{broker.prefix}-call-events", PARTITIONS)
    for _ in range(2):
        result = run(broker)
        assert result.exit_code == 1
        assert f"no topic {broker.prefix}-chat-events, {broker.prefix}-email-events" in result.stderr


# kafka-python forgets to close the socket of a client that found no broker; collected here, it disturbs no other test
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_is_away_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch):
    """With exit status 1, after a bounded wait."""
    monkeypatch.setattr(recount_topics, "BOOTSTRAP_MS", 300)
    result = CliRunner().invoke(recount, ["--topics", "--brokers", "127.0.0.1:1"], catch_exceptions=False)
    gc.collect()
    assert result.exit_code == 1
    assert re.fullmatch(r"Error: reading from 127\.0\.0\.1:1 failed: .+\n", result.stderr)
