"""``filaviva check``: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.check import check, settings_or_exit
from tests.configuration import EXAMPLE

BAD = "kafka: {brokers: [kafka-1]}\nsites: []\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(check, [str(argument) for argument in arguments])


@pytest.fixture
def bad_file(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD)
    return file


def test_a_good_file_is_summed_up_in_one_line() -> None:
    """Queues, sites and the hash to compare with the workers' metric."""
    result = run("--config", EXAMPLE, "--no-secrets")
    assert result.exit_code == 0
    assert result.stdout.startswith("configuration is good: 10 queues in 2 sites, hash ")
    assert result.stdout.endswith(" (secrets not read)\n")


def test_a_bad_file_is_answered_with_one_problem_per_line_and_exit_2(bad_file: Path) -> None:
    """On standard error, each with its path; nothing on standard output."""
    result = run("--config", bad_file)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.partition(": expected ")[0] for line in result.stderr.splitlines()] == [
        "queues",
        "kafka.brokers[0]",
        "sites",
    ]


def test_json_carries_the_same_for_machines(bad_file: Path) -> None:
    """One object either way, on standard output."""
    good, bad = run("--config", EXAMPLE, "--no-secrets", "--json"), run("--config", bad_file, "--json")
    assert json.loads(good.stdout) | {"config_hash": "-"} == {
        "good": True,
        "config_hash": "-",
        "queues": 10,
        "sites": 2,
        "secrets_read": False,
    }
    assert bad.exit_code == 2
    answer = json.loads(bad.stdout)
    assert answer["good"] is False
    assert answer["problems"][1] == {
        "path": "kafka.brokers[0]",
        "expected": "expected host:port, the port from 1 to 65535",
    }


def test_secrets_are_checked_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the process is what counts."""
    monkeypatch.delenv("FILAVIVA_KAFKA_PASSWORD", raising=False)
    result = run("--config", EXAMPLE)
    assert result.exit_code == 2
    assert "kafka.security.password_env: expected an environment variable" in result.stderr


def test_a_worker_exits_the_same_way(bad_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The function that other commands call before they connect."""
    with pytest.raises(SystemExit) as caught:
        settings_or_exit(bad_file)
    assert caught.value.code == 2
    assert "kafka.brokers[0]: expected host:port" in capsys.readouterr().err


# -- the limit of a contact -------------------------------------------------------------------------------------------

PROJECT = EXAMPLE.parents[1]
FIFTH_BUSINESS_DAY = ("--explain", "--queue", "sac-cartoes", "--at", "2021-10-07T10:00-03:00")


def test_the_limit_of_a_contact_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words: limit, reason, rule, source, force, confidence. In a checkout the example is there to ask."""
    monkeypatch.chdir(PROJECT)
    result = run(*FIFTH_BUSINESS_DAY)
    assert result.exit_code == 0
    assert result.stderr == "by deploy/filaviva.example.yaml\n"
    assert result.stdout.splitlines() == [
        "sac-cartoes (card, voice) at 2021-10-07T10:00-03:00: 90 s",
        "  why         Thursday 2021-10-07 is the 5th business day of the month (national calendar)",
        "  rule        WAIT-FIN of br-sac@2026.11.0: Banks, cards and other financial services",
        "  source      Portaria MJ 2.014/2008 art. 1, financial paragraph",
        "  force       law: a binding norm",
        "  confidence  VS: read in press, law-firm or vendor pages only",
    ]


ASKED = [
    # options, limit, rule, force, what may be tolerated
    (("--queue", "acme/sac-banco", "--at", "2022-07-08T10:00-03:00"), 45.0, "WAIT-FIN", "law", []),
    (("--queue", "sac-banco", "--at", "2022-06-15T10:00-03:00"), 45.0, "WAIT-FIN", "law", ["calendar=bank"]),
    (("--queue", "sac-banco", "--at", "2020-04-15T10:00-03:00"), None, "WAIT-FIN", "law", []),
    (("--queue", "sac-banco", "--at", "2026-11-23T10:00-03:00"), 90.0, "WAIT-FIN", "adv", []),
    (("--queue", "sac-banco", "--at", "2026-11-23T10:00Z", "--sector", "energy"), 60.0, "WAIT-ENE", "adv", None),
    (("--queue", "sac-banco", "--at", "2026-11-23T10:00Z", "--sector", "retail"), 60.0, "WAIT-GEN", "op", []),
    (("--queue", "sac-banco", "--at", "2026-11-23T10:00Z", "--transferred"), 60.0, "WAIT-XFER", "adv", []),
    (("--queue", "sac-whatsapp", "--at", "2026-11-23T10:00Z", "--channel", "sms"), 900.0, "MAX-WAIT", "op", []),
    (("--queue", "sac-email", "--at", "2026-11-28T12:00-03:00"), 273_600.0, "MAX-WAIT", "op", []),
]


@pytest.mark.parametrize(("options", "limit", "rule", "force", "tolerated"), ASKED)
def test_the_same_for_machines(
    options: tuple[str, ...], limit: float | None, rule: str, force: str, tolerated: list[str] | None
) -> None:
    """Whatever binds: another sector, a transfer, a suspension, the queue's own limit in its opening hours."""
    result = run("--config", EXAMPLE, "--explain", "--json", *options)
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["limit_seconds"], answer["rule"], answer["force"]) == (limit, rule, force)
    assert answer["tolerated_if"] == (["systemic_outage"] if tolerated is None else tolerated)
    assert answer["why"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--explain",), "--explain needs --queue and --at"),
        (("--queue", "sac-banco"), "go with --explain"),
        (("--explain", "--queue", "nobody", "--at", "2026-11-23T10:00Z"), "--queue: expected one of acme/sac-cartoes"),
        (("--explain", "--queue", "sac-banco", "--at", "monday"), "--at: expected an instant with its offset"),
        (
            ("--explain", "--queue", "sac-banco", "--at", "2026-11-23T10:00"),
            "--at: expected an instant with its offset",
        ),
        (
            ("--explain", "--queue", "sac-banco", "--at", "2026-11-23T10:00Z", "--channel", "sms"),
            "--channel: expected one of voice",
        ),
    ],
)
def test_a_question_without_an_answer_is_refused(options: tuple[str, ...], expected: str) -> None:
    """With exit status 2 and what was expected."""
    result = run("--config", EXAMPLE, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr


def test_without_a_configuration_there_is_nothing_to_explain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*FIFTH_BUSINESS_DAY).exit_code == 2
    assert "Missing option '--config'" in run("--json").stderr
