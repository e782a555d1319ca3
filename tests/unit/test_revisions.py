"""Revisions of what the queues stage tells: content that differs must differ in its revision too."""

from __future__ import annotations

import json

from streams.domain.facts import ABANDONED, Exit, Offer, VisitState, revision_of
from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from streams.told import Told
from tests.callback_records import NINE_MS, KafkaRecord, directory

HOUR_MS = 3_600_000
NINE = "2026-11-23T09:00:00-03:00"
FOURTEEN = "2026-11-23T14:00:00-03:00"


def offered(contact: str, time: str, time_ms: int) -> KafkaRecord:
    data = {"tenant": "acme", "site": "fortaleza", "queue": "sac", "channel": "voice", "contact_id": contact}
    event = {
        "specversion": "1.0",
        "id": f"{contact}/offered",
        "source": "pbx-1",
        "type": "contact.offered",
        "time": time,
        "data": data,
    }
    return KafkaRecord(json.dumps(event).encode(), b"acme/sac", timestamp=time_ms)


def tell(core: QueuesCore, told: Told) -> None:
    for output in core.changes().outputs:
        told.take(output.topic, output.value)


def test_time_alone_raises_the_revision_of_an_interval() -> None:
    """A contact that never left becomes overdue, then an unknown exit, with no fact of its own: readers must see it."""
    core = QueuesCore(0, directory(), facts=Facts(None, None), clock=ClockRules("event"))
    told = Told()
    core.apply("call-events", [offered("c1", NINE, NINE_MS)], NINE_MS, NINE_MS)
    tell(core, told)
    later_ms = NINE_MS + 5 * HOUR_MS
    core.apply("call-events", [offered("c2", FOURTEEN, later_ms)], later_ms, later_ms)
    tell(core, told)
    assert told.contradictions == []
    interval = told.newest["queue-intervals"]["acme/sac/voice/2026-11-23T12:00:00.000Z"]
    assert (interval["waiting"], interval["outcomes"]["unknown_exit"], interval["breaches"]) == (0, 1, 1)


def state(*, with_exit: bool, given_up: bool) -> VisitState:
    exits = [Exit(NINE_MS + HOUR_MS, ABANDONED, "e")] if with_exit else []
    offers = [Offer(NINE_MS, "o", 0, "voice")]
    return VisitState("voice", 0, False, offers=offers, exits=exits, is_overdue=given_up, is_lost=given_up)


def test_a_fact_outranks_what_time_did_without_it() -> None:
    """After a restart the exit may be known before the contact is given up: its record must beat the one that was,
    and be the same as if the contact had been given up first."""
    waiting, lost = state(with_exit=False, given_up=False), state(with_exit=False, given_up=True)
    left, left_after_all = state(with_exit=True, given_up=False), state(with_exit=True, given_up=True)
    assert revision_of(waiting) < revision_of(lost) < revision_of(left) == revision_of(left_after_all)
