"""``filaviva policies``: which packs of rules come with the package, and what they say."""

from __future__ import annotations

import click

from streams import calendar_tables, policy_packs


@click.group()
def policies() -> None:
    """Packs of rules: the limits that queues can be held to, by name and version.

    A pack never changes under its version. To have other rules, copy one (`filaviva policies show NAME`), change it,
    give it a version of its own and list the file under `policies` in the configuration.
    """


@policies.command("list")
def list_packs() -> None:
    """Every pack and every calendar that comes with the package."""
    for name in policy_packs.pack_names():
        click.echo(f"{name:<26} {policy_packs.packaged(name).title}")
    for name in calendar_tables.table_names():
        table = calendar_tables.table(name)
        click.echo(f"{name:<26} holidays {table.first_year} to {table.last_year}, built from {table.built_from}")


@policies.command()
@click.argument("name", metavar="NAME@VERSION")
def show(name: str) -> None:
    """The YAML of a pack, for example: filaviva policies show br-sac@2026.11.0."""
    if name not in policy_packs.pack_names():
        raise click.UsageError(f"NAME@VERSION: expected one of {', '.join(policy_packs.pack_names())}")
    click.echo(policy_packs.text_of(name), nl=False)


@policies.command()
@click.argument("version")
def calendar(version: str) -> None:
    """The Brazilian holidays as the installed library knows them, as a calendar file of that VERSION."""
    click.echo(calendar_tables.text_of(calendar_tables.built_table(version)), nl=False)
