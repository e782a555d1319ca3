"""Wait findings: what the facts of a visit say of its limit. States: open, confirmed, retracted."""

from __future__ import annotations

from typing import Final

from streams.domain.facts import MOST_FACTS, VisitState, fact_count, leave_of

OPEN: Final = "open"
CONFIRMED: Final = "confirmed"
RETRACTED: Final = "retracted"
_RANK: Final = {OPEN: 1, CONFIRMED: 2, RETRACTED: 3}
_RANKS: Final = 4


def is_breach(state: VisitState, limit_ms: int) -> bool:
    """A wait over the limit is a breach from the exact limit: the limit itself complies, one millisecond more does not.

    While no exit is known, the recorded passing of the limit decides.
    """
    leave = leave_of(state)
    return leave.wait_ms > limit_ms if leave else state.is_overdue and bool(state.offers)


def finding_state(state: VisitState, limit_ms: int, *, exit_seen_ms: int | None, was_told: bool) -> str | None:
    """The state of the visit's finding, None when there never was reason for one.

    ``exit_seen_ms`` is when a live exit reached Kafka: inside the limit by event time but seen past it, an earlier
    owner may have told the world, so it is retracted whether or not this owner did. ``was_told`` says that this
    owner did, by a tick.
    """
    leave = leave_of(state)
    if leave is None:
        return OPEN if is_breach(state, limit_ms) else None
    if leave.wait_ms > limit_ms:
        return CONFIRMED
    seen_late = exit_seen_ms is not None and exit_seen_ms > state.offers[0].time_ms + limit_ms
    return RETRACTED if was_told or seen_late or state.told.finding_state is not None else None


def finding_revision(state: VisitState, finding: str) -> int:
    """The facts the finding rests on (offers and exits), then the rank of its state."""
    facts = len(state.offers) + len(state.exits)
    if facts >= MOST_FACTS:
        facts = fact_count(state)
    return facts * _RANKS + _RANK[finding]
