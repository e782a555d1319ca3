"""The evidence of a month as text: tables for people, lines of csv."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.compliance import Evidence, WaitLine
from streams.compliance_availability import MOST_STRETCHES


def csv_text(waits: Iterable[WaitLine]) -> str:
    """One line per queue, channel, day and rule, with a heading."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    names = [field.name for field in fields(WaitLine)]
    writer.writerow(names)
    writer.writerows([getattr(line, name) for name in names] for line in waits)
    return written.getvalue()


def print_evidence(result: Evidence) -> None:
    """Every section as a table, one after the other, and what is not judged."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    for table in (
        _waits(result),
        _worst(result),
        _indicators(result),
        _deadlines(result),
        _protocols(result),
        _availability(result),
        _blind(result),
        _calls(result),
    ):
        console.print(table)
    console.print(f"\nNot judged here: {'; '.join(result.not_judged)}.")


def _calls(result: Evidence) -> Table:
    table = _table("\nCalls of dialers by day", "calls short share risk force confidence")
    for made in result.calls:
        share = f"{100 * made.short_share:.1f} %"
        row = (f"{made.calls:,}", f"{made.short:,}", share, made.risk, made.force, made.confidence)
        table.add_row(f"{made.tenant} {made.date} {made.rule}", *row)
    return table


def _waits(result: Evidence) -> Table:
    table = _table(f"Waits of {result.month} by queue and rule", "visits met breached tolerated excused no_limit")
    for key, counts in _by_queue(result.waits).items():
        table.add_row(key, *(f"{count:,}" for count in counts))
    return table


def _worst(result: Evidence) -> Table:
    table = _table("\nThe worst waits", "offered wait limit rule force excused_by")
    for case in result.worst:
        wait = "never left" if case.judged_wait_seconds is None else f"{case.judged_wait_seconds:g}"
        row = (case.offered_at, wait, f"{case.limit_seconds:g}", case.rule, case.force, case.excused_by or "-")
        table.add_row(case.visit_id, *row)
    return table


def _indicators(result: Evidence) -> Table:
    table = _table("\nMonthly figures, in percent", "full passes net passes force confidence")
    for line in result.indicators:
        full = _figure(line.full_percent, passes=line.full_passes)
        net = _figure(line.net_percent, passes=line.net_passes)
        table.add_row(f"{line.tenant} {line.formula} ({line.rule})", *full, *net, line.force, line.confidence)
    return table


def _deadlines(result: Evidence) -> Table:
    columns = "due met (rolled) missed open pending withdrawn extended findings retracted force confidence"
    table = _table("\nDeadlines of the month", columns)
    for each in result.deadlines:
        counts = (each.due, each.met, each.met_rolled, each.missed, each.open, each.pending, each.withdrawn)
        extended = f"{each.extended:,}"
        if each.extended_percent is not None:
            extended += f" ({each.extended_percent:g} %{'' if each.extensions_pass else ', too many'})"
        standing = sum(count for state, count in each.states.items() if state != "retracted")
        findings = (f"{standing:,}", f"{each.states.get('retracted', 0):,}")
        figures = (*(f"{count:,}" for count in counts), extended, *findings)
        table.add_row(f"{each.tenant} {each.rule} {each.policy_version}", *figures, each.force, each.confidence)
    return table


def _protocols(result: Evidence) -> Table:
    table = _table("\nProtocol numbers", "issued repeated malformed missing force confidence")
    for each in result.protocols:
        figures = (f"{figure:,}" for figure in (each.issued, each.repeated, each.malformed, each.missing))
        table.add_row(f"{each.tenant} {each.format}", *figures, each.force or "-", each.confidence or "-")
    return table


def _availability(result: Evidence) -> Table:
    columns = "met breached unknown longest_finding force confidence"
    table = _table("\nAvailability: dates by site and rule", columns)
    for line in result.availability:
        dates = (f"{count:,}" for count in (line.met, line.breached, line.unknown))
        first = next(iter(line.findings), None)
        longest = f"{first['started_at']} to {first['ended_at'] or 'now'}" if first else "-"
        name = f"{line.tenant}/{line.site} {line.rule} {line.policy_version}"
        table.add_row(name, *dates, longest, line.force, line.confidence)
    return table


def _blind(result: Evidence) -> Table:
    columns = "silent_hours times dates_unheard"
    table = _table("\nWhen we were blind: sources silent for longer than expected", columns)
    for line in result.blind:
        times = f"{len(line.silences):,}{'+' if len(line.silences) == MOST_STRETCHES else ''}"
        name = f"{line.tenant}/{line.site}/{line.source}"
        table.add_row(name, f"{line.silent_seconds / 3600:,.2f}", times, f"{line.dates_unheard:,}")
    return table


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
