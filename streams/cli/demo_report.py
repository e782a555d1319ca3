"""What ``filaviva demo`` prints at the end: one JSON document, or tables that fit 80 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from streams import comparison
from streams.cli.demo_run import Result
from streams.cli.recount_report import duration, share
from streams.domain.plans import OPEN_STATES
from streams.simulation.centre import QUEUES, TENANT
from streams.topics import CALLBACK_PLANS, CONTACT_OUTCOMES

MOST_DIFFERENCES: Final = 10
LONGEST_DIFFERENCE: Final = 300
_WAITED: Final = ("answered_in_target", "answered_late", "abandoned_short", "abandoned_in_target", "abandoned_late")
_WORDS: Final[Mapping[str, str]] = {
    comparison.OUTCOMES: "contacts, each with its outcome and durations",
    comparison.QUEUES: "queues, every count and every service level",
    comparison.INTERVALS: "intervals of 15 minutes",
    comparison.FINDINGS: "waits over the limit",
    comparison.PLANS: "callback plans with their reasons",
    comparison.REFUSALS: "lost customers without a number to call, with why",
    comparison.DAY: "queues' counts of today on /metrics",
    comparison.RECORDS: "promises: no record contradicts itself, no dead letter",
    comparison.JOBS: "plans whose dial jobs are one after the other, none of an ended plan",
}


def json_report(result: Result, seed: int) -> dict[str, Any]:
    """Everything in one document; ``comparison.equal`` is the verdict."""
    return {
        "seed": seed,
        "published": dict(result.published),
        "seconds": dict(result.seconds),
        "queues": {name: _figures(result, name) for name in QUEUES},
        "callbacks": _callbacks(result),
        "comparison": {
            "equal": result.is_equal,
            "checks": {
                check.name: {
                    "compared": check.compared,
                    "equal": check.is_equal,
                    "differences": [text[:LONGEST_DIFFERENCE] for text in check.differences[:MOST_DIFFERENCES]],
                }
                for check in result.checks
            },
        },
    }


def print_report(result: Result, seed: int) -> None:
    console = Console(highlight=False)
    console.print(f"[bold]A day in a Brazilian contact centre[/] (seed {seed}), as the stream tells it\n")
    console.print(_queues_table(result))
    console.print("\nWaits in seconds, the longest also of abandoned contacts; service level by", style="dim")
    console.print("each queue's own formula, green where the promise was kept.\n", style="dim")
    console.print(_callbacks_text(_callbacks(result)))
    console.print("[bold]The same events counted again[/] in one pass that shares no code with it\n")
    console.print(_checks_table(result))
    for check in result.checks:
        for text in check.differences[:MOST_DIFFERENCES]:
            console.print(f"{check.name}: {text[:LONGEST_DIFFERENCE]}", style="red", markup=False)
    took = ", ".join(f"{name} {seconds:g} s" for name, seconds in result.seconds.items())
    console.print(f"\n{sum(result.published.values()):,} events; {took}", style="dim")


def _queues_table(result: Result) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    columns = (
        "offered",
        "answered",
        "aban-\ndoned",
        "other\nexits",
        "waiting",
        "service\nlevel",
        "mean\nwait",
        "longest",
    )
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, queue in QUEUES.items():
        figures = _figures(result, name)
        level = figures["service_level"]
        is_kept = level is None or level >= queue.service_level_target
        table.add_row(
            queue.display_name,
            *(f"{figures[count]:,}" for count in ("offered", "answered", "abandoned", "other_exits", "waiting")),
            f"[{'green' if is_kept else 'red'}]{share(level)}[/]",
            duration(figures["mean_wait_seconds"]),
            duration(figures["longest_wait_seconds"]),
        )
    return table


def _checks_table(result: Result) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    table.add_column()
    for check in result.checks:
        verdict = "[green]equal[/]" if check.is_equal else f"[red]{len(check.differences):,} differ[/]"
        table.add_row(f"{check.compared:,}", _WORDS[check.name], verdict)
    return table


def _figures(result: Result, name: str) -> dict[str, Any]:
    """One queue's figures of the day, from what was read back."""
    queue = QUEUES[name]
    key = f"{TENANT}/{name}/{queue.channel}"
    counts = result.facts[comparison.QUEUES].get(key) or comparison.sum_of_intervals([])
    met, base = counts["service_level"].get(queue.formula, (0, 0))
    waits = [
        each["wait_seconds"]
        for each in result.told.newest[CONTACT_OUTCOMES].values()
        if each["queue"] == name and each["outcome"] in _WAITED
    ]
    return {
        "display_name": queue.display_name,
        **{count: counts[count] for count in ("offered", "answered", "abandoned", "waiting")},
        "other_exits": counts["offered"] - counts["answered"] - counts["abandoned"] - counts["waiting"],
        "outcomes": counts["outcomes"],
        "formula": queue.formula,
        "service_level": met / base if base else None,
        "mean_wait_seconds": counts["wait_seconds"][0] / counts["answered"] if counts["answered"] else None,
        "longest_wait_seconds": max(waits, default=None),
    }


def _callbacks(result: Result) -> dict[str, Any]:
    plans = [plan for plan in result.told.newest[CALLBACK_PLANS].values() if plan["reasons"]]
    jobs = [job for of_plan in result.told.jobs.values() for job in of_plan]
    states = Counter("open" if plan["state"] in OPEN_STATES else plan["state"] for plan in plans)
    outcomes = Counter(
        event["data"]["outcome"]
        for event in result.told.plan_facts
        if event["type"] == "callback.signal.attempted" and event["data"]["stands"]
    )
    return {
        "plans": len(plans),
        **{state: states[state] for state in ("open", "recovered", "cancelled", "expired", "blocked")},
        "dialled": sum(job.kind == "dial" for job in jobs),
        "withdrawn": sum(job.kind == "cancel" for job in jobs),
        "attempts": dict(outcomes),
        "refused": dict(Counter(result.facts[comparison.REFUSALS].values())),
    }


def _callbacks_text(callbacks: dict[str, Any]) -> str:
    attempts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(callbacks["attempts"].items())) or "none"
    return (
        f"{callbacks['plans']} callback plans: {callbacks['open']} open, {callbacks['recovered']} won back,\n"
        f"{callbacks['cancelled']} cancelled because the customer was served otherwise, "
        f"{callbacks['expired']} expired, {callbacks['blocked']} blocked;\n"
        f"{callbacks['dialled']} dial jobs sent, {callbacks['withdrawn']} of them withdrawn; attempts: {attempts}.\n"
        f"{sum(callbacks['refused'].values())} lost customers gave no number that could ring.\n"
    )
