"""``filaviva dead-letters``: see what was rejected and why, and send it again once the cause is mended."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streams.cli.kafka_target import KafkaTarget, with_kafka_target
from streams.dead_letters import DEAD_LETTERS, Coordinates, StoredDeadLetter, Survey
from streams.domain.decisions import Reason
from streams.record_sender import RecordSender
from streams.replaying import Outcome, Replayer
from streams.topic_reading import TopicReader
from streams.topics import bare_name, full_name

_REASONS = click.Choice([reason.value for reason in Reason])
_reasons = click.option("--reason", "reasons", multiple=True, type=_REASONS, help="Only this reason; may be repeated.")
_topic = click.option("--topic", help="Only records of this input topic, with or without the prefix.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which letters are meant; without reasons all, ``topic`` as a full name."""

    reasons: frozenset[str]
    topic: str | None

    def of(self, survey: Survey) -> list[StoredDeadLetter]:
        """Those of a survey, by their coordinates."""
        chosen = (letter for letter in survey.letters.values() if self._fits(letter))
        return sorted(chosen, key=lambda letter: letter.place)

    def _fits(self, letter: StoredDeadLetter) -> bool:
        fits_reason = not self.reasons or letter.reason in self.reasons
        return fits_reason and self.topic in (None, letter.place.topic)


@click.group("dead-letters")
def dead_letters() -> None:
    """See the records the worker rejected, and send them again.

    Every rejected record is kept for 30 days as it came, with the reason, in the topic dead-letters. Mend the cause
    (often: name a queue in the configuration and restart the workers), then replay.
    """


@dead_letters.command("list")
@with_kafka_target
@_reasons
@_topic
@click.option("--show-bytes", is_flag=True, help="Also print key and value as they came: they hold PERSONAL DATA.")
@_as_json
def list_letters(
    target: KafkaTarget, reasons: tuple[str, ...], topic: str | None, *, show_bytes: bool, as_json: bool
) -> None:
    """List rejected records, one a line, and count them by reason.

    A line says the reason, where the record lies (topic/partition/offset), which stage rejected it, and which place of
    it was wrong. What the record held is not printed unless you ask for it. Of stage `ingest` are records of platforms
    that make no event, such as malformed lines: they lie at ingest:SOURCE:FILE/…/BYTE.

    For example: filaviva dead-letters list --config filaviva.yaml --reason unknown_queue
    """
    survey = Survey(keep_bytes=show_bytes)
    with TopicReader(target.brokers, target.client_options) as reader:
        survey.take_all(_all_records(reader, target, "reading"))
    letters = _choice(target, reasons, topic).of(survey)
    if as_json:
        rows = [_row(letter, survey, show_bytes=show_bytes) for letter in letters]
        counts = Counter(letter.reason for letter in letters)
        click.echo(json.dumps({"dead_letters": rows, "by_reason": counts, "unreadable": survey.unreadable}))
        return
    for letter in letters:
        _print_letter(letter, survey, show_bytes=show_bytes)
    _print_counts(letters, survey)


