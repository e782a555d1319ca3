"""What every mover's command needs: its dictionary, to be alone, to be told to stop in order, whose heart it is."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click

from streams.cli.check import settings_or_exit
from streams.cli.kafka_target import KafkaTarget
from streams.errors import ConfigError, Unavailable
from streams.movers.figures import MoverFigures
from streams.movers.health import MoverHealth
from streams.movers.sending import Sender, WatchedSender
from streams.publisher import Publisher
from streams.sources.dictionary import QueueDictionary

_Mover = TypeVar("_Mover")
AGAIN_SECONDS: Final = 3.0
"""Kafka is asked again after so long."""

config_option = click.option(
    "--config", required=True, type=click.Path(path_type=Path), help="The configuration file (YAML)."
)
source_option = click.option("--source", required=True, help="The exchange's name in vendor_queues, and in its events.")
state_option = click.option(
    "--state",
    default="filaviva-ingest",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder in which is kept how far was read.",
)
LOOPBACK: Final = "127.0.0.1"


def _address(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, int] | None:
    host, _, port = (text or "").rpartition(":")
    if text is None:
        return None
    if not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter("expected PORT or HOST:PORT")
    return host or LOOPBACK, int(port)


metrics_option = click.option(
    "--metrics",
    metavar="[HOST:]PORT",
    callback=_address,
    help="Where to serve /metrics, /healthz and /readyz, such as 9181.  [default: nowhere; HOST 127.0.0.1]",
)


@contextmanager
def looked_at(figures: MoverFigures, metrics: tuple[str, int] | None) -> Iterator[None]:
    """Serve the mover's page meanwhile, where it was asked for."""
    if metrics is None:
        yield
        return
    try:
        health = MoverHealth(figures, host=metrics[0], port=metrics[1])
    except OSError as error:
        raise ConfigError([("--metrics", f"expected an address that can be had: {error.strerror}")]) from None
    try:
        yield
    finally:
        health.close()


def watched_publisher(target: KafkaTarget, figures: MoverFigures) -> Sender:
    """Where events go. Raises Unavailable."""
    figures.step()
    return WatchedSender(lambda: Publisher(target.brokers, target.prefix, target.producer_options), figures)


@dataclass(frozen=True, slots=True)
class IngestSource:
    """``sites`` are those that expect to hear of the source (tenant, site): no other takes its heartbeat."""

    dictionary: QueueDictionary
    sites: frozenset[tuple[str, str]]
    state: Path


def ingest_source(config: Path, source: str, state: Path) -> IngestSource:
    """Of a configuration; ends the command where that has no queue of the source."""
    settings = settings_or_exit(config, resolve_secrets=False)
    dictionary = settings.queue_dictionary(source)
    if not dictionary.places:
        raise ConfigError([("vendor_queues", f"expected an entry of source {source}: what it tells has no queue")])
    state.mkdir(parents=True, exist_ok=True)
    sites = {(entry.tenant, entry.site) for entry in settings.sources if entry.source == source}
    return IngestSource(dictionary, frozenset(sites), state / f"{source}.json")


@contextmanager
def alone(source: IngestSource) -> Iterator[None]:
    """Two movers of one source would write each other's state."""
    path = source.state.with_suffix(".lock")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError([(str(path), "expected no other filaviva ingest of this source")]) from None
        yield


def moved_until_done(move: Callable[[], _Mover], stop: threading.Event, *, follows: bool) -> _Mover | None:
    """Move anew, from what was written down, whenever something is away; None when told to stop meanwhile.

    What does not follow ends with Unavailable instead.
    """
    while True:
        try:
            return move()
        except Unavailable as error:
            if not follows:
                raise
            click.echo(f"{error}; trying again", err=True)
            if stop.wait(AGAIN_SECONDS):
                return None
