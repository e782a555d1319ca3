"""The command ``filaviva``."""

from __future__ import annotations

import click

from streams.cli.callbacks import callbacks
from streams.cli.check import check
from streams.cli.compliance import compliance
from streams.cli.dashboards import dashboards
from streams.cli.dead_letters import dead_letters
from streams.cli.demo import demo
from streams.cli.gateway import gateway
from streams.cli.ingest import ingest
from streams.cli.policies import policies
from streams.cli.publish import publish
from streams.cli.recount import recount
from streams.cli.simulate import simulate
from streams.cli.skip import skip
from streams.cli.topics import topics
from streams.cli.wallboard import wallboard
from streams.cli.worker import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Filaviva: live queues, waits and breaches of a contact centre, from Kafka to Prometheus.

    Start with `filaviva demo`. With a Kafka of your own: write a configuration, `filaviva check` it, create the topics
    with `filaviva topics create`, then run `filaviva worker`.
    """


main.add_command(callbacks)
main.add_command(check)
main.add_command(compliance)
main.add_command(dashboards)
main.add_command(dead_letters)
main.add_command(demo)
main.add_command(gateway)
main.add_command(ingest)
main.add_command(policies)
main.add_command(publish)
main.add_command(recount)
main.add_command(simulate)
main.add_command(skip)
main.add_command(topics)
main.add_command(wallboard)
main.add_command(worker)
