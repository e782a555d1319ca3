"""From canonical events to the facts a visit keeps, and how old a fact may be.

A *feed* is one topic and source of a partition. Facts of live visits are judged against the partition's clock, those of
historic visits (first event more than 15 minutes older than its Kafka timestamp) against the newest event time of their
own feed, so that a replay of last month is judged by last month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from streams.domain.decisions import Record
from streams.domain.directory import QueuePolicy
from streams.domain.events import (
    Abandoned,
    Answered,
    CallbackRequested,
    ContactEvent,
    Customer,
    Ended,
    FlowedOut,
    Message,
    Offered,
    WrappedUp,
)
from streams.domain.facts import (
    ABANDONED,
    ANSWERED,
    CALLBACK_REQUESTED,
    FLOWED_OUT,
    GONE,
    Ending,
    Exit,
    Offer,
    Party,
    VisitState,
    with_fact,
)
from streams.domain.privacy import Address, Pseudonyms, Sealer, uf_of_phone, zone_of_phone
from streams.domain.site_events import SiteEvent

HISTORIC_AFTER_MS: Final = 15 * 60 * 1000
SKEW_BOUND_MS: Final = 120_000
_FEED_ROW: Final = b"f/"


@dataclass(slots=True)
class Feed:
    """One topic and source; ``newest_ms`` is the newest event time among its historic facts."""

    topic: str
    source: str
    newest_ms: int = 0


@dataclass(slots=True)
class Feeds:
    """The feeds of a partition, numbered in order of appearance; rows remember them."""

    feeds: list[Feed] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def number(self, topic: str, source: str) -> int:
        found = self._numbers.get((topic, source))
        if found is None:
            found = self._numbers[topic, source] = len(self.feeds)
            self.feeds.append(Feed(topic, source))
            self.changed.add(found)
        return found

    def advance(self, number: int, time_ms: int) -> None:
        feed = self.feeds[number]
        if time_ms > feed.newest_ms:
            feed.newest_ms = time_ms
            self.changed.add(number)

    def row(self, number: int) -> tuple[bytes, bytes]:
        feed = self.feeds[number]
        return _FEED_ROW + str(number).encode(), msgspec.msgpack.encode((feed.topic, feed.source, feed.newest_ms))

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        numbered = {int(key[len(_FEED_ROW) :]): value for key, value in rows.items() if key.startswith(_FEED_ROW)}
        for number in sorted(numbered):
            feed = Feed(*msgspec.msgpack.decode(numbered[number], type=tuple[str, str, int]))
            self.feeds.append(feed)
            self._numbers[feed.topic, feed.source] = number


def is_historic(event: ContactEvent | SiteEvent, record: Record, clock: Literal["wall", "event"]) -> bool:
    """Whether a visit that begins with this event is a matter of history. Under the event clock nothing is."""
    return clock == "wall" and record.timestamp - event.time_ms > HISTORIC_AFTER_MS


def is_skewed(event: ContactEvent | SiteEvent, record: Record, clock: Literal["wall", "event"]) -> bool:
    """Whether the source's clock is further from Kafka's than trust goes."""
    return clock == "wall" and abs(event.time_ms - record.timestamp) > SKEW_BOUND_MS


def seen_ms(event: ContactEvent | SiteEvent, record: Record, clock: Literal["wall", "event"]) -> int:
    """When the event says its source was alive: its time, but not later than it reached Kafka."""
    return event.time_ms if clock == "event" else min(event.time_ms, record.timestamp)


@dataclass(frozen=True, slots=True)
class Facts:
    """Makes facts of events: pseudonyms instead of identifiers, sealed addresses only where a plan may need them."""

    pseudonyms: Pseudonyms | None
    sealer: Sealer | None

    def party(self, customer: Customer | None, policy: QueuePolicy) -> Party | None:
        if customer is None or self.pseudonyms is None:
            return None
        tokens = self.pseudonyms.tokens(policy.tenant, customer)
        address = None if customer.address is None else Address(customer.address)
        if policy.callback_queue is None or self.sealer is None:
            return Party(tokens.primary, tokens.all)  # nobody is dialled
        if address is None or address.refusal is not None:
            refusal = "no_address" if address is None else address.refusal
            return Party(tokens.primary, tokens.all, refusal=refusal)
        return Party(
            tokens.primary,
            tokens.all,
            self.sealer.seal(policy.tenant, address.reveal()),
            address.last_digits(),
            uf_of_phone(address),
            zone_of_phone(address),
        )

    def offer(self, event: ContactEvent, data: Offered, policy: QueuePolicy, offset: int) -> Offer:
        return Offer(
            event.time_ms,
            identity_of(event),
            offset,
            data.channel,
            event.requested_ms,
            data.priority,
            data.reason,
            data.transferred_from,
            data.callback_job_id,
            data.handled_by,
            self.party(data.customer, policy),
        )

    def add(self, event: ContactEvent, state: VisitState, policy: QueuePolicy) -> bool:
        """Put a fact that is no offer among its kind; False when the visit knows it already or does not keep it.

        On written channels ``answered`` is only assignment, and an agent's message is the answer. A customer's or a
        bot's message says only that the contact lives, and is not kept.
        """
        data, identity = event.data, identity_of(event)
        match data:
            case Answered(agent_id=agent_id):
                answer = Exit(event.time_ms, ANSWERED, identity, None, agent_id)
                return _add_exit(state, answer) if data.channel == "voice" else _add_assigned(state, answer)
            case Message(direction="out", author="agent", agent_id=agent_id) if data.channel != "voice":
                return _add_exit(state, Exit(event.time_ms, ANSWERED, identity, None, agent_id))
            case Abandoned():
                return _add_exit(state, Exit(event.time_ms, ABANDONED, identity))
            case FlowedOut(reason=reason):
                kind = GONE if reason == "unknown" else FLOWED_OUT
                return _add_exit(state, Exit(event.time_ms, kind, identity, reason))
            case CallbackRequested(customer=customer):
                party = self.party(customer, policy)
                return _add_exit(state, Exit(event.time_ms, CALLBACK_REQUESTED, identity, None, None, party))
            case Ended():
                return _add_ending(state, _ending(event, data))
            case WrappedUp(wrap_up_seconds=seconds):
                wrap_up = Ending(event.time_ms, identity, wrap_up_ms=_milliseconds(seconds))
                return _add_wrap_up(state, wrap_up)
        return False


def _add_exit(state: VisitState, fact: Exit) -> bool:
    before = state.exits
    state.exits = with_fact(before, fact)
    return state.exits is not before


def _add_assigned(state: VisitState, fact: Exit) -> bool:
    before = state.assigned
    state.assigned = with_fact(before, fact)
    return state.assigned is not before


def _add_ending(state: VisitState, fact: Ending) -> bool:
    before = state.endings
    state.endings = with_fact(before, fact)
    return state.endings is not before


def _add_wrap_up(state: VisitState, fact: Ending) -> bool:
    before = state.wrap_ups
    state.wrap_ups = with_fact(before, fact)
    return state.wrap_ups is not before


def identity_of(event: ContactEvent) -> str:
    """What names an event, ordered by its id first: an id is unique within its source only."""
    return f"{event.event_id}\0{event.source}"


def _ending(event: ContactEvent, ended: Ended) -> Ending:
    return Ending(
        event.time_ms,
        identity_of(event),
        _milliseconds(ended.talk_seconds),
        _milliseconds(ended.hold_seconds),
        ended.ended_by,
        ended.completed,
    )


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
