"""`filaviva simulate` live into both kinds of broker, and its dialer."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from kafka import KafkaProducer

from streams.cli.simulate import simulate
from streams.cli.simulate_config import configuration_text
from streams.connections import PROTOCOL_RELEASE
from streams.event_lines import event_time_ms
from streams.simulation.centre import CALLBACK_QUEUE, SAC
from streams.simulation.simulation import Simulation
from streams.topics import TOPICS, full_name, topic_configs
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.topic_reader import TopicReader
from tests.worker_process import PROJECT

NINE = "2026-11-23T09:00"
STOP_SECONDS = 30
INPUTS = (
    "call-events",
    "chat-events",
    "email-events",
    "agent-events",
    "site-events",
    "case-events",
    "callback-results",
)


@pytest.fixture
def installed(broker: BrokerUnderTest) -> BrokerUnderTest:
    """A broker with every topic, of the event clock."""
    for spec in TOPICS:
        configs = topic_configs(spec, event_clock=True)
        broker.create_topic(full_name(broker.prefix, spec.name), 8, **configs)
    return broker


def configuration(folder: Path, broker: BrokerUnderTest) -> Path:
    document = yaml.safe_load(configuration_text(SAC))
    document["kafka"] = {"brokers": [broker.bootstrap], "prefix": broker.prefix}
    document["clock"] = {"mode": "event"}
    file = folder / "filaviva.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def test_every_event_is_in_the_topic_of_its_owner(installed: BrokerUnderTest, tmp_path: Path) -> None:
    """The same events as in lines, each with its time as the record's time stamp."""
    config = configuration(tmp_path, installed)
    options = ["--start", NINE, "--hours", "0.5", "--speed", "0", "--config", str(config), "--no-dialer"]
    result = CliRunner().invoke(simulate, options, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    simulated = Simulation(SAC, 7, datetime.fromisoformat(NINE), imitates_plans=False)
    expected = simulated.advance(simulated.start_ms + 1_800_000)
    with reader_of(installed) as reader:
        found = [record for topic in INPUTS for record in reader.records(topic)]
    events = [json.loads(record.value) for record in found]
    assert sorted(events, key=by_name) == sorted(expected, key=by_name)
    assert all(record.timestamp == event_time_ms(event["time"]) for record, event in zip(found, events, strict=True))


def by_name(event: Mapping[str, Any]) -> str:
    return f"{event['source']} {event['id']}"


def test_the_dialer_works_the_jobs_of_the_installation(installed: BrokerUnderTest, tmp_path: Path) -> None:
    """A job written while it runs is attempted, and its result is in callback-results."""
    config = configuration(tmp_path, installed)
    numbers = itertools.count(1)
    with running(config) as process, job_writer(installed) as write, reader_of(installed) as reader:

        def attempted() -> bool:
            write(f"plan-{next(numbers)}.1")  # the first ones may come before the dialer listens
            return bool(reader.records("callback-results"))

        wait_until(attempted, "an attempt is reported", seconds=60)
        record = reader.records("callback-results")[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
    event = json.loads(record.value)
    assert event["type"] == "dial.attempted"
    assert event["data"]["job_id"].startswith("plan-")
    assert record.key == f"acme/{event['data']['job_id']}".encode()


@contextmanager
def job_writer(broker: BrokerUnderTest) -> Iterator[Any]:
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap, api_version=PROTOCOL_RELEASE)

    def write(job_id: str) -> None:
        value = json.dumps({"specversion": "1.0", "type": "callback.dial", "data": job(job_id)}).encode()
        sender.send(full_name(broker.prefix, "callback-jobs"), value=value, key=job_id.encode()).get(30)

    try:
        yield write
    finally:
        sender.close()


def job(job_id: str) -> Mapping[str, Any]:
    return {
        "job_id": job_id,
        "tenant": "acme",
        "callback_queue": CALLBACK_QUEUE,
        "address": "+5585097465553",
        "not_before": "2026-11-23T12:00:00.000Z",
        "expires": "2026-11-24T12:00:00.000Z",
        "priority": 1,
    }


def reader_of(broker: BrokerUnderTest) -> TopicReader:
    return TopicReader(broker.bootstrap, broker.prefix)


@contextmanager
def running(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A live simulation at a minute a second."""
    options = ["--start", NINE, "--speed", "60", "--config", str(config)]
    with subprocess.Popen([sys.executable, "-m", "streams", "simulate", *options], cwd=PROJECT) as process:
        try:
            yield process
        finally:
            process.kill()
