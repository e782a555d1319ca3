"""``filaviva ingest queue-log``: Asterisk's queue_log into Kafka."""

from __future__ import annotations

import fcntl
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from streams.cli.check import settings_or_exit
from streams.cli.kafka_target import KafkaTarget, errors_told, quiet_clients, target_of_file
from streams.errors import ConfigError, Unavailable
from streams.movers.queue_log import QueueLogMover
from streams.publisher import Publisher
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import InvalidEvent

POLL_SECONDS: Final = 0.25
AGAIN_SECONDS: Final = 3.0
MOST_REPORTED_LINES: Final = 20


@dataclass(slots=True)
class _Run:
    """What one command does, over all the movers it needs where Kafka is away in between."""

    file: Path
    dictionary: QueueDictionary
    state: Path
    follows: bool
    beat_seconds: float | None
    stop: threading.Event
    reported: int = 0

    def move(self, target: KafkaTarget) -> QueueLogMover:
        """Until the end of the log, or until told to stop when it is followed."""
        publisher = Publisher(target.brokers, target.prefix, target.producer_options)
        state = self.state / f"{self.dictionary.source}.json"
        mover = QueueLogMover(self.file, self.dictionary, state, publisher, self._report)
        try:
            self._follow(mover)
        finally:
            mover.close()
        return mover

    def _follow(self, mover: QueueLogMover) -> None:
        beaten_at = time.monotonic()
        while not self.stop.is_set():
            if mover.step():
                continue
            if not self.follows:
                break
            if self.beat_seconds is not None and time.monotonic() - beaten_at >= self.beat_seconds:
                mover.beat()
                beaten_at = time.monotonic()
            self.stop.wait(POLL_SECONDS)
        mover.save()

    def _report(self, error: InvalidEvent) -> None:
        self.reported += 1
        if self.reported <= MOST_REPORTED_LINES:
            click.echo(f"a line of {self.file} is left out: {error}", err=True)
        if self.reported == MOST_REPORTED_LINES:
            click.echo("further lines like this are only counted", err=True)


@click.command("queue-log")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The configuration file (YAML).")
@click.option("--source", required=True, help="The exchange's name in vendor_queues, and in its events.")
@click.option("--follow", "follows", is_flag=True, help="Go on with what is written, through rotations, until stopped.")
@click.option(
    "--state",
    default="filaviva-ingest",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder in which the position is kept.",
)
@click.option(
    "--heartbeat",
    "beat_seconds",
    type=click.FloatRange(min=1),
    help="Say so often that the source is heard. It means that the log is read to its end, not that Asterisk lives.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def queue_log(
    file: Path, config: Path, source: str, state: Path, beat_seconds: float | None, *, follows: bool, as_json: bool
) -> None:
    """Read Asterisk's queue_log and send what it says.

    FILE is read from its beginning, and from where it stood when the command runs again: renamed and copied rotations
    are followed, truncations noticed. Keep logrotate from compressing at once (delaycompress).

    For example: filaviva ingest queue-log /var/log/asterisk/queue_log --source pbx-fortaleza-1 --config filaviva.yaml
    --follow
    """
    quiet_clients()
    dictionary = settings_or_exit(config, resolve_secrets=False).queue_dictionary(source)
    with errors_told():
        if not dictionary.places:
            raise ConfigError(
                [("vendor_queues", f"expected an entry of source {source}: filaviva ingest reads no other")]
            )
        state.mkdir(parents=True, exist_ok=True)
        with _alone(state / f"{source}.lock"), _stop_asked() as stop:
            run = _Run(file.absolute(), dictionary, state, follows, beat_seconds, stop)
            mover = _move_until_done(run, target_of_file(config))
    if mover is not None:
        _summarise(mover, as_json=as_json)


def _move_until_done(run: _Run, target: KafkaTarget) -> QueueLogMover | None:
    while True:
        try:
            return run.move(target)
        except Unavailable as error:
            if not run.follows:
                raise
            click.echo(f"{error}; trying again", err=True)
            if run.stop.wait(AGAIN_SECONDS):
                return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two movers of one source would write each other's position."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError([(str(path), "expected no other filaviva ingest of this source")]) from None
        yield


@contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """Set by SIGTERM and Ctrl-C: what is being moved is finished and written down first."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summarise(mover: QueueLogMover, *, as_json: bool) -> None:
    mapping = mover.mapping
    summary = {
        "lines": mover.lines,
        "events": mover.events,
        "ignored": dict(sorted(mapping.ignored.by_kind.items())),
        "malformed": dict(sorted(mover.malformed.items())),
        "entry_not_seen": mapping.orphans,
        "gaps": mover.log.gaps,
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(f"{mover.events} events sent; {mover.lines} lines read in all")
    for name in ("ignored", "malformed"):
        for kind, count in dict(summary[name]).items():  # type: ignore[call-overload]  # they are dicts
            click.echo(f"  {name} {kind}: {count}")
    if mapping.orphans:
        click.echo(f"  calls whose entry was not seen: {mapping.orphans}")
    if mover.log.gaps:
        click.echo(f"  times when what followed in the log was not found: {mover.log.gaps}")
