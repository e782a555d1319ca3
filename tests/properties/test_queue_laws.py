"""Laws of the queues core: order, repeats, batches, ticks and restarts make no difference, and all equals a recount."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, strategies as st

from streams.domain.channel_queue import ChannelQueue
from streams.domain.counts import UNKNOWN_EXIT, Counts
from streams.domain.events import INTAKE_OF_CHANNEL
from streams.domain.plans import groups_of
from streams.domain.queues import ClockRules
from streams.domain.recount import Recount, read_events, recount
from streams.domain.visits import Visit
from tests.builders import ANA, BIA, Fact, token
from tests.callback_records import NINE_MS
from tests.queue_bench import BY_EVENTS, LIVE, Bench
from tests.strategies import (
    CHANNELS,
    END_MS,
    MINUTE_MS,
    START_MS,
    Mode,
    Step,
    busy_centre,
    courses,
    disordered,
    histories,
    in_kafka_order,
)

END_SECONDS: Final = (END_MS - NINE_MS) / 1000
LATENESS_SECONDS: Final = 60
MODES: Final[list[tuple[Mode, ClockRules]]] = [("live", LIVE), ("historic", LIVE), ("mixed", LIVE), ("live", BY_EVENTS)]
of_each_mode = pytest.mark.parametrize(
    ("mode", "clock"), MODES, ids=["live", "historic", "live, historic and doubtful", "by event time"]
)


# -- running a history ------------------------------------------------------------------------------------------------


def seconds_of(instant_ms: int) -> float:
    return (instant_ms - NINE_MS) / 1000


class Clock:
    """What "now" is while a history is delivered: the newest Kafka timestamp, or newest event time less the bound."""

    def __init__(self, rules: ClockRules) -> None:
        self._rules = rules
        self.now = 0.0

    def see(self, facts: Sequence[Fact]) -> float:
        if self._rules.kind == "wall":
            newest = seconds_of(max(fact.kafka_ms for fact in facts))
        else:
            newest = seconds_of(max(fact.time_ms for fact in facts)) - LATENESS_SECONDS
        self.now = max(self.now, min(newest, END_SECONDS))
        return self.now


def run(steps: Sequence[Step], clock: ClockRules) -> Bench:
    """Deliver everything, then let the end of the history be seen."""
    bench, now = Bench(busy_centre(), clock), Clock(clock)
    for step in steps:
        take_step(bench, step, now)
    bench.close(END_SECONDS)
    return bench


def run_as_read(steps: Sequence[Step], clock: ClockRules, bench: Bench, *, restarts: bool) -> Bench:
    """The same of steps in Kafka's order: no tick of a worker that has read everything goes past the next fact."""
    now = Clock(clock)
    for step, following in zip_longest(steps, steps[1:]):
        until = seconds_of(following.facts[0].kafka_ms) if following else END_SECONDS
        take_step(bench, step, now, restarts=restarts, until=until)
    bench.close(END_SECONDS)
    return bench


def take_step(bench: Bench, step: Step, now: Clock, *, restarts: bool = False, until: float = END_SECONDS) -> None:
    bench.take(*step.facts, now=now.see(step.facts))
    if step.tick_after_ms is not None:
        bench.tick(min(now.now + step.tick_after_ms / 1000, until))
    if step.flushes:
        bench.flush()
    if restarts and step.restarts:
        bench.restart()
        bench.tick(now.now)


def at_once(facts: Sequence[Fact], clock: ClockRules) -> Bench:
    return run([Step(tuple(facts))] if facts else [], clock)


# -- what a history ends in -------------------------------------------------------------------------------------------


def last_words_of(bench: Bench) -> dict[str, Any]:
    """Everything a reader ends up with, and the day counts a wall would show."""
    standing = {data["finding_id"] for data in bench.findings().values() if data["state"] != "retracted"}
    return {
        "outcomes": bench.records("contact-outcomes"),
        "intervals": bench.records("queue-intervals"),
        "findings": {subject: value for subject, value in bench.records("sla-breaches").items() if subject in standing},
        "signals": bench.standing_signals(),
        "day": {place: day_of(bench, *place) for place in places(bench)},
    }


def places(bench: Bench) -> list[tuple[str, str]]:
    return [(queue.policy.queue, queue.channel) for queue in bench.core.book.queues.values()]


def day_of(bench: Bench, queue: str, channel: str) -> dict[str, Any]:
    figures = bench.figures(queue, channel)
    return {
        "outcomes": figures.day_outcomes,
        "waiting": figures.day_waiting_contacts,
        "breaches": figures.day_breaches,
        "share": (figures.day_met, figures.day_base),
    }


