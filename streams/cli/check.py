"""``filaviva check``: is this configuration good, and what is wrong with it, without touching Kafka."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from streams.errors import ConfigError
from streams.settings import Settings, load_settings

EXIT_CONFIGURATION = 2


def settings_or_exit(path: Path, *, resolve_secrets: bool = True) -> Settings:
    """The settings of a file, or every problem on standard error, one per line, and exit 2."""
    try:
        return load_settings(path, resolve_secrets=resolve_secrets)
    except ConfigError as error:
        for where, expected in error.problems:
            click.echo(f"{where}: {expected}", err=True)
        sys.exit(EXIT_CONFIGURATION)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="The configuration file (YAML).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--no-secrets", is_flag=True, help="Do not read keys and passwords: for a machine that has none.")
def check(config: Path, *, as_json: bool, no_secrets: bool) -> None:
    """Validate a configuration file before a worker uses it.

    Reads the whole file and the secrets it names, connects to nothing, and prints every problem as
    "path: expected ...". Exit status 0 when the file is good, 2 when it is not.

    For example: filaviva check --config filaviva.yaml --no-secrets --json
    """
    if as_json:
        _check_as_json(config, resolve_secrets=not no_secrets)
        return
    settings = settings_or_exit(config, resolve_secrets=not no_secrets)
    note = " (secrets not read)" if no_secrets else ""
    click.echo(
        f"configuration is good: {_counted(len(settings.queues), 'queue')} in "
        f"{_counted(len(settings.sites), 'site')}, hash {settings.config_hash}{note}"
    )


def _check_as_json(config: Path, *, resolve_secrets: bool) -> None:
    try:
        settings = load_settings(config, resolve_secrets=resolve_secrets)
    except ConfigError as error:
        problems = [{"path": where, "expected": expected} for where, expected in error.problems]
        click.echo(json.dumps({"good": False, "problems": problems}, ensure_ascii=False))
        sys.exit(EXIT_CONFIGURATION)
    counts = {"queues": len(settings.queues), "sites": len(settings.sites), "secrets_read": resolve_secrets}
    click.echo(json.dumps({"good": True, "config_hash": settings.config_hash, **counts}))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
