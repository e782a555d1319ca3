"""`filaviva gateway` as operators run it: a process of its own."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.embedded.broker import EmbeddedBroker
from streams.topics import TOPICS, full_name
from tests.configuration import edited
from tests.deadlines import wait_until
from tests.gateway_client import SECRET, offered, signed, structured
from tests.integration.test_gateway import ids_in
from tests.leash import leash

pytestmark = pytest.mark.embedded
PROJECT = Path(__file__).resolve().parents[2]
PREFIX, PARTITIONS = "t", 4
START_SECONDS = STOP_SECONDS = 60
RECEIVER = {"tenant": "acme", "source": "pbx-1", "secret_env": "PBX_SECRET"}
CHATWOOT = {"tenant": "acme", "source": "chatwoot-1", "kind": "chatwoot", "secret_env": "CHATWOOT_SECRET"}
SECRETS = {"PBX_SECRET": SECRET, "CHATWOOT_SECRET": "secret-of-chatwoot-1"}
_LISTENS = re.compile(r"listens at http://127\.0\.0\.1:(\d+)/in/")


@pytest.fixture
def topics(embedded_broker: EmbeddedBroker) -> EmbeddedBroker:
    for spec in TOPICS:
        if spec.is_input:
            embedded_broker.create_topic(full_name(PREFIX, spec.name), PARTITIONS)
    return embedded_broker


def configured(folder: Path, broker: EmbeddedBroker, *receivers: dict[str, Any], port: int = 0) -> Path:
    kafka = {"brokers": [broker.bootstrap], "prefix": PREFIX, "partitions": PARTITIONS}
    section = {"port": port, "receivers": list(receivers or [RECEIVER])}
    file = folder / "filaviva.yaml"
    file.write_text(edited(("kafka", kafka), ("gateway", section)))
    return file


class GatewayProcess:
    """Runs until it is told to end; `port` is where it listens."""

    def __init__(self, config: Path) -> None:
        self._log = config.parent / "gateway.log"
        state = str(config.parent / "state")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*leash(), sys.executable, "-m", "streams", "gateway", "--config", str(config), "--state", state],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **SECRETS},
            )
        wait_until(self._listens, "the gateway listens", seconds=START_SECONDS)
        found = _LISTENS.search(self.log)
        assert found
        self.port = int(found[1])

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def send(self, number: int) -> int:
        """One signed event; the status of the answer, 0 where nobody answered."""
        sending = signed(structured(offered(number)))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", sending.path, sending.body, dict(sending.headers))
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log
        return _LISTENS.search(self.log) is not None


@contextmanager
def running(config: Path) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(config)
    try:
        yield gateway
    finally:
        gateway.process.kill()
        gateway.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_when_it_is_told_to(topics: EmbeddedBroker, tmp_path: Path, number: signal.Signals) -> None:
    """Under load: who was answered 200 is in the topic, everybody was answered or not let in, and it ends with 0."""
    answers: dict[int, int] = {}
    with running(configured(tmp_path, topics)) as gateway:

        def client(first: int) -> None:
            event = first
            while answers.get(event - 4, 200) == 200 and gateway.process.poll() is None:
                answers[event] = gateway.send(event)
                event += 4

        threads = [threading.Thread(target=client, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answers) >= 40, "events are taken")
        gateway.process.send_signal(number)
        assert gateway.process.wait(STOP_SECONDS) == 0, gateway.log
        for thread in threads:
            thread.join(STOP_SECONDS)
        assert "answers what is under way" in gateway.log
    taken = {f"c{event}/offered" for event, status in answers.items() if status == 200}
    assert len(taken) >= 40
    assert taken <= set(ids_in(topics))
    assert set(answers.values()) <= {200, 503, 0}


def test_killed_and_started_again_it_knows_what_a_platform_told(topics: EmbeddedBroker, tmp_path: Path) -> None:
    """And while it lives no other feeds the same source."""
    config = configured(tmp_path, topics, RECEIVER, CHATWOOT)
    with running(config) as gateway:
        state = ["--state", str(tmp_path / "state")]
        other = CliRunner(env=SECRETS).invoke(main, ["gateway", "--config", str(config), *state])
        assert other.exit_code == 2
        assert "one is running" in other.output
        gateway.process.kill()
        gateway.process.wait()
    with running(config) as gateway:
        assert gateway.send(1) == 200


def refused(config: Path, **environment: str) -> tuple[int, str]:
    state = ["--state", str(config.parent / "state")]
    result = CliRunner(env={**SECRETS, **environment}).invoke(main, ["gateway", "--config", str(config), *state])
    return result.exit_code, result.output


def test_what_is_wrong_ends_it_before_it_listens(topics: EmbeddedBroker, tmp_path: Path) -> None:
    """Named by its path, with status 2; what is away, with 1."""
    config = configured(tmp_path, topics)
    assert refused(config, PBX_SECRET="short") == (
        2,
        "gateway.receivers[0].secret_env: expected a secret of at least 16 characters\n",
    )
    config.write_text(edited())
    code, output = refused(config)
    assert (code, "expected the section gateway" in output) == (2, True)
    with running(configured(tmp_path, topics)) as gateway:
        code, output = refused(configured(tmp_path, topics, port=gateway.port))
        assert (code, "gateway.port: expected an address that can be had" in output) == (2, True)


def test_missing_topics_end_it_with_the_cure(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Nothing is created by accident."""
    code, output = refused(configured(tmp_path, embedded_broker))
    assert (code, "filaviva topics create" in output) == (1, True)
