"""Chatwoot's webhooks: each inbox is a queue, each time a conversation is open to people is a visit. Pure.

After Chatwoot's "Webhook events" and its event presenters (releases 2.x to 4.x). What differs from what one expects:

- A conversation's ``id`` counts within its account. An inbox belongs to one account, so both together name it.
- ``pending`` is the bot's. The visit begins when the conversation is open, and nothing a bot, a template, a campaign or
  an automation writes is an answer.
- Chatwoot does not send a webhook again that was not taken, and sends them in any order. Every one holds the whole
  conversation: a customer's message opens the visit too, where the word of its opening is missing or comes later.
- ``waiting_since`` is 0 when nobody waits: an agent who opens an old conversation to write makes no visit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from streams.domain.encoding import iso_time
from streams.sources.canonical import EventWriter, Stay
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event, Ignored
from streams.sources.reading import Instant, Number, identifier, instant_ms, read_json
from streams.sources.threads import Thread, Threads

_OF_CONVERSATIONS: Final = frozenset({"conversation_created", "conversation_status_changed", "conversation_updated"})


class _Person(msgspec.Struct, frozen=True, gc=False):
    id: Number | None = None
    type: str | None = None
    email: str | None = None
    phone_number: str | None = None
    identifier: str | None = None


class _Meta(msgspec.Struct, frozen=True, gc=False):
    sender: _Person | None = None
    assignee: _Person | None = None
    assignee_type: str | None = None


class _Conversation(msgspec.Struct, frozen=True, gc=False):
    id: Number
    inbox_id: Number
    status: Literal["open", "resolved", "pending", "snoozed"]
    meta: _Meta = _Meta()
    created_at: Instant | None = None
    updated_at: Instant | None = None
    timestamp: Instant | None = None
    waiting_since: Instant | None = None
    changed_attributes: list[dict[str, Any]] | None = None

    @property
    def is_waited_for(self) -> bool:
        """Unless it says that nobody waits; older releases do not say."""
        return self.waiting_since is None or self.waiting_since != 0


class _Message(msgspec.Struct, frozen=True, gc=False):
    id: Number
    created_at: Instant
    message_type: str | int
    conversation: _Conversation
    private: bool = False
    sender: _Person | None = None
    content_attributes: dict[str, Any] | None = None
    additional_attributes: dict[str, Any] | None = None


class _Head(msgspec.Struct, frozen=True, gc=False):
    event: str


_read_head: Final = msgspec.json.Decoder(_Head)
_read_conversation: Final = msgspec.json.Decoder(_Conversation)
_read_message: Final = msgspec.json.Decoder(_Message)
_MESSAGE_TYPES: Final = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}


class ChatwootWebhooks:
    """One account's webhooks; a record is the body of one request."""

    def __init__(self, dictionary: QueueDictionary, snapshot: Mapping[str, Any] | None = None) -> None:
        self.ignored = Ignored()
        self._dictionary = dictionary
        self._writer = EventWriter(dictionary.source)
        self._threads = Threads((snapshot or {}).get("conversations"))

    def snapshot(self) -> dict[str, Any]:
        return {"conversations": self._threads.snapshot()}

    def feed(self, record: bytes, received_ms: int) -> Sequence[Event]:
        kind = read_json(_read_head, record).event
        if kind in _OF_CONVERSATIONS:
            return self._conversation(kind, read_json(_read_conversation, record), received_ms)
        if kind == "message_created":
            return self._message(read_json(_read_message, record))
        return self._ignore(kind)

    def _conversation(self, kind: str, conversation: _Conversation, received_ms: int) -> Sequence[Event]:
        place = self._dictionary.place(str(conversation.inbox_id))
        times = (conversation.updated_at, conversation.timestamp, received_ms / 1000)
        now_ms = instant_ms(next(each for each in times if each is not None), "$.updated_at")
        if place is None:
            return self._ignore("inbox not in vendor_queues")
        if kind == "conversation_updated":
            return self._assigned(conversation, place, now_ms)
        if kind == "conversation_created":
            is_new = conversation.status == "open" and self._threads.get(self._key(conversation)) is None
            return self._opened(conversation, place, _created_ms(conversation, now_ms)) if is_new else ()
        thread = self._threads.get(self._key(conversation))
        if thread is not None and now_ms < thread.changed_ms:
            return self._ignore("status from before")
        if conversation.status == "open":
            is_asked = thread is not None and thread.asked_ms > 0
            if conversation.is_waited_for or is_asked:
                return self._opened(conversation, place, now_ms)
            return self._ignore("opened by an agent")
        return self._left(conversation, place, now_ms) if conversation.status in ("resolved", "pending") else ()

    def _message(self, message: _Message) -> Sequence[Event]:
        conversation, written_ms = message.conversation, instant_ms(message.created_at, "$.created_at")
        message_id = identifier(message.id, "$.id")
        kind = _MESSAGE_TYPES.get(message.message_type, "?") if isinstance(message.message_type, int) else None
        author = None if message.private else _author(kind or str(message.message_type), message)
        if author is None:
            return self._ignore("private message" if message.private else "activity message")
        place = self._dictionary.place(str(conversation.inbox_id))
        if place is None:
            return self._ignore("inbox not in vendor_queues")
        first: list[Event] = []
        thread = self._threads.get(self._key(conversation))
        if author == "customer" and (thread is None or thread.is_before(written_ms)):
            first = list(self._asked(conversation, thread, place, written_ms))
            thread = self._threads.get(self._key(conversation))
        if thread is None or not thread.holds(written_ms):
            return self._ignore("message outside a visit")
        thread.is_answered |= author == "agent"
        event = self._writer.contact(
            "message",
            self._stay(conversation, place, thread),
            written_ms,
            told_as=f"message-{message_id}",
            direction="in" if author == "customer" else "out",
            author=author,
            agent_id=_text(message.sender.id) if author == "agent" and message.sender else None,
        )
        return [*first, event]

    def _asked(
        self, conversation: _Conversation, thread: Thread | None, place: Place, written_ms: int
    ) -> Sequence[Event]:
        """A customer writes where nobody is known to wait."""
        if conversation.status == "open":
            since_ms = written_ms
            if thread is None and conversation.waiting_since:
                since_ms = min(written_ms, instant_ms(conversation.waiting_since, "$.conversation.waiting_since"))
            return self._opened(conversation, place, since_ms)
        if conversation.status == "resolved" and thread is not None:
            thread.asked_ms = written_ms
        return ()

    def _opened(self, conversation: _Conversation, place: Place, time_ms: int) -> Sequence[Event]:
        key = self._key(conversation)
        known = self._threads.get(key)
        if known is not None and known.is_open:
            return ()
        started_at = iso_time(min(_created_ms(conversation, time_ms), time_ms))
        stay = self._stay(conversation, place, self._threads.open(key, time_ms))
        customer = self._customer(conversation.meta.sender)
        return [self._writer.contact("offered", stay, time_ms, contact_started_at=started_at, customer=customer)]

    def _left(self, conversation: _Conversation, place: Place, time_ms: int) -> Sequence[Event]:
        thread = self._threads.get(self._key(conversation))
        if thread is None or not thread.is_open:
            return ()
        stay = self._stay(conversation, place, thread)
        self._threads.close(self._key(conversation), time_ms)
        if thread.is_answered:
            completed = True if conversation.status == "resolved" else None
            return [self._writer.contact("ended", stay, time_ms, completed=completed)]
        reason = "closed" if conversation.status == "resolved" else "transfer"
        return [self._writer.contact("flowed_out", stay, time_ms, reason=reason)]

    def _assigned(self, conversation: _Conversation, place: Place, time_ms: int) -> Sequence[Event]:
        changed = {name for each in conversation.changed_attributes or () for name in each}
        assignee, thread = conversation.meta.assignee, self._threads.get(self._key(conversation))
        is_person = assignee is not None and conversation.meta.assignee_type in (None, "User")
        if "assignee_id" not in changed or not is_person or thread is None or not thread.is_open or thread.is_assigned:
            return self._ignore("conversation_updated")
        thread.is_assigned = True
        stay = self._stay(conversation, place, thread)
        return [self._writer.contact("answered", stay, time_ms, agent_id=_text(assignee.id) if assignee else None)]

    def _customer(self, person: _Person | None) -> dict[str, str] | None:
        if person is None:
            return None
        named = person.identifier or (f"{self._dictionary.source}-{person.id}" if person.id is not None else None)
        address = person.phone_number or person.email
        found = {"address": address and address[:320], "id": named and named[:200]}
        return {name: value for name, value in found.items() if value} or None

    def _key(self, conversation: _Conversation) -> str:
        return f"{identifier(conversation.inbox_id, '$.inbox_id')}-{identifier(conversation.id, '$.id')}"

    def _stay(self, conversation: _Conversation, place: Place, thread: Thread) -> Stay:
        return Stay(place, f"{self._dictionary.source}-{self._key(conversation)}", thread.entry)

    def _ignore(self, kind: str) -> Sequence[Event]:
        self.ignored.count(kind)
        return ()


def _author(kind: str, message: _Message) -> Literal["customer", "agent", "bot"] | None:
    """Who wrote it; None for what is no message between people. Releases before 2.17 do not say what a sender is, but
    only people have a mail address."""
    if kind == "incoming":
        return "customer"
    if kind == "template":
        return "bot"
    if kind != "outgoing":
        return None
    marks = {**(message.content_attributes or {}), **(message.additional_attributes or {})}
    if any(marks.get(mark) for mark in ("automation_rule_id", "campaign_id")):
        return "bot"
    sender = message.sender
    is_person = sender is not None and (sender.type == "user" or (sender.type is None and sender.email is not None))
    return "agent" if is_person else "bot"


def _created_ms(conversation: _Conversation, otherwise_ms: int) -> int:
    if conversation.created_at is None:
        return otherwise_ms
    return instant_ms(conversation.created_at, "$.created_at")


def _text(value: Number | None) -> str | None:
    return None if value is None else str(value)[:200]
