"""E-mail: each mailbox is a queue, each question of a thread is a visit, the first reply of a person answers it. Pure.

After RFC 5322 (threads: Message-ID, In-Reply-To, References), RFC 3834 (what answers by itself) and RFC 3464 (reports).

- A visit begins with a customer's mail and ends with the reply: whoever writes again in the thread waits again, as the
  next entry. Several mails before the reply are one visit.
- What was sent by itself is nobody's question and nobody's answer: vacation notes, bounces, lists, receipts.
- A thread is named by its first mail, as the others tell it. Questions are fed before their replies.
- A mail's own date is its sender's word. What counts for a customer's mail is when it arrived here.
- Only headers are read. Of them nothing goes on but the customer's address; message ids become digests.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final, NamedTuple

from streams.domain.decisions import Reason
from streams.sources.canonical import EventWriter, Stay
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event, Ignored, InvalidEvent
from streams.sources.threads import Thread, Threads

MAX_HEADER_BYTES: Final = 256 * 1024
MOST_IDS: Final = 200_000
_MESSAGE_ID: Final = re.compile(r"<([^<>\s]{1,998})>")
_ADDRESS: Final = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,255}")
_END_MS: Final = 253_370_764_800_000


class Origin(NamedTuple):
    """Where a mail lies: in words, and as the two numbers that tell it from every other of its mailbox."""

    name: str
    part: int
    number: int


class Mail(NamedTuple):
    """One mail as a mailbox holds it: its header (the body may follow), the mailbox by its name in the dictionary, and
    when it arrived there (milliseconds since the epoch; None where nobody knows). ``is_sent`` is a mail from the
    folder of what was sent."""

    mailbox: str
    header: bytes
    arrived_ms: int | None = None
    is_sent: bool = False
    origin: Origin = Origin("", 0, 0)


class _Read(NamedTuple):
    """What a header says. ``digest`` stands for the mail, ``root`` for its thread as far as the mail tells it."""

    digest: str
    parents: tuple[str, ...]
    time_ms: int
    address: str | None
    automatic: str | None


class MailThreads:
    """All mailboxes of one source; a record is a mail."""

    def __init__(self, dictionary: QueueDictionary, snapshot: Mapping[str, Any] | None = None) -> None:
        known = snapshot or {}
        self.ignored = Ignored()
        self._dictionary = dictionary
        self._writer = EventWriter(dictionary.source)
        self._threads = Threads(known.get("threads"))
        self._root_of: dict[str, str] = dict(known.get("roots", {}))

    def snapshot(self) -> dict[str, Any]:
        return {"threads": self._threads.snapshot(), "roots": dict(self._root_of)}

    def feed(self, record: Mail, received_ms: int) -> Sequence[Event]:
        place = self._dictionary.place(record.mailbox)
        if place is None:
            return self._ignore("mailbox not in vendor_queues")
        read = _read(record, received_ms)
        root = self._root(read)
        if read.automatic is not None:
            return self._ignore(read.automatic)
        is_reply = record.is_sent or (read.address or "").lower() == record.mailbox.lower()
        key = f"{record.mailbox}/{root}"
        return list(self._reply(key, root, place, read) if is_reply else self._question(key, root, place, read))

    def _question(self, key: str, root: str, place: Place, read: _Read) -> Iterator[Event]:
        thread = self._threads.get(key)
        if thread is None or thread.is_before(read.time_ms):
            yield self._offered(key, root, place, read.time_ms, read.address)
            thread = self._threads.get(key)
        assert thread is not None
        if not thread.holds(read.time_ms):
            self.ignored.count("mail from before the newest visit")
            return
        thread.asked_ms = max(thread.asked_ms, read.time_ms)
        thread.name = read.address or thread.name
        yield self._message(root, place, thread, read, author="customer")

    def _reply(self, key: str, root: str, place: Place, read: _Read) -> Iterator[Event]:
        thread = self._threads.get(key)
        if thread is None or not thread.holds(read.time_ms):
            self.ignored.count("mail outside a visit")
            return
        yield self._message(root, place, thread, read, author="agent")
        if not thread.is_open:
            return
        asked_ms, address = thread.asked_ms, thread.name
        yield self._writer.contact("ended", self._stay(root, place, thread), read.time_ms, completed=True)
        self._threads.close(key, read.time_ms)
        if asked_ms > read.time_ms:  # a question that the reply does not know
            yield self._offered(key, root, place, asked_ms, address)

    def _offered(self, key: str, root: str, place: Place, time_ms: int, address: str | None) -> Event:
        thread = self._threads.open(key, time_ms)
        thread.name, thread.asked_ms = address or "", time_ms
        customer = {"address": address} if address else None
        return self._writer.contact("offered", self._stay(root, place, thread), time_ms, customer=customer)

    def _message(self, root: str, place: Place, thread: Thread, read: _Read, *, author: str) -> Event:
        return self._writer.contact(
            "message",
            self._stay(root, place, thread),
            read.time_ms,
            told_as=f"message-{read.digest}",
            direction="in" if author == "customer" else "out",
            author=author,
        )

    def _stay(self, root: str, place: Place, thread: Thread) -> Stay:
        return Stay(place, f"{self._dictionary.source}-{root}", thread.entry)

    def _root(self, read: _Read) -> str:
        """The thread's first mail: as another mail of it has told, else the oldest that this one names."""
        known = next((self._root_of[each] for each in read.parents if each in self._root_of), None)
        root = self._root_of.get(read.digest) or known or (read.parents[0] if read.parents else read.digest)
        for each in (*read.parents[-1:], read.digest):
            self._root_of.pop(each, None)
            self._root_of[each] = root
        while len(self._root_of) > MOST_IDS:
            del self._root_of[next(iter(self._root_of))]
        return root

    def _ignore(self, kind: str) -> Sequence[Event]:
        self.ignored.count(kind)
        return ()


