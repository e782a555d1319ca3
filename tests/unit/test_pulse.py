"""A process that stood still past its session must find out before it writes anything."""

from __future__ import annotations

from streams.engine.pulse import Pulse

SESSION_SECONDS = 8.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pulse() -> tuple[Pulse, Clock, list[float]]:
    clock, slept = Clock(), list[float]()
    return Pulse(SESSION_SECONDS, clock=clock, on_sleep=slept.append), clock, slept


def test_a_process_that_beats_may_write() -> None:
    """Any length of time passes in small steps."""
    beating, clock, slept = pulse()
    for _ in range(100):
        beating.beat()
        clock.now += 0.3
        beating.check()
    assert slept == []


def test_a_sleep_short_of_the_session_is_none() -> None:
    """The group has not given its partitions away: a heartbeat a fifth of the session old still holds them."""
    beating, clock, slept = pulse()
    beating.beat()
    clock.now += SESSION_SECONDS * 0.75
    beating.check()
    assert slept == []


def test_whoever_asks_first_after_a_sleep_is_told() -> None:
    """A writer that comes before the next beat, or the beat itself."""
    for ask in (Pulse.check, Pulse.beat):
        beating, clock, slept = pulse()
        beating.beat()
        clock.now += SESSION_SECONDS
        ask(beating)
        assert slept == [SESSION_SECONDS]


def test_before_the_first_beat_nothing_is_known() -> None:
    """A worker that has not started cannot have slept."""
    beating, clock, slept = pulse()
    clock.now += 1000
    beating.check()
    assert slept == []
