"""``filaviva recount``: every figure again, computed in one naive pass over all events."""

from __future__ import annotations

import gc
import gzip
import io
import json
import logging
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final, Unpack, cast

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streams.cli.recount_options import Options, check_options, cluster_of, configured, rules_of, settings_of
from streams.cli.recount_policy import (
    CasesAside,
    cases_side_by_side,
    is_of_cases,
    json_what_if,
    other_pack,
    print_what_if,
    side_by_side,
)
from streams.cli.recount_report import json_report, print_tables
from streams.cli.recount_topics import CONTACT_TOPICS, Cluster, RawRecord, topic_records
from streams.domain.events import CASE_EVENTS
from streams.domain.recount import Recount, Skipped, read_records, recount as recount_of
from streams.errors import ConfigError, Unavailable
from streams.settings import Settings

GZIP_MAGIC: Final = b"\x1f\x8b"
LONG_FILE_BYTES: Final = 1_000_000
STANDARD_INPUT: Final = "-"


@click.command(epilog="Exit status: 0 also when records were skipped, 1 when reading failed, 2 for wrong options.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--topics", is_flag=True, help="Read the topics to their ends instead of files.")
@click.option("--config", type=click.Path(path_type=Path), help="Take targets, zones and Kafka from this file.")
@click.option("--brokers", metavar="HOST:PORT,...", help="With --topics: the brokers, where there is no --config.")
@click.option("--prefix", help="With --topics: the topics' name prefix [default: filaviva].")
@click.option("--threshold", type=click.FloatRange(min=0), metavar="S", help="Answer within S seconds [default: 20].")
@click.option("--short-abandon", type=click.FloatRange(min=0), metavar="S", help="Short up to S seconds [default: 5].")
@click.option("--zone", metavar="ZONE", help="Zone of days and intervals, as America/Fortaleza [default: UTC].")
@click.option("--by", type=click.Choice(["queue", "day", "interval"]), default="queue", help="What a row is.")
@click.option("--policy", type=click.Path(path_type=Path), help="What this other version of a pack would say, beside.")
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

    filaviva recount october.jsonl --config filaviva.yaml --policy our-sac-2026.12.0.yaml

    With --policy a version of a pack of deadlines, case events are read too, and judged by both as of the newest.
    """
    check_options(files, options)
    settings = settings_of(options)
    pack = other_pack(options["policy"], settings) if options["policy"] and settings else None
    with no_cycle_search():
        skipped = Skipped()
        cases = CasesAside() if pack and settings and is_of_cases(pack, settings) else None
        result = count_again(files, options, settings, skipped, cases)
        if skipped.total:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(skipped.by_reason.items()))
            click.echo(f"skipped {skipped.total:,} records: {reasons}", err=True)
        what_if = side_by_side(result, settings, pack) if pack and settings else {}
        of_cases = cases_side_by_side(cases.moments, settings, pack) if cases and pack and settings else {}
        if options["as_json"]:
            report = json_report(result, options["by"])
            if pack:
                report["policy"] = json_what_if(what_if, of_cases, pack)
            click.echo(json.dumps(report, indent=2))
        else:
            print_tables(result, options["by"])
            if pack:
                print_what_if(what_if, of_cases, pack)


def count_again(
    files: tuple[str, ...],
    options: Options,
    settings: Settings | None,
    skipped: Skipped,
    cases: CasesAside | None = None,
) -> Recount:
    """Everything read and counted; case events are put aside in ``cases`` if they are wanted. Ends the command with a
    plain message where that cannot be."""
    rules = rules_of(options, settings)
    try:
        with progress_bar(files) as progress:
            topics = CONTACT_TOPICS if cases is None else (*CONTACT_TOPICS, CASE_EVENTS)
            records = files_of(files, progress) if files else topics_of(cluster_of(options, settings), progress, topics)
            if cases is not None:
                records = cases.taken_out_of(records)
            return recount_of(
                configured(read_records(records, skipped), rules, skipped),
                threshold_seconds=rules.threshold_seconds,
                short_abandon_seconds=rules.short_abandon_seconds,
                zone=rules.zone,
            )
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    except (Unavailable, OSError) as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def no_cycle_search() -> Iterator[None]:
    """Millions of events stay alive and none is in a cycle: walking them again and again would double the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


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


def topics_of(cluster: Cluster, progress: Progress, topics: Sequence[str]) -> Iterator[RawRecord]:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what goes wrong is said in our own words
    task = progress.add_task(f"{cluster.prefix} topics", total=None)
    for record in topic_records(cluster, lambda total: progress.update(task, total=total), topics):
        progress.advance(task)
        yield record
