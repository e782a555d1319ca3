"""WhatsApp's Cloud API: each of the business's numbers is a queue, each customer's thread has visits. Pure.

After Meta's "messages webhook reference" and "Status messages webhook reference". What differs from what one expects:

- There are no conversations. A visit begins with a customer's message where none lasts, and ends when the customer
  service window closes, 24 hours after the customer's last message: nobody may answer freely any more. Nothing says so
  at that moment; it is told with whatever comes next of the same customer.
- What the business writes is known by its ``sent`` status alone, and not who wrote it. A template (any pricing category
  but ``service``) is the bot's. Other messages are an agent's, unless whoever sends them marks them in
  ``biz_opaque_callback_data``: ``bot``, or ``agent:`` and a name.
- Message ids hold the customer's number in base64. Only digests of them go into ids.
- Notifications are repeated for days until they are taken, in any order: an answer may come before its question, and
  waits for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from streams.domain.decisions import Reason
from streams.sources.canonical import EventWriter, Stay
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event, Ignored, InvalidEvent
from streams.sources.reading import Instant, identifier, instant_ms, read_json
from streams.sources.threads import Thread, Threads

WINDOW_MS: Final = 24 * 3_600_000
_NO_WORDS: Final = frozenset({"reaction", "system", "request_welcome"})
_LONGEST_ID: Final = 512
MOST_EARLY: Final = 1000
"""How many customers' answers may wait for their questions; of each one the first few."""
_EARLY_WORDS: Final = 5


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    phone_number_id: str


class _Message(msgspec.Struct, frozen=True, gc=False, rename={"sender": "from"}):
    id: str
    timestamp: Instant
    type: str
    sender: str | None = None
    from_user_id: str | None = None
    group_id: str | None = None


class _Pricing(msgspec.Struct, frozen=True, gc=False):
    category: str | None = None


class _Status(msgspec.Struct, frozen=True, gc=False):
    id: str
    status: str
    timestamp: Instant
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    recipient_type: str | None = None
    pricing: _Pricing | None = None
    biz_opaque_callback_data: str | None = None


