"""Maildir and mbox, written by Python's own mailbox module as a delivery agent and a mail program do."""

from __future__ import annotations

import json
import mailbox
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from streams.dead_letters import DEAD_LETTERS, Original, StoredDeadLetter
from streams.errors import ConfigError, Unavailable
from streams.movers.kept import kept
from streams.movers.mail import MailMover
from streams.movers.mailboxes import Mailbox, Maildir, Mbox
from streams.publisher import Headers
from streams.routing import Route
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mail import MAX_HEADER_BYTES
from tests.event_records import StoredRecord
from tests.mail_peers import SAC, ago, reply, written

SINCE_EVER = 0


class Collected:
    """Takes events; where told to, refuses to acknowledge them."""

    def __init__(self) -> None:
        self.values: list[dict[str, Any]] = []
        self.letters: list[StoredDeadLetter] = []
        self.is_away = False

    def send(self, route: Route, value: bytes | None, *, headers: Headers = ()) -> None:
        assert value is not None
        if route.topic == DEAD_LETTERS:
            letter = StoredDeadLetter.from_record(StoredRecord(value, route.key.encode(), headers))
            assert letter is not None
            self.letters.append(letter)
            return
        event = json.loads(value)
        assert route.topic == ("site-events" if event["type"] == "source.heartbeat" else "email-events")
        self.values.append(event)

    def settle(self) -> None:
        if self.is_away:
            raise Unavailable("not acknowledged")

    @property
    def kinds(self) -> list[str]:
        return [f"{each['type'].removeprefix('contact.')} {each['data']['entry']}" for each in self.values]


def mover(box: Mailbox, state: Path, sender: Collected, *, since_ms: int = SINCE_EVER) -> MailMover:
    dictionary = QueueDictionary("mail-1", {SAC: Place("acme", "fortaleza", "sac-email", "email")})
    return MailMover("here", box, dictionary, state, sender, since_ms=since_ms)