@dead_letters.command(epilog="Exit status: 0, or 1 when the bytes of a chosen record are gone.")
@with_kafka_target
@_reasons
@_topic
@click.option("--again", is_flag=True, help="Also what was replayed before.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@_as_json
def replay(
    target: KafkaTarget,
    reasons: tuple[str, ...],
    topic: str | None,
    *,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send rejected records again, to the topic they came on.

    The bytes are the original ones. The key, and with it the partition, is the one the event asks for where it can be
    read, so records rejected as wrong_partition arrive where they belong. A displaced offer, whose bytes are not kept
    here, is read from its input topic while that still has it.

    Each record is sent once: a note in dead-letters remembers it, and `dead-letters list` shows it. A copy that is
    rejected too is a dead letter of its own. Sending again (--again) does no harm while the visit is kept, a day after
    its last event, 7 days for e-mail: the worker counts a duplicate.

    What platforms told in a form that makes no event (stage `ingest`) is no event and cannot be replayed; it is counted
    and left out.

    For example: filaviva dead-letters replay --config filaviva.yaml --reason unknown_queue --dry-run
    """
    with TopicReader(target.brokers, target.client_options) as reader:
        survey = Survey()
        survey.take_all(_all_records(reader, target, "reading"))
        sending = nullcontext() if dry_run else RecordSender(target.brokers, target.producer_options)
        with sending as sender:
            replayer = Replayer(reader, sender, target.prefix)
            chosen = [letter.place for letter in _choice(target, reasons, topic).of(survey)]
            places = [place for place in chosen if not place.is_of_source]
            mine = [place for place in places if replayer.can_take(place)]
            fresh = [place for place in mine if again or place not in survey.replayed_as]
            outcome = replayer.replay(fresh, _all_records(reader, target, "replaying"))
    left_out = {
        "replayed_before": len(mine) - len(fresh),
        "of_other_topics": len(places) - len(mine),
        "of_sources": len(chosen) - len(places),
    }
    summary = _summary(outcome, left_out, dry_run=dry_run)
    _tell(summary, as_json=as_json)
    if outcome.gone:
        raise SystemExit(1)


def _choice(target: KafkaTarget, reasons: tuple[str, ...], topic: str | None) -> _Choice:
    is_ours = topic is not None and not Coordinates(topic, 0, 0).is_of_source
    whole = full_name(target.prefix, bare_name(target.prefix, topic)) if topic and is_ours else topic
    return _Choice(frozenset(reasons), whole)


def _all_records(reader: TopicReader, target: KafkaTarget, what: str) -> Iterator[Any]:
    """Every record of the topic, with a bar on standard error while that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=None)
        topic = full_name(target.prefix, DEAD_LETTERS)
        for record in reader.records(topic, lambda total: progress.update(task, total=total)):
            progress.advance(task)
            yield record


def _row(letter: StoredDeadLetter, survey: Survey, *, show_bytes: bool) -> dict[str, Any]:
    place = letter.place
    row: dict[str, Any] = {
        "reason": letter.reason,
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "stage": letter.stage,
        "detail": letter.detail,
        "replay_of": letter.replay_of,
        "replayed_as": survey.replayed_as.get(place),
    }
    if show_bytes:
        original = letter.original
        row["key_base64"] = _base64(original.key) if original else None
        row["value_base64"] = _base64(original.value) if original else None
    return row


def _print_letter(letter: StoredDeadLetter, survey: Survey, *, show_bytes: bool) -> None:
    replayed_as = survey.replayed_as.get(letter.place)
    notes = [f"replay of {letter.replay_of}"] if letter.replay_of else []
    notes += [f"replayed as {replayed_as}"] if replayed_as else []
    note = f"  ({'; '.join(notes)})" if notes else ""
    click.echo(_plain(f"{letter.reason:16} {letter.place}  {letter.stage}  {letter.detail}{note}"))
    if show_bytes:
        original = letter.original
        elsewhere = "where the record lies only" if letter.place.is_of_source else "in the input topic only"
        click.echo(f"    key   {_shown(original.key) if original else elsewhere}")
        click.echo(f"    value {_shown(original.value) if original else elsewhere}")


def _print_counts(letters: list[StoredDeadLetter], survey: Survey) -> None:
    counts = Counter(letter.reason for letter in letters)
    replayed = Counter(letter.reason for letter in letters if letter.place in survey.replayed_as)
    click.echo(f"{len(letters)} rejected records")
    for reason, count in counts.most_common():
        click.echo(f"  {count:>8} {_plain(reason)} ({replayed[reason]} replayed)")
    if survey.unreadable:
        click.echo(f"{survey.unreadable} records in the topic are no dead letters of ours")


def _summary(outcome: Outcome, left_out: dict[str, int], *, dry_run: bool) -> dict[str, Any]:
    return {
        "replayed": outcome.replayed.total(),
        "dry_run": dry_run,
        "by_reason": outcome.replayed,
        **left_out,
        "gone": [str(place) for place in outcome.gone],
    }


def _tell(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(f"{summary['replayed']} records {'would be' if summary['dry_run'] else 'were'} sent again")
    for reason, count in summary["by_reason"].most_common():
        click.echo(f"  {count:>8} {reason}")
    if summary["replayed_before"]:
        click.echo(f"{summary['replayed_before']} were replayed before and left out; --again takes them too")
    if summary["of_other_topics"]:
        click.echo(f"{summary['of_other_topics']} came on topics that no stage of this installation reads: left out")
    if summary["of_sources"]:
        click.echo(f"{summary['of_sources']} are records of platforms that make no event: left out")
    for place in summary["gone"]:
        click.echo(f"gone from its input topic: {place}", err=True)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _shown(value: bytes | None) -> str:
    return "null" if value is None else _plain(value.decode(errors="backslashreplace"))


def _plain(text: str) -> str:
    """The text with whatever could command a terminal written out."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
