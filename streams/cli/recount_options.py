"""What the options of ``filaviva recount`` come to, with a configuration or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict
from zoneinfo import ZoneInfo

import click
from msgspec import ValidationError, convert

from streams.cli.check import settings_or_exit
from streams.cli.recount_topics import Cluster
from streams.connections import client_options
from streams.domain.recount import Dimension, Event, OfQueue, Skipped
from streams.settings import Settings
from streams.settings_sections import Kafka, Queue

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
    policy: Path | None
    as_json: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What to count by: the options, and where they are silent the configuration, and else the defaults."""

    threshold_seconds: float | OfQueue
    short_abandon_seconds: float | OfQueue
    zone: str | Callable[[str, str], str]
    queues: Mapping[tuple[str, str], Queue] | None
    """(tenant, queue) to the queue; None without a configuration, when every queue counts."""


def check_options(files: tuple[str, ...], options: Options) -> None:
    """Raises UsageError for options that contradict each other."""
    if bool(files) == options["topics"]:
        raise click.UsageError("Give either files or --topics; see --help for examples.")
    if options["topics"] and not (options["config"] or options["brokers"]):
        raise click.UsageError("--topics needs --config or --brokers.")
    if not options["topics"] and (options["brokers"] or options["prefix"]):
        raise click.UsageError("--brokers and --prefix go with --topics.")
    if options["policy"] and not options["config"]:
        raise click.UsageError("--policy needs --config: it says which queues the policy is of.")
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
        queues,
    )


def configured(events: Iterable[Event], rules: Rules, skipped: Skipped) -> Iterator[Event]:
    """The events that fit the configuration; those of queues, sites and channels it does not have are skipped."""
    for event in events:
        misfit = None if rules.queues is None else misfit_of(event, rules.queues)
        if misfit is None:
            yield event
        else:
            skipped.add(misfit)


def misfit_of(event: Event, queues: Mapping[tuple[str, str], Queue]) -> str | None:
    queue = queues.get((event.visit.tenant, event.visit.queue))
    if queue is None:
        return "unknown_queue"
    if queue.site != event.site:
        return "wrong_site"
    return None if event.channel in queue.channels else "bad_value"
