"""A month of cases through a worker that is killed half-way: its findings are those of the recount."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from streams.domain.recount_cases import case_findings, read_cases
from streams.recount_terms import case_terms_of
from streams.settings import load_settings
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.installation import Installation, install

CASES: Final = 300
MARKS: Final = 40
START: Final = datetime(2026, 10, 1, 12, tzinfo=UTC)
END: Final = datetime(2026, 11, 8, 12, tzinfo=UTC)
"""A Sunday: what was due on Saturday rolls to Monday."""
LATENESS_SECONDS: Final = 60
DRAIN_SECONDS: Final = 180
POLICIES: Final = ["br-cases@2026.11.0", "retention-desk@2026.11.0"]


def document() -> dict[str, Any]:
    place = {"tenant": "acme", "site": "fortaleza"}
    return {
        "clock": {"mode": "event", "lateness_seconds": LATENESS_SECONDS},
        "sites": [{**place, "zone": "America/Fortaleza"}],
        "queues": [
            {**place, "queue": "sac", "channels": ["voice"], "answer_target_seconds": 20, "max_wait_seconds": 60}
        ],
        "cases": [{"tenant": "acme", "policies": POLICIES, "sector": "telecom"}],
    }


def event(case: str, moment: str, at: datetime, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{case}/{moment}/{at.timestamp():.0f}",
        "source": "crm-1",
        "type": f"case.{moment}",
        "time": at.isoformat(timespec="milliseconds"),
        "data": {"tenant": "acme", "case_id": case, **data},
    }


def month(seed: int) -> list[dict[str, Any]]:
    """What happens to each case: registered, then some of the rest, in time or late or never; in order of time. At the
    end a mark in every partition, so that each clock gets there."""
    random = Random(seed)
    told = []
    for number in range(CASES):
        case, at = f"case-{number}", START + timedelta(seconds=random.randrange(30 * 86_400))
        demand = random.choice(["complaint", "request", "cancellation", "undue_charge", "information"])
        told.append(event(case, "registered", at, demand=demand, sector=random.choice(["telecom", "bank", "health"])))
        for moment, share, most_hours in (
            ("protocol_issued", 0.9, 30),
            ("protocol_sent", 0.8, 30),
            ("answered", 0.8, 14 * 24),
            ("cancel_requested", 0.3, 1),
            ("cancel_effective", 0.2, 4),
            ("leader_alerted", 0.2, 2),
            ("history_requested", 0.3, 48),
            ("history_sent", 0.3, 9 * 24),
            ("recording_stored", 0.5, 1),
            ("recording_deleted", 0.05, 400),
            ("restated", 0.05, 40),
        ):
            if random.random() < share:
                told.append(event(case, moment, at + timedelta(seconds=random.randrange(most_hours * 3600))))
    told = [each for each in told if each["time"] < END.isoformat()]
    told += [event(f"mark-{number}", "billing_charged", END) for number in range(MARKS)]
    return sorted(told, key=lambda each: each["time"])


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    return install(broker, tmp_path, document(), partitions=4, flush_seconds=0.2)


def publish(installation: Installation, name: str, events: list[dict[str, Any]]) -> None:
    path = installation.config.parent / f"{name}.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events))
    assert installation.publish(path) == len(events)


def test_findings_of_a_month_equal_the_recount_whoever_owned_the_cases(installation: Installation) -> None:
    """Deadlines of hours, days and business days, some past, some met late; a kill -9 in the middle of the month."""
    events = month(7)
    terms = case_terms_of(load_settings(installation.config, resolve_secrets=False))
    now_ms = round(END.timestamp() * 1000) - LATENESS_SECONDS * 1000
    expected = case_findings(read_cases(json.dumps(each) for each in events), terms, now_ms=now_ms)
    half = len(events) // 2
    with installation.worker() as worker:
        worker.wait_ready()
        publish(installation, "first", events[:half])
        with installation.state("cases") as state:
            wait_until(
                lambda: state.refresh().ledger().total >= half // 2, "the month has begun", seconds=DRAIN_SECONDS
            )
        worker.kill()
    with installation.worker() as worker, installation.topics() as topics:
        worker.wait_ready()
        publish(installation, "second", events[half:])

        def told() -> dict[str, str]:
            newest: dict[str, dict[str, Any]] = {}
            for each in topics.events("sla-breaches"):
                data = each["data"]
                if data["revision"] >= newest.get(data["finding_id"], data)["revision"]:
                    newest[data["finding_id"]] = data
            return {key: data["state"] for key, data in newest.items() if data["state"] in ("open", "confirmed")}

        wait_until(lambda: told() == expected, "the findings are those of the recount", seconds=DRAIN_SECONDS)
        rules = {key.split(":")[1] for key in expected}
        assert {"DEM-1", "TEL-2", "CAN-2", "HIST-1", "PROT-1", "TEL-1", "REC-1", "CALL-1", "RET-LEADER"} <= rules
        assert {"open", "confirmed"} == set(expected.values())
        page = worker.metrics()
        shown = [page.total("filaviva_case_deadlines", state=state) for state in ("overdue", "confirmed")]
        assert sum(shown) == sum(state == "confirmed" for state in expected.values())
        assert not topics.records("dead-letters")