@given(st.data())
@of_each_mode
def test_order_repeats_and_batches_make_no_difference(mode: Mode, clock: ClockRules, data: st.DataObject) -> None:
    """Last records by id, standing findings and signals, and day counts are the same, byte by byte."""
    facts = data.draw(histories(mode))
    expected = last_words_of(at_once(facts, clock))
    steps = data.draw(courses(data.draw(disordered(facts))))
    assert last_words_of(run(steps, clock)) == expected


# -- recounted --------------------------------------------------------------------------------------------------------


def recounted(facts: Sequence[Fact], now_ms: int) -> Recount:
    """The naive count of the same events by the limits of the busy centre."""
    queues = busy_centre().queues
    counted = recount(
        read_events(fact.value for fact in facts),
        threshold_seconds=20,
        short_abandon_seconds=5,
        zone="America/Fortaleza",
        now_ms=now_ms,
    )
    return replace(
        counted,
        unknown_exit_seconds=lambda visit: queues[visit.tenant, visit.queue].unknown_exit_ms[visit.channel] / 1000,
    )


def findings_of(facts: Sequence[Fact], clock: ClockRules) -> dict[str, str]:
    """Visit to the state of its finding, by the recount. Live ones have their grace; what is doubtful opens none."""
    expected: dict[str, str] = {}
    for age in ("old-", "odd-", "c"):
        some = [fact for fact in facts if fact.contact.startswith(age)]
        counted = recounted(some, END_MS)
        grace_ms = clock.grace_ms if age == "c" else 0
        over = counted.findings(max_wait_seconds=60, now_ms=END_MS - grace_ms)
        left = {visit.visit_id for visit in counted.visits}
        states = {key_of(*visit): "confirmed" if visit in left else "open" for visit in over}
        expected |= {visit: state for visit, state in states.items() if age != "odd-" or state == "confirmed"}
    return expected


@given(st.data())
@of_each_mode
def test_outcomes_and_waits_equal_a_recount(mode: Mode, clock: ClockRules, data: st.DataObject) -> None:
    """Every visit that left or was given up has one record, as the recount has it to the millisecond."""
    facts = data.draw(histories(mode))
    bench = run(data.draw(courses(data.draw(disordered(facts)))), clock)
    counted = recounted(facts, END_MS)
    told = bench.outcomes()
    assert {visit: data["outcome"] for visit, data in told.items()} == {
        key_of(*visit): outcome for visit, outcome in counted.outcomes().items()
    }
    for visit in counted.visits:
        record = told[key_of(*visit.visit_id)]
        assert record["wait_seconds"] == visit.wait_ms / 1000
        assert record.get("exit_reason") == visit.exit_reason
        assert [record.get(f"{name}_seconds") for name in ("talk", "hold", "wrap_up")] == [
            visit.talk_seconds,
            visit.hold_seconds,
            visit.wrap_up_seconds,
        ]


def key_of(tenant: str, queue: str, contact: str, entry: int) -> str:
    return f"{tenant}/{queue}/{entry}/{contact}"


@given(st.data())
@of_each_mode
def test_findings_equal_a_recount(mode: Mode, clock: ClockRules, data: st.DataObject) -> None:
    """The visits over their limit, those that never left judged at the same instant; confirmed once they have left."""
    facts = data.draw(histories(mode))
    bench = run(data.draw(courses(data.draw(disordered(facts)))), clock)
    told = {visit: data["state"] for visit, data in bench.findings().items() if data["state"] != "retracted"}
    assert told == findings_of(facts, clock)


COUNTED: Final = ("offered", "answered", "abandoned", "short_abandoned", "flowed_out", "callback_requested", "waiting")


@given(st.data())
@of_each_mode
def test_intervals_equal_a_recount(mode: Mode, clock: ClockRules, data: st.DataObject) -> None:
    """All counts, outcomes, sums of waits and every formula of each quarter of an hour that had an offer."""
    facts = data.draw(histories(mode))
    bench = run(data.draw(courses(data.draw(disordered(facts)))), clock)
    counted = recounted(facts, END_MS)
    expected = counted.figures(("queue", "interval"))
    told = {interval_key(data): data for data in bench.intervals().values() if data["offered"]}
    assert told.keys() == expected.keys()
    for key, figures in expected.items():
        data = told[key]
        assert {name: data[name] for name in COUNTED} == {name: getattr(figures, name) for name in COUNTED}
        assert data["outcomes"] == figures.outcomes
        assert {name: tuple(share) for name, share in data["service_level"].items()} == figures.service_level_parts
        assert_waits(data, counted, key)
    assert sum(data["breaches"] for data in told.values()) == len(findings_of(facts, clock))


def interval_key(data: dict[str, Any]) -> tuple[str, ...]:
    start = datetime.fromisoformat(data["interval_start"]).astimezone(ZoneInfo("America/Fortaleza"))
    return data["tenant"], data["queue"], data["channel"], start.isoformat()


