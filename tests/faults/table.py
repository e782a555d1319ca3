"""What a run of lanes prints: a row per lane with its figures, its ledger line, and what fell short."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.faults.report import Report


def print_table(reports: Sequence[Report]) -> None:
    console = Console(highlight=False, width=150)
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("lane", "verdict", "figures", "seconds"):
        table.add_column(column, justify="right" if column == "seconds" else "left")
    for report in reports:
        verdict = "[green]holds[/]" if report.passed else "[red]FALLS SHORT[/]"
        figures = " · ".join(f"{name} {value}" for name, value in report.figures.items())
        timed = " · ".join(f"{each.what} {each.found}" for each in report.claims if " of at most " in each.found)
        lines = [line for line in (figures, timed, report.ledger) if line]
        table.add_row(report.lane, verdict, "\n".join(lines), f"{report.seconds:.0f}")
    console.print(table)
    for report in reports:
        for claim in report.broken:
            console.print(f"{report.lane}: {claim.what}: {claim.found}", style="red", markup=False)


def print_claims(report: Report) -> None:
    """Everything one lane claimed."""
    for claim in report.claims:
        print(f"  {'ok ' if claim.holds else 'NOT'} {claim.what}: {claim.found}")
    print(f"  {report.ledger}", flush=True)
