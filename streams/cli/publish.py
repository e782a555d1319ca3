"""``filaviva publish``: send event files to their input topics, at full speed or as they happened."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from streams.cli.kafka_target import KafkaTarget, with_kafka_target
from streams.cli.pace import Pace
from streams.event_lines import BadLine, EventLine, read_lines
from streams.publisher import Publisher

LINES_BETWEEN_UPDATES: Final = 500
MOST_REPORTED_LINES: Final = 20
_STDIN: Final = Path("-")


@dataclass(frozen=True, slots=True)
class _Manner:
    """How to publish: ``speed`` is event seconds per second, None for no pacing at all."""

    speed: float | None
    event_timestamps: bool
    keep_going: bool

    @property
    def needs_time(self) -> bool:
        return self.speed is not None or self.event_timestamps


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@with_kafka_target
@click.option("--paced", is_flag=True, help="Send each event when its time comes, counted from the first one.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Event seconds per second when paced.")
@click.option(
    "--event-timestamps", is_flag=True, help="Stamp records with the event's time, for topics of the event clock."
)
@click.option("--keep-going", is_flag=True, help="Report lines that cannot be sent and go on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def publish(
    target: KafkaTarget,
    files: tuple[str, ...],
    speed: float | None,
    *,
    paced: bool,
    event_timestamps: bool,
    keep_going: bool,
    as_json: bool,
) -> None:
    """Send events to the topics they belong on.

    FILES hold one CloudEvents JSON object a line, plain or gzip; "-" is standard input. Contact events go to
    call-events, chat-events or email-events by their channel, agent states to agent-events, cases to case-events, the
    site's own events to site-events, a dialer's attempts to callback-results, each with the key of its owner,
    acknowledged by all replicas.

    For example: zcat january.jsonl.gz | filaviva publish - --brokers 127.0.0.1:9092 --paced --speed 60
    """
    if speed is not None and not paced:
        raise click.UsageError("--speed needs --paced")
    manner = _Manner((speed or 1.0) if paced else None, event_timestamps, keep_going)
    started = time.monotonic()
    publisher = Publisher(target.brokers, target.prefix, target.producer_options)
    try:
        bad_lines = _publish_files([Path(name) for name in files], publisher, manner)
    finally:
        publisher.close()
    _summarise(publisher, bad_lines, time.monotonic() - started, as_json=as_json)
    if bad_lines and not keep_going:
        raise SystemExit(1)


def _publish_files(files: list[Path], publisher: Publisher, manner: _Manner) -> int:
    """The number of bad lines; it is at most 1 unless told to keep going."""
    pace = Pace(manner.speed) if manner.speed else None
    bad_lines = 0
    with _progress(files) as (progress, task):
        done_bytes = 0
        for path in files:
            with _opened(path) as stream:
                for line in read_lines(stream, with_time=manner.needs_time):
                    if line.number % LINES_BETWEEN_UPDATES == 0:
                        progress.update(task, completed=done_bytes + _position(stream))
                    if isinstance(line, EventLine):
                        _send(publisher, line, pace, stamped=manner.event_timestamps)
                        continue
                    bad_lines += 1
                    _report(path, line, bad_lines)
                    if not manner.keep_going:
                        return bad_lines
                done_bytes += _position(stream)
    return bad_lines


def _send(publisher: Publisher, line: EventLine, pace: Pace | None, *, stamped: bool) -> None:
    if pace and line.time_ms is not None:
        pace.wait(line.time_ms)
    publisher.send(line.route, line.value, line.time_ms if stamped else None)


def _report(path: Path, line: BadLine, count: int) -> None:
    if count <= MOST_REPORTED_LINES:
        click.echo(f"{path}:{line.number}: {line.reason}", err=True)
    if count == MOST_REPORTED_LINES:
        click.echo("further lines like this are only counted", err=True)


def _summarise(publisher: Publisher, bad_lines: int, seconds: float, *, as_json: bool) -> None:
    by_topic = dict(sorted(publisher.by_topic.items()))
    published = sum(by_topic.values())
    if as_json:
        summary = {"published": published, "bad_lines": bad_lines, "seconds": round(seconds, 3), "by_topic": by_topic}
        click.echo(json.dumps(summary))
        return
    rate = published / seconds if seconds else 0.0
    click.echo(f"{published} events published in {seconds:.1f} s ({rate:,.0f}/s), {bad_lines} bad lines")
    for topic, count in by_topic.items():
        click.echo(f"  {topic:14} {count}")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path == _STDIN:
        yield sys.stdin.buffer
        return
    with path.open("rb") as stream:
        yield stream


def _position(stream: IO[bytes]) -> int:
    """Bytes read of the file as it is stored, compressed or not; 0 where nobody can tell."""
    return stream.tell() if stream.seekable() else 0


@contextmanager
def _progress(files: list[Path]) -> Iterator[tuple[Progress, TaskID]]:
    """A bar on standard error while that is a terminal; over bytes, so that the files need not be counted first."""
    console = Console(stderr=True)
    total = None if _STDIN in files else sum(path.stat().st_size for path in files)
    columns = (TextColumn("publishing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress, progress.add_task("publishing", total=total)
