"""The simulated dialer: what becomes of a job in every state."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from streams.simulation.clockwork import HOUR_MS, MINUTE_MS, Clockwork
from streams.simulation.dialer import CANCEL, DIAL, MEMORY_MS, OUTCOMES, RING_SECONDS, Dialer, DialJob

NINE_MS = 1_795_435_200_000
NINE, TEN, ELEVEN = "2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z", "2026-11-23T14:00:00.000Z"


class Desk:
    """A dialer with simulated time, and what it told."""

    def __init__(self, *, lines: int = 2, seed: int = 1) -> None:
        self.clockwork = Clockwork(NINE_MS)
        self.connected: list[str] = []
        self.reported: list[tuple[str, str, float]] = []
        self.dialer = Dialer(
            self.clockwork,
            Random(seed),
            lines=lines,
            connect=lambda job: self.connected.append(job.job_id),
            report=self._report,
        )

    def dial(self, job_id: str, **changes: Any) -> None:
        data = {
            "job_id": job_id,
            "tenant": "acme",
            "callback_queue": "retornos",
            "address": "+5585097465553",
            "not_before": NINE,
            "expires": ELEVEN,
            "priority": 1,
        }
        self.dialer.take({"type": DIAL, "data": data | changes})

    def cancel(self, job_id: str) -> None:
        self.dialer.take({"type": CANCEL, "data": {"job_id": job_id}})

    def run(self, minutes: float) -> None:
        self.clockwork.run(NINE_MS + round(minutes * MINUTE_MS))

    @property
    def jobs_reported(self) -> list[str]:
        return [job_id for job_id, *_ in self.reported]

    def _report(self, job: DialJob, outcome: str, seconds: float) -> None:
        self.reported.append((job.job_id, outcome, seconds))


def given(desk: Desk) -> None:
    desk.dial("a", not_before=TEN)


def ready(desk: Desk) -> None:
    """Every line is taken by another call."""
    desk.dial("other 1")
    desk.dial("other 2")
    desk.dial("a")
    desk.clockwork.run(NINE_MS + 1)


def ringing(desk: Desk) -> None:
    desk.dial("a")
    desk.clockwork.run(NINE_MS + 1)


def reported(desk: Desk) -> None:
    desk.dial("a")
    desk.run(1)


def cancelled(desk: Desk) -> None:
    given(desk)
    desk.cancel("a")


@pytest.mark.parametrize(
    ("state", "event", "attempts"),
    [
        (given, None, 1),
        (given, "cancel", 0),
        (given, "dial again", 1),
        (ready, None, 1),
        (ready, "cancel", 0),
        (ready, "dial again", 1),
        (ringing, None, 1),
        (ringing, "cancel", 1),
        (ringing, "dial again", 1),
        (reported, "cancel", 1),
        (reported, "dial again", 1),
        (cancelled, "dial again", 0),
        (cancelled, "cancel", 0),
    ],
)
def test_what_becomes_of_a_job(state: Any, event: str | None, attempts: int) -> None:
    """A job is attempted once or, when cancelled before it rings, never; whoever repeats it changes nothing."""
    desk = Desk()
    state(desk)
    if event == "cancel":
        desk.cancel("a")
    elif event == "dial again":
        desk.dial("a")
    desk.run(120)
    assert desk.jobs_reported.count("a") == attempts


def test_nobody_is_called_before_the_time_or_after_it() -> None:
    """A job that cannot begin before it expires is dropped without a word."""
    desk = Desk()
    desk.dial("later", not_before=TEN)
    desk.dial("over", not_before=TEN, expires=TEN)
    desk.run(60)
    assert desk.reported == []
    desk.run(180)
    assert desk.jobs_reported == ["later"]


def test_no_more_calls_ring_than_there_are_lines_the_most_urgent_first() -> None:
    """One line: one after the other, by priority."""
    desk = Desk(lines=1)
    desk.dial("first", not_before=NINE)
    desk.dial("routine", not_before=NINE)
    desk.dial("urgent", not_before=NINE, priority=5)
    desk.run(30)
    assert desk.jobs_reported == ["first", "urgent", "routine"]


def test_every_outcome_happens_about_as_often_as_it_should() -> None:
    """With believable ringing; exactly those who answered are connected, and after they are reported."""
    desk = Desk(lines=1000)
    for number in range(4000):
        desk.dial(f"job {number}")
    desk.run(10)
    assert len(desk.reported) == 4000
    for outcome, share in OUTCOMES.items():
        seconds = [rang for _, found, rang in desk.reported if found == outcome]
        assert abs(len(seconds) - 4000 * share) < 4 * (4000 * share) ** 0.5
        shortest, longest = RING_SECONDS[outcome]
        assert all(shortest <= rang <= longest for rang in seconds)
    assert desk.connected == [job_id for job_id, outcome, _ in desk.reported if outcome == "answered"]


def test_jobs_are_not_remembered_for_ever() -> None:
    """A dialer that runs for months does not grow; within two days a repeat is known."""
    desk = Desk()
    desk.dial("a")
    desk.run(10)
    desk.clockwork.run(NINE_MS + MEMORY_MS - HOUR_MS)
    desk.dial("a", expires="2026-11-30T00:00:00Z")
    desk.clockwork.run(NINE_MS + MEMORY_MS + HOUR_MS)
    desk.dial("b", expires="2026-11-30T00:00:00Z")
    desk.dial("a", expires="2026-11-30T00:00:00Z")
    desk.clockwork.run(NINE_MS + MEMORY_MS + 2 * HOUR_MS)
    assert sorted(desk.jobs_reported) == ["a", "a", "b"]


def test_other_events_say_nothing_to_a_dialer() -> None:
    """A type of a later release is passed over; what is not whole is an error."""
    desk = Desk()
    desk.dialer.take({"type": "callback.hurry", "data": {}})
    with pytest.raises(KeyError):
        desk.dialer.take({"type": DIAL, "data": {"job_id": "a"}})
    assert "+55" not in repr(DialJob("a", "acme", "retornos", "+5585097465553", 0, 0, 1))
