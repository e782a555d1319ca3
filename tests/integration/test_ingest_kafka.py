"""`filaviva ingest kafka` as a process: somebody else's topic is filled meanwhile, and the process is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.cli import main
from streams.domain.encoding import iso_time
from streams.embedded.broker import EmbeddedBroker
from streams.settings import load_settings
from streams.sources.ami import AmiMapping
from tests.ami_records import START_MS, record, steps
from tests.brokers import BrokerUnderTest, of_embedded
from tests.deadlines import wait_until
from tests.ingest_installation import ingest_configuration, told_on
from tests.topic_reader import TopicReader
from tests.worker_process import PROJECT

README = PROJECT / "streams" / "sources" / "README.md"
FOREIGN_PARTITIONS = 4
KILLS = 2
SECONDS = 60
Record = tuple[int, bytes | None, bytes, list[tuple[str, bytes]]]
"""Milliseconds, key, value, headers."""


@pytest.fixture
def config(broker: BrokerUnderTest, tmp_path: Path) -> Path:
    return configured(broker, tmp_path)


def configured(broker: BrokerUnderTest, tmp_path: Path) -> Path:
    path = ingest_configuration(broker, tmp_path)
    document = yaml.safe_load(path.read_text())
    document["sources"] = [{"source": "crm-1", "tenant": "acme", "site": "fortaleza", "expected_silence_seconds": 60}]
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def foreign(broker: BrokerUnderTest) -> str:
    name = f"{broker.prefix}-foreign"
    broker.create_topic(name, FOREIGN_PARTITIONS)
    return name


@pytest.fixture
def publish(broker: BrokerUnderTest, foreign: str) -> Iterator[Callable[[Sequence[Record]], None]]:
    """As somebody else would, with librdkafka's own partitioner."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5})

    def published(records: Sequence[Record]) -> None:
        for time_ms, key, value, headers in records:
            producer.produce(foreign, value, key, timestamp=time_ms, headers=headers)
        assert producer.flush(SECONDS) == 0

    yield published
    producer.flush(SECONDS)


def killed_again_and_again(
    command: list[str], portions: Sequence[Sequence[Record]], publish: Callable[..., None], reader: TopicReader
) -> dict[str, Any]:
    """Each portion is published beside a mover that is killed once something of it has arrived; the last one ends by
    itself, and this is its summary."""
    for portion in portions[:-1]:
        before = reader.record_count("call-events")
        process = subprocess.Popen([*command, "--follow"], cwd=PROJECT)
        try:
            publish(portion)
            wait_until(lambda: reader.record_count("call-events") > before, "something arrives", seconds=SECONDS)  # noqa: B023
        finally:
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    publish(portions[-1])
    done = subprocess.run([*command, "--json"], cwd=PROJECT, check=True, capture_output=True, timeout=SECONDS)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def command(foreign: str, config: Path, form: str, source: str, *more: str) -> list[str]:
    options = ["--config", str(config), "--state", str(config.parent / "state"), "--source", source, *more]
    return [sys.executable, "-m", "streams", "ingest", "kafka", foreign, "--format", form, *options]