def _read(record: Mail, received_ms: int) -> _Read:
    if len(record.header) > MAX_HEADER_BYTES:
        raise InvalidEvent(Reason.TOO_LARGE, f"$: expected a header of at most {MAX_HEADER_BYTES} bytes")
    header = BytesHeaderParser(policy=compat32).parsebytes(record.header)
    if not header.keys():
        raise InvalidEvent(Reason.MISSING_FIELD, "$: expected a mail, with a header")
    own = _MESSAGE_ID.search(_text(header, "Message-ID"))
    replied_to = _MESSAGE_ID.findall(_text(header, "In-Reply-To"))[:1]
    named = list(dict.fromkeys([*_MESSAGE_ID.findall(_text(header, "References")), *replied_to]))
    digest = _digest(own[1].encode("utf-8", "replace") if own else record.header)
    parents = tuple(_digest(each.encode("utf-8", "replace")) for each in named)
    time_ms = _moment_ms(record, header, received_ms)
    if not 0 <= time_ms < _END_MS:
        raise InvalidEvent(Reason.BAD_TIME, "$: expected a mail from 1970 to 9998")
    return _Read(
        digest, tuple(each for each in parents if each != digest), time_ms, _address(header), _automatic(header)
    )


def moment_ms(record: Mail, received_ms: int) -> int:
    """The moment of a mail, to bring several into their order; the same that its events carry."""
    return _moment_ms(record, BytesHeaderParser(policy=compat32).parsebytes(record.header), received_ms)


def _moment_ms(record: Mail, header: Message, otherwise_ms: int) -> int:
    """When it arrived, where somebody knows; when our own server took it (the topmost Received); its date; when it was
    read."""
    if record.arrived_ms is not None:
        return record.arrived_ms
    for text in (_text(header, "Received").rpartition(";")[2], _text(header, "Date")):
        try:
            moment = parsedate_to_datetime(text.strip())
            if moment.tzinfo is not None:
                return round(moment.timestamp() * 1000)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return otherwise_ms


def _address(header: Message) -> str | None:
    """Whom to reply to: RFC 5322, 3.6.2."""
    for name in ("Reply-To", "From"):
        try:
            addresses = getaddresses([_text(header, name)])
        except (ValueError, TypeError, IndexError):
            continue
        for _, address in addresses:
            if _ADDRESS.fullmatch(address):
                return address
    return None


def _automatic(header: Message) -> str | None:
    """Why nobody wrote it, or None: RFC 3834, 2 and 5; RFC 3464."""
    submitted = _text(header, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return "sent by itself"
    if _text(header, "Return-Path").strip() == "<>" or _text(header, "Content-Type").lower().startswith(
        "multipart/report"
    ):
        return "bounce or report"
    if _text(header, "Precedence").strip().lower() in ("bulk", "junk", "list") or header.get("List-Id") is not None:
        return "mailing list"
    if any(header.get(name) is not None for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response")):
        return "sent by itself"
    return None


def _text(header: Message, name: str) -> str:
    value = header.get(name)
    return "" if value is None else str(value)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:24]
