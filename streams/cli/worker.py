"""``filaviva worker``: one worker process until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
import warnings
from pathlib import Path

import click

from streams.cli.check import settings_or_exit
from streams.connections import client_options
from streams.errors import Unavailable
from streams.logs import configure_logging
from streams.settings import Settings
from streams.topic_admin import TopicAdmin, wanted_topics


@click.command()
@click.option(
    "--config", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The configuration file."
)
def worker(config: Path) -> None:
    """Run one worker until SIGTERM or Ctrl-C.

    The configuration is checked whole before anything is connected; a fault in it ends with exit code 2. Scale by
    starting more workers with the same configuration: they share the partitions.
    """
    settings = settings_or_exit(config)
    _check_topics(settings)
    run_worker(settings)


def _check_topics(settings: Settings) -> None:
    """Refuse to start on topics that would give wrong results: exit 2; exit 1 while no broker answers."""
    kafka = settings.kafka
    wanted = wanted_topics(
        kafka.prefix,
        partitions=kafka.partitions,
        replication=kafka.replication,
        event_clock=settings.clock.mode == "event",
    )
    try:
        admin = TopicAdmin(kafka.brokers, client_options(kafka, settings.kafka_password))
        try:
            faults = admin.faults(wanted)
        finally:
            admin.close()
    except Unavailable as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None
    if faults:
        for fault in faults:
            click.echo(str(fault), err=True)
        click.echo("The topics do not fit the configuration: see filaviva topics create and describe.", err=True)
        raise SystemExit(2)


SWITCH_SECONDS = 0.001
"""How long a page of metrics that is being written keeps the event loop waiting for its turn; Python's own 5 ms add up,
because the loop waits anew after every call that lets go."""


def run_worker(settings: Settings) -> None:
    """Run a worker in this process; returns only by SystemExit."""
    sys.setswitchinterval(SWITCH_SECONDS)
    configure_logging(settings.worker.log_format, settings.worker.log_level)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(faust|mode|aiokafka)\b")
    import faust  # noqa: PLC0415 - a second and a half that no other command should pay
    import uvloop  # noqa: PLC0415

    from streams.app import build_worker  # noqa: PLC0415

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app, service = build_worker(settings)
    process = faust.Worker(
        app,
        service,
        quiet=True,
        override_logging=False,
        redirect_stdouts=False,
        blocking_timeout=0.0,
        loop=loop,
        stdout=sys.stderr,
    )
    process.execute_from_commandline()
