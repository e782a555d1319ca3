"""`filaviva demo` as people run it: a command of its own, with its broker, its worker and its verdict."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from streams.domain.figures import OUTCOMES
from streams.embedded.broker import EmbeddedBroker
from streams.errors import Unavailable
from streams.simulation.centre import QUEUES
from tests.deadlines import wait_until
from tests.lanes import missing
from tests.worker_process import PROJECT

pytestmark = pytest.mark.embedded

DEMO_SECONDS = 200
STOP_SECONDS = 60
URL = re.compile(r"http://127\.0\.0\.1:\d+/metrics")


@pytest.fixture(autouse=True)
def embedded_broker_is_there() -> None:
    try:
        EmbeddedBroker({}).close()
    except Unavailable as error:
        missing("embedded", str(error))


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "streams", "demo", *options]


def test_a_day_through_the_real_worker_equals_its_recount() -> None:
    """Every check is equal and compared something, every outcome happened, and the exit status says so."""
    done = subprocess.run(
        command("--json", "--seed", "7", "--seconds", "40", "--speed", "60"),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    checks = report["comparison"]["checks"]
    assert report["comparison"]["equal"]
    names = {"outcomes", "queues", "intervals", "findings", "plans", "refusals", "jobs", "day", "records"}
    assert set(checks) == names
    assert all(check["compared"] and check["equal"] and not check["differences"] for check in checks.values())
    assert set(report["queues"]) == set(QUEUES)
    seen = {name for queue in report["queues"].values() for name, count in queue["outcomes"].items() if count}
    assert seen == set(OUTCOMES)
    assert report["callbacks"]["open"] > 0
    assert report["callbacks"]["cancelled"] > 0
    assert report["callbacks"]["dialled"] > 0
    assert set(report["callbacks"]["attempts"]) - {"no_result"}, "the dialer has reported calls"
    assert "in memory" in done.stderr


def test_a_port_that_is_taken_is_named_at_once() -> None:
    """Nothing is started, and the option to choose another is told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = subprocess.run(
            command("--port", port), cwd=PROJECT, capture_output=True, text=True, timeout=STOP_SECONDS, check=False
        )
    assert done.returncode == 1
    assert f"port {port} cannot be had" in done.stderr
    assert "--port" in done.stderr


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A demo that would go on for minutes, and the file it writes to."""
    told = tmp_path / "told.txt"
    with told.open("wb") as output:
        process = start(output)
    try:
        yield process, told
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def start(output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command("--seconds", "600"), cwd=PROJECT, stdout=output, stderr=output)


def test_ctrl_c_ends_the_morning_and_compares(running: tuple[subprocess.Popen[bytes], Path]) -> None:
    """The live part ends early, and what was told until then is counted again: everything equal, exit status 0."""
    process, told = running
    wait_until(lambda: "contacts waiting" in told.read_text(), "the live part runs", seconds=STOP_SECONDS)
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_SECONDS) == 0, told.read_text()
    assert "The same events counted again" in told.read_text()
    assert "differ" not in told.read_text()
    assert "Traceback" not in told.read_text()
    assert not answers(told.read_text())


def test_it_ends_at_once_when_it_is_terminated(running: tuple[subprocess.Popen[bytes], Path]) -> None:
    """SIGTERM: a plain sentence, no traceback, and the worker is gone with it."""
    process, told = running
    wait_until(lambda: answers(told.read_text()), "the worker serves its metrics", seconds=STOP_SECONDS)
    process.terminate()
    assert process.wait(STOP_SECONDS) == 130
    assert "The demo was stopped" in told.read_text()
    assert "Traceback" not in told.read_text()
    assert not answers(told.read_text())


def answers(told: str) -> bool:
    """Whether somebody serves the metrics at the address the demo told."""
    url = URL.search(told)
    if not url:
        return False
    try:
        with urllib.request.urlopen(url[0], timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False