def portions_of(records: list[Any], count: int) -> list[list[Any]]:
    size = -(-len(records) // count)
    return [records[start : start + size] for start in range(0, len(records), size)]


def committed(broker: BrokerUnderTest, foreign: str, group: str) -> tuple[int, int]:
    """How far the group has come, and the ends, in all partitions together."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group})
    places = [TopicPartition(foreign, number) for number in range(FOREIGN_PARTITIONS)]
    ends = sum(consumer.get_watermark_offsets(place, SECONDS)[1] for place in places)
    reached = sum(max(0, place.offset) for place in consumer.committed(places, SECONDS))
    consumer.close()
    return reached, ends


def test_events_of_an_asterisk_come_back_into_their_order(
    broker: BrokerUnderTest, config: Path, foreign: str, publish: Callable[[Sequence[Record]], None]
) -> None:
    """They are what the manager interface itself would have told, byte for byte, each once in effect, though their
    partitions keep them by name and the mover is killed."""
    said = list(steps(200, seed=3))
    portions = [
        [(at_ms, *record(message), []) for step in portion for at_ms, message in step]
        for portion in portions_of(said, KILLS + 1)
    ]
    mapping = AmiMapping(load_settings(config, resolve_secrets=False).queue_dictionary("pbx-1"), hears_all=True)
    expected = {event["id"]: event for step in said for at, message in step for event in mapping.feed(message, at)}
    with TopicReader(broker.bootstrap, broker.prefix) as reader:
        summary = killed_again_and_again(
            command(foreign, config, "app-ami-kafka", "pbx-1", "--system", "pbx-01"), portions, publish, reader
        )
    told, repeats = told_on(broker)
    print(f"{sum(map(len, portions))} records, {len(expected)} events, {repeats} sent again, summary {summary}")
    assert told == expected
    assert (summary["refused"], summary["gaps"]) == ({}, 0)
    reached, ends = committed(broker, foreign, "filaviva-ingest-pbx-1")
    assert reached == ends == sum(map(len, portions))


def test_cloud_events_go_to_their_owners_partition(
    broker: BrokerUnderTest, config: Path, foreign: str, publish: Callable[[Sequence[Record]], None]
) -> None:
    """In both modes, each once in effect though the mover is killed; what is none, or speaks for others, is refused."""
    events = [event(number) for number in range(400)]
    portions = portions_of([published(number, each) for number, each in enumerate(events)], KILLS + 1)
    others = event(1000) | {"source": "somebody-else"}
    portions[1] += [(START_MS, None, b"no event", []), published(0, others)]
    with TopicReader(broker.bootstrap, broker.prefix) as reader:
        killed_again_and_again(command(foreign, config, "cloudevents", "crm-1"), portions, publish, reader)
        keys = {(each.partition, each.key) for each in reader.records("call-events")}
        letters = {(dict(each.headers)["filaviva_reason"], each.value) for each in reader.records("dead-letters")}
    told, repeats = told_on(broker)
    print(f"{len(events)} events, {repeats} sent again")
    assert letters == {
        (b"wrong_type", b"no event"),
        (b"bad_value", published(0, others)[2]),
    }
    assert {each: (told[each]["type"], told[each]["data"]) for each in told} == {
        each["id"]: (each["type"], each["data"]) for each in events
    }
    assert len(keys) == 2, "one partition for each queue"
    reached, ends = committed(broker, foreign, "filaviva-ingest-crm-1")
    assert reached == ends == sum(map(len, portions))


def event(number: int) -> dict[str, Any]:
    data = {"tenant": "acme", "site": "fortaleza", "queue": ["sac", "vendas"][number % 2], "channel": "voice"}
    return {
        "specversion": "1.0",
        "id": f"c{number}/offered",
        "source": "crm-1",
        "type": "contact.offered",
        "time": iso_time(START_MS + number),
        "data": data | {"contact_id": f"c{number}", "note": "100 % sim"},
    }


def published(number: int, event: dict[str, Any]) -> Record:
    """In structured and binary mode by turns, with a key of their own."""
    key = str(number).encode()
    if number % 2:
        return START_MS, key, json.dumps(event).encode(), []
    headers = [(f"ce_{name}", str(text).encode()) for name, text in event.items() if name != "data"]
    return START_MS, key, json.dumps(event["data"]).encode(), headers


@pytest.mark.embedded
def test_the_source_must_be_known(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Or anybody could speak for anybody."""
    path = configured(of_embedded(embedded_broker), tmp_path)
    asked = command("crm-events", path, "cloudevents", "crm-2")[3:]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 2
    assert "expected an entry of source crm-2" in result.output


@pytest.mark.embedded
@pytest.mark.parametrize(("topic", "source"), [("asterisk_ami", "pbx-fortaleza-1"), ("crm-events", "crm-1")])
def test_the_commands_of_the_readme(embedded_broker: EmbeddedBroker, tmp_path: Path, topic: str, source: str) -> None:
    """As they stand there, from the folder of the configuration."""
    broker = of_embedded(embedded_broker)
    path = configured(broker, tmp_path)
    path.write_text(path.read_text().replace("pbx-1", "pbx-fortaleza-1"))
    embedded_broker.create_topic(topic, 1)
    join = {"Event": "QueueCallerJoin", "Uniqueid": "1.1", "Queue": "600"}
    key, value = record(join) if topic == "asterisk_ami" else (None, json.dumps(event(1)).encode())
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(topic, value, key, timestamp=START_MS)
    assert producer.flush(SECONDS) == 0
    commands = re.findall(r"```bash\n(filaviva ingest kafka .*?)```", README.read_text(), flags=re.DOTALL)
    written = next(each for each in commands if f" {topic} " in each and f" {source} " in each)
    told = subprocess.run(
        [sys.executable, "-m", "streams", *written.split()[1:]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told.startswith("1 events sent; 1 records read")
    assert len(told_on(broker)[0]) == 1
