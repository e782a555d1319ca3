"""The evidence of a month through real workers: every section of the file is what the recount makes of the same events.

``python -m tests.compliance_proof`` does the same with a whole simulated month.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.comparison import Check
from streams.policy_packs import FOLDER as POLICIES
from tests.brokers import BrokerUnderTest, of_kafka
from tests.compliance_file import CALLS
from tests.compliance_month import MONTH, calls, cases, document, site_events
from tests.compliance_proof import MONTH as SIMULATED_MONTH, SHORT, document as simulated_document, prove, simulated
from tests.installation import install
from tests.kafka_server import KafkaServer


def unequal(checks: list[Check]) -> dict[str, tuple[str, ...]]:
    return {check.name: check.differences[:3] for check in checks if not check.is_equal}


def test_the_compliance_file_of_a_month_equals_the_recount(broker: BrokerUnderTest, tmp_path: Path) -> None:
    """Of 45 days around a change of law; the table says what is not judged, and what another policy would have found is
    the same of the topics as of the file."""
    installation = install(broker, tmp_path, document(), partitions=2, flush_seconds=0.2)
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in (*calls(3), *cases(3), *site_events(3))))
    checks = prove(installation, path, MONTH, workers=1)
    assert unequal(checks) == {}
    assert {check.name for check in checks if not check.compared} == {CALLS}
    assert "Not judged here" in installation.run_plain("compliance", "--month", MONTH)
    stricter = tmp_path / "stricter.yaml"
    packaged = (POLICIES / "br-sac-2026.11.0.yaml").read_text().replace("2026.11.0\ntitle", "2026.12.0\ntitle")
    stricter.write_text(packaged.replace("max_seconds: 45", "max_seconds: 40"))
    of_topics = installation.run("recount", "--topics", "--policy", str(stricter))["policy"]
    assert of_topics == installation.run("recount", str(path), "--policy", str(stricter))["policy"]
    assert of_topics["queues"]["acme/banco/voice"]["differing"] > 0


@pytest.mark.kafka
def test_simulated_hours_through_two_workers_equal_the_recount(kafka_server: KafkaServer, tmp_path: Path) -> None:
    """Contacts, agents, cases and calls of the dialer, as the platforms of the built-in centre tell of them."""
    file = simulated(tmp_path, *SHORT, seed=7)
    configured = simulated_document(tmp_path)
    installation = install(of_kafka(kafka_server), tmp_path, configured, partitions=4, flush_seconds=0.2)
    checks = prove(installation, file, SIMULATED_MONTH)
    assert unequal(checks) == {}
    assert all(check.compared for check in checks)
