"""A thousand numbers through real worker and dialer processes at their most talkative, through crashes and commands.

They may be in the input topics, in dial jobs and in dead letters: nowhere else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from streams.connections import librdkafka_options
from streams.domain.encoding import iso_time
from streams.event_lines import event_time_ms
from streams.publisher import Publisher
from streams.routing import Route
from streams.settings_sections import Kafka
from streams.simulation.centre import SAC
from streams.topic_admin import wanted_topics
from tests.brokers import BrokerUnderTest
from tests.canaries import SUBSCRIBERS, agents, events, hits, number_of, written
from tests.core_chain import encode
from tests.deadlines import wait_until
from tests.installation import COMMAND_SECONDS, Installation, install
from tests.topic_reader import TopicReader
from tests.worker_process import PROJECT, WorkerProcess

MAY_HOLD_NUMBERS = {"call-events", "chat-events", "email-events", "callback-jobs", "dead-letters"}
WORK_SECONDS = 240
JOBS_WANTED, RESULTS_WANTED = 100, 20
SPEED = 5
"""How much faster than ours the time of the events goes, so that calls end soon."""
TRAPS = """
import pathlib
from streams.domain import dialling, queues

here = pathlib.Path(__file__).parent
sound_apply, sound_dial = queues.QueuesCore.apply, dialling.dial_output

def springs(name):
    sprung = here / f"{name}.sprung"
    if sprung.exists():
        return False
    sprung.touch()
    return True

def apply(core, topic, records, now_ms, wall_ms):
    for record in records:
        if b'"c500-1/abandoned"' in (record.value or b"") and springs("apply"):
            offers = [record.value for record in records]
            raise ZeroDivisionError(f"a planted bug beside {offers[:20]!r}")
    return sound_apply(core, topic, records, now_ms, wall_ms)

def dial_output(ready, freed, address, *, ivr_first):
    if springs("dial"):
        raise KeyError(address)
    return sound_dial(ready, freed, address, ivr_first=ivr_first)

queues.QueuesCore.apply, dialling.dial_output = apply, dial_output
"""


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    for key, text in (("token_key", "0a" * 32), ("seal_key", "0b" * 32)):
        (tmp_path / key).touch(mode=0o600)
        (tmp_path / key).write_text(text)
    (tmp_path / "sitecustomize.py").write_text(TRAPS)
    keys = {"token_key_file": "token_key", "seal_key_file": "seal_key"}
    document = {"clock": {"mode": "event"}, "privacy": {"tenants": {SAC.tenant: keys}}, **SAC.sections()}
    worker = {"flush_seconds": 0.5, "session_timeout_seconds": 6, "log_level": "debug"}
    return install(broker, tmp_path, document, partitions=2, **worker)


@dataclass
class Running:
    """A worker that is started again whenever a trap ends it, a dialer beside it, and the texts that they leave."""

    installation: Installation
    environment: dict[str, str]
    workers: list[WorkerProcess] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    @property
    def worker(self) -> WorkerProcess:
        return self.workers[-1]

    def tend(self) -> None:
        if not self.workers or self.worker.exit_code is not None:
            self.workers.append(WorkerProcess(self.installation.config, self.environment))

    def command(self, *words: str, typed: str = "") -> None:
        """One command of the CLI; what it prints, and its errors, are kept, however it ends."""
        done = subprocess.run(
            [sys.executable, "-m", "streams", *words],
            cwd=PROJECT,
            input=typed,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        self.outputs.append(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")


@pytest.fixture
def running(installation: Installation) -> Iterator[Running]:
    folder = installation.config.parent
    running = Running(installation, {"PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"})
    command = [sys.executable, "-m", "streams", "callbacks", "dial", "--simulate", "--lines", "50"]
    command += ["--config", str(installation.config), "--journal", str(folder / "dialer.journal")]
    with (folder / "dialer.log").open("wb") as log:
        dialer = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield running
    finally:
        dialer.terminate()
        dialer.wait(COMMAND_SECONDS)
        if running.workers and running.worker.exit_code is None:
            running.worker.kill()


def misplaced() -> Iterator[dict[str, Any]]:
    """Events of which a number has got into a place that it does not belong to. Not into the contact's id, which is
    whatever the platform calls the contact, and stands in every record about it."""
    whole = next(events())
    for index, name in enumerate(("tenant", "queue", "channel", "site", "entry", "priority")):
        number = written(SUBSCRIBERS[index], index % 6)
        value: Any = int(f"85{number_of(SUBSCRIBERS[index])}") if name in ("entry", "priority") else number
        yield {**whole, "id": f"bad-{name}", "data": {**whole["data"], name: value}}
    yield {**whole, "id": "bad-customer", "data": {**whole["data"], "customer": written(SUBSCRIBERS[8], 1)}}
    yield {**whole, "time": written(SUBSCRIBERS[9], 4), "id": "bad-time"}


def beat(publisher: Publisher, time_ms: int) -> None:
    data = {"tenant": "acme", "site": "fortaleza"}
    heartbeat = {
        "specversion": "1.0",
        "id": f"beat-{time_ms}",
        "source": "pbx-fortaleza-1",
        "type": "source.heartbeat",
        "time": iso_time(time_ms),
        "data": data,
    }
    publisher.send(Route("site-events", "acme/fortaleza"), encode(heartbeat), time_ms)


def test_no_number_leaves_the_topics_it_may_be_in(installation: Installation, running: Running) -> None:
    """Every byte of every topic, every line of every log, every page and every command's output is searched."""
    folder, broker = installation.config.parent, installation.broker
    last_ms = max(event_time_ms(event["time"]) or 0 for event in agents())
    options = librdkafka_options(Kafka(brokers=(broker.bootstrap,)))
    with closing(Publisher([broker.bootstrap], broker.prefix, options)) as publisher:
        for value in (*map(encode, misplaced()), f"<{written(SUBSCRIBERS[7], 5)}>".encode()):
            publisher.send(Route("call-events", "acme/sac-banco"), value, last_ms)
        lines = folder / "events.jsonl"
        lines.write_bytes(b"".join(encode(event) + b"\n" for event in (*events(), *agents())))
        running.command("publish", str(lines), "--config", str(installation.config))
        with TopicReader(broker.bootstrap, broker.prefix) as topics:
            jobs_seen_at: float | None = None
            beats: set[int] = set()

            def is_done() -> bool:
                """Time stands still until jobs are out, or a slow start would let them pass their time unread."""
                nonlocal jobs_seen_at
                running.tend()
                jobs, results = topics.record_count("callback-jobs"), topics.record_count("callback-results")
                if jobs_seen_at is None and jobs >= JOBS_WANTED:
                    jobs_seen_at = time.monotonic()
                seconds = 0 if jobs_seen_at is None else round(SPEED * (time.monotonic() - jobs_seen_at))
                if seconds not in beats:
                    beats.add(seconds)
                    beat(publisher, last_ms - 60_000 + 1000 * seconds)
                return len(running.workers) >= 3 and jobs >= JOBS_WANTED and results >= RESULTS_WANTED

            wait_until(is_done, "calls are made through two crashes", seconds=WORK_SECONDS)
    running.worker.wait_ready()
    running.pages.append(running.worker.page())
    ask(running)
    assert running.worker.terminate() == 0
    assert_found_where_they_may_be(installation)
    leaks = {name: count for name, text in texts(installation, running) if (count := hits(text))}
    assert leaks == {}


