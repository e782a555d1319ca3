"""`filaviva topics` against a real Kafka, and what it says where it cannot work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.topics import topics
from streams.embedded.broker import EmbeddedBroker
from streams.topics import TOPICS
from tests.brokers import fresh_prefix
from tests.kafka_server import KafkaServer


def run(bootstrap: str, prefix: str, *arguments: str) -> Result:
    options = ["--brokers", bootstrap, "--prefix", prefix]
    return CliRunner().invoke(topics, [*arguments, *options], catch_exceptions=False)


@pytest.mark.kafka
def test_created_topics_are_as_needed(kafka_server: KafkaServer):
    """All are made once; describing them finds no fault; making them again makes none."""
    prefix = fresh_prefix()
    first = run(kafka_server.bootstrap, prefix, "create", "--partitions", "3", "--json")
    assert first.exit_code == 0
    assert len(json.loads(first.output)["created"]) == len(TOPICS)
    checked = run(kafka_server.bootstrap, prefix, "describe", "--partitions", "3", "--json")
    assert checked.exit_code == 0
    assert json.loads(checked.output) == {"checked": len(TOPICS), "differences": []}
    again = run(kafka_server.bootstrap, prefix, "create", "--partitions", "3", "--json")
    assert json.loads(again.output) == {"created": [], "differences": []}


@pytest.mark.kafka
def test_a_topic_somebody_else_made_is_left_alone_and_told(kafka_server: KafkaServer):
    """Wrong partitions and a time stamp of the producer's are faults; the others are created all the same."""
    prefix = fresh_prefix()
    kafka_server.create_topic(f"{prefix}-call-events", 2)
    created = run(kafka_server.bootstrap, prefix, "create", "--partitions", "3")
    assert created.exit_code == 1
    assert f"{len(TOPICS) - 1} created, 1 were there" in created.output
    described = run(kafka_server.bootstrap, prefix, "describe", "--partitions", "3", "--json")
    assert described.exit_code == 1
    found = {each["setting"]: each["found"] for each in json.loads(described.output)["differences"] if each["breaks"]}
    assert found["partitions"] == "2"
    assert found["message.timestamp.type"] == "CreateTime"


@pytest.mark.kafka
def test_the_list_tells_what_exists(kafka_server: KafkaServer):
    """Every topic of the installation has a line, there or not."""
    prefix = fresh_prefix()
    kafka_server.create_topic(f"{prefix}-call-events", 2)
    rows = json.loads(run(kafka_server.bootstrap, prefix, "list", "--json").output)["topics"]
    assert len(rows) == len(TOPICS)
    assert {row["topic"]: row["partitions"] for row in rows if row["partitions"]} == {f"{prefix}-call-events": 2}
    assert "does not exist" in run(kafka_server.bootstrap, prefix, "list").output


@pytest.mark.kafka
def test_a_replication_the_cluster_cannot_give_is_told(kafka_server: KafkaServer, tmp_path: Path):
    """The brokers' own words, not a traceback."""
    config = tmp_path / "filaviva.yaml"
    config.write_text(
        f"kafka: {{brokers: ['{kafka_server.bootstrap}'], prefix: {fresh_prefix()}, replication: 3}}\n"
        "sites: [{tenant: acme, site: fortaleza, zone: America/Fortaleza}]\n"
        "queues: [{tenant: acme, site: fortaleza, queue: sac, channels: [voice], "
        "answer_target_seconds: 20, max_wait_seconds: 60}]\n"
    )
    result = CliRunner().invoke(topics, ["create", "--config", str(config)], catch_exceptions=False)
    assert result.exit_code == 1
    assert "refused to create topics" in result.output


@pytest.mark.embedded
def test_the_embedded_broker_cannot_be_told_to_create_topics(embedded_broker: EmbeddedBroker):
    """It says so instead of waiting."""
    result = run(embedded_broker.bootstrap, "demo", "create")
    assert result.exit_code == 1
    assert "did not" in result.output


def test_a_configuration_that_is_wrong_exits_2(tmp_path: Path):
    """With the path of the key, as for every command."""
    config = tmp_path / "filaviva.yaml"
    config.write_text("kafka: {brokers: []}\nsites: []\nqueues: []\n")
    result = CliRunner().invoke(topics, ["describe", "--config", str(config)])
    assert result.exit_code == 2
    assert "kafka.brokers" in result.output
