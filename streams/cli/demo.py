"""``filaviva demo``: see the whole of it work, with nothing but Python."""

from __future__ import annotations

import json
from typing import Final

import click
from rich.console import Console

from streams.cli.demo_report import json_report, print_report
from streams.cli.demo_run import INCIDENTS, Plan, run
from streams.cli.demo_screen import DemoScreen, stopped_by_interrupt
from streams.cli.kafka_target import errors_told, quiet_clients
from streams.cli.stopping import EXIT_INTERRUPTED, terminated_like_interrupted
from streams.simulation.centre import SAC
from streams.simulation.incidents import parse_incidents
from streams.wallboard.words import WORDS, Language

MOST_SIMULATED_SECONDS: Final = 15 * 3600
"""The live part ends before its day does."""
_NOTES: Final = {
    Language.ENGLISH: "simulated Monday · Ctrl-C ends it and counts again",
    Language.PORTUGUESE: "segunda-feira simulada · Ctrl-C encerra e reconta",
}


@click.command()
@click.option(
    "--seed", type=int, default=7, show_default=True, help="Which day: the same seed gives the same contacts."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=3600),
    default=90,
    show_default=True,
    help="How long the live part takes.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=1, max=600),
    default=30,
    show_default=True,
    help="Simulated seconds per second.",
)
@click.option(
    "--lang",
    type=click.Choice([each.value for each in Language]),
    default=Language.ENGLISH.value,
    show_default=True,
    help="The wallboard's language.",
)
@click.option(
    "--incident",
    multiple=True,
    metavar="WORDS",
    help="Something that goes wrong, instead of the usual; see `filaviva simulate --help`.",
)
@click.option("--port", type=click.IntRange(1, 65_535), help="Where /metrics is served.  [default: any free port]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
def demo(
    *, seed: int, seconds: float, speed: float, lang: str, incident: tuple[str, ...], port: int | None, as_json: bool
) -> None:
    r"""A Monday morning in a simulated Brazilian contact centre, live on a wallboard.

    Starts an embedded broker, which lives in memory only, and as their own processes a worker and the reference dialer,
    which calls back whom the worker says to call; tells the centre's events as they happen from 08:50 on, some late and
    some twice, those before as fast as it goes. When it ends, or at Ctrl-C, it reads back what the worker made of it
    all and compares every figure with a recount of the same events. Exit status 0 when all are equal, 1 when anything
    differs.

    For example, with half the city calling about its cards:

    \b
      filaviva demo --seconds 60 --incident "flood queue=sac-cartoes at=08:55 for=10m contacts=60"
    """
    quiet_clients()
    if seconds * speed > MOST_SIMULATED_SECONDS:
        raise click.UsageError(f"--seconds times --speed is more than the {MOST_SIMULATED_SECONDS:,} s left of the day")
    language = Language(lang)
    screen = DemoScreen(Console(stderr=True, highlight=False), WORDS[language], speed=speed, note=_NOTES[language])
    try:
        with errors_told(), terminated_like_interrupted(), stopped_by_interrupt(screen):
            incidents = parse_incidents([(f"--incident {n}", words) for n, words in enumerate(incident, start=1)], SAC)
            click.echo("The broker of this demo is embedded and in memory: nothing is kept.", err=True)
            result = run(Plan.of(seed, seconds, speed, port=port, incidents=incidents or INCIDENTS), screen)
    except KeyboardInterrupt:
        click.echo("\nThe demo was stopped before its end; its worker and its broker are gone.", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    if as_json:
        click.echo(json.dumps(json_report(result, seed), ensure_ascii=False))
    else:
        console = Console(highlight=False)
        picture = screen.picture(console.width)
        if picture is not None:
            console.print(picture, "")
        print_report(result, seed)
    if not result.is_equal:
        raise SystemExit(1)
