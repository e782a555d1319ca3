"""Amazon Connect's contact events, as EventBridge delivers them: each contact in a standard queue is a visit. Pure.

After "Amazon Connect contact events" of the administrator guide. What differs from what one expects:

- Events come in any order, late, twice, or not at all. But each holds all timestamps of its contact so far: whichever
  comes tells everything that it knows, and the worker counts an event id once.
- A transfer is another contact, which names the one before it and the first. Here they are one contact, each a stay.
  So is a queued callback; the caller who asked for it leaves the queue at the moment at which the callback begins.
- A callback contact waits for an agent in a queue while nobody is on the line. Its visit begins when the customer has
  picked up.
- There are no messages in these events: in chat an agent's acceptance stands for the first words. An agent's e-mail is
  a contact of its own (``AGENT_REPLY``) and answers the one it is related to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from streams.domain.decisions import Reason
from streams.domain.encoding import iso_time
from streams.sources.canonical import EventWriter, Stay
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event, Ignored, InvalidEvent
from streams.sources.reading import Instant, instant_ms, read_json

REMEMBERED_MS: Final = 7 * 86_400_000
"""How long it is known in which queue a contact was; e-mail may wait for days."""
MOST_REMEMBERED: Final = 100_000
MOVED: Final = "flowed_on"
"""How the id ends of what the next contact says of how its customer left. The contact's own end tells that worse, and
is left out where it comes later; where it came before, the worker takes the earlier exit, of one instant the first by
id."""
_LONGEST_ID: Final = 150
"""Documented are 256 characters, sent are UUIDs; with the source before it, a name here may have 200."""
KNOWN_EVENTS: Final = frozenset(
    {"INITIATED", "CONNECTED_TO_SYSTEM", "QUEUED", "CONNECTED_TO_AGENT", "DISCONNECTED", "COMPLETED"}
)
_NOBODY_WAITS: Final = frozenset({"OUTBOUND", "EXTERNAL_OUTBOUND", "MONITOR", "DISCONNECT"})
_EXIT_OF_REASON: Final[Mapping[str, tuple[str, str | None]]] = {
    "": ("abandoned", None),
    "CUSTOMER_DISCONNECT": ("abandoned", None),
    "TELECOM_PROBLEM": ("abandoned", None),
    "IDLE_DISCONNECT": ("abandoned", None),
    "EXPIRED": ("flowed_out", "timeout"),
    "CONTACT_FLOW_DISCONNECT": ("flowed_out", "closed"),
    "API": ("flowed_out", "closed"),
}
_ENDED_BY: Final = {"CUSTOMER_DISCONNECT": "customer", "AGENT_DISCONNECT": "agent", "TELECOM_PROBLEM": "network"}


class _Queue(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    queue_arn: str
    queue_type: str = "STANDARD"
    enqueue_timestamp: Instant | None = None


class _Agent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    agent_arn: str | None = None
    connected_to_agent_timestamp: Instant | None = None
    after_contact_work_end_timestamp: Instant | None = None
    after_contact_work_duration: float | None = None


class _Endpoint(msgspec.Struct, frozen=True, gc=False):
    address: str | None = None


class _Contact(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    event_type: str
    contact_id: str
    channel: str = ""
    initiation_method: str = ""
    initial_contact_id: str | None = None
    previous_contact_id: str | None = None
    related_contact_id: str | None = None
    next_contact_id: str | None = None
    initiation_timestamp: Instant | None = None
    connected_to_system_timestamp: Instant | None = None
    disconnect_timestamp: Instant | None = None
    disconnect_reason: str | None = None
    queue_info: _Queue | None = None
    agent_info: _Agent | None = None
    customer_endpoint: _Endpoint | None = None


class _Envelope(msgspec.Struct, frozen=True, gc=False, rename={"kind": "detail-type"}):
    kind: str
    time: Instant
    detail: dict[str, Any]


class _Times(msgspec.Struct, frozen=True, gc=False):
    """Milliseconds since the epoch; None for what has not happened yet, as far as the event knows."""

    told: int
    initiated: int | None
    queued: int | None
    on_line: int | None
    answered: int | None
    left: int | None
    wrapped_up: int | None


class _Known(msgspec.Struct, array_like=True):
    """What is remembered of one of Amazon's contacts: its stay, where the customer came from, and what a later contact
    has said of how it left, before it was known."""

    seen_ms: int
    queue: str = ""
    root: str = ""
    entry: int = 0
    came_from: str | None = None
    left_by: str = ""
    left_ms: int = 0


_read_envelope: Final = msgspec.json.Decoder(_Envelope)


class AmazonConnectEvents:
    """One instance's contact events; a record is one EventBridge event."""

    def __init__(self, dictionary: QueueDictionary, snapshot: Mapping[str, Any] | None = None) -> None:
        self.ignored = Ignored()
        self._dictionary = dictionary
        self._writer = EventWriter(dictionary.source)
        self._known = msgspec.convert((snapshot or {}).get("contacts", {}), dict[str, _Known])
        self._stays: Counter[tuple[str, str]] = Counter()
        """How many stays each root has had in each queue."""
        for known in self._known.values():
            self._stays[known.root, known.queue] = max(self._stays[known.root, known.queue], known.entry)

    def snapshot(self) -> dict[str, Any]:
        return {"contacts": msgspec.to_builtins(self._known)}

    def feed(self, record: bytes, received_ms: int) -> Sequence[Event]:
        envelope = read_json(_read_envelope, record)
        if envelope.kind != "Amazon Connect Contact Event":
            return self._ignore(envelope.kind)
        contact = _contact(envelope.detail)
        if contact.event_type not in KNOWN_EVENTS:
            return self._ignore(contact.event_type)
        times = _times(contact, instant_ms(envelope.time, "$.time"))
        self._forget(received_ms)
        return [*self._of_the_one_before(contact, times), *self._of_itself(contact, times)]

    def _of_itself(self, contact: _Contact, times: _Times) -> Iterator[Event]:
        name = _queue_name(contact)
        if name is None or contact.initiation_method in _NOBODY_WAITS or contact.initiation_method == "AGENT_REPLY":
            self.ignored.count(f"{contact.event_type} without a waiting customer")
            return
        place = self._dictionary.place(name)
        if place is None:
            self.ignored.count("queue not in vendor_queues")
            return
        offered_ms = times.on_line if contact.initiation_method == "CALLBACK" else times.queued
        if offered_ms is None:
            return
        known = self._remember(contact.contact_id, times.told)
        if not known.entry:
            self._place(known, contact, name)
        stay = self._stay(place, known)
        yield self._offered(contact, stay, times, offered_ms, known.came_from)
        if known.left_by:
            yield self._left_by(known.left_by, stay, known.left_ms)
        is_told = known.left_by in ("CALLBACK", "QUEUE_TRANSFER") and known.left_ms <= (times.left or 0)
        if times.answered is not None or not is_told:
            yield from self._exits(contact, stay, times, offered_ms)

    def _place(self, known: _Known, contact: _Contact, queue: str) -> None:
        """Number the stay, once: it is the next of this customer in this queue."""
        known.queue, known.root = queue, contact.initial_contact_id or contact.contact_id
        self._stays[known.root, queue] += 1
        known.entry = self._stays[known.root, queue]
        if contact.initiation_method in ("TRANSFER", "QUEUE_TRANSFER"):
            before = self._known.get(contact.previous_contact_id or "")
            place = self._dictionary.place(before.queue) if before and before.queue else None
            if before is None or before.queue != queue:
                known.came_from = place.queue if place else "another queue"

    def _stay(self, place: Place, known: _Known) -> Stay:
        return Stay(place, f"{self._dictionary.source}-{known.root}", known.entry)

    def _offered(self, contact: _Contact, stay: Stay, times: _Times, offered_ms: int, came_from: str | None) -> Event:
        address = contact.customer_endpoint.address if contact.customer_endpoint else None
        started_ms = min(times.initiated or offered_ms, offered_ms)
        return self._writer.contact(
            "offered",
            stay,
            offered_ms,
            contact_started_at=iso_time(started_ms),
            transferred_from=came_from,
            customer={"address": address[:320]} if address else None,
        )

    def _exits(self, contact: _Contact, stay: Stay, times: _Times, offered_ms: int) -> Iterator[Event]:
        agent = contact.agent_info
        if times.answered is not None:
            answered_ms = max(times.answered, offered_ms)
            agent_id = agent.agent_arn.rpartition("/")[2][:200] if agent and agent.agent_arn else None
            yield self._writer.contact("answered", stay, answered_ms, agent_id=agent_id)
            if stay.place.channel not in ("voice", "email", "form"):
                yield self._writer.contact(
                    "message", stay, answered_ms, told_as="accepted", direction="out", author="agent", agent_id=agent_id
                )
            yield from self._ends(contact, stay, times, answered_ms)
        elif times.left is not None:
            reason = (contact.disconnect_reason or "").upper()
            kind, how = _EXIT_OF_REASON.get(reason, ("flowed_out", "unknown"))
            if contact.next_contact_id:
                kind, how = "flowed_out", "transfer"
            yield self._writer.contact(kind, stay, times.left, reason=how)

    def _ends(self, contact: _Contact, stay: Stay, times: _Times, answered_ms: int) -> Iterator[Event]:
        if times.left is None:
            return
        by = _ENDED_BY.get((contact.disconnect_reason or "").upper())
        talk_seconds = max(0, times.left - answered_ms) / 1000 if stay.place.channel == "voice" else None
        completed = False if by == "network" else None
        yield self._writer.contact(
            "ended", stay, times.left, talk_seconds=talk_seconds, ended_by=by, completed=completed
        )
        agent = contact.agent_info
        if agent is not None and times.wrapped_up is not None:
            seconds = agent.after_contact_work_duration
            if seconds is None:
                seconds = max(0, times.wrapped_up - times.left) / 1000
            yield self._writer.contact("wrapped_up", stay, times.wrapped_up, wrap_up_seconds=seconds)

    def _of_the_one_before(self, contact: _Contact, times: _Times) -> Iterator[Event]:
        """What a contact says of how another left its queue, or was answered."""
        if times.initiated is None:
            return
        if contact.initiation_method in ("CALLBACK", "QUEUE_TRANSFER"):
            before, how = contact.previous_contact_id, contact.initiation_method
        elif contact.initiation_method == "AGENT_REPLY":
            before, how = contact.related_contact_id or contact.previous_contact_id, "AGENT_REPLY"
        else:
            return
        if not before or before == contact.contact_id:
            return
        known = self._remember(before, times.told)
        known.left_by, known.left_ms = how, times.initiated
        place = self._dictionary.place(known.queue) if known.queue else None
        if place is not None:
            yield self._left_by(how, self._stay(place, known), times.initiated)

    def _left_by(self, how: str, stay: Stay, time_ms: int) -> Event:
        if how == "CALLBACK":
            return self._writer.contact("callback_requested", stay, time_ms)
        if how == "QUEUE_TRANSFER":
            return self._writer.contact("flowed_out", stay, time_ms, told_as=MOVED, reason="transfer")
        return self._writer.contact("message", stay, time_ms, told_as="reply", direction="out", author="agent")

    def _remember(self, contact_id: str, now_ms: int) -> _Known:
        known = self._known.pop(contact_id, None) or _Known(now_ms)
        known.seen_ms = now_ms
        self._known[contact_id] = known
        return known

    def _forget(self, now_ms: int) -> None:
        """The two longest untouched, where it is time: at most two come with each event."""
        for contact_id in list(self._known)[:2] if len(self._known) > MOST_REMEMBERED else self._oldest():
            if len(self._known) > MOST_REMEMBERED or now_ms - self._known[contact_id].seen_ms > REMEMBERED_MS:
                known = self._known.pop(contact_id)
                if self._stays[known.root, known.queue] <= known.entry:
                    del self._stays[known.root, known.queue]

    def _oldest(self) -> list[str]:
        contacts = iter(self._known)
        return [contact_id for contact_id in (next(contacts, None), next(contacts, None)) if contact_id is not None]

    def _ignore(self, kind: str) -> Sequence[Event]:
        self.ignored.count(kind)
        return ()


