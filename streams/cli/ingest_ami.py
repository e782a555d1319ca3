"""``filaviva ingest ami``: what Asterisk's manager interface tells, into Kafka."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict, Unpack

import click

from streams.ami_connection import AmiAddress, AmiConnection
from streams.cli.ingest_run import (
    IngestSource,
    alone,
    config_option,
    ingest_source,
    looked_at,
    metrics_option,
    moved_until_done,
    source_option,
    state_option,
    watched_publisher,
)
from streams.cli.kafka_target import KafkaTarget, errors_told, quiet_clients, target_of_file
from streams.cli.stopping import stop_asked
from streams.movers.ami import EVENTS, KIND, AmiMover
from streams.movers.figures import MoverFigures

BEAT_SECONDS: Final = 20.0


class _How(TypedDict):
    """The options as click hands them over."""

    user: str
    secret_file: Path
    beat_seconds: float
    metrics: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class _Run:
    address: AmiAddress
    source: IngestSource
    beat_seconds: float
    stop: threading.Event
    figures: MoverFigures

    def move(self, target: KafkaTarget) -> AmiMover:
        """Until told to stop. Raises Unavailable where Kafka is away."""
        place = f"{self.address.host}:{self.address.port}"
        sender, source = watched_publisher(target, self.figures), self.source
        mover = AmiMover(self._connect, source.dictionary, source.state, sender, place=place, figures=self.figures)
        beaten_at, was_connected = float("-inf"), None
        try:
            while not self.stop.is_set():
                mover.step()
                if mover.is_connected and time.monotonic() - beaten_at >= self.beat_seconds:
                    mover.beat(self.source.sites)
                    beaten_at = time.monotonic()
                if mover.is_connected != was_connected:
                    was_connected = mover.is_connected
                    click.echo(f"Asterisk at {place} is {'heard' if was_connected else 'away'}", err=True)
        finally:
            mover.close()
        return mover

    def _connect(self) -> AmiConnection:
        return AmiConnection(self.address, events=EVENTS)


@click.command()
@click.argument("asterisk", metavar="HOST:PORT")
@config_option
@source_option
@click.option("--user", required=True, help="A user of manager.conf with read = agent,call,dialplan.")
@click.option(
    "--secret-file", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its secret."
)
@state_option
@click.option(
    "--heartbeat",
    "beat_seconds",
    type=click.FloatRange(min=1),
    default=BEAT_SECONDS,
    show_default=True,
    help="Say so often, while Asterisk answers, that the source lives: to the sites that list it in `sources`.",
)
@metrics_option
def ami(asterisk: str, config: Path, source: str, state: Path, **how: Unpack[_How]) -> None:
    """Hear what an Asterisk tells about its queues, until stopped.

    HOST:PORT is its manager interface. A broken connection is made anew; who waits then is asked for.

    For example: filaviva ingest ami 127.0.0.1:5038 --source pbx-fortaleza-1 --user filaviva --secret-file ami.secret
    --config filaviva.yaml
    """
    quiet_clients()
    host, _, port = asterisk.rpartition(":")
    if not host or not port.isdigit():
        raise click.UsageError("expected HOST:PORT")
    address = AmiAddress(host, int(port), how["user"], how["secret_file"].read_text().strip())
    with errors_told():
        of = ingest_source(config, source, state)
        figures = MoverFigures(source, KIND)
        with alone(of), stop_asked() as stop, looked_at(figures, how["metrics"]):
            run, target = _Run(address, of, how["beat_seconds"], stop, figures), target_of_file(config)
            mover = moved_until_done(lambda: run.move(target), stop, follows=True)
    if mover is not None:
        malformed = mover.malformed.total()
        click.echo(f"{mover.events} events sent, {mover.drops} broken connections, {malformed} malformed messages")
