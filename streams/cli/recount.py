"""``filaviva recount``: every figure again, computed in one naive pass over all events."""

from __future__ import annotations

import gc
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, TypedDict, Unpack, cast
from zoneinfo import ZoneInfo

import click
from msgspec import ValidationError, convert
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streams.cli.check import settings_or_exit
from streams.cli.recount_report import json_report, print_tables
from streams.cli.recount_topics import Cluster, RawRecord, topic_records
from streams.connections import client_options
from streams.domain.recount import Dimension, Event, OfQueue, Skipped, read_records, recount as counted_again
from streams.errors import ConfigError, Unavailable
from streams.settings import Settings
from streams.settings_sections import Kafka

GZIP_MAGIC: Final = b"\x1f\x8b"
LONG_FILE_BYTES: Final = 1_000_000
STANDARD_INPUT: Final = "-"
DEFAULT_THRESHOLD_SECONDS: Final = 20.0
DEFAULT_SHORT_ABANDON_SECONDS: Final = 5.0
DEFAULT_ZONE: Final = "UTC"
DEFAULT_PREFIX: Final = "filaviva"


class Options(TypedDict):
    """The options as click hands them over; None where not given."""

    topics: bool
    config: Path | None
    brokers: str | None
    prefix: str | None
    threshold: float | None
    short_abandon: float | None
    zone: str | None
    by: Dimension
    as_json: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What to count by: the options, and where they are silent the configuration, and else the defaults."""

    threshold_seconds: float | OfQueue
    short_abandon_seconds: float | OfQueue
    zone: str | Callable[[str, str], str]
    site_of: Callable[[str, str], str | None] | None
    """(tenant, queue) to its site; None without a configuration, when every queue counts."""


@click.command(epilog="Exit status: 0 also when records were skipped, 1 when reading failed, 2 for wrong options.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--topics", is_flag=True, help="Read the three contact topics to their ends instead of files.")
@click.option("--config", type=click.Path(path_type=Path), help="Take targets, zones and Kafka from this file.")
@click.option("--brokers", metavar="HOST:PORT,...", help="With --topics: the brokers, where there is no --config.")
@click.option("--prefix", help="With --topics: the topics' name prefix [default: filaviva].")
@click.option("--threshold", type=click.FloatRange(min=0), metavar="S", help="Answer within S seconds [default: 20].")
@click.option("--short-abandon", type=click.FloatRange(min=0), metavar="S", help="Short up to S seconds [default: 5].")
@click.option("--zone", metavar="ZONE", help="Zone of days and intervals, as America/Fortaleza [default: UTC].")
@click.option("--by", type=click.Choice(["queue", "day", "interval"]), default="queue", help="What a row is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def recount(files: tuple[str, ...], **options: Unpack[Options]) -> None:
    """Count every visit again, in one naive batch pass.

    An independent second opinion on what the worker shows: it shares no code with it. Give it files of canonical
    events, one JSON object per line, gzipped or not, in any order and with any repeats ("-" is standard input); they
    need neither Kafka nor a configuration. Or give it --topics. Records that are no valid contact event are skipped
    and counted on standard error.

    For example:

    filaviva recount january.jsonl.gz --threshold 45 --zone Asia/Jerusalem

    filaviva recount monday.jsonl tuesday.jsonl --by day

    filaviva recount --topics --config filaviva.yaml --json
    """
    check_options(files, options)
    settings = settings_of(options)
    rules = rules_of(options, settings)
    skipped = Skipped()
    try:
        with no_cycle_search(), progress_bar(files) as progress:
            records = topics_of(cluster_of(options, settings), progress) if not files else files_of(files, progress)
            result = counted_again(
                configured(read_records(records, skipped), rules, skipped),
                threshold_seconds=rules.threshold_seconds,
                short_abandon_seconds=rules.short_abandon_seconds,
                zone=rules.zone,
            )
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    except (Unavailable, OSError) as error:
        raise click.ClickException(str(error)) from None
    if skipped.total:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(skipped.by_reason.items()))
        click.echo(f"skipped {skipped.total:,} records: {reasons}", err=True)
    if options["as_json"]:
        click.echo(json.dumps(json_report(result, options["by"]), indent=2))
    else:
        print_tables(result, options["by"])


@contextmanager
def no_cycle_search() -> Iterator[None]:
    """Millions of events stay alive and none is in a cycle: walking them again and again would double the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def check_options(files: tuple[str, ...], options: Options) -> None:
    """Raises UsageError for options that contradict each other."""
    if bool(files) == options["topics"]:
        raise click.UsageError("Give either files or --topics; see --help for examples.")
    if options["topics"] and not (options["config"] or options["brokers"]):
        raise click.UsageError("--topics needs --config or --brokers.")
    if not options["topics"] and (options["brokers"] or options["prefix"]):
        raise click.UsageError("--brokers and --prefix go with --topics.")
    if options["config"] and (options["brokers"] or options["prefix"]):
        raise click.UsageError("With --config, brokers and prefix are those of the file.")
    try:
        ZoneInfo(options["zone"] or DEFAULT_ZONE)
    except (KeyError, ValueError, OSError):
        raise click.UsageError(f"--zone {options['zone']}: no such time zone.") from None


