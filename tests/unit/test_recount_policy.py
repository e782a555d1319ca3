"""``filaviva recount --policy``: what another version of a pack would say of the same visits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from streams.cli.recount import recount
from streams.policy_packs import document
from tests.builders import Fact, answered, offered

CONFIG = """
kafka: {brokers: ["127.0.0.1:9092"]}
sites: [{tenant: acme, site: fortaleza, zone: America/Fortaleza}]
queues:
  - {tenant: acme, site: fortaleza, queue: sac, channels: [voice], sector: bank, policy: br-sac@2026.11.0,
     answer_target_seconds: 30}
  - {tenant: acme, site: fortaleza, queue: vendas, channels: [voice], answer_target_seconds: 30, max_wait_seconds: 60}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten calls of a Monday that waited 10 to 100 s, in two queues; a pack without the 90 s of some days."""
    facts: list[Fact] = []
    for queue in ("sac", "vendas"):
        for wait in range(10, 101, 10):
            facts += [offered(0, contact=f"c{wait}", queue=queue), answered(wait, contact=f"c{wait}", queue=queue)]
    (tmp_path / "events.jsonl").write_bytes(b"".join(fact.value + b"\n" for fact in facts))
    (tmp_path / "filaviva.yaml").write_text(CONFIG)
    other = json.loads(json.dumps(document("br-sac@2026.11.0"), default=str))
    other["version"] = "2026.12.0"
    for rule in other["waits"]:
        for period in rule["periods"]:
            period.pop("exceptions", None)
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))
    return tmp_path


def run(folder: Path, *options: str, policy: str = "other.yaml") -> Result:
    where = ["--config", str(folder / "filaviva.yaml"), "--policy", str(folder / policy)]
    return CliRunner().invoke(recount, [str(folder / "events.jsonl"), *where, *options])


def test_both_verdicts_stand_side_by_side(folder: Path) -> None:
    """90 s on a Monday finds one of ten, 45 s finds six; a queue without the policy is as it was."""
    result = run(folder, "--json")
    assert result.exit_code == 0, result.output
    what_if = json.loads(result.stdout)["policy"]
    assert what_if == {
        "other": "br-sac@2026.12.0",
        "queues": {
            "acme/sac/voice": {
                "visits": 10,
                "over_limit": 1,
                "over_limit_by_other": 6,
                "differing": 5,
                "findings": {"WAIT-FIN br-sac@2026.11.0": 1, "WAIT-FIN br-sac@2026.12.0": 6},
            },
            "acme/vendas/voice": {
                "visits": 10,
                "over_limit": 4,
                "over_limit_by_other": 4,
                "differing": 0,
                "findings": {"MAX-WAIT plain-1": 4},
            },
        },
    }


def test_the_table_says_the_same(folder: Path) -> None:
    lines = run(folder).stdout.splitlines()
    assert "Waits over the limit, and by br-sac@2026.12.0" in lines
    assert [line.split() for line in lines if line.startswith("acme/")][-2:] == [
        ["acme/sac/voice", "10", "1", "6", "5"],
        ["acme/vendas/voice", "10", "4", "4", "0"],
    ]


def test_a_pack_that_stands_in_for_nothing_is_refused(folder: Path) -> None:
    """Absent, faulty, or of another policy than any queue's."""
    (folder / "faulty.yaml").write_text("policy: br-sac\n")
    contract = document("contract@2026.11.0")
    (folder / "contract.yaml").write_text(json.dumps({**contract, "version": "2026.12.0"}, default=str))
    for policy, expected in (
        ("absent.yaml", "No such file"),
        ("faulty.yaml", "version: expected a version"),
        ("contract.yaml", "expected another version of a configured policy (br-sac)"),
    ):
        result = run(folder, policy=policy)
        assert result.exit_code == 2
        assert expected in result.stderr
    alone = CliRunner().invoke(recount, [str(folder / "events.jsonl"), "--policy", str(folder / "other.yaml")])
    assert (alone.exit_code, "--policy needs --config" in alone.stderr) == (2, True)
