"""Tests of the tests: well-known mistakes, planted one at a time, are each caught by the law or lane that claims them.

The laws are run on the mistaken code with more examples than usual and always the same ones. Two mistakes of the shell
take a broker to show: ``make faults LANE=mistakes``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from streams.domain import intake, queues
from streams.domain.channel_queue import ChannelQueue
from streams.domain.findings import RETRACTED
from streams.domain.queues import QueuesCore
from streams.domain.time import SiteCalendar
from streams.domain.visit_book import VisitBook
from streams.domain.visits import Standing
from streams.engine.changelog import RecoveredPartition
from streams.engine.owner import Owner
from tests.properties import test_queue_laws as laws
from tests.queue_bench import LIVE
from tests.wiring import test_owner as owner_rules

Planter = Callable[[pytest.MonkeyPatch], None]
CAREFUL = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


# -- the mistakes -----------------------------------------------------------------------------------------------------


def no_deduplication(patch: pytest.MonkeyPatch) -> None:
    """A repeated fact is one more fact."""

    def with_every_fact(known: tuple[Any, ...], fact: Any) -> tuple[Any, ...]:
        return tuple(sorted((*known, fact), key=lambda each: each.order))

    for module in (intake, queues):
        patch.setattr(module, "with_fact", with_every_fact)


def deduplication_by_time(patch: pytest.MonkeyPatch) -> None:
    """Whatever is not newer than the newest must have been there before."""
    sound = QueuesCore._keep_fact

    def keep_newer(core: QueuesCore, arrival: Any, visit: Any) -> bool:
        if arrival.event.time_ms <= visit.state.last_ms:
            core.inputs.count_duplicate(arrival.topic)
            return False
        return sound(core, arrival, visit)

    patch.setattr(QueuesCore, "_keep_fact", keep_newer)


def interval_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """The instant at which an interval begins is counted in the one before."""
    sound = SiteCalendar.interval_and_day

    def late(calendar: SiteCalendar, instant_ms: int) -> tuple[int, int]:
        return sound(calendar, instant_ms - 1)[0], calendar.day(instant_ms)

    patch.setattr(SiteCalendar, "interval_and_day", late)


def wall_clock_for_event_time(patch: pytest.MonkeyPatch) -> None:
    """Things happen when we hear of them."""
    sound = QueuesCore._take

    def take(core: QueuesCore, arrival: Any, wall_ms: int, *rest: Any) -> None:
        event = msgspec.structs.replace(arrival.event, time_ms=arrival.record.timestamp)
        sound(core, arrival._replace(event=event), wall_ms, *rest)

    patch.setattr(QueuesCore, "_take", take)


def lost_tick(patch: pytest.MonkeyPatch) -> None:
    """Time passes unnoticed."""
    patch.setattr(QueuesCore, "tick", lambda core, now_ms: [])


def contribution_not_subtracted(patch: pytest.MonkeyPatch) -> None:
    """What a revised visit added before stays counted."""
    sound = VisitBook._change

    def add_only(book: VisitBook, queue: ChannelQueue, standing: Standing, sign: int) -> None:
        if sign > 0:
            sound(book, queue, standing, sign)

    patch.setattr(VisitBook, "_change", add_only)


def breach_never_taken_back(patch: pytest.MonkeyPatch) -> None:
    """Once open, always open."""
    patch.setattr(queues, "finding_state", _never_retracted(queues.finding_state))


def _never_retracted(sound: Callable[..., str | None]) -> Callable[..., str | None]:
    def state(*facts_of_visit: Any, **options: Any) -> str | None:
        found = sound(*facts_of_visit, **options)
        return None if found == RETRACTED else found

    return state


def acknowledged_before_sent(patch: pytest.MonkeyPatch) -> None:
    """Done first, written afterwards."""
    sound = Owner.flush

    async def flush(owner: Owner) -> None:
        for batch in owner._applied:
            batch.done(owner._stage.name)
        await sound(owner)

    patch.setattr(Owner, "flush", flush)


def former_owner_believed(patch: pytest.MonkeyPatch) -> None:
    """Rows count in the order in which they lie, whoever wrote them."""
    sound = RecoveredPartition.take

    def take(partition: RecoveredPartition, record: Any) -> None:
        partition.epoch = 0
        sound(partition, record)

    patch.setattr(RecoveredPartition, "take", take)


# -- who claims to catch them -----------------------------------------------------------------------------------------


def by_law(law: Any, **arguments: Any) -> Callable[[], None]:
    """The law with the same body on the mistaken code."""

    def judge() -> None:
        CAREFUL(given(data=st.data())(law.hypothesis.inner_test))(**arguments)

    return judge


LIVE_LAW = {"mode": "live", "clock": LIVE}
CLAIMED: list[tuple[Planter, Callable[[], None]]] = [
    (no_deduplication, by_law(laws.test_order_repeats_and_batches_make_no_difference, **LIVE_LAW)),
    (deduplication_by_time, by_law(laws.test_outcomes_and_waits_equal_a_recount, **LIVE_LAW)),
    (interval_off_by_one, by_law(laws.test_intervals_equal_a_recount, **LIVE_LAW)),
    (wall_clock_for_event_time, by_law(laws.test_outcomes_and_waits_equal_a_recount, **LIVE_LAW)),
    (lost_tick, by_law(laws.test_time_alone_opens_what_a_recount_finds_waiting_too_long, clock=LIVE)),
    (contribution_not_subtracted, by_law(laws.test_at_every_step_the_numbers_add_up, **LIVE_LAW, is_forgetful=False)),
    (breach_never_taken_back, by_law(laws.test_findings_equal_a_recount, **LIVE_LAW)),
    (acknowledged_before_sent, owner_rules.test_outputs_are_written_before_the_rows_and_done_comes_last),
    (former_owner_believed, owner_rules.test_a_late_writer_is_ignored_by_recovery_and_overwritten),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("plant", "judge"), CLAIMED, ids=[plant.__name__ for plant, _ in CLAIMED])
def test_a_mistake_is_caught_by_what_claims_to_catch_it(
    plant: Planter, judge: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sound code passes; the same with one mistake does not."""
    judge()
    plant(monkeypatch)
    with pytest.raises((Exception, pytest.fail.Exception), match=r"."):
        judge()
    asyncio.set_event_loop(None)
