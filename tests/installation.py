"""One installation on a broker: its topics, its configuration file, and the commands that run on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from streams.connections import client_options
from streams.settings_sections import Kafka
from streams.simulation.centre import SAC
from streams.topic_admin import TopicAdmin, wanted_topics
from tests.brokers import BrokerUnderTest
from tests.state_reader import StateReader
from tests.topic_reader import TopicReader
from tests.worker_process import PROJECT, WorkerProcess

COMMAND_SECONDS = 900
"""A month of events takes minutes to publish; a test has a deadline of its own."""


@dataclass(frozen=True)
class Installation:
    """Topics that exist and a configuration that names them; whatever it opens, the caller closes."""

    broker: BrokerUnderTest
    config: Path
    partitions: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to that of every worker."""

    def worker(self) -> WorkerProcess:
        return WorkerProcess(self.config, self.environment)

    def topics(self) -> TopicReader:
        return TopicReader(self.broker.bootstrap, self.broker.prefix)

    def state(self, stage: str) -> StateReader:
        return StateReader(self.broker.bootstrap, self.broker.prefix, stage, self.partitions)

    def publish(self, events: Path) -> int:
        """Publish a file of events with the command; returns how many there were."""
        published: int = self.run("publish", str(events))["published"]
        return published

    def run(self, command: str, *arguments: str) -> Any:
        """What one command of the CLI prints as JSON."""
        return json.loads(self.run_plain(command, *arguments, "--json"))

    def run_plain(self, command: str, *arguments: str) -> str:
        """What one command of the CLI prints."""
        whole = [sys.executable, "-m", "streams", command, *arguments, "--config", str(self.config)]
        done = subprocess.run(whole, cwd=PROJECT, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        assert done.returncode == 0, f"{' '.join(whole)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


def install(
    broker: BrokerUnderTest, folder: Path, document: dict[str, Any], *, partitions: int = 8, **worker: Any
) -> Installation:
    """Create every topic and write the configuration file: `document` with the broker and `worker` settings added.

    The metrics port is any free one unless `worker` says otherwise.
    """
    create_topics(broker, partitions, event_clock=document.get("clock", {}).get("mode") == "event")
    whole = {
        **document,
        "kafka": {"brokers": [broker.bootstrap], "prefix": broker.prefix, "partitions": partitions},
        "worker": {"metrics_port": 0, **document.get("worker", {}), **worker},
    }
    config = folder / "filaviva.yaml"
    config.write_text(yaml.safe_dump(whole, sort_keys=False))
    return Installation(broker, config, partitions)


def install_centre(
    broker: BrokerUnderTest, folder: Path, *, event_clock: bool = False, partitions: int = 2, **worker: Any
) -> Installation:
    """The same of the built-in centre, with keys of its own for its customers' tokens and sealed addresses."""
    for key, text in (("token_key", "0a" * 32), ("seal_key", "0b" * 32)):
        (folder / key).touch(mode=0o600)
        (folder / key).write_text(text)
    document = {
        "clock": {"mode": "event" if event_clock else "wall"},
        "privacy": {"tenants": {SAC.tenant: {"token_key_file": "token_key", "seal_key_file": "seal_key"}}},
        **SAC.sections(),
    }
    return install(broker, folder, document, partitions=partitions, **worker)


def create_topics(broker: BrokerUnderTest, partitions: int, *, event_clock: bool = False) -> None:
    """Every topic of `streams.topics`, under the broker's prefix; on a real Kafka the way an operator makes them."""
    wanted = wanted_topics(broker.prefix, partitions=partitions, event_clock=event_clock)
    if broker.kind == "embedded":
        for topic in wanted:
            broker.create_topic(topic.name, topic.partitions)
        return
    admin = TopicAdmin([broker.bootstrap], client_options(Kafka(brokers=(broker.bootstrap,))))
    try:
        admin.create_missing(wanted)
    finally:
        admin.close()
