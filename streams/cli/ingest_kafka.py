"""``filaviva ingest kafka``: what is in somebody else's topic, into ours."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from streams.cli.check import settings_or_exit
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
from streams.errors import ConfigError
from streams.movers.ami_topic import AmiTopicMover
from streams.movers.cloud_events_topic import CloudEventsMover
from streams.movers.figures import MoverFigures
from streams.movers.foreign_topic import ForeignTopic
from streams.movers.sending import Sender
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import InvalidEvent

WAIT_SECONDS: Final = 0.25
MOST_REPORTED: Final = 20
AMI: Final = "app-ami-kafka"
CLOUD_EVENTS: Final = "cloudevents"

Mover = AmiTopicMover | CloudEventsMover


@dataclass(slots=True)
class _Run:
    """What one command does, over all the movers it needs where Kafka is away in between."""

    topic: str
    form: str
    group: str
    brokers: tuple[str, ...]
    system: str | None
    of: IngestSource
    tenants: frozenset[str]
    follows: bool
    beat_seconds: float | None
    stop: threading.Event
    figures: MoverFigures
    reported: int = 0

    def move(self, target: KafkaTarget) -> Mover:
        """Until the end of the topic, or until told to stop when it is followed."""
        sender = watched_publisher(target, self.figures)
        self.figures.is_connected = False
        options = {} if self.brokers else target.producer_options
        topic = ForeignTopic(self.topic, self.group, self.brokers or target.brokers, options)
        try:
            mover = self._mover(topic, sender)
            self._follow(mover)
        finally:
            topic.close()
        return mover

    def _mover(self, topic: ForeignTopic, sender: Sender) -> Mover:
        source, figures = self.of.dictionary.source, self.figures
        if self.form == CLOUD_EVENTS:
            return CloudEventsMover(topic, source, self.tenants, sender, told=self._report, figures=figures)
        return AmiTopicMover(
            topic,
            self.of.dictionary,
            self.of.state,
            sender,
            system=self.system,
            told=self._report,
            figures=figures,
        )

    def _follow(self, mover: Mover) -> None:
        beaten_at = time.monotonic()
        while not self.stop.is_set():
            if mover.step(WAIT_SECONDS):
                continue
            if not self.follows and mover.is_idle:
                break
            is_time = self.beat_seconds is not None and time.monotonic() - beaten_at >= self.beat_seconds
            if is_time and mover.is_read_to_end:
                mover.beat(self.of.sites)
                beaten_at = time.monotonic()

    def _report(self, error: InvalidEvent) -> None:
        self.reported += 1
        if self.reported <= MOST_REPORTED:
            click.echo(f"a record of {self.topic} is left out: {error}", err=True)
        if self.reported == MOST_REPORTED:
            click.echo("further records like this are only counted", err=True)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.argument("topic"),
        click.option(
            "--format", "form", required=True, type=click.Choice([AMI, CLOUD_EVENTS]), help="What its records are."
        ),
        config_option,
        source_option,
        click.option(
            "--system", help="Of one exchange among several in the topic: its SystemName, or its EntityID. For AMI."
        ),
        click.option(
            "--brokers",
            metavar="HOST:PORT[,…]",
            help="Where the topic is, without TLS or login, if not in our cluster.",
        ),
        click.option("--group", help="The consumer group to commit for.  [default: filaviva-ingest-SOURCE]"),
        click.option("--follow", "follows", is_flag=True, help="Go on with what comes, until stopped."),
        state_option,
        click.option(
            "--heartbeat",
            "beat_seconds",
            type=click.FloatRange(min=1),
            help="Say so often that the source is heard: that the topic is read to its end, not that anybody writes.",
        ),
        metrics_option,
        click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_options
def kafka(topic: str, config: Path, source: str, state: Path, *, as_json: bool, **how: Any) -> None:
    """Read somebody else's topic and send what it says to ours, in the partition of its owner.

    TOPIC holds either the manager events of an Asterisk, as its module app_ami_kafka publishes them, or CloudEvents
    that are canonical already. It is read from its beginning, and from where it stood when the command runs again.

    For example: filaviva ingest kafka asterisk_ami --format app-ami-kafka --source pbx-fortaleza-1
    --config filaviva.yaml --follow
    """
    quiet_clients()
    with errors_told():
        of, tenants = _source(config, source, state, how["form"])
        brokers = tuple(each.strip() for each in (how.pop("brokers") or "").split(",") if each.strip())
        group = how.pop("group") or f"filaviva-ingest-{source}"
        figures = MoverFigures(source, how["form"])
        with alone(of), stop_asked() as stop, looked_at(figures, how.pop("metrics")):
            run = _Run(topic, group=group, brokers=brokers, of=of, tenants=tenants, stop=stop, figures=figures, **how)
            target = target_of_file(config)
            mover = moved_until_done(lambda: run.move(target), stop, follows=how["follows"])
    if mover is not None:
        _summarise(mover, as_json=as_json)


def _source(config: Path, source: str, state: Path, form: str) -> tuple[IngestSource, frozenset[str]]:
    """The source; and the tenants for which it may speak."""
    if form == AMI:
        return ingest_source(config, source, state), frozenset()
    settings = settings_or_exit(config, resolve_secrets=False)
    sites = frozenset((entry.tenant, entry.site) for entry in settings.sources if entry.source == source)
    if not sites:
        raise ConfigError([("sources", f"expected an entry of source {source}: nobody says whose events it may bring")])
    state.mkdir(parents=True, exist_ok=True)
    of = IngestSource(QueueDictionary(source, {}), sites, state / f"{source}.json")
    return of, frozenset(tenant for tenant, _ in sites)


def _summarise(mover: Mover, *, as_json: bool) -> None:
    summary = {
        "records": mover.figures.records,
        "events": mover.figures.events,
        "ignored": dict(sorted(mover.ignored.items())),
        "refused": dict(sorted(mover.refused.items())),
        "gaps": mover.gaps,
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(f"{mover.figures.events} events sent; {mover.figures.records} records read")
    for name, counts in (("ignored", mover.ignored), ("refused", mover.refused)):
        for kind, count in sorted(counts.items()):
            click.echo(f"  {name} {kind}: {count}")
    if mover.gaps:
        click.echo(f"  partitions that had lost what was to be read next: {mover.gaps}")
