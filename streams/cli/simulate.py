"""``filaviva simulate``: a contact centre that does not exist, live or in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from streams.cli.called_back import Calls, OtherDialer, OwnDialer
from streams.cli.check import settings_or_exit
from streams.cli.kafka_target import KafkaTarget, errors_told, quiet_clients, target_of_file
from streams.cli.simulate_config import configuration_text, misfits
from streams.cli.simulate_run import Lines, Manner, Sink, Topics, Watch, play
from streams.cli.stopping import EXIT_INTERRUPTED, terminated_like_interrupted
from streams.errors import ConfigError
from streams.publisher import Publisher
from streams.simulation.centre import SAC
from streams.simulation.clockwork import milliseconds
from streams.simulation.day import DATE
from streams.simulation.disorder import Disorder
from streams.simulation.incidents import Incident, parse_incidents
from streams.simulation.large_centre import large_centre
from streams.simulation.layout import Centre
from streams.simulation.simulation import Simulation

HOURS_OF_LINES: Final = 24.0
MOST_HOURS: Final = 24.0 * 366
_NOT_NOW: Final = "for --start or a --speed other than 1: by the wall clock a simulated time that is not now is wrong"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line; None where nothing was."""

    centre: str
    seed: int
    start: datetime | None
    hours: float | None
    days: float | None
    speed: float | None
    disorder: float
    repeat: float
    incident: tuple[str, ...]
    incidents: Path | None
    output: Path | None
    config: Path | None
    dialer: bool

    @property
    def length(self) -> timedelta | None:
        """None is without end."""
        if self.hours is None and self.days is None:
            return None if self.config else timedelta(hours=HOURS_OF_LINES)
        return timedelta(hours=self.hours or 0, days=self.days or 0)

    @property
    def pace(self) -> float:
        return self.speed if self.speed is not None else (1.0 if self.config else 0.0)


class _Moment(click.ParamType):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"expected a date or time such as 2026-11-23T08:00, not {value!r}", param, ctx)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Send to the Kafka of this configuration file (YAML).")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write JSON lines to this file.")
@click.option("--centre", type=click.Choice(["sac", "large"]), default="sac", show_default=True, help="Which centre.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed and start give the same events.")
@click.option(
    "--start",
    type=_Moment(),
    help="When it begins, on the clock of the centre's first site.  [default: 2026-11-23, a Monday; with Kafka now]",
)
@click.option("--hours", type=click.FloatRange(0, MOST_HOURS, min_open=True), help="How long, in simulated hours.")
@click.option("--days", type=click.FloatRange(0, 366, min_open=True), help="The same in days.  [default: 1; Kafka: on]")
@click.option(
    "--speed",
    type=click.FloatRange(0, 1_000_000),
    help="Simulated seconds per second; 0 is as fast as it goes.  [default: 0; with Kafka 1]",
)
@click.option(
    "--disorder", type=click.FloatRange(0, 86_400), default=0, metavar="SECONDS", help="How late events may arrive."
)
@click.option("--repeat", type=click.FloatRange(0, 1), default=0, metavar="SHARE", help="How many come twice, 0 to 1.")
@click.option("--incident", multiple=True, metavar="WORDS", help="Something that goes wrong; can be given repeatedly.")
@click.option(
    "--incidents", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file of incidents, one a line."
)
@click.option(
    "--dialer/--no-dialer",
    default=True,
    help="With Kafka: work the jobs on callback-jobs; without, another dialer does, and whom it reaches come in.",
)
@click.option("--print-config", is_flag=True, help="Print a configuration that fits the centre, and end.")
def simulate(*, print_config: bool, **given: Any) -> None:
    """Simulate a contact centre: calls, chats, e-mails, agents, heartbeats, as the platforms would tell of them.

    Without --config the events are JSON lines on standard output, for `filaviva publish`, `filaviva recount`, or
    anything else. With it they go to Kafka while they happen, until Ctrl-C, and a dialer calls back whom the worker
    says to call.

    What goes wrong is said in words, a kind and its keys; "at" is a time of day or so long after the start:

    \b
      flood queue=sac-telecom at=10:15 for=20m contacts=80
      agents-leave queue=sac-cartoes at=+5m for=30m          (or team=cartoes)
      silent-source source=pbx-fortaleza-1 at=11:00 for=10m  (then=drop: lost)

    For example, a morning in a file:

    \b
      filaviva simulate --start 2026-11-23T08:00 --hours 4 --output day.jsonl

    and a live centre with a worker of its own:

    \b
      filaviva simulate --print-config > filaviva.yaml       (names its secrets)
      filaviva topics create --config filaviva.yaml
      filaviva worker --config filaviva.yaml &
      filaviva simulate --config filaviva.yaml
    """  # noqa: D301  (click marks text to leave as it is by this one character)
    options = Options(**given)
    centre = large_centre() if options.centre == "large" else SAC
    if print_config:
        click.echo(configuration_text(centre), nl=False)
        return
    with errors_told():
        _simulate(options, centre)


