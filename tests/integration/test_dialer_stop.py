"""The reference dialer ends in time when it is told to, also where its broker is gone, frozen, or never spoke."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from streams.connections import client_options, librdkafka_options
from streams.dialer.clock import WallClock
from streams.dialer.conformance import cases
from streams.dialer.lines import Ended
from streams.dialer.service import DialerService
from streams.domain.jobs import DialJob
from streams.record_sender import RecordSender
from streams.settings_sections import Kafka
from streams.topics import full_name
from tests.brokers import BrokerUnderTest, fresh_prefix
from tests.deadlines import wait_until
from tests.embedded_process import EmbeddedProcess
from tests.installation import Installation, install_centre
from tests.leash import leash
from tests.worker_process import PROJECT

STOP_SECONDS: Final = 15
"""Longer than it may take in the worst case on a loaded machine, half of what any of its clients waits by itself."""


@pytest.fixture
def installation(embedded_broker_process: EmbeddedProcess, tmp_path: Path) -> Installation:
    process = embedded_broker_process
    broker = BrokerUnderTest("embedded", process.bootstrap, fresh_prefix(), process.create_topic)
    return install_centre(broker, tmp_path, partitions=1)


# kafka-python forgets to close sockets that found no broker; collected here, they disturb no other test
forgotten_sockets = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


@contextmanager
def dialer(config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [*leash(), sys.executable, "-m", "streams", "callbacks", "dial", "--simulate", "--speed", "10"]
    command += ["--config", str(config), "--journal", str(config.parent / "journal")]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def journal(installation: Installation) -> Path:
    return installation.config.parent / "journal"


def send_job(installation: Installation) -> None:
    """One job to be dialled at once."""
    now_ms = time.time_ns() // 1_000_000
    [job] = cases("acme", "retorno-sac", now_ms, now_ms)[0].sent
    bootstrap, prefix = installation.broker.bootstrap, installation.broker.prefix
    with RecordSender([bootstrap], librdkafka_options(Kafka(brokers=(bootstrap,)))) as sender:
        sender.send(full_name(prefix, "callback-jobs"), 0, key=job.job_id.encode(), value=job.value)


def terminated(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it last said."""
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=STOP_SECONDS)[1]
    return process.returncode, said


def test_a_dialer_at_work_whose_broker_is_gone_ends_when_told_to(
    installation: Installation, embedded_broker_process: EmbeddedProcess
) -> None:
    """In order, with what it has done written down."""
    with dialer(installation.config) as process:
        send_job(installation)
        file = journal(installation)
        wait_until(lambda: file.exists() and "reported" in file.read_text(), "a job is dialled", seconds=60)
        embedded_broker_process.close()
        code, said = terminated(process)
    assert code == 0, said
    assert "The dialer has stopped." in said


def test_a_dialer_that_still_tries_to_connect_ends_when_told_to(tmp_path: Path) -> None:
    """What it tries takes half a minute by itself."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        config = silent_installation(tmp_path, f"127.0.0.1:{silent.getsockname()[1]}")
        with dialer(config) as process:
            silent.settimeout(60)
            connection, _ = silent.accept()
            with connection:
                code, said = terminated(process)
    assert code == 0, said
    assert "The dialer has stopped." in said


def silent_installation(folder: Path, bootstrap: str) -> Path:
    """Its topics are nowhere; the event clock is the first that asks for one."""

    def no_topic(name: str, partitions: int, **configs: str) -> None:
        del name, partitions, configs

    return install_centre(
        BrokerUnderTest("embedded", bootstrap, fresh_prefix(), no_topic), folder, event_clock=True
    ).config


class FatefulLine:
    """The only call ends in the moment in which something happens to the broker, and the dialer is told to stop."""

    def __init__(self, happening: Callable[[], object]) -> None:
        self._happening = happening
        self._ringing: list[str] = []
        self.told: float | None = None
        """When it was told to stop, on the monotonic clock."""

    def start(self, job: DialJob, now_ms: int) -> None:
        del now_ms
        self._ringing.append(job.job_id)

    def ended(self, now_ms: int) -> list[Ended]:
        del now_ms
        if not self._ringing:
            return []
        self._happening()
        self.told = time.monotonic()
        return [Ended(self._ringing.pop(), "busy", 2.0)]

    def close(self) -> None:
        """Nothing is open."""


def service_on(installation: Installation, line: FatefulLine) -> DialerService:
    """A dialer in this process, with one job to dial."""
    send_job(installation)
    bootstrap = installation.broker.bootstrap
    return DialerService(
        [bootstrap],
        installation.broker.prefix,
        client_options(Kafka(brokers=(bootstrap,))),
        line=line,
        clock=WallClock(),
        lines=4,
        journal=journal(installation),
    )


@forgotten_sockets
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("fate", [signal.SIGSTOP, signal.SIGKILL], ids=["frozen", "gone"])
def test_a_dialer_with_a_report_in_its_hand_gives_it_up_when_told_to(
    installation: Installation, embedded_broker_process: EmbeddedProcess, fate: signal.Signals
) -> None:
    """It is not said to be reported: the next start reports the job as failed."""
    pid = embedded_broker_process.pid
    line = FatefulLine(lambda: os.kill(pid, fate))
    service = service_on(installation, line)
    begun = time.monotonic()
    try:
        service.run(lambda: line.told is not None or time.monotonic() > begun + 60)
        ended = time.monotonic()
    finally:
        os.kill(pid, signal.SIGKILL)
    assert line.told is not None
    assert ended - line.told < STOP_SECONDS
    assert journal(installation).read_text().endswith(" dialling\n")


@forgotten_sockets
@pytest.mark.usefixtures("collected")
def test_a_call_that_ends_while_the_broker_is_away_is_reported_when_it_is_back(
    installation: Installation, embedded_broker_process: EmbeddedProcess
) -> None:
    """The dialer waits with it: to end and be started again would make a failed call of an answered one."""
    line = FatefulLine(lambda: embedded_broker_process.tell({"do": "down", "down": True}))
    service = service_on(installation, line)

    def worked_until(is_done: Callable[[], bool]) -> Callable[[], bool]:
        def stepped() -> bool:
            service.step()
            return is_done()

        return stepped

    wait_until(worked_until(lambda: line.told is not None), "the call ends", seconds=60)
    for _ in range(3):
        service.step()
    assert "reported" not in journal(installation).read_text()
    embedded_broker_process.tell({"do": "down", "down": False})
    wait_until(worked_until(lambda: "reported" in journal(installation).read_text()), "it is reported", seconds=60)
    service.run(lambda: True)
    with installation.topics() as topics:
        [report] = topics.events("callback-results")
    assert report["data"]["outcome"] == "busy"
