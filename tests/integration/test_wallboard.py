"""The wallboard beside a real worker: at the same state its numbers are those of `/metrics`."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from streams.domain.figures import OUTCOMES
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.installation import Installation, install
from tests.worker_process import PROJECT, Metrics, WorkerProcess

PLACE = {"tenant": "acme", "site": "fortaleza"}
COMMAND_SECONDS = 60
WORKER_SECONDS = 90


def queue(name: str) -> dict[str, Any]:
    limits = {"answer_target_seconds": 20, "max_wait_seconds": 3600, "short_abandon_seconds": 1}
    return {**PLACE, "queue": name, "channels": ["voice"], **limits}


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    document = {"sites": [{**PLACE, "zone": "America/Fortaleza"}], "queues": [queue("sac"), queue("vendas")]}
    return install(broker, tmp_path, document, flush_seconds=0.2)


def event(kind: str, contact: str, ago_seconds: float) -> dict[str, Any]:
    time = datetime.now(UTC) - timedelta(seconds=ago_seconds)
    return {
        "specversion": "1.0",
        "id": f"{contact}/{kind}",
        "source": "pbx",
        "type": f"contact.{kind}",
        "time": time.isoformat(timespec="milliseconds"),
        "data": {**PLACE, "queue": "sac", "channel": "voice", "contact_id": contact},
    }


def shown(worker: WorkerProcess) -> dict[str, Any]:
    """The wallboard's numbers, of the whole command."""
    host, port = worker.address
    command = [sys.executable, "-m", "streams", "wallboard", f"{host}:{port}", "--json"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def compare(line: dict[str, Any], before: Metrics, after: Metrics) -> None:
    """Counts are those of the page; what grows with time lies between the page before and the page after."""
    labels = {**PLACE, "queue": line["queue"], "channel": "voice"}

    def same(name: str, **more: str) -> float:
        (first,), (last,) = (page.values(f"filaviva_queue_{name}", **labels, **more) for page in (before, after))
        assert first == last, name
        return first

    live, today = line["live"], line["today"]
    assert live["waiting_contacts"] == same("waiting_contacts")
    assert live["over_limit_contacts"] == same("over_limit_contacts")
    assert all(count == same("agents", state=state) for state, count in live["agents"].items())
    assert today["outcomes"] == {outcome: same("day_contacts", outcome=outcome) for outcome in OUTCOMES}
    assert today["met"] == same("day_service_level_met", formula=today["formula"])
    assert today["base"] == same("day_service_level_base", formula=today["formula"])
    assert line["max_wait_seconds"] == same("max_wait_seconds")
    for name, value in (
        ("longest_wait_seconds", live["longest_wait_seconds"]),
        ("wait_limit_used_ratio", live["wait_limit_used_ratio"]),
    ):
        lowest, highest = (page.values(f"filaviva_queue_{name}", **labels)[0] for page in (before, after))
        assert lowest <= value <= highest, name


def test_the_wallboard_shows_what_the_worker_exports(installation: Installation) -> None:
    """Three callers wait, one was answered and one gave up: every number of both queues equals the page's."""
    events = [event("offered", f"c{number}", 30 + number) for number in range(5)]
    events += [event("answered", "c0", 15), event("abandoned", "c1", 5)]
    path = installation.config.parent / "events.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in events))
    with installation.worker() as worker:
        worker.wait_ready(WORKER_SECONDS)
        installation.publish(path)

        def is_applied() -> bool:
            page = worker.metrics()
            waiting = page.total("filaviva_queue_waiting_contacts", queue="sac")
            return waiting == 3 and page.total("filaviva_queue_day_contacts", queue="sac") == 2

        wait_until(is_applied, "three callers wait and two have left", seconds=WORKER_SECONDS)
        before = worker.metrics()
        told = shown(worker)
        after = worker.metrics()
    assert [line["queue"] for line in told["queues"]] == ["sac", "vendas"]
    assert told["totals"]["waiting_contacts"] == 3
    assert told["totals"]["complete"] is True
    for line in told["queues"]:
        compare(line, before, after)