def _contact(detail: dict[str, Any]) -> _Contact:
    """Older events begin some names with a capital letter, or write ``ARN``."""
    try:
        contact = msgspec.convert(_spelt_alike(detail), _Contact)
    except msgspec.ValidationError as error:
        missing = "missing required field" in str(error)
        reason = Reason.MISSING_FIELD if missing else Reason.WRONG_TYPE
        raise InvalidEvent(reason, "$.detail: expected a contact event") from None
    named = (contact.contact_id, contact.initial_contact_id, contact.previous_contact_id, contact.related_contact_id)
    for name in named:
        if name is not None and not 0 < len(name) <= _LONGEST_ID:
            expected = f"expected an identifier of 1 to {_LONGEST_ID} characters"
            raise InvalidEvent(Reason.BAD_VALUE, f"$.detail.contactId: {expected}")
    return contact


def _spelt_alike(value: dict[str, Any]) -> dict[str, Any]:
    return {
        name[:1].lower() + name[1:].replace("ARN", "Arn"): _spelt_alike(inner) if isinstance(inner, dict) else inner
        for name, inner in value.items()
    }


def _times(contact: _Contact, told_ms: int) -> _Times:
    """Every time the event knows. Events of 2021 have none of their own: the envelope's is that of the event's type."""
    queue, agent = contact.queue_info, contact.agent_info
    kind = contact.event_type

    def moment(value: Instant | None, name: str, *types: str) -> int | None:
        if value is not None:
            return instant_ms(value, f"$.detail.{name}")
        return told_ms if kind in types else None

    return _Times(
        told_ms,
        moment(contact.initiation_timestamp, "initiationTimestamp", "INITIATED"),
        moment(queue.enqueue_timestamp if queue else None, "queueInfo.enqueueTimestamp", "QUEUED"),
        moment(contact.connected_to_system_timestamp, "connectedToSystemTimestamp", "CONNECTED_TO_SYSTEM"),
        moment(agent.connected_to_agent_timestamp if agent else None, "agentInfo", "CONNECTED_TO_AGENT"),
        moment(contact.disconnect_timestamp, "disconnectTimestamp", "DISCONNECTED"),
        moment(agent.after_contact_work_end_timestamp if agent else None, "agentInfo"),
    )


def _queue_name(contact: _Contact) -> str | None:
    """What follows ``/queue/`` in the ARN; None for no queue, and for an agent's own."""
    queue = contact.queue_info
    if queue is None or queue.queue_type.upper() == "AGENT" or "/queue/agent/" in queue.queue_arn:
        return None
    return queue.queue_arn.rpartition("/queue/")[2][:200] or None
