"""``filaviva wallboard``: the queues in a terminal, worst first."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Final, Literal, TypedDict, Unpack
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.live import Live

from streams.cli.stopping import terminated_like_interrupted
from streams.cli.wallboard_report import json_report
from streams.wallboard.figures import Board
from streams.wallboard.pages import newest_event_seconds
from streams.wallboard.source import Now, Watch
from streams.wallboard.view import render
from streams.wallboard.words import WORDS, Language, Words

DEFAULT_URL: Final = "http://127.0.0.1:9108/metrics"
METRICS_PATH: Final = "/metrics"
PICTURE_TITLE: Final = "filaviva wallboard"
LEAST_WIDTH: Final = 60
_FONTS_FROM_ELSEWHERE: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""A picture of a wall must not make whoever opens it ask a server on the Internet for a font."""

CLOCKS: Final[dict[str, Now]] = {"wall": lambda _: time.time(), "event": newest_event_seconds}


class Options(TypedDict):
    """The options as click hands them over; None where not given."""

    lang: str
    once: bool
    as_json: bool
    svg: Path | None
    interval: float
    tenant: str | None
    site: str | None
    clock: Literal["wall", "event"]
    width: int | None


def checked_urls(_context: click.Context, _parameter: click.Parameter, urls: tuple[str, ...]) -> tuple[str, ...]:
    """Whole addresses, each once: a worker asked twice would count twice. Raises BadParameter for what is none."""
    return tuple(dict.fromkeys(_whole(url) for url in urls)) or (DEFAULT_URL,)


@click.command(
    epilog="Exit status: 0, also when stopped with Ctrl-C; 1 with --once when no worker answers; 2 for usage."
)
@click.argument("urls", nargs=-1, metavar="[URL]...", callback=checked_urls)
@click.option(
    "--lang",
    type=click.Choice([str(each) for each in Language]),
    default=str(Language.PORTUGUESE),
    show_default=True,
    help="Language of the wall.",
)
@click.option(
    "--interval", type=click.FloatRange(min=0.2), default=2.0, show_default=True, help="Seconds between looks."
)
@click.option("--tenant", help="Show this tenant only.")
@click.option("--site", help="Show this site only.")
@click.option(
    "--clock",
    type=click.Choice([*CLOCKS]),
    default="wall",
    show_default=True,
    help="What data are aged by: the wall, or the newest event, for workers whose own clock is `event`.",
)
@click.option("--width", type=click.IntRange(min=LEAST_WIDTH), help="Columns to use.  [default: those of the terminal]")
@click.option("--once", is_flag=True, help="Show it once and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers once, as one JSON document, and exit.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="With --once: a picture too."
)
def wallboard(urls: tuple[str, ...], **options: Unpack[Options]) -> None:
    """Show every queue in the terminal, the one that needs you first.

    Reads the /metrics of one worker or of several; name every worker of the installation, or queues of the others show
    as without data. A bare HOST:PORT will do. [default: http://127.0.0.1:9108/metrics]

    A queue is over its limit, near it (80 %), or OK; by word as well as by colour, so NO_COLOR and a narrow screen lose
    nothing. Without data you can trust it says so ("sem dados", "desatualizada") and never shows 0. A sum that may lack
    something is marked ≥. Breaches are counted while the wall runs: until it has run for an hour it says since when.

    For example:

    filaviva wallboard

    filaviva wallboard worker-1:9108 worker-2:9108 --lang en --site fortaleza

    filaviva wallboard --once --width 160 --svg wall.svg
    """
    if options["svg"] and not options["once"]:
        raise click.UsageError("--svg goes with --once.")
    chosen = {"tenant": options["tenant"], "site": options["site"]}
    watch = Watch(urls, CLOCKS[options["clock"]], {label: value for label, value in chosen.items() if value})
    words = WORDS[Language(options["lang"])]
    console = Console(width=options["width"], highlight=False, record=options["svg"] is not None)
    try:
        with terminated_like_interrupted():
            if options["once"] or options["as_json"]:
                _show_once(watch.look(), words, console, options)
            else:
                _show_until_stopped(watch, words, console, options["interval"])
    except KeyboardInterrupt:
        return


def _show_once(board: Board, words: Words, console: Console, options: Options) -> None:
    """Exit status 1 when no worker answers."""
    if options["as_json"]:
        click.echo(json.dumps(json_report(board), ensure_ascii=False))
    else:
        console.print(render(board, words, width=console.width))
        if options["svg"]:
            picture = _FONTS_FROM_ELSEWHERE.sub("", console.export_svg(title=PICTURE_TITLE))
            options["svg"].write_text(picture, encoding="utf-8")
    if not board.workers_answering:
        raise SystemExit(1)


def _show_until_stopped(watch: Watch, words: Words, console: Console, interval: float) -> None:
    """On a terminal the whole screen, drawn over; into a file or pipe one board after the other."""
    if not console.is_terminal:
        while True:
            console.print(render(watch.look(), words, width=console.width), "")
            time.sleep(interval)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            board = watch.look()
            live.update(render(board, words, width=console.width, height=console.height), refresh=True)
            time.sleep(interval)


def _whole(url: str) -> str:
    """With its scheme and path, as far as they were left out."""
    whole = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(whole)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        raise click.BadParameter(f"{url} is no address of a worker; it should look like {DEFAULT_URL}.")
    return whole if parts.path.strip("/") else parts._replace(path=METRICS_PATH).geturl()