def ask(running: Running) -> None:
    """Every command that shows something of customers, also with a number typed, and with one where none belongs."""
    config = ["--config", str(running.installation.config)]
    host, port = running.worker.address
    for words in (
        ["callbacks", "list"],
        ["callbacks", "list", "--json"],
        ["callbacks", "show", "0"],
        ["dead-letters", "list"],
        ["dead-letters", "list", "--json"],
        ["recount", "--topics", "--json"],
        ["compliance", "--month", "2026-11", "--format", "json"],
        ["topics", "describe"],
        ["check"],
    ):
        running.command(*words, *config)
    running.command("callbacks", "block", "--tenant", "acme", *config, typed=f"{written(SUBSCRIBERS[3], 1)}\n")
    running.command("wallboard", f"http://{host}:{port}/metrics", "--once", "--json")


def assert_found_where_they_may_be(installation: Installation) -> None:
    """The search works: inputs, jobs and dead letters hold them."""
    with TopicReader(installation.broker.bootstrap, installation.broker.prefix) as topics:
        for topic, least in (("call-events", 3000), ("callback-jobs", JOBS_WANTED), ("dead-letters", 5)):
            assert sum(hits(record.value or b"") for record in topics.records(topic)) >= least, topic


def texts(installation: Installation, running: Running) -> Iterator[tuple[str, str | bytes]]:
    """Everything in which there must be none, by where it is."""
    prefix = installation.broker.prefix
    with TopicReader(installation.broker.bootstrap, prefix) as topics:
        for spec in wanted_topics(prefix, partitions=installation.partitions, event_clock=True):
            topic = spec.name.removeprefix(f"{prefix}-")
            if topic not in MAY_HOLD_NUMBERS:
                parts = (
                    part or b""
                    for record in topics.records(topic)
                    for part in (record.key, record.value, *(value for _, value in record.headers))
                )
                yield topic, b"\n".join(parts)
    crashes = [worker.log() for worker in running.workers]
    assert sum("ZeroDivisionError" in log for log in crashes) == 1
    assert sum("KeyError" in log for log in crashes) == 1
    assert all("DEBUG" in log or '"debug"' in log for log in crashes)
    for number, log in enumerate(crashes):
        yield f"log of worker {number}", log
    for name in ("dialer.log", "dialer.journal"):
        yield name, (installation.config.parent / name).read_text()
    for number, page in enumerate(running.pages):
        yield f"page {number}", page
    assert any("ready" in output or "released" in output for output in running.outputs)
    for output in running.outputs:
        yield output.partition("\n")[0], output
