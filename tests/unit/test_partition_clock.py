"""What "now" is for a topic-partition: a table of histories, and two laws over any history.

A history is a list of steps; times in it are seconds since `EPOCH_MS` on both clocks, which start `SKEW_MS` apart so
that mixing them up fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from streams.partition_clock import ClockMode, Instant, PartitionClock

EPOCH_MS = 1_763_800_000_000
SKEW_MS = 1_763_799_000_000
LATENESS_SECONDS = 60

Step = Callable[[PartitionClock], object]


def wall(seconds: float) -> int:
    return EPOCH_MS + round(seconds * 1000)


def monotonic(seconds: float) -> int:
    return wall(seconds) - SKEW_MS


def instant(seconds: float) -> Instant:
    return Instant(wall(seconds), monotonic(seconds))


def clock(mode: ClockMode = "wall", *, restored: float | None = None) -> PartitionClock:
    """A clock started at 0 s, from state whose time was ``restored`` seconds (None: no state)."""
    return PartitionClock(
        mode,
        lateness_ms=LATENESS_SECONDS * 1000,
        restored_now_ms=None if restored is None else wall(restored),
        started=instant(0),
    )


def starts_at(offset: int) -> Step:
    return lambda c: c.observe_position(offset)


def applied(last_offset: int, *, event: float | None, kafka: float | None = None) -> Step:
    """Records up to ``last_offset`` applied, the newest with these times; Kafka's is the event's unless given."""
    kafka_seconds = kafka if kafka is not None else event or 0
    return lambda c: c.observe_records(last_offset, None if event is None else wall(event), wall(kafka_seconds))


def end(offset: int, *, asked: float, answered: float | None = None) -> Step:
    answered_ms = monotonic(asked if answered is None else answered)
    return lambda c: c.observe_end(offset, asked_ms=monotonic(asked), answered_ms=answered_ms)


def away(at: float) -> Step:
    return lambda c: c.observe_broker_away(monotonic(at))


def read(at: float) -> Step:
    return lambda c: c.now(instant(at))


def answers(offset: int, *, since: int, until: int) -> list[Step]:
    """The broker says every second where the partition ends."""
    return [end(offset, asked=second) for second in range(since, until + 1)]


NOTHING = -EPOCH_MS / 1000
"""The time of a clock that knows nothing yet: 0 ms."""


@dataclass(frozen=True)
class Case:
    """After ``steps``, at ``at`` seconds: the clock says ``now`` and is ``stale`` or not."""

    name: str
    steps: list[Step]
    at: float
    now: float
    stale: bool
    restored: float | None = None
    mode: ClockMode = "wall"


CASES = [
    # A first start: nothing is known until the broker says where the partition ends.
    Case("knows nothing before the first answer", [starts_at(0)], at=1, now=NOTHING, stale=True),
    Case("follows the wall clock on an empty partition", [starts_at(0), end(0, asked=1)], at=2, now=2, stale=False),
    Case("does not guess where it starts", [end(0, asked=1)], at=2, now=NOTHING, stale=True),
    Case(
        "is at the end of an idle partition whose records have expired",
        [starts_at(500), end(500, asked=1)],
        at=2,
        now=2,
        stale=False,
    ),
    # At the end: only what the core has applied counts, and only against an end observed at most 2 s ago.
    Case("waits for the last record", [starts_at(0), end(9, asked=1), applied(7, event=1)], at=2, now=-59, stale=True),
    Case("reaches the end later", [starts_at(0), end(9, asked=1), applied(8, event=1)], at=2, now=2, stale=False),
    Case("uses an end 2 s old", [starts_at(0), end(0, asked=1)], at=3, now=3, stale=False),
    Case("uses no older end", [starts_at(0), end(0, asked=1), read(3)], at=3.001, now=3, stale=False),
    Case(
        "counts the age of an end from the question",
        [starts_at(0), end(0, asked=1, answered=3)],
        3.5,
        NOTHING,
        stale=True,
    ),
    Case(
        "is not thrown back by the newest end while a recent one is reached",
        [starts_at(0), end(5, asked=1), applied(4, event=1), end(8, asked=2)],
        at=2.5,
        now=2.5,
        stale=False,
    ),
    Case(
        "may reach a recent end after the next one was observed",
        [starts_at(0), end(5, asked=1), end(8, asked=2), applied(4, event=1)],
        at=2.5,
        now=2.5,
        stale=False,
    ),
    Case(
        "is not thrown back by records delivered again",
        [starts_at(0), applied(8, event=1), applied(3, event=1), end(9, asked=1)],
        at=2,
        now=2,
        stale=False,
    ),
    Case(
        "passes offsets that hold no record",
        [starts_at(0), end(10, asked=1), applied(8, event=1), starts_at(10)],
        at=2,
        now=2,
        stale=False,
    ),
    Case("passes rejected records", [starts_at(0), end(3, asked=1), applied(2, event=None)], at=2, now=2, stale=False),
    # Catching up: event time minus the lateness bound, capped by the Kafka timestamp.
    Case("catches up by event time", [end(99, asked=1), applied(7, event=-900)], at=2, now=-960, stale=True),
    Case(
        "is not led astray by one event from the future",
        [end(99, asked=1), applied(7, event=86_000, kafka=-900)],
        at=2,
        now=-900,
        stale=True,
    ),
    Case(
        "never runs ahead of the wall clock although the broker's does",
        [end(99, asked=1), applied(7, event=86_000, kafka=600)],
        at=2,
        now=2,
        stale=False,
    ),
    Case(
        "ignores an older event after a newer one",
        [end(99, asked=1), applied(7, event=-300), applied(8, event=-900)],
        at=2,
        now=-360,
        stale=True,
    ),
    # Falling behind: time stays where it was; the figures are usable while they are at most 30 s off.
    Case(
        "may be 30 s behind",
        [starts_at(0), *answers(0, since=1, until=10), read(10), *answers(5, since=11, until=40)],
        at=40,
        now=10,
        stale=False,
    ),
    Case(
        "is stale beyond 30 s",
        [starts_at(0), *answers(0, since=1, until=10), read(10), *answers(5, since=11, until=41)],
        at=40.001,
        now=10,
        stale=True,
    ),
    # Broker away: time stands still at once, and after the return it is held for the lateness bound.
    Case("trusts an answer 5 s old", [starts_at(0), end(0, asked=1), read(1)], at=6, now=1, stale=False),
    Case("stands still after 5 s of silence", [starts_at(0), end(0, asked=1), read(1)], at=6.001, now=1, stale=True),
    Case(
        "does not follow records that were on their way",
        [starts_at(0), end(0, asked=1), read(1), applied(9, event=70)],
        at=90,
        now=1,
        stale=True,
    ),
    Case(
        "stands still when told so",
        [starts_at(0), end(0, asked=1), read(1), away(1.5), starts_at(0)],
        at=1.6,
        now=1,
        stale=True,
    ),
    Case(
        "takes no news of an outage older than the last answer",
        [starts_at(0), end(0, asked=1), away(0.5)],
        at=2,
        now=2,
        stale=False,
    ),
    Case(
        "is held after the return",
        [starts_at(0), end(0, asked=1), read(1), *answers(0, since=100, until=159)],
        at=159.999,
        now=1,
        stale=True,
    ),
    Case(
        "follows the wall clock after the hold",
        [starts_at(0), end(0, asked=1), read(1), *answers(0, since=100, until=160)],
        at=160,
        now=160,
        stale=False,
    ),
    Case(
        "keeps to the catching-up rule while held",
        [starts_at(0), end(0, asked=1), read(1), *answers(5, since=100, until=130), applied(4, event=120)],
        at=130,
        now=60,
        stale=True,
    ),
    Case(
        "is held after an outage that was only told",
        [starts_at(0), end(0, asked=1), read(1), away(1.5), *answers(0, since=2, until=30)],
        at=30,
        now=1,
        stale=True,
    ),
    Case(
        "ends the hold after an outage that was only told",
        [starts_at(0), end(0, asked=1), read(1), away(1.5), *answers(0, since=2, until=62)],
        at=62,
        now=62,
        stale=False,
    ),
    Case(
        "is held again after a second outage",
        [starts_at(0), end(0, asked=1), read(1), *answers(0, since=20, until=40), *answers(0, since=70, until=120)],
        at=120,
        now=1,
        stale=True,
    ),
    Case(
        "is held when the first answer took more than 5 s",
        [starts_at(0), *answers(0, since=6, until=20)],
        at=20,
        now=NOTHING,
        stale=True,
    ),
    # Restart: the floor is the time of the state; state older than 30 s is held like a returned broker.
    Case("does not go back over a restart", [starts_at(0), end(9, asked=1)], at=1, now=-8, stale=False, restored=-8),
    Case("shows nothing before the broker answered", [starts_at(9)], at=1, now=-8, stale=True, restored=-8),
    Case("goes on from fresh state", [starts_at(9), end(9, asked=1)], at=1, now=1, stale=False, restored=-30),
    Case(
        "is held on old state",
        [starts_at(9), *answers(9, since=1, until=60)],
        at=60.999,
        now=-30.001,
        stale=True,
        restored=-30.001,
    ),
    Case(
        "ends the hold on old state",
        [starts_at(9), *answers(9, since=1, until=61)],
        at=61,
        now=61,
        stale=False,
        restored=-3600,
    ),
    Case("shows state from a clock far ahead as stale", [starts_at(9), end(9, asked=1)], 2, 600, True, restored=600),
    # Event mode: the data's own time and nothing else.
    Case("knows no time without events", [starts_at(0), end(0, asked=1)], at=2, now=NOTHING, stale=False, mode="event"),
    Case("follows the data", [applied(7, event=-5000)], at=2, now=-5060, stale=False, mode="event"),
    Case("is not capped in event mode", [applied(7, event=5000, kafka=1)], 2, 4940, stale=False, mode="event"),
    Case(
        "minds neither the broker nor the age of the state in event mode",
        [applied(7, event=500), away(1), end(8, asked=900)],
        at=900,
        now=440,
        stale=False,
        restored=-3600,
        mode="event",
    ),
    Case("keeps its time over a restart in event mode", [applied(7, event=500)], 900, 600, False, 600, "event"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_now_after_a_history(case: Case) -> None:
    """Each history leads to one time and one verdict on the figures."""
    subject = clock(case.mode, restored=case.restored)
    for step in case.steps:
        step(subject)
    assert (subject.now(instant(case.at)) - EPOCH_MS) / 1000 == case.now
    assert subject.is_stale(instant(case.at)) is case.stale


def test_a_stepped_wall_clock_neither_moves_time_back_nor_hides_the_error() -> None:
    """When the wall clock is set back by an hour, now waits for it and the figures are stale meanwhile."""
    subject = clock()
    subject.observe_position(0)
    subject.observe_end(0, asked_ms=monotonic(1), answered_ms=monotonic(1))
    subject.now(instant(2))
    stepped = Instant(wall(-3600), monotonic(2.5))
    assert subject.now(stepped) == wall(2)
    assert subject.is_stale(stepped)


def test_the_states_between_are_told_apart() -> None:
    """Caught up, standing still and held are reported as such, with how far time is behind."""
    subject = clock()
    for step in (starts_at(0), end(0, asked=1), read(1)):
        step(subject)
    assert subject.is_caught_up(instant(2))
    assert not subject.is_caught_up(instant(4))
    assert not subject.is_standing_still(instant(6))
    assert subject.is_standing_still(instant(7))
    assert subject.catching_up_by_ms(instant(7)) == 6000  # now was last asked for at 1 s
    end(0, asked=10)(subject)
    assert subject.is_caught_up(instant(10))
    assert subject.is_held(instant(10))


def test_lag_is_the_end_minus_the_position() -> None:
    """Lag is unknown until both are told, then never negative."""
    subject = clock()
    subject.observe_end(10, asked_ms=monotonic(1), answered_ms=monotonic(1))
    assert subject.lag_messages is None
    subject.observe_position(4)
    assert (subject.position, subject.lag_messages) == (4, 6)
    subject.observe_position(12)
    assert subject.lag_messages == 0


def test_event_mode_is_never_held() -> None:
    """Under the event clock an outage leaves nothing to wait for."""
    subject = clock("event", restored=-3600)
    end(0, asked=900)(subject)
    assert not subject.is_held(instant(900))
    assert not subject.is_standing_still(instant(9000))
    assert subject.catching_up_by_ms(instant(900)) == 0


def test_a_long_backlog_keeps_no_more_ends_than_can_count() -> None:
    """However long the catching up takes, only the answers of the last 2 s are kept."""
    subject = clock()
    for second in range(1000):
        end(10_000 + second, asked=second)(subject)
    assert len(subject._ends_ahead) == 3


seconds = st.integers(min_value=0, max_value=9).map(lambda n: n * 0.75)
event_seconds = st.integers(min_value=-4000, max_value=90_000)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, float, int, float]]:
    """(kind, time since the step before, offset, event time) of up to 40 steps."""
    kinds = st.sampled_from(["position", "records", "end", "slow_end", "away", "read"])
    step = st.tuples(kinds, seconds, st.integers(0, 12), event_seconds)
    return draw(st.lists(step, max_size=40))


def play(subject: PartitionClock, history: list[tuple[str, float, int, float]]) -> list[tuple[float, int, bool]]:
    """The (time, now, caught up) after each step."""
    at, seen = 0.0, []
    for kind, pause, offset, event in history:
        before, at = at, at + pause
        match kind:
            case "position":
                subject.observe_position(offset)
            case "records":
                applied(offset, event=event, kafka=event / 7)(subject)
            case "end":
                end(offset, asked=at)(subject)
            case "slow_end":
                end(offset, asked=before, answered=at)(subject)
            case "away":
                away(at)(subject)
        seen.append((at, subject.now(instant(at)), subject.is_caught_up(instant(at))))
    return seen


@given(histories(), st.sampled_from([None, -5.0, -500.0]))
def test_now_never_goes_back_and_never_runs_ahead(
    history: list[tuple[str, float, int, float]], restored: float | None
) -> None:
    """Law: whatever is observed, now grows, starts at the restored time, and stays at or below the wall clock."""
    floor = 0 if restored is None else wall(restored)
    for at, now, _ in play(clock(restored=restored), history):
        assert floor <= now <= wall(at)
        floor = now


@given(histories())
def test_the_wall_clock_needs_a_recent_end_that_was_reached(history: list[tuple[str, float, int, float]]) -> None:
    """Law: caught up implies that some end asked for at most 2 s ago is at or below the position."""
    subject, at, position, ends = clock(), 0.0, -1, []
    for step, (now_at, _, is_caught_up) in zip(history, play(subject, history), strict=True):
        kind, pause, offset, _ = step
        asked = at if kind == "slow_end" else at + pause
        at = now_at
        if kind in ("position", "records"):
            position = max(position, offset + (kind == "records"))
        if kind in ("end", "slow_end"):
            ends.append((asked, offset))
        if is_caught_up:
            assert any(at - when <= 2 and position >= where for when, where in ends)


@given(histories())
def test_event_mode_is_the_newest_event_minus_the_lateness_bound(
    history: list[tuple[str, float, int, float]],
) -> None:
    """Law: under the event clock only event times matter."""
    newest = NOTHING
    for (kind, _, _, event), (_, now, _) in zip(history, play(clock("event"), history), strict=True):
        if kind == "records":
            newest = max(newest, event - LATENESS_SECONDS)
        assert now == wall(newest)
