"""``filaviva topics``: create the topics of an installation, list them, and check them against what is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from streams.cli.kafka_target import KafkaTarget, with_kafka_target
from streams.topic_admin import Difference, Topic, TopicAdmin, plan, wanted_topics
from streams.topics import TOPICS, TopicSpec, full_name

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@click.group()
def topics() -> None:
    """Create, list and check the Kafka topics.

    Nothing that exists is altered: what differs is told, and mending it is your decision. The partition count is fixed
    for the life of the data.
    """


@topics.command()
@with_kafka_target
@_as_json
def create(target: KafkaTarget, *, as_json: bool) -> None:
    """Create the topics that do not exist yet, with all their settings.

    For example: filaviva topics create --config filaviva.yaml
    """
    wanted = _wanted(target)
    with _admin(target) as admin:
        created = admin.create_missing(wanted)
        differences = plan(_existing(admin, wanted), wanted)
    if as_json:
        click.echo(json.dumps({"created": created, "differences": [asdict(each) for each in differences]}))
    else:
        for name in created:
            click.echo(f"created {name}")
        click.echo(f"{len(created)} created, {len(wanted) - len(created)} were there")
        _tell(differences)
    _exit_with(differences)


@topics.command("list")
@with_kafka_target
@_as_json
def list_topics(target: KafkaTarget, *, as_json: bool) -> None:
    """List the topics with their keys, how long each keeps records, and which hold personal data.

    For example: filaviva topics list --brokers 127.0.0.1:9092
    """
    wanted = _wanted(target)
    with _admin(target) as admin:
        existing = _existing(admin, wanted)
    rows = [_row(spec, existing.get(full_name(target.prefix, spec.name)), target.prefix) for spec in TOPICS]
    if as_json:
        click.echo(json.dumps({"topics": rows}))
        return
    width = max(len(str(row["topic"])) for row in rows)
    for row in rows:
        state = f"{row['partitions']:>4} partitions" if row["partitions"] else "does not exist "
        note = "  personal data" if row["personal_data"] else ""
        click.echo(f"{row['topic']:{width}}  {state}  {row['kept']:9}  key: {row['key']}{note}")


@topics.command()
@with_kafka_target
@_as_json
def describe(target: KafkaTarget, *, as_json: bool) -> None:
    """Check every topic: partition count, time stamps of the inputs, cleanup, sizes, replicas.

    Exit status 1 when something would give wrong results or lose data.

    For example: filaviva topics describe --config filaviva.yaml --json
    """
    wanted = _wanted(target)
    with _admin(target) as admin:
        differences = plan(_existing(admin, wanted), wanted)
    if as_json:
        click.echo(json.dumps({"checked": len(wanted), "differences": [asdict(each) for each in differences]}))
    else:
        _tell(differences)
        click.echo(f"{len(wanted)} topics checked, {sum(each.breaks for each in differences)} faults")
    _exit_with(differences)


@contextmanager
def _admin(target: KafkaTarget) -> Iterator[TopicAdmin]:
    admin = TopicAdmin(target.brokers, target.client_options)
    try:
        yield admin
    finally:
        admin.close()


def _wanted(target: KafkaTarget) -> list[Topic]:
    return wanted_topics(
        target.prefix, partitions=target.partitions, replication=target.replication, event_clock=target.event_clock
    )


def _existing(admin: TopicAdmin, wanted: list[Topic]) -> dict[str, Topic]:
    return admin.describe([topic.name for topic in wanted])


def _row(spec: TopicSpec, found: Topic | None, prefix: str) -> dict[str, object]:
    return {
        "topic": full_name(prefix, spec.name),
        "partitions": found.partitions if found else None,
        "key": spec.key,
        "kept": f"{spec.retention_days} days" if spec.retention_days else "compacted",
        "personal_data": spec.personal_data,
    }


def _tell(differences: list[Difference]) -> None:
    for each in differences:
        click.echo(f"{'FAULT' if each.breaks else 'note '} {each}")


def _exit_with(differences: list[Difference]) -> None:
    if any(each.breaks for each in differences):
        raise SystemExit(1)