def assert_waits(data: dict[str, Any], counted: Recount, key: tuple[str, ...]) -> None:
    """Sums, and the buckets they are spread over."""
    visits = [visit for visit in counted.visits if interval_of(visit.offered_ms) == key[3]]
    for kind, name in (("answered", "answered"), ("abandoned", "abandoned")):
        waits = [
            visit.wait_ms for visit in visits if (visit.queue, visit.channel, visit.exit_kind) == (*key[1:3], kind)
        ]
        assert data[f"wait_{name}_seconds_sum"] == sum(waits) / 1000
        edges = [edge * 1000 for edge in data["wait_edges_seconds"]]
        spread = Counter(sum(wait > edge for edge in edges) for wait in waits)
        assert data[f"{name}_by_wait"] == [spread[bucket] for bucket in range(len(edges) + 1)]


def interval_of(instant_ms: int) -> str:
    local = datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(ZoneInfo("America/Fortaleza"))
    return local.replace(minute=local.minute // 15 * 15, second=0, microsecond=0).isoformat()


ATTEMPTS = 3
"""Never reached: no dialer plays here."""


@given(st.data())
@pytest.mark.parametrize("clock", [LIVE, BY_EVENTS], ids=["live", "by event time"])
def test_callback_reasons_equal_a_recount(clock: ClockRules, data: st.DataObject) -> None:
    """What the signals that stand add up to for each number to dial: the same plans, open or ended."""
    facts = data.draw(histories("live"))
    bench = run(data.draw(courses(data.draw(disordered(facts)))), clock)
    signals = list(bench.standing_signals().values())
    told = {
        (address, frozenset(reason.visit for reason in group.reasons), group.is_open)
        for address in (ANA, BIA)
        for group in groups_of((each for each in signals if each.token == token(address)), lambda queue: ATTEMPTS)
    }
    plans = recounted(facts, END_MS).callback_reasons(queues={("acme", "sac"), ("acme", "vendas")})
    assert told == {
        (plan.address, frozenset(key_of(*visit) for visit in plan.reasons), plan.ended_ms is None) for plan in plans
    }


@given(histories("historic"))
def test_history_signals_nothing(facts: list[Fact]) -> None:
    """Nobody is called for what happened long ago."""
    assert at_once(facts, LIVE).signals == {}


# -- restarts and time ------------------------------------------------------------------------------------------------


def of_places(clock: ClockRules, *, is_forgetful: bool) -> Bench:
    """The busy centre; a forgetful one keeps a visit for half an hour after its last fact, less than a history."""
    short = {"retention_ms": dict.fromkeys(CHANNELS, 30 * MINUTE_MS)}
    return Bench(busy_centre(**(short if is_forgetful else {})), clock, is_forgetful=is_forgetful)


with_and_without_memory = pytest.mark.parametrize("is_forgetful", [False, True], ids=["all kept", "forgetful"])


@given(data=st.data())
@of_each_mode
@with_and_without_memory
def test_a_restart_anywhere_makes_no_difference(
    mode: Mode, clock: ClockRules, data: st.DataObject, *, is_forgetful: bool
) -> None:
    """What was told, every row and the ledger end up the same, however often a successor takes over from the rows."""
    steps = data.draw(courses(in_kafka_order(data.draw(histories(mode)))))
    steady = run_as_read(steps, clock, of_places(clock, is_forgetful=is_forgetful), restarts=False)
    restarted = run_as_read(steps, clock, of_places(clock, is_forgetful=is_forgetful), restarts=True)
    assert last_words_of(restarted) == last_words_of(steady)
    assert restarted.rows == steady.rows
    assert restarted.core.inputs.ledger == steady.core.inputs.ledger
    assert restarted.rows == {key: value for key, value in restarted.core.snapshot() if value is not None}


@given(data=st.data())
@of_each_mode
@with_and_without_memory
def test_at_every_step_the_numbers_add_up(
    mode: Mode, clock: ClockRules, data: st.DataObject, *, is_forgetful: bool
) -> None:
    """Intervals, days, the live line and the ledger all agree with the visits that are known."""
    steps = data.draw(courses(data.draw(disordered(data.draw(histories(mode))))))
    bench, now = of_places(clock, is_forgetful=is_forgetful), Clock(clock)
    for step in steps:
        take_step(bench, step, now, restarts=True)
        assert bench.core.inputs.ledger.total == bench.given
        for queue in bench.core.book.queues.values():
            visits = [visit for visit in bench.core.book.visits.values() if visit.queue is queue]
            check_counts(queue, visits)
            check_line(bench, queue, visits)


def check_counts(queue: ChannelQueue, visits: list[Visit]) -> None:
    """Who waits is retained, all others of an interval have left; a day is the sum of its intervals."""
    days: dict[int, Counts] = {}
    for start, counts in queue.intervals.items():
        waiting = [visit for visit in visits if visit.is_waiting and visit.standing.interval_ms == start]
        left = counts.answered + counts.abandoned + counts.flowed_out + counts.callback_requested
        assert counts.waiting == len(waiting)
        assert counts.offered == left + counts.outcomes[UNKNOWN_EXIT] + len(waiting)
        assert min(counts.outcomes) >= 0
        days.setdefault(queue.calendar.day(start), Counts()).add(counts)
    assert {day: sums_of(counts) for day, counts in days.items()} == {
        day: sums_of(queue.days.get(day, Counts())) for day in days
    }
    assert queue.days.keys() <= days.keys()


def sums_of(counts: Counts) -> list[Any]:
    """All counts but the revision; buckets of nobody are as good as none."""
    _, *sums = msgspec.structs.astuple(counts)
    return [[] if isinstance(each, list) and not any(each) else each for each in sums]


def check_line(bench: Bench, queue: ChannelQueue, visits: list[Visit]) -> None:
    """The live figures speak of the live visits that wait: all count, those of a trusted clock have an age."""
    live = bench.figures(queue.policy.queue, queue.channel).live
    now_ms = bench.now_ms[INTAKE_OF_CHANNEL[queue.channel]]
    waiting = [visit for visit in visits if visit.is_waiting and visit.place is not None]
    given_up = [visit for visit in visits if visit.is_waiting and visit.place is None and not visit.state.is_historic]
    ages = [max(0, now_ms - visit.offered_ms) for visit in waiting if not visit.state.is_doubtful]
    assert not any(visit.state.is_historic for visit in waiting)
    assert all(now_ms > visit.offered_ms + visit.unknown_exit_ms for visit in given_up)
    assert live is not None
    assert live.waiting_contacts == len(waiting)
    assert live.longest_wait_seconds == max(ages, default=0) / 1000
    assert live.wait_limit_used_ratio == max(ages, default=0) / 60_000


@given(st.data())
@of_each_mode
def test_a_tick_changes_nothing_durable(mode: Mode, clock: ClockRules, data: st.DataObject) -> None:
    """After a flush, however much time passes: no row, no record but findings that open, the same snapshot."""
    facts = data.draw(histories(mode))
    bench = Bench(busy_centre(), clock)
    bench.take(*facts, now=Clock(clock).see(facts) if facts else None)
    bench.flush()
    before = dict(bench.core.snapshot())
    for minutes in data.draw(st.lists(st.integers(0, 200), max_size=4)):
        assert {finding["state"] for finding in bench.tick(seconds_of(START_MS + minutes * MINUTE_MS))} <= {"open"}
        changes = bench.core.changes()
        assert (changes.rows, changes.outputs) == ([], [])
    assert dict(bench.core.snapshot()) == before


@given(st.data())
@pytest.mark.parametrize("clock", [LIVE, BY_EVENTS], ids=["live", "by event time"])
def test_time_alone_opens_what_a_recount_finds_waiting_too_long(clock: ClockRules, data: st.DataObject) -> None:
    """No fact comes any more, only ticks: every visit still waiting past its limit and grace has its finding open."""
    facts = data.draw(histories("live"))
    bench, now = Bench(busy_centre(), clock), Clock(clock)
    for step in data.draw(courses(data.draw(disordered(facts)))):
        take_step(bench, step, now)
    bench.tick(END_SECONDS)
    told = {visit for visit, found in bench.findings().items() if found["state"] != "retracted"}
    assert told == findings_of(facts, clock).keys()


@given(st.data())
@pytest.mark.parametrize("clock", [LIVE, BY_EVENTS], ids=["live", "by event time"])
def test_an_answer_inside_the_limit_takes_a_breach_back_however_late_it_is_told(
    clock: ClockRules, data: st.DataObject
) -> None:
    """Time opens the finding, the late fact retracts it under a higher revision, and nothing of it stays counted."""
    wait_ms = data.draw(st.one_of(st.sampled_from([0, 59_999, 60_000]), st.integers(0, 60_000)))
    offer = Fact("offered", START_MS, "c1", "sac", "voice")
    answer = Fact("answered", START_MS + wait_ms, "c1", "sac", "voice", delay=91 - wait_ms / 1000)
    bench = Bench(busy_centre(), clock)
    bench.take(offer, now=seconds_of(START_MS))
    opened = bench.tick(seconds_of(START_MS) + 90)
    if data.draw(st.booleans()):
        bench.flush()
        bench.restart()
    bench.take(answer, now=seconds_of(START_MS) + 91)
    bench.close(END_SECONDS)
    [finding] = bench.findings().values()
    assert [each["state"] for each in opened] == ["open"]
    assert (finding["state"], finding["revision"] > opened[0]["revision"]) == ("retracted", True)
    assert sum(interval["breaches"] for interval in bench.intervals().values()) == 0
