"""`filaviva ingest maildir`, `mbox` and `imap`, the last against a real Dovecot."""

from __future__ import annotations

import imaplib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.embedded.broker import EmbeddedBroker
from streams.errors import Unavailable
from streams.movers.imap import ImapMailbox, ImapPlace
from streams.movers.mail import MailMover
from streams.settings_secrets import Secret
from streams.sources.dictionary import Place, QueueDictionary
from streams.topics import TOPICS, full_name
from tests.configuration import edited
from tests.deadlines import wait_until
from tests.dovecot_server import PASSWORD, USER, DovecotServer, dovecot_unavailable_reason
from tests.integration.test_gateway import ids_in
from tests.lanes import missing
from tests.mail_peers import SAC, ago, reply, written
from tests.unit.test_mailboxes import Collected, Folder

PROJECT = Path(__file__).resolve().parents[2]
README = PROJECT / "streams" / "sources" / "README.md"
PREFIX, PARTITIONS = "t", 4
DICTIONARY = {SAC: Place("acme", "fortaleza", "sac-email", "email")}


@pytest.fixture(scope="module")
def dovecot() -> Iterator[DovecotServer]:
    reason = dovecot_unavailable_reason()
    if reason:
        missing("dovecot", reason)
    try:
        server = DovecotServer()
    except RuntimeError as error:
        missing("dovecot", str(error))
    with server:
        yield server


@pytest.fixture
def client(dovecot: DovecotServer) -> Iterator[imaplib.IMAP4]:
    """Whoever delivers and answers, in folders of this test's own."""
    server = dovecot.client()
    for folder in ("Questions", "Answers"):
        server.delete(folder)
        assert server.create(folder)[0] == "OK"
    yield server
    try:
        server.logout()
    except (imaplib.IMAP4.abort, OSError):  # the test has stopped Dovecot
        with suppress(OSError):
            server.shutdown()


def deliver(server: imaplib.IMAP4, folder: str, mail: EmailMessage, minutes: float) -> None:
    arrived = imaplib.Time2Internaldate(ago(minutes))
    status, told = server.append(folder, "", arrived, mail.as_bytes())
    assert status == "OK", told


def our_place(server: DovecotServer, *, tls: bool = True) -> ImapPlace:
    port = server.tls_port if tls else server.port
    return ImapPlace("127.0.0.1", port, USER, Secret(PASSWORD), tls, server.certificate if tls else None)


def our_mailbox(place: ImapPlace, days: float = 7) -> ImapMailbox:
    return ImapMailbox(SAC, place, "Questions", "Answers", since=ago(0) - timedelta(days=days))


def mover(box: ImapMailbox, state: Path, sender: Collected) -> MailMover:
    return MailMover("here", box, QueueDictionary("mail-1", DICTIONARY), state, sender)


@pytest.mark.dovecot
@pytest.mark.parametrize("tls", [True, False])
def test_what_comes_into_a_mailbox_is_told_once(
    dovecot: DovecotServer, client: imaplib.IMAP4, tmp_path: Path, *, tls: bool
) -> None:
    """Questions before replies, by when they arrived; nothing is marked as read, nothing is told again."""
    deliver(client, "Answers", reply("b", ago(30), "a"), 30)
    deliver(client, "Questions", written("a", ago(60)), 60)
    box, collected = our_mailbox(our_place(dovecot, tls=tls)), Collected()
    moved = mover(box, tmp_path / "state.json", collected)
    assert moved.step() == 2
    assert collected.kinds == ["offered 1", "message 1", "message 1", "ended 1"]
    waited = ago(30).timestamp() - ago(60).timestamp()
    told = [each["time"] for each in (collected.values[0], collected.values[2])]
    assert told == sorted(told)
    assert waited == pytest.approx(1800, abs=5)
    assert moved.step() == 0
    deliver(client, "Questions", written("c", ago(1), "a", "b"), 1)
    assert moved.step() == 1
    assert collected.kinds[4:] == ["offered 2", "message 2"]
    box.close()
    client.select("Questions", readonly=True)
    assert client.search(None, "UNSEEN")[1] == [b"1 2"]


@pytest.mark.dovecot
def test_a_restart_and_a_folder_numbered_anew(dovecot: DovecotServer, client: imaplib.IMAP4, tmp_path: Path) -> None:
    """After the restart nothing is told again; another UIDVALIDITY means that everything is, with the same ids."""
    deliver(client, "Questions", written("a", ago(60)), 60)
    first, second, third = Collected(), Collected(), Collected()
    for collected in (first, second):
        box = our_mailbox(our_place(dovecot))
        mover(box, tmp_path / "state.json", collected).step()
        box.close()
    assert first.kinds == ["offered 1", "message 1"]
    assert second.values == []
    client.select("Answers")
    client.delete("Questions")
    client.create("Questions")
    deliver(client, "Questions", written("a", ago(60)), 60)
    box = our_mailbox(our_place(dovecot))
    mover(box, tmp_path / "state.json", third).step()
    box.close()
    assert {each["id"] for each in third.values} <= {each["id"] for each in first.values}


