"""``filaviva ingest queue-log``: Asterisk's queue_log into Kafka."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict, Unpack

import click

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
from streams.movers.figures import MoverFigures
from streams.movers.queue_log import KIND, QueueLogMover
from streams.sources.mapping import InvalidEvent

POLL_SECONDS: Final = 0.25
MOST_REPORTED_LINES: Final = 20


class _How(TypedDict):
    """The options as click hands them over."""

    follows: bool
    beat_seconds: float | None
    metrics: tuple[str, int] | None


@dataclass(slots=True)
class _Run:
    """What one command does, over all the movers it needs where Kafka is away in between."""

    file: Path
    source: IngestSource
    follows: bool
    beat_seconds: float | None
    stop: threading.Event
    figures: MoverFigures
    reported: int = 0

    def move(self, target: KafkaTarget) -> QueueLogMover:
        """Until the end of the log, or until told to stop when it is followed."""
        sender, source = watched_publisher(target, self.figures), self.source
        mover = QueueLogMover(self.file, source.dictionary, source.state, sender, self._report, figures=self.figures)
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
                mover.beat(self.source.sites)
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
@config_option
@source_option
@click.option("--follow", "follows", is_flag=True, help="Go on with what is written, through rotations, until stopped.")
@state_option
@click.option(
    "--heartbeat",
    "beat_seconds",
    type=click.FloatRange(min=1),
    help="Say so often that the source is heard. It means that the log is read to its end, not that Asterisk lives.",
)
@metrics_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def queue_log(file: Path, config: Path, source: str, state: Path, *, as_json: bool, **how: Unpack[_How]) -> None:
    """Read Asterisk's queue_log and send what it says.

    FILE is read from its beginning, and from where it stood when the command runs again: renamed and copied rotations
    are followed, truncations noticed. Keep logrotate from compressing at once (delaycompress).

    For example: filaviva ingest queue-log /var/log/asterisk/queue_log --source pbx-fortaleza-1 --config filaviva.yaml
    --follow
    """
    quiet_clients()
    with errors_told():
        of = ingest_source(config, source, state)
        figures = MoverFigures(source, KIND)
        with alone(of), stop_asked() as stop, looked_at(figures, how["metrics"]):
            run = _Run(file.absolute(), of, how["follows"], how["beat_seconds"], stop, figures)
            target = target_of_file(config)
            mover = moved_until_done(lambda: run.move(target), stop, follows=how["follows"])
    if mover is not None:
        _summarise(mover, as_json=as_json)


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
