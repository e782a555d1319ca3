"""``filaviva callbacks dial`` and ``conformance``: a dialer to start from, and a kit for everybody else's."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from streams.ami_connection import AmiAddress
from streams.cli.check import settings_or_exit
from streams.cli.kafka_target import KafkaTarget, errors_told, quiet_clients, target_of_file
from streams.cli.stopping import stop_asked, terminated_like_interrupted
from streams.dialer.ami import AmiLine, AmiPlace
from streams.dialer.clock import Clock, EventClock, WallClock
from streams.dialer.conformance import Case, Sent, Verdict, cases, judged
from streams.dialer.lines import Line, SimulatedLine
from streams.dialer.service import DialerService
from streams.domain.events import CALLBACK_RESULTS
from streams.partitioning import partition_of
from streams.record_sender import RecordSender
from streams.topic_reading import TopicReader
from streams.topics import CALLBACK_JOBS, full_name

REPORT_SECONDS: Final = 120
POLL_SECONDS: Final = 1.0
_config = click.option(
    "--config", type=click.Path(path_type=Path), required=True, help="The configuration file (YAML)."
)


@click.command()
@_config
@click.option("--journal", type=click.Path(path_type=Path), default=Path("dialer.journal"), show_default=True)
@click.option("--lines", type=click.IntRange(min=1), default=4, show_default=True, help="Calls at a time.")
@click.option("--simulate", is_flag=True, help="Call nobody: how a call goes is drawn by its job.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulation.")
@click.option("--speed", type=click.FloatRange(min=0.1), default=1.0, help="Of simulated calls.")
@click.option("--ami", metavar="HOST:PORT", help="Call through Asterisk's manager interface.")
@click.option("--ami-user", default="filaviva", show_default=True)
@click.option("--ami-secret-file", type=click.Path(path_type=Path, exists=True))
@click.option("--channel", default="PJSIP/{number}@trunk", show_default=True, help="What Asterisk originates.")
@click.option("--context", default="callbacks", show_default=True, help="Where the answered call goes.")
def dial(config: Path, journal: Path, lines: int, **how: Any) -> None:
    """Work the dial jobs: a reference for dialers, with a simulated line or through Asterisk.

    A consumer group of its own, commits by hand: every job is dialled once, however often it is read, and reported on
    callback-results. What was dialled stands in the journal, so that a restart dials nothing twice; give every instance
    a journal of its own. With `clock.mode: event` it goes by the heartbeats of the sources, as fast as they come.

    For example: filaviva callbacks dial --config filaviva.yaml --simulate
    """
    quiet_clients()
    if how["simulate"] == (how["ami"] is not None):
        raise click.UsageError("give either --simulate or --ami HOST:PORT")
    with errors_told(), suppress(KeyboardInterrupt), terminated_like_interrupted():
        target = target_of_file(config)
        service = DialerService(
            list(target.brokers),
            target.prefix,
            target.client_options,
            line=_line(**how),
            clock=_clock(target),
            lines=lines,
            journal=journal,
        )
        click.echo("The dialer is at work; Ctrl-C ends it.", err=True)
        with stop_asked() as stop:
            service.run(stop.is_set)
    click.echo("The dialer has stopped.", err=True)


def _clock(target: KafkaTarget) -> Clock:
    if not target.event_clock:
        return WallClock()
    return EventClock(target.brokers, target.prefix, target.client_options, partitions=target.partitions)


def _line(**how: Any) -> Line:
    if how["simulate"]:
        return SimulatedLine(how["seed"], speed=how["speed"])
    host, _, port = how["ami"].rpartition(":")
    if not host or not port.isdigit() or how["ami_secret_file"] is None:
        raise click.UsageError("--ami: expected HOST:PORT, and --ami-secret-file with it")
    if how["channel"].count("{number}") != 1:
        raise click.UsageError("--channel: expected {number} once, such as PJSIP/{number}@trunk")
    secret = how["ami_secret_file"].read_text().strip()
    address = AmiAddress(host, int(port), how["ami_user"], secret)
    return AmiLine(AmiPlace(address, how["channel"], how["context"]))


@click.command()
@_config
@click.option("--tenant", required=True)
@click.option("--queue", required=True, help="A callback queue of the configuration.")
@click.option("--restart", metavar="COMMAND", help="Restarts your dialer; without it you are asked to.")
@click.option(
    "--wait", type=click.FloatRange(min=1), default=30.0, show_default=True, help="Seconds to wait for too much."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text; needs --yes.")
def conformance(
    config: Path, tenant: str, queue: str, restart: str | None, wait: float, *, yes: bool, as_json: bool
) -> None:
    """Try a dialer: send it jobs that are doubled, taken back, past, early and out of order, and judge its reports.

    Give it an installation of its own (another prefix), without a worker: the jobs are written by this command. Their
    number cannot be anybody's; your dialer should report it as it would any other, best on a simulated line. Ends with
    1 when a case fails.

    For example: filaviva callbacks conformance --config test.yaml --tenant acme --queue retorno-sac
    """
    quiet_clients()
    if as_json and not yes:
        raise click.UsageError("--json needs --yes")
    with errors_told():
        target = target_of_file(config)
        directory = settings_or_exit(config, resolve_secrets=False).directory(partition_of)
        if (tenant, queue) not in directory.callback_queues:
            raise click.UsageError(f"{queue} is no callback queue of {tenant} in the configuration")
        if not yes:
            click.confirm(f"Write jobs to {full_name(target.prefix, CALLBACK_JOBS)}?", abort=True)
        now_ms = time.time_ns() // 1_000_000
        tried = cases(tenant, queue, now_ms, now_ms)
        _Kit(target, restart, wait, tell=(lambda _: None) if as_json else click.echo).run(tried)
        with TopicReader(target.brokers, target.client_options) as reader:
            reports = list(reader.records(full_name(target.prefix, CALLBACK_RESULTS), lambda _: None))
        verdicts = list(judged(tried, reports, directory))
    _print(verdicts, as_json=as_json)
    if not all(verdict.is_passed for verdict in verdicts):
        raise SystemExit(1)


def _print(verdicts: list[Verdict], *, as_json: bool) -> None:
    if as_json:
        rows = [{"case": each.case, "passed": each.is_passed, "detail": each.detail} for each in verdicts]
        click.echo(json.dumps({"passed": all(each.is_passed for each in verdicts), "cases": rows}))
        return
    for each in verdicts:
        click.echo(f"{'passed' if each.is_passed else 'FAILED'}  {each.case:<16}  {each.detail}")


class _Kit:
    """Sends the jobs in their order, and waits for what they should bring and for what they should not."""

    def __init__(self, target: KafkaTarget, restart: str | None, wait: float, *, tell: Callable[[str], object]) -> None:
        self._target = target
        self._restart_command = restart
        self._wait = wait
        self._tell = tell

    def run(self, tried: list[Case]) -> None:
        self._tell("sending jobs")
        self._send(tried, "")
        before = [case for case in tried if case.reports[0] and case.sent[0].after == ""]
        self._await_reports(before)
        self._send(tried, "report")
        self._restart()
        self._send(tried, "restart")
        self._await_reports([case for case in tried if case.reports[0]])
        self._tell(f"waiting {self._wait:g} s for reports that should not come")
        time.sleep(self._wait)

    def _send(self, tried: list[Case], after: str) -> None:
        topic = full_name(self._target.prefix, CALLBACK_JOBS)
        with RecordSender(self._target.brokers, self._target.producer_options) as sender:
            for sent in (sent for case in tried for sent in case.sent if sent.after == after):
                sender.send(topic, self._partition(sent), key=sent.job_id.encode(), value=sent.value)
            sender.flush()

    def _partition(self, sent: Sent) -> int:
        """One for all jobs of a customer, as the worker keeps it."""
        return partition_of(sent.job_id.partition(".")[0], self._target.partitions)

    def _await_reports(self, tried: list[Case]) -> None:
        """Until each has one, at most two minutes: the judgement says which has none."""
        wanted = {case.job_id.encode() for case in tried}
        deadline = time.monotonic() + REPORT_SECONDS
        while wanted and time.monotonic() < deadline:
            with TopicReader(self._target.brokers, self._target.client_options) as reader:
                topic = full_name(self._target.prefix, CALLBACK_RESULTS)
                values = [record.value or b"" for record in reader.records(topic, lambda _: None)]
            wanted = {job_id for job_id in wanted if not any(job_id in value for value in values)}
            self._tell(f"{len(tried) - len(wanted)} of {len(tried)} jobs are reported")
            if wanted:
                time.sleep(POLL_SECONDS)

    def _restart(self) -> None:
        if self._restart_command is None:
            click.prompt("Restart your dialer, then press Enter", default="", show_default=False, err=True)
        else:
            subprocess.run(shlex.split(self._restart_command), check=True)  # noqa: S603 - the operator's own command
