"""`filaviva ingest queue-log` as a process beside another that writes the log: killed, the log rotated and cut."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.settings import load_settings
from streams.sources.queue_log import QueueLogMapping
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.ingest_installation import ingest_configuration, told_on
from tests.queue_log_writer import queue_log, with_malformed
from tests.topic_reader import TopicReader
from tests.worker_process import PROJECT

CALLS = int(os.environ.get("FILAVIVA_INGEST_CALLS", "2000"))
"""290,000 of them write a million lines."""
KILLS = 20 if CALLS > 2000 else 8
RENAMES = 5
MALFORMED_EVERY = 100
SEED = 11
SECONDS = 120 + CALLS // 100


@pytest.fixture
def config(broker: BrokerUnderTest, tmp_path: Path) -> Path:
    return ingest_configuration(broker, tmp_path)


def command(log: Path, config: Path, *more: str) -> list[str]:
    state = str(config.parent / "state")
    options = ["--config", str(config), "--source", "pbx-1", "--state", state, *more]
    return [sys.executable, "-m", "streams", "ingest", "queue-log", str(log), *options]


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The exchange; it writes one portion for each line it is told."""
    options = ["--calls", str(CALLS), "--seed", str(SEED), "--renames", str(RENAMES), "--portions", str(KILLS + 1)]
    options += ["--malformed-every", str(MALFORMED_EVERY)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.queue_log_writer", str(tmp_path / "queue_log"), *options],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        yield process
        process.kill()


def write_more(writing: subprocess.Popen[bytes]) -> None:
    assert writing.stdin
    writing.stdin.write(b"go\n")


def moves_on(state: Path) -> None:
    """Until the mover has written down something new: it is in the middle of a portion, or soon after it."""
    before = state.stat().st_mtime_ns if state.exists() else 0
    wait_until(lambda: state.exists() and state.stat().st_mtime_ns > before, "the mover moves", seconds=SECONDS)


def arrives(reader: TopicReader) -> None:
    """Until Kafka has a record more: it has not been written down yet."""
    before = reader.record_count("call-events")
    deadline = time.monotonic() + SECONDS
    while reader.record_count("call-events") == before:
        assert time.monotonic() < deadline, "nothing arrives"


def is_done(state: Path, lines: int) -> bool:
    return state.exists() and json.loads(state.read_bytes())["lines"] >= lines


def test_every_line_counts_once_however_often_the_mover_is_killed(
    broker: BrokerUnderTest, config: Path, writing: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Kills, half of them at any moment and half once Kafka has something new and before that is written down;
    five renames and a copy with truncation meanwhile. The events in the topics are those of the whole log read in one
    go, byte for byte, and none is missing; each malformed line is one dead letter."""
    chance, log, state = random.Random(SEED), tmp_path / "queue_log", tmp_path / "state" / "pbx-1.json"
    kills = 0
    with TopicReader(broker.bootstrap, broker.prefix) as reader:
        while kills < KILLS:
            write_more(writing)
            process = subprocess.Popen(command(log, config, "--follow"), cwd=PROJECT)
            try:
                if kills % 2:
                    arrives(reader)
                else:
                    moves_on(state)
                    with_timeout(process, chance.uniform(0, 0.6))
            finally:
                process.send_signal(signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL
            kills += 1
    sound = [line.encode() for line in queue_log(CALLS, SEED)]
    written = [line.encode() for line in with_malformed(queue_log(CALLS, SEED), MALFORMED_EVERY)]
    process = subprocess.Popen(command(log, config, "--follow", "--json"), cwd=PROJECT, stdout=subprocess.PIPE)
    try:
        write_more(writing)
        assert writing.wait(SECONDS) == 0
        wait_until(lambda: is_done(state, len(written)), f"{len(written)} lines are moved", seconds=SECONDS)
        process.send_signal(signal.SIGTERM)
        answer, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    summary = json.loads(answer)
    told, repeats = told_on(broker)
    mapping = QueueLogMapping(load_settings(config, resolve_secrets=False).queue_dictionary("pbx-1"))
    expected = {event["id"]: event for line in sound for event in mapping.feed(line, time.time_ns() // 1_000_000)}
    print(f"{len(written)} lines, {len(expected)} events, {kills} kills, {repeats} sent again, summary {summary}")
    assert told == expected
    assert (process.returncode, summary["gaps"], summary["lines"]) == (0, 0, len(written))
    assert told_as_dead_letters(broker, log) == sorted(set(written) - set(sound))
    assert repeats > 0, "no kill came between Kafka and the writing down"
    assert len(list(tmp_path.glob("queue_log[.-]*"))) == RENAMES + 1, "every rotation has happened"


def told_as_dead_letters(broker: BrokerUnderTest, log: Path) -> list[bytes]:
    """The malformed lines, as `filaviva dead-letters` shows them: each once, with its reason."""
    options = ["--brokers", broker.bootstrap, "--prefix", broker.prefix, "--show-bytes", "--json"]
    shown = CliRunner().invoke(main, ["dead-letters", "list", "--topic", f"ingest:pbx-1:{log}", *options])
    assert shown.exit_code == 0, shown.output
    letters = json.loads(shown.stdout)["dead_letters"]
    assert {(each["reason"], each["stage"]) for each in letters} == {("missing_field", "ingest")}
    return sorted(base64.b64decode(each["value_base64"]) for each in letters)


def with_timeout(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let it run so long; it must not end by itself."""
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)
