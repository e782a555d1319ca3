"""``filaviva skip``: give up one record that makes the worker end, so that work goes on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from streams.cli.kafka_target import KafkaTarget, with_kafka_target
from streams.engine.skips import skip_row
from streams.record_sender import RecordSender
from streams.topic_reading import TopicReader
from streams.topics import STAGE_INPUTS, bare_name, changelog_name, full_name, stages_reading


@click.command()
@click.argument("topic")
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("offset", type=click.IntRange(min=0))
@with_kafka_target
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text; needs --yes.")
def skip(target: KafkaTarget, topic: str, partition: int, offset: int, *, yes: bool, as_json: bool) -> None:
    """Give up one record that makes the worker end.

    A record that a worker cannot get past is a bug of ours: the log says "failed on TOPIC/PARTITION at offsets A to B",
    and the worker ends before anything later is acknowledged. Until the bug is mended, this makes the worker reject
    that one record (internal_error, into dead-letters, whence it can be replayed) instead of applying it. Where A and B
    differ, let a worker with `worker: {max_poll_records: 1}` end once: it takes records one by one and names the one.

    It takes effect when a worker reads its state back: RESTART the worker that holds the partition, or let it crash
    once more. A record whose effect is already in the state stays applied. TOPIC is given with or without the prefix.

    For example: filaviva skip call-events 3 184467 --config filaviva.yaml
    """
    bare = bare_name(target.prefix, topic)
    stages = stages_reading(bare)
    if not stages:
        known = ", ".join(name for inputs in STAGE_INPUTS.values() for name in inputs)
        raise click.UsageError(f"no stage reads {topic}; those that are read: {known}")
    if as_json and not yes:
        raise click.UsageError("--json needs --yes")
    whole = full_name(target.prefix, bare)
    with TopicReader(target.brokers, target.client_options) as reader:
        _check_bounds(reader, whole, partition, offset)
        record = reader.record_at(whole, partition, offset)
        if record is None:
            raise click.UsageError(f"{whole}/{partition} has no record at offset {offset}")
        committed = reader.committed(target.prefix, whole, partition) or 0
    if not as_json:
        _show(record, whole, is_behind=committed > offset)
    if not yes:
        click.confirm(f"Give it up in {' and '.join(stages)}?", abort=True)
    _write(target, stages, bare, partition=partition, offset=offset)
    if as_json:
        place = {"topic": whole, "partition": partition, "offset": offset}
        click.echo(json.dumps({**place, "stages": stages, "was_behind_the_worker": committed > offset}))
    else:
        click.echo("Written. Now restart the worker that holds the partition, unless it keeps restarting by itself.")


def _check_bounds(reader: TopicReader, whole: str, partition: int, offset: int) -> None:
    partitions = reader.partitions(whole)
    if partition >= partitions:
        raise click.UsageError(f"{whole} has partitions 0 to {partitions - 1}")
    first, end = reader.bounds(whole, partition)
    if not first <= offset < end:
        held = f"offsets {first} to {end - 1}" if first < end else "no record"
        raise click.UsageError(f"{whole}/{partition} has {held}")


def _show(record: Any, whole: str, *, is_behind: bool) -> None:
    """What the operator must know to be sure that it is the right one, and nothing of its value."""
    moment = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds")
    size = "no value" if record.value is None else f"{len(record.value)} bytes"
    click.echo(f"record     {whole}/{record.partition}/{record.offset}")
    click.echo(f"key        {'none' if record.key is None else ascii(record.key)[2:-1]}")
    click.echo(f"timestamp  {moment}")
    click.echo(f"value      {size}")
    if is_behind:
        click.echo("The worker has this record behind it already: giving it up changes nothing unless state is lost.")


def _write(target: KafkaTarget, stages: tuple[str, ...], bare: str, *, partition: int, offset: int) -> None:
    key, value = skip_row(bare, offset)
    with RecordSender(target.brokers, target.producer_options) as sender:
        for stage in stages:
            sender.send(full_name(target.prefix, changelog_name(stage)), partition, key=key, value=value)
