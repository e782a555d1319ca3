"""The reference dialer as a process of its own, tried by the conformance kit: killed in the middle, started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.callbacks import callbacks
from tests.brokers import BrokerUnderTest
from tests.installation import install_centre
from tests.worker_process import PROJECT

RESTART = """
import os, signal, subprocess, sys, time
pid_file, *command = sys.argv[1:]
os.kill(int(open(pid_file).read()), signal.SIGKILL)
process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
open(pid_file, "w").write(str(process.pid))
"""


@pytest.fixture
def config(broker: BrokerUnderTest, tmp_path: Path) -> Path:
    return install_centre(broker, tmp_path).config


@pytest.fixture
def dialer(config: Path, tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A dialer with a simulated line: where its process id stands, and the command that starts it."""
    command = [sys.executable, "-m", "streams", "callbacks", "dial", "--config", str(config), "--simulate"]
    command += ["--speed", "10", "--journal", str(tmp_path / "journal")]
    pid_file = tmp_path / "pid"
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL)
    pid_file.write_text(str(process.pid))
    try:
        yield pid_file, command
    finally:
        last = int(pid_file.read_text())
        if last != process.pid:
            subprocess.run(["kill", "-TERM", str(last)], check=False)
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_the_reference_dialer_passes_its_own_kit_through_a_kill(
    config: Path, dialer: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """Every case, on a real consumer group: doubled, taken back, past, early, out of order, and killed in between."""
    script = tmp_path / "restart.py"
    script.write_text(RESTART)
    restart = " ".join([sys.executable, str(script), str(dialer[0]), *dialer[1]])
    options = ["conformance", "--config", str(config), "--tenant", "acme", "--queue", "retorno-sac", "--yes", "--json"]
    result = CliRunner().invoke(callbacks, [*options, "--restart", restart, "--wait", "5"], catch_exceptions=False)
    report = json.loads(result.output)
    assert [case for case in report["cases"] if not case["passed"]] == []
    assert len(report["cases"]) == 10
    assert result.exit_code == 0
