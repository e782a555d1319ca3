"""``filaviva demo``: see the whole of it work, with nothing but Python."""

from __future__ import annotations

import json
import logging

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from streams.cli.demo_report import json_report, print_report
from streams.cli.demo_run import Plan, Result, run
from streams.cli.demo_worker import DemoWorker
from streams.cli.stopping import EXIT_INTERRUPTED, terminated_like_interrupted
from streams.errors import Unavailable


@click.command()
@click.option("--seed", type=int, default=7, show_default=True, help="Which day: the same seed gives the same events.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=3600),
    default=15,
    show_default=True,
    help="How long the day takes.",
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Where /metrics is served.  [default: any free port]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
def demo(seed: int, seconds: float, port: int | None, *, as_json: bool) -> None:
    """Play one day of a simulated contact centre through a real worker.

    Starts an embedded broker, which lives in memory only, and a worker as its own process; publishes the day's events,
    late and repeated ones among them; reads back what the worker made of them, and compares every figure with a recount
    of the same events. Exit status 0 when all are equal, 1 when anything differs.

    For example: filaviva demo --seed 42 --seconds 30
    """
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # failures are told in our own words
    try:
        with terminated_like_interrupted():
            click.echo("The broker of this demo is embedded and in memory: nothing is kept.", err=True)
            result = _watched(Plan.of(seed, seconds, port))
    except KeyboardInterrupt:
        click.echo("\nThe demo was stopped before its end; its worker and its broker are gone.", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except Unavailable as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(json_report(result, seed), ensure_ascii=False))
    else:
        print_report(result, seed)
    if not result.is_equal:
        raise SystemExit(1)


def _watched(plan: Plan) -> Result:
    """Run it, with what is going on told on standard error."""
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=None)

        def watch(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        def started(worker: DemoWorker) -> None:
            console.print(f"While it runs: {worker.url}", style="dim")

        return run(plan, started=started, watch=watch)