@pytest.mark.dovecot
def test_a_server_that_goes_away_is_waited_for(dovecot: DovecotServer, client: imaplib.IMAP4, tmp_path: Path) -> None:
    """In the middle of a session; the next mover goes on where this one stood."""
    deliver(client, "Questions", written("a", ago(60)), 60)
    box, collected = our_mailbox(our_place(dovecot)), Collected()
    moved = mover(box, tmp_path / "state.json", collected)
    moved.step()

    def breaks_off() -> bool:
        try:
            moved.step()
        except Unavailable:
            return True
        return False

    dovecot.stop()
    wait_until(breaks_off, "the session has ended with the server")
    assert breaks_off(), "nobody answers any more"
    dovecot.start()
    with dovecot.client() as other:
        deliver(other, "Questions", written("b", ago(10), "a"), 10)
    assert mover(box, tmp_path / "state.json", collected).step() == 1
    assert collected.kinds == ["offered 1", "message 1", "message 1"]
    box.close()


@pytest.mark.dovecot
def test_a_wrong_password_or_an_unknown_authority_lets_nobody_in(dovecot: DovecotServer, tmp_path: Path) -> None:
    """And neither is told the password."""
    wrong = our_place(dovecot)
    for place in (
        ImapPlace(wrong.host, wrong.port, USER, Secret("wrong-password"), tls=True, ca_file=wrong.ca_file),
        ImapPlace(wrong.host, wrong.port, USER, Secret(PASSWORD), tls=True),
    ):
        with pytest.raises(Unavailable) as caught:
            mover(our_mailbox(place), tmp_path / "state.json", Collected()).step()
        assert PASSWORD not in str(caught.value)
        assert "wrong-password" not in str(caught.value)


@pytest.fixture
def config(tmp_path: Path, embedded_broker: EmbeddedBroker) -> Path:
    for spec in TOPICS:
        if spec.is_input:
            embedded_broker.create_topic(full_name(PREFIX, spec.name), PARTITIONS)
    file = tmp_path / "filaviva.yaml"
    kafka = {"brokers": [embedded_broker.bootstrap], "prefix": PREFIX, "partitions": PARTITIONS}
    names = [{"source": "mail-1", "name": SAC, "tenant": "acme", "queue": "email"}]
    file.write_text(edited(("kafka", kafka), ("vendor_queues", names)))
    return file


def run(config: Path, *arguments: str | Path) -> Result:
    options = ["--config", config, "--source", "mail-1", "--mailbox", SAC, "--state", config.parent / "state", "--json"]
    return CliRunner().invoke(main, ["ingest", *map(str, [*arguments, *options])], catch_exceptions=False)


def summary(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.embedded
@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_the_commands_bring_mail_into_kafka(config: Path, embedded_broker: EmbeddedBroker, kind: str) -> None:
    """Once, however often they are run."""
    path = config.parent / "mail"
    Folder(path, kind).put(written("a", ago(60)))
    assert summary(run(config, kind, path)) == {"mails": 1, "events": 2, "ignored": {}, "refused": {}}
    assert summary(run(config, kind, path))["mails"] == 0
    assert len(ids_in(embedded_broker, "email-events")) == 2


@pytest.mark.embedded
@pytest.mark.dovecot
def test_the_imap_command_reads_its_password_from_a_closed_file(
    config: Path, dovecot: DovecotServer, client: imaplib.IMAP4
) -> None:
    """And without TLS speaks to this machine alone."""
    deliver(client, "Questions", written("a", ago(60)), 60)
    password = config.parent / "password"
    password.write_text(f"{PASSWORD}\n")
    password.chmod(0o600)
    login = ["--user", USER, "--password-file", password, "--folder", "Questions", "--sent", "Answers"]
    tls = ["--port", str(dovecot.tls_port), "--ca-file", dovecot.certificate]
    assert summary(run(config, "imap", "127.0.0.1", *login, *tls))["events"] == 2
    plain = ["--no-tls", "--port", str(dovecot.port)]
    assert run(config, "imap", "mail.acme.example", *login, *plain).exit_code == 2
    password.chmod(0o644)
    result = run(config, "imap", "127.0.0.1", *login, *tls)
    assert result.exit_code == 2
    assert "others can neither read nor write" in result.output


@pytest.mark.embedded
def test_a_mailbox_that_is_not_in_the_dictionary_is_refused(config: Path, tmp_path: Path) -> None:
    """Before anything is read."""
    config.write_text(config.read_text().replace(SAC, "somebody@acme.example"))
    Folder(tmp_path / "mail", "maildir")
    result = run(config, "maildir", tmp_path / "mail")
    assert result.exit_code == 2
    assert "vendor_queues" in result.output


@pytest.mark.embedded
def test_the_first_command_of_the_readme_reads_a_maildir(config: Path, embedded_broker: EmbeddedBroker) -> None:
    """As it stands there, from the folder of the configuration."""
    section = README.read_text().partition("\n## E-mail\n")[2]
    command = section.partition("```bash\n")[2].partition("```")[0]
    for folder in ("Maildir", "Maildir/.Sent"):
        Folder(config.parent / folder, "maildir")
    Folder(config.parent / "Maildir", "maildir").put(written("a", ago(60)))
    programs = config.parent / "bin"
    programs.mkdir()
    (programs / "filaviva").write_text(f'#!/bin/sh\nexec {sys.executable} -m streams "$@"\n')
    (programs / "filaviva").chmod(0o755)
    surroundings = {"HOME": str(config.parent), "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    run_as_it_stands = ["bash", "-c", command]
    done = subprocess.run(
        run_as_it_stands,
        cwd=config.parent,
        env={**os.environ, **surroundings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 mails seen, 2 events sent")
    assert len(ids_in(embedded_broker, "email-events")) == 2
