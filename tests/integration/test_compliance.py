"""A month of calls through a worker: the compliance file is what the recount makes of the same events."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from streams.domain.recount import read_events, recount
from streams.recount_terms import limits_of
from streams.settings import load_settings
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.installation import Installation, install

CALLS: Final = 600
START: Final = datetime(2022, 9, 20, tzinfo=UTC)
"""The law ends on 2 October; the 12th is a holiday, the 7th the 5th business day."""
MONTH: Final = "2022-10"
ZONE: Final = "America/Sao_Paulo"
DRAIN_SECONDS: Final = 180


def document() -> dict[str, Any]:
    place = {"tenant": "acme", "site": "sao-paulo", "channels": ["voice"], "answer_target_seconds": 30}
    sac = {**place, "policy": "br-sac@2026.11.0"}
    return {
        "clock": {"mode": "event", "lateness_seconds": 0},
        "sites": [{"tenant": "acme", "site": "sao-paulo", "zone": ZONE, "state": "SP"}],
        "queues": [{**sac, "queue": "banco", "sector": "bank"}, {**sac, "queue": "luz", "sector": "energy"}],
    }


def calls(seed: int) -> list[dict[str, Any]]:
    """Calls of 45 days around limits and midnights, some asked for before they were offered, some transferred."""
    random = Random(seed)
    told = []
    for number in range(CALLS):
        day = START + timedelta(days=random.randrange(45))
        at = day + timedelta(seconds=random.choice([random.randrange(86_400), 3 * 3600 - 30, 3 * 3600 + 1]))
        place = {"tenant": "acme", "site": "sao-paulo", "queue": random.choice(["banco", "luz"]), "channel": "voice"}
        asked: dict[str, Any] = {}
        if random.random() < 0.4:
            asked["requested_at"] = (at - timedelta(seconds=random.randrange(60))).isoformat()
        if random.random() < 0.1:
            asked["transferred_from"] = "triagem"
        wait = random.choice([5, 30, 30.001, 44, 45, 45.001, 60, 60.001, 90, 90.001, 120])
        leave = random.choice(["answered", "answered", "abandoned"])
        for kind, time, more in (("offered", at, asked), (leave, at + timedelta(seconds=wait), {})):
            event = {"specversion": "1.0", "id": f"c{number}/{kind}", "source": "pbx", "type": f"contact.{kind}"}
            data = {**place, "contact_id": f"c{number}", **more}
            told.append({**event, "time": time.isoformat(timespec="milliseconds"), "data": data})
    return sorted(told, key=lambda each: each["time"])


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    return install(broker, tmp_path, document(), partitions=2, flush_seconds=0.2)


def recounted(events: list[dict[str, Any]], config: Path) -> Counter[tuple[str, ...]]:
    """Queue, local date, rule and verdict of every call of the month, to how many there are."""
    counted = recount(read_events(json.dumps(each) for each in events), zone=ZONE)
    limit_of = limits_of(load_settings(config, resolve_secrets=False))
    verdicts: Counter[tuple[str, ...]] = Counter()
    for visit in counted.visits:
        day = datetime.fromtimestamp(visit.offered_ms / 1000, ZoneInfo(ZONE)).date().isoformat()
        limit = limit_of(visit)
        verdict = "no_limit" if limit.limit_ms is None else "breached" if limit.is_over(visit.wait_ms) else "met"
        if day.startswith(MONTH):
            verdicts[visit.queue, day, limit.rule, verdict] += 1
    return verdicts


def test_the_compliance_file_of_a_month_equals_the_recount(installation: Installation) -> None:
    """Every queue, day, rule and verdict; the worst waits are those over their limits."""
    events = calls(3)
    path = installation.config.parent / "events.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events))
    with installation.worker() as worker:
        worker.wait_ready()
        assert installation.publish(path) == len(events)
        with installation.state("queues") as state:
            wait_until(lambda: state.refresh().ledger().total == len(events), "all is applied", seconds=DRAIN_SECONDS)
        assert worker.terminate() == 0
    expected = recounted(events, installation.config)
    whole = installation.run_plain("compliance", "--month", MONTH, "--format", "json")
    found = json.loads(whole)
    lines: Counter[tuple[str, ...]] = Counter()
    for line in found["waits"]:
        for verdict in ("met", "breached", "no_limit"):
            if line[verdict]:
                lines[line["queue"], line["date"], line["rule"], verdict] += line[verdict]
    assert lines == expected
    assert {line["force"] for line in found["waits"] if line["rule"] == "WAIT-FIN"} == {"law", "adv"}
    assert all(each["judged_wait_seconds"] > each["limit_seconds"] for each in found["worst"])
    assert {line["formula"] for line in found["indicators"]} == {"INS", "IAb", "ICO"}
    table = installation.run_plain("compliance", "--month", MONTH)
    assert "Not judged here" in table