class Folder:
    """What others write into, opened anew for each writing. A Maildir names a mail by when it was delivered: here that
    is the mail's own date."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self.put()

    def put(self, *mails: EmailMessage) -> None:
        with self._opened() as box:
            for mail in mails:
                key = box.add(mail)
                if isinstance(box, mailbox.Maildir):
                    delivered = int(parsedate_to_datetime(mail["Date"]).timestamp())
                    file = self._path / "new" / key
                    file.rename(file.with_name(f"{delivered}.{key.partition('.')[2]}"))

    def cut(self) -> None:
        """The first mail is taken out."""
        with self._opened() as box:
            box.remove(box.keys()[0])

    @contextmanager
    def _opened(self) -> Iterator[mailbox.Mailbox[Any]]:
        box = mailbox.Maildir(self._path) if self._kind == "maildir" else mailbox.mbox(self._path)
        box.lock()
        yield box
        box.flush()
        box.unlock()
        box.close()


def both(folder: Path, kind: str) -> tuple[Folder, Folder, Mailbox]:
    """What others write, and what we read of it."""
    inbox, sent = folder / "inbox", folder / "sent"
    ours: Mailbox = Maildir(SAC, inbox, sent) if kind == "maildir" else Mbox(SAC, inbox, sent)
    return Folder(inbox, kind), Folder(sent, kind), ours


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_what_comes_is_told_once_in_its_order(tmp_path: Path, kind: str) -> None:
    """Questions before their replies, whichever folder they lie in, look by look."""
    inbox, sent, ours = both(tmp_path, kind)
    collected = Collected()
    moved = mover(ours, tmp_path / "state.json", collected)
    assert moved.step() == 0
    sent.put(reply("b", ago(30), "a"))
    inbox.put(written("a", ago(60)), written("v", ago(50), Auto_Submitted="auto-replied"))
    assert moved.step() == 3
    assert collected.kinds == ["offered 1", "message 1", "message 1", "ended 1"]
    assert moved.step() == 0
    inbox.put(written("c", ago(1), "a", "b"))
    assert moved.step() == 1
    assert collected.kinds[4:] == ["offered 2", "message 2"]
    assert moved.mapping.ignored.by_kind == {"sent by itself": 1}


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_after_a_restart_nothing_is_told_again(tmp_path: Path, kind: str) -> None:
    """And what was not acknowledged is, with the same ids."""
    inbox, _, ours = both(tmp_path, kind)
    inbox.put(written("a", ago(60)))
    first = Collected()
    mover(ours, tmp_path / "state.json", first).step()
    inbox.put(written("b", ago(50), "a"))
    away = Collected()
    away.is_away = True
    with pytest.raises(Unavailable):
        mover(ours, tmp_path / "state.json", away).step()
    again = Collected()
    assert mover(ours, tmp_path / "state.json", again).step() == 1
    assert away.values == again.values
    assert again.kinds == ["message 1"]


def test_flags_and_moves_within_a_maildir_make_no_new_mail(tmp_path: Path) -> None:
    """A mail that is read goes from new to cur and gets letters behind its name."""
    inbox, _, ours = both(tmp_path, "maildir")
    inbox.put(written("a", ago(60)))
    moved = mover(ours, tmp_path / "state.json", Collected())
    assert moved.step() == 1
    (file,) = (tmp_path / "inbox" / "new").iterdir()
    file = file.rename(tmp_path / "inbox" / "cur" / f"{file.name}:2,")
    assert moved.step() == 0
    file.rename(file.with_name(file.name + "S")).unlink()
    assert moved.step() == 0
    assert kept(tmp_path / "state.json")["marks"]["inbox"] == []  # type: ignore[index]


def test_an_mbox_that_was_cut_or_begun_anew_is_read_anew(tmp_path: Path) -> None:
    """What was there already makes the same events."""
    inbox, _, ours = both(tmp_path, "mbox")
    inbox.put(written("a", ago(60)), written("b", ago(50)))
    collected = Collected()
    moved = mover(ours, tmp_path / "state.json", collected)
    moved.step()
    inbox.cut()
    inbox.put(written("c", ago(40)))
    moved.step()
    assert len({each["id"] for each in collected.values}) == 6
    assert len({each["data"]["contact_id"] for each in collected.values}) == 3


def test_an_mbox_is_read_while_it_is_written(tmp_path: Path) -> None:
    """However little of a mail is there yet: each once, and never half a header."""
    source = Folder(tmp_path / "source", "mbox")
    source.put(written("a", ago(60)), written("b", ago(50), "a"), written("c", ago(40)))
    content = (tmp_path / "source").read_bytes()
    target = tmp_path / "target"
    target.touch()
    collected = Collected()
    moved = mover(Mbox(SAC, target), tmp_path / "state.json", collected)
    seen = 0
    for start in range(0, len(content), 97):
        with target.open("ab") as file:
            file.write(content[start : start + 97])
        seen += moved.step()
    assert seen == 3
    assert collected.kinds == ["offered 1", "message 1", "message 1", "offered 1", "message 1"]


def test_old_mail_is_passed_over_at_the_beginning(tmp_path: Path) -> None:
    """Nobody wants last year's questions on today's wall; a reply to one is no visit."""
    inbox, _, ours = both(tmp_path, "mbox")
    inbox.put(written("a", ago(60 * 24 * 30)), written("b", ago(5)))
    collected = Collected()
    moved = mover(ours, tmp_path / "state.json", collected, since_ms=round(ago(60).timestamp() * 1000))
    moved.step()
    assert collected.kinds == ["offered 1", "message 1"]


def test_what_is_no_mail_is_counted(tmp_path: Path) -> None:
    """And the others go on."""
    inbox, _, ours = both(tmp_path, "maildir")
    inbox.put(written("a", ago(60)))
    (tmp_path / "inbox" / "new" / "1795435200.x.host").write_bytes(b"")
    collected = Collected()
    moved = mover(ours, tmp_path / "state.json", collected)
    moved.step()
    assert moved.refused == {"missing_field": 1}
    assert collected.kinds == ["offered 1", "message 1"]
    [letter] = collected.letters
    assert (letter.original, letter.place.topic) == (Original(None, b"", []), "ingest:mail-1:here")
    assert letter.detail == "1795435200.x.host: $: expected a mail, with a header"


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_a_header_without_an_end_is_a_dead_letter_with_what_was_read_of_it(tmp_path: Path, kind: str) -> None:
    """Told again after a look that was not acknowledged, it is the same one."""
    inbox, _, ours = both(tmp_path, kind)
    inbox.put(written("a", ago(60)))
    endless = b"X: " + b"y" * 100 + b"\n"
    count = MAX_HEADER_BYTES // len(endless) + 2
    if kind == "maildir":
        (tmp_path / "inbox" / "new" / "1795435200.x.host").write_bytes(endless * count)
    else:
        with (tmp_path / "inbox").open("ab") as file:
            file.write(b"\nFrom nobody Thu Nov 26 09:00:00 2026\n" + endless * count)
    collected = Collected()
    collected.is_away = True
    with pytest.raises(Unavailable):
        mover(ours, tmp_path / "state.json", collected).step()
    collected.is_away = False
    mover(ours, tmp_path / "state.json", collected).step()
    first, again = collected.letters
    assert first == again
    assert (first.reason, first.stage) == ("too_large", "ingest")
    assert first.original is not None
    assert len(first.original.value or b"") > MAX_HEADER_BYTES


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
def test_a_folder_that_is_away_is_said_so(tmp_path: Path, kind: str) -> None:
    """It may come back: a network share."""
    absent = tmp_path / "absent"
    box: Mailbox = Maildir(SAC, absent) if kind == "maildir" else Mbox(SAC, absent)
    with pytest.raises(Unavailable, match="cannot be read"):
        mover(box, tmp_path / "state.json", Collected()).step()


def test_the_state_of_another_mailbox_is_refused(tmp_path: Path) -> None:
    """Its marks would mean nothing here."""
    (tmp_path / "state.json").write_text(json.dumps({"kind": "mail", "place": "there", "marks": {}, "mapping": {}}))
    with pytest.raises(ConfigError, match="that of there"):
        mover(Maildir(SAC, tmp_path), tmp_path / "state.json", Collected())


def test_the_source_is_heard_where_it_is_expected(tmp_path: Path) -> None:
    """At the sites that are named, whether or not mail has come."""
    _, _, ours = both(tmp_path, "maildir")
    collected = Collected()
    mover(ours, tmp_path / "state.json", collected).beat([("acme", "fortaleza"), ("acme", "recife")])
    assert [(each["source"], each["data"]) for each in collected.values] == [
        ("mail-1", {"tenant": "acme", "site": site}) for site in ("fortaleza", "recife")
    ]