class _Value(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata | None = None
    messages: list[_Message] = []
    statuses: list[_Status] = []


class _Change(msgspec.Struct, frozen=True, gc=False):
    field: str
    value: msgspec.Raw


class _Entry(msgspec.Struct, frozen=True, gc=False):
    changes: list[_Change]


class _Notification(msgspec.Struct, frozen=True, gc=False):
    object: str
    entry: list[_Entry]


class _Word(NamedTuple):
    """One message of a thread; ``customer`` is the number or name the customer goes by here."""

    number_id: str
    customer: str
    is_inbound: bool
    digest: str
    time_ms: int
    mark: str = ""


_read_notification: Final = msgspec.json.Decoder(_Notification)
_read_value: Final = msgspec.json.Decoder(_Value)


class WhatsAppWebhooks:
    """One app's webhooks; a record is the body of one request."""

    def __init__(self, dictionary: QueueDictionary, snapshot: Mapping[str, Any] | None = None) -> None:
        self.ignored = Ignored()
        self._dictionary = dictionary
        self._writer = EventWriter(dictionary.source)
        self._threads = Threads((snapshot or {}).get("customers"))
        self._early = msgspec.convert((snapshot or {}).get("early", {}), dict[str, list[_Word]])

    def snapshot(self) -> dict[str, Any]:
        """Holds customers' numbers: they are what a thread is known by."""
        return {"customers": self._threads.snapshot(), "early": msgspec.to_builtins(self._early)}

    def feed(self, record: bytes, received_ms: int) -> Sequence[Event]:  # noqa: ARG002 - every record carries its time
        notification = read_json(_read_notification, record)
        if notification.object != "whatsapp_business_account":
            raise InvalidEvent(Reason.BAD_VALUE, "$.object: expected whatsapp_business_account")
        words: list[_Word] = []
        ignored: list[str] = []
        for change in (change for entry in notification.entry for change in entry.changes):
            if change.field == "messages":
                words += _words(read_json(_read_value, bytes(change.value)), ignored)
            else:
                ignored.append(change.field)
        for kind in ignored:
            self.ignored.count(kind)
        return [event for word in words for event in self._told(word)]

    def _told(self, word: _Word) -> Iterator[Event]:
        place = self._dictionary.place(word.number_id)
        if place is None:
            self.ignored.count("number not in vendor_queues")
            return
        key = f"{word.number_id}/{word.customer}"
        yield from self._closed(key, place, word.time_ms)
        thread = self._threads.get(key)
        if word.is_inbound and (thread is None or thread.is_before(word.time_ms)):
            thread = self._opened(key, word)
            yield self._writer.contact(
                "offered", self._stay(place, thread), word.time_ms, customer=_customer(word.customer)
            )
        if thread is None or not thread.holds(word.time_ms):
            self._keep_early(key, word)
            self.ignored.count("message outside a visit")
            return
        if word.is_inbound:
            thread.asked_ms = max(thread.asked_ms, word.time_ms)
        yield self._message(place, thread, word)
        for each in self._early.pop(key, ()):
            if thread.holds(each.time_ms):
                yield self._message(place, thread, each)

    def _keep_early(self, key: str, word: _Word) -> None:
        """What the business wrote to whoever has not written is no answer, unless the question is still to come."""
        kept = self._early.setdefault(key, [])
        if not word.is_inbound and len(kept) < _EARLY_WORDS:
            kept.append(word)
        if not kept or len(self._early) > MOST_EARLY:
            del self._early[next(iter(self._early)) if kept else key]

    def _opened(self, key: str, word: _Word) -> Thread:
        """A thread is named by the message that began it, for as long as it is remembered."""
        before = self._threads.get(key)
        thread = self._threads.open(key, word.time_ms)
        thread.name = before.name if before else word.digest
        return thread

    def _closed(self, key: str, place: Place, now_ms: int) -> Iterator[Event]:
        thread = self._threads.get(key)
        if thread is None or not thread.is_open or now_ms <= thread.asked_ms + WINDOW_MS:
            return
        closed_ms, stay = thread.asked_ms + WINDOW_MS, self._stay(place, thread)
        if thread.is_answered:
            yield self._writer.contact("ended", stay, closed_ms)
        else:
            yield self._writer.contact("flowed_out", stay, closed_ms, reason="timeout")
        self._threads.close(key, closed_ms)

    def _message(self, place: Place, thread: Thread, word: _Word) -> Event:
        author = "customer" if word.is_inbound else ("bot" if word.mark == "bot" else "agent")
        thread.is_answered |= author == "agent"
        kind, _, name = word.mark.partition(":")
        return self._writer.contact(
            "message",
            self._stay(place, thread),
            word.time_ms,
            told_as=f"message-{word.digest}",
            direction="in" if word.is_inbound else "out",
            author=author,
            agent_id=name[:200] if kind == "agent" and name else None,
        )

    def _stay(self, place: Place, thread: Thread) -> Stay:
        return Stay(place, f"{self._dictionary.source}-{thread.name}", thread.entry)


def _words(value: _Value, ignored: list[str]) -> Iterator[_Word]:
    """What was said, validated before anything is made of it."""
    if value.metadata is None:
        raise InvalidEvent(Reason.MISSING_FIELD, "$.entry.changes.value.metadata: expected the business's number")
    number_id = identifier(value.metadata.phone_number_id, "$.entry.changes.value.metadata.phone_number_id")
    for message in value.messages:
        if message.type in _NO_WORDS or message.group_id:
            ignored.append("group message" if message.group_id else message.type)
            continue
        time_ms = instant_ms(message.timestamp, "$.entry.changes.value.messages.timestamp")
        customer = _party(message.sender or message.from_user_id, "$.entry.changes.value.messages.from")
        yield _Word(number_id, customer, True, _digest(message.id), time_ms)
    for status in value.statuses:
        if status.status != "sent" or status.recipient_type == "group":
            ignored.append(f"status {status.status}" if status.status != "sent" else "group message")
            continue
        time_ms = instant_ms(status.timestamp, "$.entry.changes.value.statuses.timestamp")
        customer = _party(
            status.recipient_id or status.recipient_user_id, "$.entry.changes.value.statuses.recipient_id"
        )
        yield _Word(number_id, customer, False, _digest(status.id), time_ms, _mark(status))


def _mark(status: _Status) -> str:
    """``bot``, ``agent:`` and a name, or nothing where nobody says."""
    said = status.biz_opaque_callback_data or ""
    category = status.pricing.category if status.pricing else None
    return "bot" if category not in (None, "service") or said == "bot" else said


def _party(name: str | None, place: str) -> str:
    if not name or len(name) > 200:
        raise InvalidEvent(Reason.MISSING_FIELD, f"{place}: expected a customer's number or id")
    return name


def _customer(name: str) -> dict[str, str]:
    """A number is an address; whoever hides it has an id of Meta's."""
    return {"address": f"+{name}"} if name.isdecimal() and name.isascii() else {"id": name}


def _digest(message_id: str) -> str:
    """Stands for an id; there is enough chance in one that nobody guesses it back."""
    if not 0 < len(message_id) <= _LONGEST_ID:
        raise InvalidEvent(Reason.BAD_VALUE, "$.entry.changes.value: expected message ids of 1 to 512 characters")
    return hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]
