"""A gateway and a mover beside the live stack, as processes, with something to do that touches no figure of a queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.deadlines import wait_until
from tests.installation import Installation
from tests.kafka_server import free_ports
from tests.leash import leash
from tests.worker_process import PROJECT

START_SECONDS: Final = 60
SECRETS: Final = {"LIVE_CRM_TOKEN": "token-of-the-crm-01", "LIVE_CHATWOOT_SECRET": "secret-of-chatwoot-1"}
TENANT, SITE, QUEUE = "acme", "fortaleza", "banco"
LINES: Final = 300
"""Of which one is malformed: too few for an alert."""


def sections(port: int) -> dict[str, Any]:
    """Of the configuration: a source by CloudEvents, one by webhooks, one by the log of an exchange."""
    place = {"tenant": TENANT, "queue": QUEUE}
    return {
        "gateway": {
            "port": port,
            "receivers": [
                {"tenant": TENANT, "source": "crm", "proof": "bearer", "secret_env": "LIVE_CRM_TOKEN"},
                {"tenant": TENANT, "source": "chatwoot", "kind": "chatwoot", "secret_env": "LIVE_CHATWOOT_SECRET"},
            ],
        },
        "vendor_queues": [{**place, "source": "pbx-log", "name": "600"}, {**place, "source": "chatwoot", "name": "1"}],
    }


@dataclass(frozen=True)
class LiveIntake:
    """Where Prometheus finds them."""

    gateway: str
    mover: str


@contextmanager
def running_intake(installation: Installation, ports: tuple[int, int]) -> Iterator[LiveIntake]:
    """Of an installation that has ``sections``; the gateway on the first port, the mover's page on the second."""
    folder = installation.config.parent / "intake"
    folder.mkdir()
    log = folder / "queue_log"
    log.write_text("".join(_lines()))
    common = ["--config", str(installation.config), "--state", str(folder)]
    follow = ["ingest", "queue-log", str(log), "--source", "pbx-log", "--follow", "--metrics", str(ports[1])]
    with _running(folder / "gateway.log", "gateway", *common), _running(folder / "mover.log", *follow, *common):
        _send_a_heartbeat(ports[0])
        yield LiveIntake(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}")


def intake_ports() -> tuple[int, int]:
    first, second = free_ports(2)
    return first, second


def _lines() -> Iterator[str]:
    """What makes no event."""
    now = int(time.time())
    for _ in range(LINES - 1):
        yield f"{now}|NONE|NONE|NONE|INFO|all is well\n"
    yield "no line at all\n"


def _send_a_heartbeat(port: int) -> None:
    """Taken by the gateway, once it listens."""
    event = {
        "specversion": "1.0",
        "id": "crm/1",
        "source": "crm",
        "type": "source.heartbeat",
        "time": datetime.now(UTC).isoformat(),
        "data": {"tenant": TENANT, "site": SITE},
    }
    headers = {"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {SECRETS['LIVE_CRM_TOKEN']}"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/in/{TENANT}/crm", data=json.dumps(event).encode(), headers=headers
    )

    def is_taken() -> bool:
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    wait_until(is_taken, "the gateway takes a heartbeat", seconds=START_SECONDS)


@contextmanager
def _running(log: Path, *command: str) -> Iterator[None]:
    """Until told to stop; it must end with 0."""
    environment: Mapping[str, str] = {**os.environ, **SECRETS}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*leash(), sys.executable, "-m", "streams", *command],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
        )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(START_SECONDS) == 0, log.read_text()
