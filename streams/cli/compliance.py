"""``filaviva compliance``: the evidence of a month, read back from the output topics."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streams.cli.check import settings_or_exit
from streams.compliance import Declared, Evidence, WaitLine, evidence
from streams.compliance_calls import Called, call_lines
from streams.compliance_protocols import Issued, protocol_lines
from streams.connections import client_options
from streams.domain.decoding import parse_time
from streams.domain.events import (
    CALLBACK_RESULTS,
    CASE_EVENTS,
    RESULT_TYPES,
    SITE_EVENTS,
    CaseData,
    DialAttempted,
    ExceptionDeclared,
)
from streams.errors import Unavailable
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.told import Told
from streams.topic_reading import TopicReader
from streams.topics import CONTACT_OUTCOMES, SLA_BREACHES, full_name

DEFAULT_INDICATORS: Final = "aneel@2026.11.0"
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class _Event(msgspec.Struct):
    type: str
    time: str
    data: msgspec.Raw


@click.command()
@click.option("--config", type=click.Path(path_type=Path), required=True, help="The configuration file (YAML).")
@click.option("--month", required=True, metavar="YYYY-MM", help="The month, by the local days of each site.")
@click.option(
    "--format", "shape", type=click.Choice(["table", "csv", "json"]), default="table", help="How to print it."
)
@click.option("--indicators", default=DEFAULT_INDICATORS, metavar="NAME@VERSION", help="The pack of monthly figures.")
def compliance(config: Path, month: str, shape: str, indicators: str) -> None:
    """What a month comes to, rule by rule: the waits of each queue and day with the worst of them, monthly figures of
    energy distributors, deadlines of cases that were at risk or not met, protocol numbers, and the calls of dialers by
    day with how many were short.

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
        told, declared, issued, called = _read(settings)
    except Unavailable as error:
        raise click.ClickException(str(error)) from None
    waits_and_deadlines = evidence(
        month,
        outcomes=told.newest[CONTACT_OUTCOMES].values(),
        findings=told.newest[SLA_BREACHES].values(),
        declared=declared,
        queues=settings.directory(partition_of).queues,
        indicators=pack,
    )
    packs_of = {tenant: [each.pack for each in rules.packs] for tenant, rules in settings.case_rules().items()}
    protocols = protocol_lines(month, issued, packs_of, ZoneInfo(pack.zone))
    calls = call_lines(month, called, told.newest[CONTACT_OUTCOMES].values(), ZoneInfo(pack.zone))
    result = replace(waits_and_deadlines, protocols=protocols, calls=calls)
    if shape == "json":
        judged = [{**asdict(each), "short_share": each.short_share, "risk": each.risk} for each in result.calls]
        click.echo(json.dumps({**asdict(result), "calls": judged}, ensure_ascii=False, indent=2))
    elif shape == "csv":
        click.echo(csv_text(result.waits), nl=False)
    else:
        print_evidence(result)


def _read(settings: Settings) -> tuple[Told, list[Declared], list[Issued], list[Called]]:
    """Everything the topics hold of it."""
    told, kafka = Told(), settings.kafka
    with TopicReader(kafka.brokers, client_options(kafka, settings.kafka_password)) as reader:
        for topic in (CONTACT_OUTCOMES, SLA_BREACHES):
            for record in reader.records(full_name(kafka.prefix, topic), lambda _: None):
                told.take(topic, record.value)
        site_events = reader.records(full_name(kafka.prefix, SITE_EVENTS), lambda _: None)
        declared = list(declared_in(record.value for record in site_events))
        case_events = reader.records(full_name(kafka.prefix, CASE_EVENTS), lambda _: None)
        sectors = {tenant: rules.sector for tenant, rules in settings.case_rules().items()}
        issued = issued_in((record.value for record in case_events), sectors)
        results = reader.records(full_name(kafka.prefix, CALLBACK_RESULTS), lambda _: None)
        return told, declared, issued, list(called_in(record.value for record in results))


def declared_in(values: Iterable[bytes | None]) -> Iterator[Declared]:
    """The exceptions among site events in structured form; one that cannot be read is named on standard error."""
    for value in values:
        try:
            event = msgspec.json.decode(value or b"", type=_Event)
            if event.type != "exception.declared":
                continue
            told = msgspec.json.decode(event.data, type=ExceptionDeclared)
        except msgspec.DecodeError as error:
            if b"exception.declared" in (value or b""):
                click.echo(f"an exception that cannot be read: {error}", err=True)
            continue
        from_ms, to_ms = parse_time(told.starts_at), parse_time(told.ends_at)
        if from_ms is None or to_ms is None:
            click.echo("an exception whose starts_at or ends_at is no RFC 3339 time", err=True)
        else:
            yield Declared(told, from_ms, to_ms)


