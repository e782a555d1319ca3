"""`filaviva publish` against both kinds of broker."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner.default import murmur2

from streams.cli.publish import publish
from streams.connections import PROTOCOL_RELEASE
from streams.topics import TOPICS, full_name, topic_configs
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until

PARTITIONS = 4
TIME = "2026-11-23T09:00:00.120-03:00"
TIME_MS = 1_795_435_200_120


def offered(number: int, *, channel: str = "voice", time: str = TIME) -> dict[str, Any]:
    data = {"tenant": "acme", "queue": f"sac-{number % 7}", "channel": channel, "contact_id": f"c{number}"}
    return {"id": f"c{number}/offered", "type": "contact.offered", "time": time, "data": data}


def write(path: Path, *events: dict[str, Any] | str) -> Path:
    lines = [each if isinstance(each, str) else json.dumps(each) for each in events]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def prepared(broker: BrokerUnderTest) -> BrokerUnderTest:
    """A broker with every input topic, as for the event clock: the broker takes any time stamp."""
    for spec in TOPICS:
        if spec.is_input:
            configs = topic_configs(spec, event_clock=True)
            broker.create_topic(full_name(broker.prefix, spec.name), PARTITIONS, **configs)
    return broker


def run(broker: BrokerUnderTest, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    options = ["--brokers", broker.bootstrap, "--prefix", broker.prefix]
    return CliRunner().invoke(publish, [*map(str, arguments), *options], input=stdin, catch_exceptions=False)


def records(broker: BrokerUnderTest, name: str, count: int) -> list[Any]:
    """The records of one input topic, in the order of their partitions."""
    topic = full_name(broker.prefix, name)
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        api_version=PROTOCOL_RELEASE,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    found: dict[int, list[Any]] = defaultdict(list)

    def enough() -> bool:
        for partition, fetched in consumer.poll(timeout_ms=100).items():
            found[partition.partition].extend(fetched)
        return sum(map(len, found.values())) >= count

    try:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        wait_until(enough, f"{count} records of {topic} are read")
    finally:
        consumer.close()
    return [record for _, each in sorted(found.items()) for record in each]


def test_events_arrive_as_written_in_their_owners_partition(prepared: BrokerUnderTest, tmp_path: Path):
    """Value byte for byte, key of the owner, partition as Kafka's own partitioner chooses, order kept per key."""
    events = [offered(number) for number in range(200)]
    result = run(prepared, write(tmp_path / "events.jsonl", *events), "--json")
    assert result.exit_code == 0
    summary = json.loads(result.output)
    assert summary["published"] == 200
    assert summary["by_topic"] == {"call-events": 200}
    found = records(prepared, "call-events", 200)
    assert sorted(record.value for record in found) == sorted(json.dumps(each).encode() for each in events)
    assert all(record.partition == (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS for record in found)
    of_one_key = [json.loads(record.value)["id"] for record in found if record.key == b"acme/sac-3"]
    assert of_one_key == [f"c{number}/offered" for number in range(3, 200, 7)]


def test_each_channel_goes_to_its_topic_from_a_compressed_stream(prepared: BrokerUnderTest):
    """Standard input works, gzip is recognised by its bytes."""
    lines = [json.dumps(offered(number, channel=channel)) for number, channel in enumerate(["voice", "sms", "form"])]
    result = run(prepared, "-", "--json", stdin=gzip.compress("\n".join(lines).encode()))
    assert json.loads(result.output)["by_topic"] == {"call-events": 1, "chat-events": 1, "email-events": 1}
    assert [len(records(prepared, f"{kind}-events", 1)) for kind in ("call", "chat", "email")] == [1, 1, 1]


def test_a_bad_line_stops_with_its_number(prepared: BrokerUnderTest, tmp_path: Path):
    """What came before it is published, what comes after is not."""
    path = write(tmp_path / "events.jsonl", offered(1), "not json", offered(2))
    result = run(prepared, path)
    assert result.exit_code == 1
    assert f"{path}:2: not JSON" in result.output
    assert len(records(prepared, "call-events", 1)) == 1


def test_bad_lines_can_be_passed_over(prepared: BrokerUnderTest, tmp_path: Path):
    """They are reported and counted, and the rest is published."""
    path = write(tmp_path / "events.jsonl", "{}", offered(1), '{"type": "weather.changed", "data": {}}', offered(2))
    result = run(prepared, path, "--keep-going")
    assert result.exit_code == 0
    assert ":1: no type" in result.output
    assert ":3: weather.changed: no input topic" in result.output
    assert "2 events published" in result.output
    assert "2 bad lines" in result.output


def test_pacing_keeps_the_distance_between_events(prepared: BrokerUnderTest, tmp_path: Path):
    """Two hours at 14,400 event seconds a second take half a second, and not less."""
    path = write(tmp_path / "events.jsonl", offered(1), offered(2, time="2026-11-23T11:00:00.120-03:00"))
    result = run(prepared, path, "--paced", "--speed", "14400", "--json")
    assert json.loads(result.output)["published"] == 2
    assert json.loads(result.output)["seconds"] >= 0.5


def test_the_event_time_becomes_the_time_stamp_on_request(prepared: BrokerUnderTest, tmp_path: Path):
    """Only for topics that do not stamp by themselves, as with the event clock."""
    path = write(tmp_path / "events.jsonl", offered(1))
    assert run(prepared, path, "--event-timestamps").exit_code == 0
    assert [record.timestamp for record in records(prepared, "call-events", 1)] == [TIME_MS]


def test_a_missing_topic_says_how_to_make_it(broker: BrokerUnderTest, tmp_path: Path):
    """Nothing is created by accident with the wrong partition count."""
    result = run(broker, write(tmp_path / "events.jsonl", offered(1)))
    assert result.exit_code == 1
    assert "filaviva topics create" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either --config FILE or --brokers"),
        (["--brokers", "no-port"], "host:port"),
        (["--brokers", "127.0.0.1:9092", "--prefix", "Not A Slug"], "--prefix"),
        (["--brokers", "127.0.0.1:9092", "--speed", "2"], "--speed needs --paced"),
        (["--brokers", "127.0.0.1:9092", "--paced", "--speed", "0"], "--speed"),
        (["--brokers", "127.0.0.1:9092", "--config", "filaviva.yaml"], "either"),
    ],
)
def test_wrong_options_exit_2_before_any_connection(arguments: list[str], words: str):
    """Whatever is wrong is said in the terms of the command line."""
    result = CliRunner().invoke(publish, ["-", *arguments], input=b"")
    assert result.exit_code == 2
    assert words in result.output
