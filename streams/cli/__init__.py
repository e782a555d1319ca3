"""The command ``filaviva``."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = (
    "callbacks",
    "check",
    "compliance",
    "dashboards",
    "dead-letters",
    "demo",
    "gateway",
    "ingest",
    "policies",
    "publish",
    "recount",
    "simulate",
    "skip",
    "topics",
    "wallboard",
    "worker",
)
"""Each is in a module of its name, as a function of its name."""


class _Commands(click.Group):
    """Imports a command when it is asked for: a worker that starts again need not wait for the demo to load."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"{__name__}.{name}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Filaviva: live queues, waits and breaches of a contact centre, from Kafka to Prometheus.

    Start with `filaviva demo`. With a Kafka of your own: write a configuration, `filaviva check` it, create the topics
    with `filaviva topics create`, then run `filaviva worker`.
    """
