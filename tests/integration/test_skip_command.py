"""`filaviva skip`: what it shows, what it refuses, and what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.skip import skip
from streams.connections import librdkafka_options
from streams.engine.changelog import RecoveredPartition
from streams.record_sender import RecordSender
from streams.settings_sections import Kafka
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.topic_reader import TopicReader

PARTITIONS = 2


@pytest.fixture
def prepared(broker: BrokerUnderTest) -> BrokerUnderTest:
    """In partition 1 of the calls one record with a key and one without key and value."""
    for topic in ("call-events", "queues-changelog", "staffing-changelog"):
        broker.create_topic(full_name(broker.prefix, topic), PARTITIONS)
    calls = full_name(broker.prefix, "call-events")
    with RecordSender([broker.bootstrap], librdkafka_options(Kafka(brokers=(broker.bootstrap,)))) as sender:
        sender.send(calls, 1, key=b"acme/sac\x1b[2J", value=b"+5585997465553")
        sender.send(calls, 1, key=None, value=None)
    return broker


def run(broker: BrokerUnderTest, *arguments: str, answer: str | None = None) -> Result:
    options = ["--brokers", broker.bootstrap, "--prefix", broker.prefix]
    return CliRunner().invoke(skip, [*arguments, *options], input=answer, catch_exceptions=False)


def skips_of(broker: BrokerUnderTest, stage: str) -> list[tuple[int, tuple[str, int]]]:
    """Partition and record of every skip that a recovering worker would find."""
    found = []
    with TopicReader(broker.bootstrap, broker.prefix) as topics:
        for record in topics.records(f"{stage}-changelog"):
            recovered = RecoveredPartition()
            recovered.take(record)
            found += [(record.partition, given_up) for given_up in recovered.skips]
    return found


def test_the_record_is_shown_and_given_up_when_the_operator_agrees(prepared: BrokerUnderTest):
    """Key, time and size, never the value; then the row lies in the same partition of the stage's changelog."""
    result = run(prepared, "call-events", "1", "0", answer="y\n")
    assert result.exit_code == 0, result.output
    assert f"{prepared.prefix}-call-events/1/0" in result.output
    assert "acme/sac\\x1b[2J" in result.output
    assert "14 bytes" in result.output
    assert "Give it up in queues?" in result.output
    assert "restart the worker" in result.output
    assert "5585" not in result.output
    assert skips_of(prepared, "queues") == [(1, ("call-events", 0))]
    assert skips_of(prepared, "staffing") == []


def test_nothing_is_written_when_the_operator_does_not_agree(prepared: BrokerUnderTest):
    """Also a record without key and value can be shown."""
    result = run(prepared, full_name(prepared.prefix, "call-events"), "1", "1", answer="n\n")
    assert result.exit_code == 1
    assert "key        none" in result.output
    assert "no value" in result.output
    assert skips_of(prepared, "queues") == []


def test_what_does_not_exist_cannot_be_given_up(prepared: BrokerUnderTest):
    """Exit status 2, and what there is instead."""
    for partition, offset, words in (
        ("1", "2", "call-events/1 has offsets 0 to 1"),
        ("0", "0", "call-events/0 has no record"),
        ("2", "0", "has partitions 0 to 1"),
    ):
        result = run(prepared, "call-events", partition, offset, "--yes")
        assert (result.exit_code, words in result.output) == (2, True), result.output
    assert skips_of(prepared, "queues") == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["contact-outcomes", "0", "0"], "no stage reads contact-outcomes; those that are read: call-events"),
        (["filaviva-queues-changelog", "0", "0"], "no stage reads filaviva-queues-changelog"),
        (["call-events", "one", "0"], "not a valid integer"),
        (["call-events", "1", "0", "--json"], "--json needs --yes"),
    ],
)
def test_wrong_arguments_exit_2_before_any_connection(arguments: list[str], words: str):
    """In the terms of the command line."""
    result = CliRunner().invoke(skip, [*arguments, "--brokers", "127.0.0.1:1"])
    assert result.exit_code == 2
    assert words in result.output


def test_a_missing_topic_is_told(broker: BrokerUnderTest):
    """And not created by asking."""
    for _ in range(2):
        result = run(broker, "call-events", "0", "0", "--yes")
        assert result.exit_code == 1
        assert f"no topic {broker.prefix}-call-events" in result.output


def test_a_configuration_that_is_wrong_exits_2(tmp_path: Path):
    """With the path of the key, as for every command."""
    config = tmp_path / "filaviva.yaml"
    config.write_text("kafka: {brokers: []}\nsites: []\nqueues: []\n")
    result = CliRunner().invoke(skip, ["call-events", "0", "0", "--config", str(config)])
    assert result.exit_code == 2
    assert "kafka.brokers" in result.output
