"""``filaviva compliance``: the evidence of a month, read back from the output topics."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

from streams.cli.check import settings_or_exit
from streams.cli.compliance_reading import RawEvent, called_in, declared_in, issued_in
from streams.cli.compliance_report import csv_text, print_evidence
from streams.compliance import Declared, Evidence, evidence
from streams.compliance_availability import SiteInQuestion, availability_lines, blind_lines
from streams.compliance_calls import Called, call_lines
from streams.compliance_deadlines import deadline_lines
from streams.compliance_protocols import Issued, protocol_lines
from streams.connections import client_options
from streams.domain.events import CALLBACK_RESULTS, CASE_EVENTS, SITE_EVENTS
from streams.domain.policy import Pack
from streams.domain.site_findings import SiteRules
from streams.errors import Unavailable
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.told import Told
from streams.topic_reading import TopicReader
from streams.topics import CALLBACK_PLANS, CASE_DEADLINES, CONTACT_OUTCOMES, SITE_DAYS, SLA_BREACHES, full_name

DEFAULT_INDICATORS: Final = "aneel@2026.11.0"
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Read:
    """What the topics hold of it."""

    told: Told
    declared: list[Declared]
    issued: list[Issued]
    called: list[Called]


@click.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="The configuration file (YAML).")
@click.option("--month", required=True, metavar="YYYY-MM", help="The month, by the local days of each site.")
@click.option(
    "--format", "shape", type=click.Choice(["table", "csv", "json"]), default="table", help="How to print it."
)
@click.option("--indicators", default=DEFAULT_INDICATORS, metavar="NAME@VERSION", help="The pack of monthly figures.")
def compliance(config: Path, month: str, shape: str, indicators: str) -> None:
    """What a month comes to, rule by rule: the waits of each queue and day with the worst of them, monthly figures of
    energy distributors, deadlines due, met and missed, protocol numbers, what sites offered, when sources were silent,
    the calls of dialers by day with how many were short.

    Reads the newest record of every visit and finding; joins no group and commits nothing. Exceptions declared on
    site-events (an outage, an atypical day) only tag what they excuse. The csv holds the waits by queue, day and rule.
    What is not judged is said, in every format but csv.

    For example: filaviva compliance --config filaviva.yaml --month 2026-10 --format json
    """
    if not _MONTH.fullmatch(month):
        raise click.UsageError("--month: expected a month such as 2026-10")
    settings = settings_or_exit(config)
    pack = settings.packs.get(indicators)
    if pack is None:
        raise click.UsageError(f"--indicators: expected one of {', '.join(settings.packs.names)}")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what goes wrong is said in our own words
    try:
        read = _read(settings)
    except Unavailable as error:
        raise click.ClickException(str(error)) from None
    result = _evidence(month, read, settings, pack)
    if shape == "json":
        click.echo(json.dumps(asdict(result), ensure_ascii=False, indent=2))
    elif shape == "csv":
        click.echo(csv_text(result.waits), nl=False)
    else:
        print_evidence(result)


def _evidence(month: str, read: Read, settings: Settings, pack: Pack) -> Evidence:
    """Everything put together; dates are judged when they are over in the pack's zone."""
    zone, now, directory = ZoneInfo(pack.zone), datetime.now(UTC), settings.directory(partition_of)
    findings = read.told.newest[SLA_BREACHES].values()
    waits = evidence(
        month,
        outcomes=read.told.newest[CONTACT_OUTCOMES].values(),
        declared=read.declared,
        queues=directory.queues,
        indicators=pack,
    )
    packs_of = {tenant: [each.pack for each in rules.packs] for tenant, rules in settings.case_rules().items()}
    sites, days, today = list(_sites(settings)), read.told.newest[SITE_DAYS], now.astimezone(zone).date()
    return replace(
        waits,
        deadlines=deadline_lines(
            month,
            deadlines=read.told.newest[CASE_DEADLINES].values(),
            findings=findings,
            plans=read.told.newest[CALLBACK_PLANS].values(),
            owed_within_ms=lambda tenant, queue: directory.callbacks(tenant, queue).owed_due_ms,
            zone=zone,
            now_ms=round(now.timestamp() * 1000),
        ),
        protocols=protocol_lines(month, read.issued, packs_of, zone),
        availability=availability_lines(month, sites, days, findings, today=today),
        blind=blind_lines(month, sites, days, today=today),
        calls=call_lines(month, read.called, read.told.newest[CONTACT_OUTCOMES].values(), zone),
    )


def _sites(settings: Settings) -> Iterator[SiteInQuestion]:
    """Every site that is held to rules or has sources."""
    rules = settings.site_rules()
    for site in settings.sites:
        place = (site.tenant, site.site)
        sources = tuple(each.source for each in settings.sources if (each.tenant, each.site) == place)
        if place in rules or sources:
            yield SiteInQuestion(place, rules.get(place) or SiteRules((), (), site.zone), sources)


def _read(settings: Settings) -> Read:
    told, kafka = Told(), settings.kafka
    with TopicReader(kafka.brokers, client_options(kafka, settings.kafka_password)) as reader:

        def events(topic: str) -> Iterator[RawEvent]:
            for record in reader.records(full_name(kafka.prefix, topic), lambda _: None):
                yield RawEvent(record.value, record.headers)

        for topic in (CONTACT_OUTCOMES, SLA_BREACHES, SITE_DAYS, CASE_DEADLINES, CALLBACK_PLANS):
            for each in events(topic):
                told.take(topic, each.value)
        sectors = {tenant: rules.sector for tenant, rules in settings.case_rules().items()}
        return Read(
            told,
            list(declared_in(events(SITE_EVENTS))),
            issued_in(events(CASE_EVENTS), sectors),
            list(called_in(events(CALLBACK_RESULTS))),
        )
