"""Every core that reads events says how new the newest is: while a partition catches up, that is what time it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.domain.availability import AvailabilityCore
from streams.domain.callbacks import CallbacksCore
from streams.domain.decisions import Core, Decisions
from streams.domain.dialling import DiallingCore
from streams.domain.queues import QueuesCore
from streams.domain.staffing import StaffingCore
from tests.availability_records import fed_centre, heartbeat
from tests.builders import at_ms, fact, offered
from tests.callback_records import KafkaRecord, PlainSealer, directory, ready, reason, record_of, withdrawn
from tests.queue_bench import Bench
from tests.unit.test_agents_of_queues import word
from tests.unit.test_staffing import agent_record

UNREADABLE = KafkaRecord(b"{", b"acme/sac")


def queues() -> QueuesCore:
    return Bench().core


def staffing() -> StaffingCore:
    return StaffingCore(0, directory(), ttl_ms=60_000)


def availability() -> AvailabilityCore:
    return AvailabilityCore(0, fed_centre(), clock="wall")


def callbacks() -> CallbacksCore:
    return CallbacksCore(0, directory())


def dialling() -> DiallingCore:
    return DiallingCore(0, directory(), PlainSealer())


CASES = [
    # core, input topic, records of the first, the third and the second minute, one that is no event of ours
    (queues, "call-events", [offered(minute * 60).record() for minute in (1, 3, 2)], fact("promised", 999).record()),
    (queues, "queue-staffing", [word(seconds=minute * 60) for minute in (1, 3, 2)], KafkaRecord(None, b"acme/sac/ana")),
    (staffing, "agent-events", [agent_record(minute=minute) for minute in (1, 3, 2)], UNREADABLE),
    (availability, "site-events", [heartbeat(minute * 60) for minute in (1, 3, 2)], UNREADABLE),
    (callbacks, "callback-signals", [record_of(reason(minute=minute)) for minute in (1, 3, 2)], UNREADABLE),
    (
        dialling,
        "dialling-log",
        [
            record_of(each)
            for each in (ready(1, at_ms=at_ms(60)), withdrawn(3, at_ms=at_ms(180)), ready(2, at_ms=at_ms(120)))
        ],
        UNREADABLE,
    ),
]


@pytest.mark.parametrize(("new_core", "topic", "records", "other"), CASES)
def test_the_newest_event_time_of_a_batch_is_told(
    new_core: Callable[[], Core], topic: str, records: list[KafkaRecord], other: KafkaRecord
) -> None:
    """Whatever becomes of the events: also repeats and those that came too late say what time it is."""
    core = new_core()

    def take(*some: KafkaRecord) -> Decisions:
        return core.apply(topic, some, at_ms(0), at_ms(0))

    assert take(*records).newest_event_ms == at_ms(180)
    assert take(records[0]).newest_event_ms == at_ms(60)
    assert take(other).newest_event_ms is None
