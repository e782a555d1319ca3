"""`filaviva ingest ami` as a process, beside an Asterisk of one's own: broken connections, a kill, an end in order."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.ingest_installation import ingest_configuration, told_on
from tests.scripted_manager import ScriptedManager
from tests.worker_process import PROJECT

SECONDS = 60


@pytest.fixture
def manager() -> Iterator[ScriptedManager]:
    manager = ScriptedManager(seed=7)
    yield manager
    manager.close()


@pytest.fixture
def start(
    broker: BrokerUnderTest, manager: ScriptedManager, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts one more mover of the same source."""
    config, secret = ingest_configuration(broker, tmp_path), tmp_path / "secret"
    secret.write_text("right\n")
    command = [sys.executable, "-m", "streams", "ingest", "ami", f"127.0.0.1:{manager.port}", "--source", "pbx-1"]
    command += ["--config", str(config), "--user", "filaviva", "--secret-file", str(secret)]
    command += ["--state", str(tmp_path / "state"), "--heartbeat", "1"]
    started: list[subprocess.Popen[bytes]] = []

    def one_more() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE))
        return started[-1]

    yield one_more
    for process in started:
        process.kill()
        process.communicate()


def waiting_by(broker: BrokerUnderTest) -> set[tuple[str, str]]:
    """Call and our queue of everybody who was offered and of whom nothing more is told."""
    told, _ = told_on(broker)
    stays: dict[tuple[str, str], set[str]] = {}
    for event in told.values():
        if event["type"].startswith("contact."):
            data = event["data"]
            stays.setdefault((data["contact_id"].removesuffix("@pbx-1"), data["queue"]), set()).add(event["type"])
    return {stay for stay, kinds in stays.items() if kinds == {"contact.offered"}}


def test_the_topics_say_who_waits_through_breaks_and_a_kill(
    broker: BrokerUnderTest, manager: ScriptedManager, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    """A mover that is told to stop ends with 0, and its source was heard to live."""
    names = {"600": "sac", "601": "vendas"}
    process, lists = start(), 0
    for number in range(4):
        wait_until(lambda: manager.lists > lists, "a connection", seconds=SECONDS)  # noqa: B023
        for _ in range(10):
            manager.act()
        truth = {(call, names[queue]) for call, queue in manager.waiting}
        wait_until(lambda: waiting_by(broker) == truth, "the topics say who waits", seconds=SECONDS)  # noqa: B023
        if number == 2:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = start()
        lists = manager.lists
        manager.drop()
        for _ in range(4):
            manager.act()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert b"broken connections, 0 malformed" in output
    told, _ = told_on(broker)
    assert any(event["type"] == "source.heartbeat" for event in told.values())