def settings_of(options: Options) -> Settings | None:
    """The configuration, if one is named; its secrets are read only where the brokers ask for them."""
    if options["config"] is None:
        return None
    settings = settings_or_exit(options["config"], resolve_secrets=False)
    if options["topics"] and settings.kafka.security.protocol == "sasl_ssl":
        return settings_or_exit(options["config"])
    return settings


def cluster_of(options: Options, settings: Settings | None) -> Cluster:
    """Where the topics are. Raises UsageError for brokers or a prefix that cannot be."""
    if settings is not None:
        folder = options["config"].parent if options["config"] else None
        login = client_options(settings.kafka, settings.kafka_password, folder=folder)
        return Cluster(settings.kafka.brokers, settings.kafka.prefix, login)
    given = {"brokers": (options["brokers"] or "").split(","), "prefix": options["prefix"] or DEFAULT_PREFIX}
    try:
        kafka = convert(given, Kafka)
    except ValidationError as error:
        raise click.UsageError(f"--brokers or --prefix: {error}") from None
    return Cluster(kafka.brokers, kafka.prefix, client_options(kafka))


def rules_of(options: Options, settings: Settings | None) -> Rules:
    threshold, short_abandon, zone = options["threshold"], options["short_abandon"], options["zone"]
    if settings is None:
        return Rules(
            DEFAULT_THRESHOLD_SECONDS if threshold is None else threshold,
            DEFAULT_SHORT_ABANDON_SECONDS if short_abandon is None else short_abandon,
            zone or DEFAULT_ZONE,
            None,
        )
    queues = {(queue.tenant, queue.queue): queue for queue in settings.queues}
    zones = {(site.tenant, site.site): site.zone for site in settings.sites}
    return Rules(
        (lambda *queue: queues[queue].answer_target_seconds) if threshold is None else threshold,
        (lambda *queue: queues[queue].short_abandon_seconds) if short_abandon is None else short_abandon,
        zone or (lambda *site: zones[site]),
        lambda *queue: queues[queue].site if queue in queues else None,
    )


def configured(events: Iterable[Event], rules: Rules, skipped: Skipped) -> Iterator[Event]:
    """The events of queues that the configuration has, at their own site; the others are skipped."""
    for event in events:
        site = event.site if rules.site_of is None else rules.site_of(event.visit.tenant, event.visit.queue)
        if site == event.site:
            yield event
        else:
            skipped.add("unknown_queue" if site is None else "wrong_site")


def progress_bar(files: tuple[str, ...]) -> Progress:
    """A bar on standard error, where that is a terminal and the reading long."""
    is_long = any(size is None or size > LONG_FILE_BYTES for size in map(size_of, files)) or not files
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not (is_long and sys.stderr.isatty()),
    )


def size_of(file: str) -> int | None:
    return None if file == STANDARD_INPUT else Path(file).stat().st_size


def files_of(files: Iterable[str], progress: Progress) -> Iterator[RawRecord]:
    """The lines of every file, as records without headers."""
    for file in files:
        with click.open_file(file, "rb") as opened:
            try:
                for line in lines_of(io.BufferedReader(watched(file, opened, progress))):
                    if line.strip():
                        yield (), line
            except (EOFError, OSError, zlib.error) as error:
                raise click.ClickException(f"{file}: {error}") from None


def watched(file: str, opened: IO[bytes], progress: Progress) -> io.RawIOBase:
    """The file, with what is read of it shown; how long standard input is nobody knows."""
    if file == STANDARD_INPUT:
        progress.add_task("standard input", total=None)
        return cast("io.RawIOBase", opened)
    task = progress.add_task(Path(file).name, total=size_of(file))
    return cast("io.RawIOBase", progress.wrap_file(cast("BinaryIO", opened), task_id=task))


def lines_of(opened: io.BufferedReader) -> Iterable[bytes]:
    """The lines of a file that may be gzipped, as its first bytes tell."""
    return gzip.GzipFile(fileobj=opened) if opened.peek(2)[:2] == GZIP_MAGIC else opened


def topics_of(cluster: Cluster, progress: Progress) -> Iterator[RawRecord]:
    task = progress.add_task(f"{cluster.prefix} topics", total=None)
    for record in topic_records(cluster, lambda total: progress.update(task, total=total)):
        progress.advance(task)
        yield record