def issued_in(values: Iterable[bytes | None], sectors: Mapping[str, str | None]) -> list[Issued]:
    """The protocol numbers among case events in structured form; ``sectors`` are those of cases that name none. What
    cannot be read was rejected by the worker, and is in the dead letters."""
    issued: list[Issued] = []
    named: dict[tuple[str, str], str] = {}
    for value in values:
        try:
            event = msgspec.json.decode(value or b"", type=_Event)
            if event.type not in ("case.registered", "case.protocol_issued"):
                continue
            data = msgspec.json.decode(event.data, type=CaseData)
        except msgspec.DecodeError:
            continue
        at_ms = parse_time(event.time)
        if event.type == "case.registered" and data.sector is not None:
            named[data.tenant, data.case_id] = data.sector
        elif data.protocol is not None and at_ms is not None:
            issued.append(Issued(data.tenant, data.case_id, None, at_ms, data.protocol))
    return [replace(each, sector=named.get((each.tenant, each.case_id), sectors.get(each.tenant))) for each in issued]


def called_in(values: Iterable[bytes | None]) -> Iterator[Called]:
    """What dialers reported, in structured form. What cannot be read was rejected by the worker, and is in the dead
    letters."""
    for value in values:
        try:
            event = msgspec.json.decode(value or b"", type=_Event)
            data = msgspec.json.decode(event.data, type=DialAttempted) if event.type in RESULT_TYPES else None
        except msgspec.DecodeError:
            continue
        at_ms = parse_time(event.time)
        if data is not None and at_ms is not None:
            yield Called(data.tenant, data.job_id, data.outcome, at_ms)


def csv_text(waits: Iterable[WaitLine]) -> str:
    """One line per queue, channel, day and rule, with a heading."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    names = [field.name for field in fields(WaitLine)]
    writer.writerow(names)
    writer.writerows([getattr(line, name) for name in names] for line in waits)
    return written.getvalue()


def print_evidence(result: Evidence) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    waits = _table(f"Waits of {result.month} by queue and rule", "visits met breached tolerated excused no_limit")
    for key, counts in _by_queue(result.waits).items():
        waits.add_row(key, *(f"{count:,}" for count in counts))
    console.print(waits)
    worst = _table("\nThe worst waits", "offered wait limit rule force excused_by")
    for case in result.worst:
        wait = "never left" if case.judged_wait_seconds is None else f"{case.judged_wait_seconds:g}"
        row = (case.offered_at, wait, f"{case.limit_seconds:g}", case.rule, case.force, case.excused_by or "-")
        worst.add_row(case.visit_id, *row)
    console.print(worst)
    indicators = _table("\nMonthly figures, in percent", "full passes net passes force confidence")
    for line in result.indicators:
        full = _figure(line.full_percent, passes=line.full_passes)
        net = _figure(line.net_percent, passes=line.net_passes)
        indicators.add_row(f"{line.tenant} {line.formula} ({line.rule})", *full, *net, line.force, line.confidence)
    console.print(indicators)
    deadlines = _table("\nDeadlines of cases due in the month", "at_risk open confirmed retracted force confidence")
    for due in result.deadlines:
        states = (f"{due.states.get(state, 0):,}" for state in ("at_risk", "open", "confirmed", "retracted"))
        deadlines.add_row(f"{due.tenant} {due.rule} {due.policy_version}", *states, due.force, due.confidence)
    console.print(deadlines)
    protocols = _table("\nProtocol numbers", "issued repeated malformed missing force confidence")
    for each in result.protocols:
        figures = (f"{figure:,}" for figure in (each.issued, each.repeated, each.malformed, each.missing))
        protocols.add_row(f"{each.tenant} {each.format}", *figures, each.force or "-", each.confidence or "-")
    console.print(protocols)
    calls = _table("\nCalls of dialers by day", "calls short share risk force confidence")
    for made in result.calls:
        share = f"{100 * made.short_share:.1f} %"
        row = (f"{made.calls:,}", f"{made.short:,}", share, made.risk, made.force, made.confidence)
        calls.add_row(f"{made.tenant} {made.date} {made.rule}", *row)
    console.print(calls)
    console.print(f"\nNot judged here: {'; '.join(result.not_judged)}.")


def _table(title: str, columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold")
    for column in columns.split():
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _by_queue(waits: Iterable[WaitLine]) -> dict[str, list[int]]:
    queues: dict[str, list[int]] = {}
    for each in waits:
        key = f"{each.tenant}/{each.queue}/{each.channel} {each.rule or 'no rule'} {each.force}"
        counts = (each.visits, each.met, each.breached, each.tolerated, each.excused, each.no_limit)
        queues[key] = [one + other for one, other in zip(queues.get(key, [0] * 6), counts, strict=True)]
    return queues


def _figure(value: float | None, *, passes: bool | None) -> tuple[Any, Any]:
    if value is None:
        return "-", "-"
    return f"{value:.3f}", "yes" if passes else "no"
