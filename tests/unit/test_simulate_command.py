"""`filaviva simulate` into lines, and what it says of wrong options and configurations."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from streams.cli.simulate import simulate
from streams.cli.simulate_config import configuration_text
from streams.simulation.centre import SAC
from streams.simulation.large_centre import large_centre
from streams.simulation.simulation import Simulation
from tests.deadlines import wait_until
from tests.worker_process import PROJECT

NINE = "2026-11-23T09:00"
MORNING = ("--start", NINE)
STOP_SECONDS = 30


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(simulate, [*map(str, arguments)], catch_exceptions=False)


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_lines_are_the_events_of_the_simulation(tmp_path: Path) -> None:
    """In order, to standard output or to a file alike; the summary is on standard error."""
    result = run(*MORNING, "--hours", "0.5", "--seed", "3")
    assert result.exit_code == 0
    start = Simulation(SAC, 3, datetime.fromisoformat(NINE))
    assert events_of(result.stdout) == start.advance(start.start_ms + 1_800_000)
    assert "simulated from 2026-11-23 09:00 to 2026-11-23 09:30 (seed 3)" in result.stderr
    file = tmp_path / "day.jsonl"
    assert run(*MORNING, "--hours", "0.5", "--seed", "3", "--output", file).stdout == ""
    assert file.read_text() == result.stdout


def test_disorder_and_repeats_lose_nothing() -> None:
    """Late by no more than asked for, ten times that for repeats; about the share asked for comes twice."""
    plain = run(*MORNING, "--hours", "1").stdout.splitlines()
    result = run(*MORNING, "--hours", "1", "--disorder", "60", "--repeat", "0.1")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert set(lines) == set(plain)
    assert lines[: len(plain)] != plain
    copies = Counter(lines)
    assert abs(len(lines) - 1.1 * len(plain)) < 0.03 * len(plain)
    assert max(copies.values()) == 2


def test_incidents_come_from_options_and_from_a_file(tmp_path: Path) -> None:
    """Both at once."""
    file = tmp_path / "incidents.txt"
    file.write_text("# a bad morning\nflood queue=sac-chat at=09:10 for=5m contacts=200\n")
    silent = "silent-source source=messaging-hub at=+0m for=1h"
    result = run(*MORNING, "--hours", "0.5", "--incident", silent, "--incidents", file)
    sources = Counter(event["source"] for event in events_of(result.stdout))
    assert sources["messaging-hub"] == 0
    assert sources["web-chat"] > 600


def test_a_large_centre_can_be_had() -> None:
    """By its name."""
    result = run(*MORNING, "--hours", "0.02", "--centre", "large")
    queues = {queue.queue for queue in large_centre().queues}
    assert {event["data"]["queue"] for event in events_of(result.stdout) if "queue" in event["data"]} <= queues


def test_pacing_takes_its_time() -> None:
    """Ninety seconds at three minutes a second: half a second, and not less."""
    started = time.monotonic()
    assert run(*MORNING, "--hours", "0.025", "--speed", "180").exit_code == 0
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--incident", "flod"], "--incident 1, first word: expected one of agents-leave, flood, silent-source"),
        (["--start", "tomorrow"], "expected a date or time such as 2026-11-23T08:00, not 'tomorrow'"),
        (["--hours", "0"], "--hours"),
        (["--hours", "1", "--days", "1"], "--hours or --days"),
        (["--speed", "-1"], "--speed"),
        (["--repeat", "1.5"], "--repeat"),
        (["--disorder", "-3"], "--disorder"),
        (["--output", "/nowhere/at/all.jsonl"], "--output /nowhere/at/all.jsonl: No such file or directory"),
        (["--output", "a.jsonl", "--config", "b.yaml"], "not both"),
        (["--config", "/nowhere.yaml"], "/nowhere.yaml"),
    ],
)
def test_wrong_options_exit_2(arguments: list[str], words: str) -> None:
    """Before anything is written, in the terms of the command line."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told_to_stop(number: signal.Signals, tmp_path: Path) -> None:
    """What was told is in the file in whole lines, how far it came is said, and there is no traceback."""
    file = tmp_path / "live.jsonl"
    with started(*MORNING, "--speed", "60", "--output", str(file)) as process:
        wait_until(lambda: file.exists() and file.stat().st_size > 0, "events are written")
        process.send_signal(number)
        assert process.wait(STOP_SECONDS) == 130
        assert process.stderr
        said = process.stderr.read().decode()
    assert "events, simulated from 2026-11-23 09:00" in said
    assert "Traceback" not in said
    assert events_of(file.read_text())


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "streams", "simulate", *arguments], cwd=PROJECT, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def configuration(folder: Path, **changes: Any) -> Path:
    """One that nobody could connect with."""
    document = yaml.safe_load(configuration_text(SAC))
    document["kafka"] = {"brokers": ["127.0.0.1:9"]}
    document["clock"] = {"mode": "event"}
    file = folder / "filaviva.yaml"
    file.write_text(yaml.safe_dump(document | changes))
    return file


def test_a_configuration_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Each queue that is missing or different is named, and where to see what fits; nothing is connected to."""
    file = configuration(tmp_path)
    file.write_text(file.read_text().replace("queue: sac-chat", "queue: other-chat"))
    result = run("--config", file, "--hours", "1")
    assert result.exit_code == 2
    assert "queues: expected sac-chat of acme at sao-paulo with channel chat" in result.output
    assert "--print-config" in result.output


def test_simulated_times_need_the_event_clock(tmp_path: Path) -> None:
    """By the wall clock the worker would count them as wrong: said before anything is sent."""
    file = configuration(tmp_path, clock={"mode": "wall"})
    for arguments in (["--speed", "60"], ["--start", "2026-11-23"]):
        result = run("--config", file, *arguments)
        assert result.exit_code == 2
        assert "clock.mode: expected event" in result.output


def test_a_fitting_configuration_is_printed() -> None:
    """It names its two secrets, and `check` has nothing against it."""
    result = run("--print-config")
    assert result.exit_code == 0
    assert "ACME_TOKEN_KEY" in result.stdout
    document = yaml.safe_load(result.stdout)
    assert {queue["queue"] for queue in document["queues"]} == set(SAC.queue_named)