def _simulate(options: Options, centre: Centre) -> None:
    if options.config and options.output:
        raise click.UsageError("give --config for Kafka or --output for a file, not both")
    if options.hours is not None and options.days is not None:
        raise click.UsageError("give --hours or --days, not both")
    incidents = _incidents(options, centre)
    target = _target(options.config, options, centre) if options.config else None
    start = options.start or (datetime.now().astimezone() if target else DATE)
    with _sink(options, target) as sink, _calls(options, target) as calls:
        _play(_simulation(centre, options, start, incidents), options, sink, calls)


def _incidents(options: Options, centre: Centre) -> list[Incident]:
    lines = [(f"--incident {number}", words) for number, words in enumerate(options.incident, start=1)]
    if options.incidents:
        text = options.incidents.read_text(encoding="utf-8")
        lines += [(f"{options.incidents}:{number}", line) for number, line in enumerate(text.splitlines(), start=1)]
    return parse_incidents(lines, centre)


def _target(config: Path, options: Options, centre: Centre) -> KafkaTarget:
    """The cluster, once the configuration is known to fit the centre and the pace."""
    settings = settings_or_exit(config, resolve_secrets=False)
    problems = misfits(settings, centre)
    if settings.clock.mode == "wall" and (options.pace != 1 or options.start):
        problems.append(("clock.mode", f"expected event {_NOT_NOW}"))
    if problems:
        raise ConfigError(problems)
    quiet_clients()
    return target_of_file(config)


def _simulation(centre: Centre, options: Options, start: date, incidents: list[Incident]) -> Simulation:
    return Simulation(centre, options.seed, start, incidents, imitates_plans=options.config is None)


def _play(simulation: Simulation, options: Options, sink: Sink, calls: Calls) -> None:
    until_ms = None if options.length is None else milliseconds(simulation.start + options.length)
    disorder = Disorder(seconds=options.disorder, repeat_share=options.repeat, seed=options.seed)
    reached = [simulation.start_ms, 0]
    try:
        with terminated_like_interrupted(), _watched(simulation, until_ms, reached) as watch:
            play(simulation, Manner(until_ms, options.pace, disorder), sink, calls=calls, watch=watch)
    except KeyboardInterrupt:
        _summarise(simulation, options.seed, reached)
        if until_ms is not None:
            raise SystemExit(EXIT_INTERRUPTED) from None
    else:
        _summarise(simulation, options.seed, reached)


def _summarise(simulation: Simulation, seed: int, reached: list[int]) -> None:
    end = _clock(simulation, reached[0])
    first = _clock(simulation, simulation.start_ms)
    click.echo(f"{reached[1]:,} events, simulated from {first} to {end} (seed {seed})", err=True)


def _clock(simulation: Simulation, time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, simulation.start.tzinfo):%Y-%m-%d %H:%M}"


# -- where events go and calls are heard of ---------------------------------------------------------------------------


@contextmanager
def _sink(options: Options, target: KafkaTarget | None) -> Iterator[Sink]:
    if target is not None:
        publisher = Publisher(target.brokers, target.prefix, target.producer_options)
        sink: Sink = Topics(publisher, event_clock=target.event_clock)
        try:
            yield sink
        finally:
            sink.close()
    elif options.output is not None:
        try:
            stream = options.output.open("wb")
        except OSError as error:
            raise click.UsageError(f"--output {options.output}: {error.strerror}") from None
        with stream:
            yield Lines(stream)
    else:
        yield Lines(sys.stdout.buffer)


@contextmanager
def _calls(options: Options, target: KafkaTarget | None) -> Iterator[Calls]:
    if target is None:
        yield lambda _: None
        return
    with closing(OwnDialer(target) if options.dialer else OtherDialer(target)) as dialer:
        yield dialer.tell


@contextmanager
def _watched(simulation: Simulation, until_ms: int | None, reached: list[int]) -> Iterator[Watch]:
    """How far it has come, on standard error while that is a terminal; ``reached`` is kept up to date."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[events]:,} events"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        total = None if until_ms is None else until_ms - simulation.start_ms
        task = progress.add_task(_clock(simulation, simulation.start_ms), total=total, events=0)

        def watch(now_ms: int, sent: int) -> None:
            reached[:] = now_ms, sent
            done = now_ms - simulation.start_ms
            progress.update(task, description=_clock(simulation, now_ms), completed=done, events=sent)

        yield watch
