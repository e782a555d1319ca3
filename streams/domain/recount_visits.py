"""Events to visits, naively: sort every event, and the first of each role stands.

Taking the first of a total order makes repeats and disorder harmless by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.domain.recount_events import Event, VisitId

EXIT_RANK: Final = {"answered": 0, "callback_requested": 1, "flowed_out": 2, "abandoned": 3}
"""Which exit stands where two bear the same time."""
NOBODY_KNOWS: Final = "unknown_exit"
"""What a visit left by of which is said only that it is gone: every other exit stands before."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A visit as it was offered; alone, one that has not left its queue. Instants are epoch milliseconds."""

    tenant: str
    site: str
    queue: str
    channel: str
    contact_id: str
    entry: int
    offered_ms: int
    requested_ms: int | None
    """When the customer asked for a person, where that was told."""
    is_transfer: bool

    @property
    def visit_id(self) -> VisitId:
        return VisitId(self.tenant, self.queue, self.contact_id, self.entry)


@dataclass(frozen=True, slots=True)
class Visit(Offer):
    """A finished visit: offered, and left its queue. What nobody told is None."""

    exit_ms: int
    exit_kind: str
    """answered, abandoned, flowed_out, callback_requested or unknown_exit."""
    exit_reason: str | None
    """Why a visit flowed out: transfer, overflow, timeout, closed or key; unknown of an unknown_exit."""
    wait_ms: int
    """Exit minus offer; 0 where the exit bears the earlier time."""
    talk_seconds: float | None
    hold_seconds: float | None
    wrap_up_seconds: float | None
    cut_off_ms: int | None
    """When the answered contact ended incomplete, and not by the customer."""
    address: str | None = field(repr=False)
    """Where to call back: as the callback request says, else as the offer does."""
    identifiers: frozenset[tuple[str, str]] = field(repr=False)
    """Every address and customer id of the visit, as ("address" or "id", value)."""
    callback_job_id: str | None
    offer_reason: str | None
    """What the contact is about, as the offer says."""


def visits_of(events: Iterable[Event]) -> tuple[list[Visit], list[Offer]]:
    """The finished visits and the unfinished ones, in order of their offers. What was never offered is left out."""
    firsts: dict[str, dict[VisitId, Event]] = {"offered": {}, "exit": {}, "ended": {}, "wrapped_up": {}}
    for event in sorted(events, key=order):
        role = role_of(event)
        if role is not None:
            firsts[role].setdefault(event.visit, event)
    finished, unfinished = [], []
    for visit, offered in firsts["offered"].items():
        left = firsts["exit"].get(visit)
        if left is None:
            unfinished.append(Offer(*visit_fields(offered)))
        else:
            finished.append(finished_visit(offered, left, firsts["ended"].get(visit), firsts["wrapped_up"].get(visit)))
    return finished, unfinished


def order(event: Event) -> tuple[bool, int, int, str, str]:
    """Earliest first; at one instant the exit of the better rank, then the smallest event id. Unknown ones last."""
    kind = exit_kind(event)
    return kind == NOBODY_KNOWS, event.time_ms, EXIT_RANK.get(kind or "", 0), event.event_id, event.source


def role_of(event: Event) -> str | None:
    """What an event says of its visit: offered, exit, ended, wrapped_up, or nothing that is counted."""
    if exit_kind(event) is not None:
        return "exit"
    return event.kind if event.kind in ("offered", "ended", "wrapped_up") else None


def exit_kind(event: Event) -> str | None:
    """How this event ends a wait. Off voice ``answered`` is only assignment: the agent's first message answers."""
    match event.kind:
        case "answered":
            return "answered" if event.channel == "voice" else None
        case "message":
            return "answered" if event.channel != "voice" and event.details.by_agent else None
        case "flowed_out" if event.details.reason == "unknown":
            return NOBODY_KNOWS
        case _:
            return event.kind if event.kind in EXIT_RANK else None


def visit_fields(offered: Event) -> tuple[str, str, str, str, str, int, int, int | None, bool]:
    tenant, queue, contact_id, entry = offered.visit
    told = offered.details
    place = (tenant, offered.site, queue, offered.channel)
    return *place, contact_id, entry, offered.time_ms, told.requested_ms, told.is_transfer


def finished_visit(offered: Event, left: Event, end: Event | None, wrap_up: Event | None) -> Visit:
    kind = exit_kind(left) or ""
    is_cut_off = kind == "answered" and end is not None and end.details.is_cut_off
    identifiers = [
        (name, value)
        for event in (left, offered)
        for name, value in (("address", event.details.address), ("id", event.details.customer_id))
        if value is not None
    ]
    return Visit(
        *visit_fields(offered),
        exit_ms=left.time_ms,
        exit_kind=kind,
        exit_reason=left.details.reason,
        wait_ms=max(0, left.time_ms - offered.time_ms),
        talk_seconds=end.details.talk_seconds if end else None,
        hold_seconds=end.details.hold_seconds if end else None,
        wrap_up_seconds=wrap_up.details.wrap_up_seconds if wrap_up else None,
        cut_off_ms=max(end.time_ms, left.time_ms) if end and is_cut_off else None,
        address=next((value for name, value in identifiers if name == "address"), None),
        identifiers=frozenset(identifiers),
        callback_job_id=offered.details.callback_job_id,
        offer_reason=offered.details.reason,
    )
