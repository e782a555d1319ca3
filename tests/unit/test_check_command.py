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
