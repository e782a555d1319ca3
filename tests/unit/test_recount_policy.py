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
from tests.case_bench import happened

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


# -- cases ------------------------------------------------------------------------------------------------------------

DESK_CONFIG = (
    CONFIG
    + """
cases: [{tenant: acme, policies: [br-cases@2026.11.1, retention-desk@2026.11.0], sector: retail}]
"""
)


@pytest.fixture
def desk(folder: Path) -> Path:
    """Ten complaints of a Monday, answered after one to ten days; a version that gives three days, and is silent of
    protocols. Structured events in the file, beside the contacts."""
    (folder / "filaviva.yaml").write_text(DESK_CONFIG)
    with (folder / "events.jsonl").open("ab") as file:
        for number in range(1, 11):
            case = f"case-{number}"
            file.write(happened("registered", "2026-03-02T10:00:00", case=case, demand="complaint").value + b"\n")
            file.write(happened("answered", f"2026-03-{2 + number:02}T10:00:00", case=case).value + b"\n")
    other = json.loads(json.dumps(document("br-cases@2026.11.1"), default=str))
    other["version"] = "2026.12.0"
    other["deadlines"] = [rule for rule in other["deadlines"] if rule["id"] != "PROT-1"]
    for rule in other["deadlines"]:
        rule["replaces"] = [each for each in rule.get("replaces", ()) if each != "PROT-1"]
        if rule["id"] == "DEM-1":
            rule["periods"][-1]["within"] = {"days": 3}
    (folder / "cases.yaml").write_text(yaml.safe_dump(other))
    return folder


def test_cases_are_judged_by_both(desk: Path) -> None:
    """Seven days miss three of ten answers, three days miss seven; ten protocols are asked for by one alone."""
    result = run(desk, "--json", policy="cases.yaml")
    assert result.exit_code == 0, result.output
    what_if = json.loads(result.stdout)["policy"]
    assert what_if["other"] == "br-cases@2026.12.0"
    assert what_if["cases"] == {
        "acme": {
            "deadlines": 20,
            "missed": 13,
            "missed_by_other": 7,
            "differing": 14,
            "findings": {
                "DEM-1 br-cases@2026.11.1": 3,
                "DEM-1 br-cases@2026.12.0": 7,
                "PROT-1 br-cases@2026.11.1": 10,
            },
        }
    }
    assert what_if["queues"]["acme/sac/voice"]["differing"] == 0
    assert "skipped" not in result.stderr


def test_the_table_of_cases_says_the_same(desk: Path) -> None:
    lines = run(desk, policy="cases.yaml").stdout.splitlines()
    assert "Deadlines missed, and by br-cases@2026.12.0" in lines
    assert lines[-1].split() == ["acme", "20", "13", "7", "14"]


def test_without_such_a_policy_case_events_are_no_concern_of_it(desk: Path) -> None:
    """They are skipped and counted, as ever."""
    result = run(desk, "--json")
    assert "cases" not in json.loads(result.stdout)["policy"]
    assert "skipped 20 records: ignored_type 20" in result.stderr
