"""`filaviva ingest ami`: what it refuses before it connects to anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from tests.configuration import edited

NAMED = {"source": "pbx-1", "name": "600", "tenant": "acme", "queue": "sac"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["127.0.0.1", "--source", "pbx-1"], "expected HOST:PORT"),
        (["127.0.0.1:5038", "--source", "pbx-2"], "expected an entry of source pbx-2"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, arguments: list[str], expected: str) -> None:
    """With exit status 2."""
    config, secret = tmp_path / "filaviva.yaml", tmp_path / "secret"
    config.write_text(edited(("vendor_queues", [NAMED])))
    secret.write_text("right\n")
    options = ["--config", str(config), "--user", "filaviva", "--secret-file", str(secret), "--state", str(tmp_path)]
    result = CliRunner().invoke(main, ["ingest", "ami", *arguments, *options])
    assert (result.exit_code, expected in result.output) == (2, True)
