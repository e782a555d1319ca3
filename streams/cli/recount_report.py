"""What ``filaviva recount`` prints: one JSON shape, or tables that fit 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Table

from streams.domain.recount import Dimension, Figures, Recount

PLAIN_FIELDS: Final = (
    "offered",
    "answered",
    "abandoned",
    "short_abandoned",
    "flowed_out",
    "callback_requested",
    "waiting",
    "longest_wait_seconds",
)
SHOWN_FORMULA: Final = "answered_of_offered"
COLUMNS: Final = (
    "offered",
    "answered",
    "abandoned",
    "other\nexits",
    "waiting",
    "service\nlevel",
    "mean\nwait",
    "longest",
)


def json_report(recount: Recount, by: Dimension) -> dict[str, object]:
    """All visits and each ``tenant/queue/channel``; by day or interval also each ``tenant/queue/channel/start``."""
    report: dict[str, object] = {"all": json_figures(recount.figures()[()]), "queues": json_groups(recount, ("queue",))}
    if by != "queue":
        report[f"{by}s"] = json_groups(recount, ("queue", by))
    return report


def json_groups(recount: Recount, by: tuple[Dimension, ...]) -> dict[str, object]:
    return {"/".join(key): json_figures(figures) for key, figures in recount.figures(by).items()}


def json_figures(figures: Figures) -> dict[str, object]:
    return {
        **{name: getattr(figures, name) for name in PLAIN_FIELDS},
        "wait_answered": asdict(figures.wait_answered),
        "wait_abandoned": asdict(figures.wait_abandoned),
        "service_level": figures.service_level,
    }


def print_tables(recount: Recount, by: Dimension) -> None:
    """A table of all queues, or one per queue with its days or intervals; then every formula over all visits."""
    console = Console()
    everything = recount.figures()[()]
    if by == "queue":
        queues = {"/".join(key): figures for key, figures in recount.figures("queue").items()}
        console.print(visits_table("Queue visits", {**queues, "all": everything}))
    else:
        for title, rows in tables_of_queues(recount, by).items():
            console.print(visits_table(title, rows))
    console.print(formulas_table(everything))


def tables_of_queues(recount: Recount, by: Dimension) -> dict[str, dict[str, Figures]]:
    """``tenant/queue/channel`` to its rows, by the start of the day or interval in local time."""
    tables: dict[str, dict[str, Figures]] = {}
    for (*queue, start), figures in recount.figures(("queue", by)).items():
        tables.setdefault("/".join(queue), {})[start.replace("T", " ")] = figures
    return tables


def visits_table(title: str, rows: Mapping[str, Figures]) -> Table:
    table = Table(
        title=title,
        caption=f"Waits in seconds, of answered visits. Service level: {SHOWN_FORMULA}.",
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", overflow="fold", min_width=16)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in rows.items():
        table.add_row(name, *cells(figures), style="bold" if name == "all" else None)
    return table


def cells(figures: Figures) -> tuple[str, ...]:
    return (
        f"{figures.offered:,}",
        f"{figures.answered:,}",
        f"{figures.abandoned:,}",
        f"{figures.flowed_out + figures.callback_requested + figures.unknown_exit:,}",
        f"{figures.waiting:,}",
        share(figures.service_level[SHOWN_FORMULA]),
        duration(figures.wait_answered.mean_seconds),
        duration(figures.longest_wait_seconds),
    )


def formulas_table(figures: Figures) -> Table:
    """The same visits by each formula: they differ, so a number without its formula says little."""
    table = Table(title="\nService level of all visits, by formula", title_justify="left", box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    for name, (met, base) in figures.service_level_parts.items():
        table.add_row(name, share(figures.service_level[name]), f"{met:,} of {base:,}")
    return table


def share(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.1%}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f}" if seconds < 1000 else f"{seconds:,.0f}"
