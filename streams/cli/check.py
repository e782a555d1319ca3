"""``filaviva check``: is this configuration good, and what is wrong with it, without touching Kafka."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final, TypedDict, Unpack

import click

from streams.cli.explain import Question, explain
from streams.errors import ConfigError
from streams.settings import Settings, load_settings

EXIT_CONFIGURATION = 2
DEFAULT_CONFIGURATIONS: Final = ("filaviva.yaml", "deploy/filaviva.example.yaml")


class Asked(TypedDict):
    """The options of ``--explain`` as click hands them over."""

    explains: bool
    queue: str | None
    at: str | None
    sector: str | None
    channel: str | None
    transferred: bool


def settings_or_exit(path: Path, *, resolve_secrets: bool = True) -> Settings:
    """The settings of a file, or every problem on standard error, one per line, and exit 2."""
    try:
        return load_settings(path, resolve_secrets=resolve_secrets)
    except ConfigError as error:
        for where, expected in error.problems:
            click.echo(f"{where}: {expected}", err=True)
        sys.exit(EXIT_CONFIGURATION)


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file (YAML). With --explain the default is filaviva.yaml, else the example of a checkout.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--no-secrets", is_flag=True, help="Do not read keys and passwords: for a machine that has none.")
@click.option("--explain", "explains", is_flag=True, help="Say which limit binds a contact, and why; reads no secrets.")
@click.option("--queue", metavar="QUEUE", help="With --explain: queue, or tenant/queue.")
@click.option("--at", metavar="INSTANT", help="With --explain: when it asks for a person, as 2021-10-07T10:00-03:00.")
@click.option("--sector", help="With --explain: as if the queue were of this sector.")
@click.option("--channel", help="With --explain: which channel of the queue [default: its first].")
@click.option("--transferred", is_flag=True, help="With --explain: a contact that another queue has sent.")
def check(config: Path | None, *, as_json: bool, no_secrets: bool, **question: Unpack[Asked]) -> None:
    """Validate a configuration file before a worker uses it, or explain a limit.

    Reads the whole file and the secrets it names, connects to nothing, and prints every problem as
    "path: expected ...". Exit status 0 when the file is good, 2 when it is not.

    For example:

    filaviva check --config filaviva.yaml --no-secrets --json

    filaviva check --explain --queue sac-cartoes --at 2021-10-07T10:00-03:00
    """
    if question["explains"]:
        _explain(config or _default_configuration(), question, as_json=as_json)
        return
    if config is None:
        raise click.UsageError("Missing option '--config'.")
    if any(question.values()):
        raise click.UsageError("--queue, --at, --sector, --channel and --transferred go with --explain.")
    if as_json:
        _check_as_json(config, resolve_secrets=not no_secrets)
        return
    settings = settings_or_exit(config, resolve_secrets=not no_secrets)
    note = " (secrets not read)" if no_secrets else ""
    click.echo(
        f"configuration is good: {_counted(len(settings.queues), 'queue')} in "
        f"{_counted(len(settings.sites), 'site')}, hash {settings.config_hash}{note}"
    )


def _default_configuration() -> Path:
    """Said on standard error, so that nobody takes an example for the truth."""
    for name in DEFAULT_CONFIGURATIONS:
        if Path(name).is_file():
            click.echo(f"by {name}", err=True)
            return Path(name)
    raise click.UsageError(f"Missing option '--config': there is no {' and no '.join(DEFAULT_CONFIGURATIONS)} here.")


def _explain(config: Path, question: Asked, *, as_json: bool) -> None:
    if question["queue"] is None or question["at"] is None:
        raise click.UsageError("--explain needs --queue and --at.")
    asked = Question(
        question["queue"], question["at"], question["sector"], question["channel"], question["transferred"]
    )
    explain(settings_or_exit(config, resolve_secrets=False), asked, as_json=as_json)


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
