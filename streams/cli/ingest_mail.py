"""``filaviva ingest maildir``, ``mbox`` and ``imap``: mail threads into Kafka."""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from streams.cli.ingest_run import (
    IngestSource,
    alone,
    config_option,
    ingest_source,
    looked_at,
    metrics_option,
    moved_until_done,
    state_option,
    watched_publisher,
)
from streams.cli.kafka_target import errors_told, quiet_clients, target_of_file
from streams.cli.stopping import stop_asked
from streams.errors import ConfigError
from streams.movers.figures import MoverFigures
from streams.movers.imap import ImapMailbox, ImapPlace
from streams.movers.mail import MailMover
from streams.movers.mailboxes import Mailbox, Maildir, Mbox
from streams.settings_secrets import SecretReader

IMAP_PORTS: Final = {True: 993, False: 143}
OpenMailbox = Callable[[datetime], Mailbox]


@dataclass(frozen=True, slots=True)
class _How:
    """The options that all three commands have."""

    config: Path
    source: str
    mailbox: str
    follows: bool
    every: float
    days: float
    state: Path
    heartbeat: bool
    metrics: tuple[str, int] | None
    as_json: bool


def _mail_command(command: Callable[..., Any]) -> Callable[..., None]:
    """The options that all three have. ``command`` returns what names the mailbox in the state file, and how to open it
    from a moment on."""

    @config_option
    @click.option("--source", required=True, help="The source's name in vendor_queues, and in its events.")
    @click.option("--mailbox", required=True, metavar="NAME", help="Whose mail it is: the name in vendor_queues.")
    @click.option("--follow", "follows", is_flag=True, help="Go on with what comes, until stopped.")
    @click.option(
        "--every", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Seconds between looks."
    )
    @click.option(
        "--days", type=click.FloatRange(min=0), default=7.0, show_default=True, help="Of old mail to begin with."
    )
    @state_option
    @click.option(
        "--heartbeat",
        is_flag=True,
        help="Say at every look that the source is heard, to the sites that list it in `sources`. It means that the "
        "mailbox answers, not that mail comes.",
    )
    @metrics_option
    @click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
    @wraps(command)
    def wrapped(**options: Any) -> None:
        how = _How(**{name: options.pop(name) for name in _How.__slots__})
        quiet_clients()
        with errors_told():
            place, open_mailbox = command(mailbox=how.mailbox, **options)
            with stop_asked() as stop:
                mover = _moved(how, place, open_mailbox, stop)
        if mover is not None:
            _summarise(mover, as_json=how.as_json)

    return wrapped


def _moved(how: _How, place: str, open_mailbox: OpenMailbox, stop: threading.Event) -> MailMover | None:
    of = ingest_source(how.config, how.source, how.state)
    of = replace(of, state=how.state / f"{how.source}.{_file_name(how.mailbox)}.json")
    if of.dictionary.place(how.mailbox) is None:
        raise ConfigError([("vendor_queues", f"expected an entry of source {how.source} for this mailbox")])
    target = target_of_file(how.config)
    since = datetime.now(UTC) - timedelta(days=how.days)

    figures = MoverFigures(how.source, place.partition(" ")[0])

    def move() -> MailMover:
        sender = watched_publisher(target, figures)
        opened = open_mailbox(since)
        try:
            since_ms = round(since.timestamp() * 1000)
            mover = MailMover(place, opened, of.dictionary, of.state, sender, since_ms=since_ms, figures=figures)
            _follow(mover, of, stop, how)
        finally:
            opened.close()
        return mover

    with alone(of), looked_at(figures, how.metrics):
        return moved_until_done(move, stop, follows=how.follows)


def _follow(mover: MailMover, of: IngestSource, stop: threading.Event, how: _How) -> None:
    while not stop.is_set():
        looked_at = time.monotonic()
        mover.step()
        if how.heartbeat:
            mover.beat(of.sites)
        if not how.follows:
            break
        stop.wait(max(0.0, looked_at + how.every - time.monotonic()))


def _file_name(mailbox: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in mailbox)[:80]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--sent", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The Maildir of what was sent."
)
@_mail_command
def maildir(folder: Path, sent: Path | None, mailbox: str) -> tuple[str, OpenMailbox]:
    """Read a Maildir and send what its mail says: questions, replies, how long they waited.

    Only headers are read, nothing is changed. Run again, it goes on from where it stood.

    For example: filaviva ingest maildir /var/mail/sac/Maildir --sent /var/mail/sac/Maildir/.Sent --source mail-1
    --mailbox sac@acme.example --config filaviva.yaml --follow
    """
    return f"maildir {folder.absolute()}", lambda _since: Maildir(mailbox, folder, sent)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--sent", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The mbox of what was sent.")
@_mail_command
def mbox(file: Path, sent: Path | None, mailbox: str) -> tuple[str, OpenMailbox]:
    """Read an mbox file and send what its mail says: questions, replies, how long they waited.

    Only headers are read, nothing is changed. Run again, it goes on from where it stood.

    For example: filaviva ingest mbox /var/mail/sac --source mail-1 --mailbox sac@acme.example --config filaviva.yaml
    """
    return f"mbox {file.absolute()}", lambda _since: Mbox(mailbox, file, sent)


@click.command()
@click.argument("host")
@click.option("--port", type=click.IntRange(1, 65_535), help="[default: 993, without TLS 143]")
@click.option("--user", required=True, help="Who logs in.")
@click.option("--password-file", required=True, type=click.Path(path_type=Path), help="A file that others cannot read.")
@click.option("--folder", default="INBOX", show_default=True, help="What came in.")
@click.option("--sent", help="The folder of what was sent, such as Sent.")
@click.option("--ca-file", type=click.Path(path_type=Path, exists=True), help="The server's own authority (PEM).")
@click.option("--no-tls", is_flag=True, help="Only for a server on this machine.")
@_mail_command
def imap(host: str, mailbox: str, **login: Any) -> tuple[str, OpenMailbox]:
    """Read a mailbox over IMAP and send what its mail says: questions, replies, how long they waited.

    Folders are only examined: nothing is marked as read. Run again, it goes on from where it stood.

    For example: filaviva ingest imap mail.acme.example --user sac --password-file sac.password --sent Sent
    --source mail-1 --mailbox sac@acme.example --config filaviva.yaml --follow
    """
    tls = not login["no_tls"]
    if not tls and not _is_here(host):
        raise click.UsageError("--no-tls: expected a server on this machine; a password never travels without TLS")
    password = SecretReader({}, Path()).password_in(login["password_file"], "--password-file")
    place = ImapPlace(host, login["port"] or IMAP_PORTS[tls], login["user"], password, tls, login["ca_file"])
    folder, sent = login["folder"], login["sent"]
    return f"imap {place} {folder}", lambda since: ImapMailbox(mailbox, place, folder, sent, since=since)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _summarise(mover: MailMover, *, as_json: bool) -> None:
    summary = {
        "mails": mover.mails,
        "events": mover.events,
        "ignored": dict(sorted(mover.mapping.ignored.by_kind.items())),
        "refused": dict(sorted(mover.refused.items())),
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(f"{mover.mails} mails seen, {mover.events} events sent")
    for name in ("ignored", "refused"):
        for kind, count in summary[name].items():  # type: ignore[attr-defined]  # they are dicts
            click.echo(f"  {name} {kind}: {count}")
