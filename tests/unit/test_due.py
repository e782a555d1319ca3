"""When visits come up by the passing of time alone, and what ticks have found and nobody has recorded yet."""

from __future__ import annotations

from streams.domain.due import DueTimes, Unrecorded
from streams.domain.facts import VisitState
from streams.domain.visits import Visit
from tests.callback_records import policy


def visit(name: str = "c1") -> Visit:
    return Visit(f"acme/sac/1/{name}", policy(), VisitState("voice", 0, is_historic=False))


def test_a_visit_comes_up_once_at_the_earliest_instant_it_was_put() -> None:
    """A later one says nothing new; one brought forward leaves an entry that comes up for nobody."""
    due, one = DueTimes(), visit()
    for due_ms in (500, 900, 200):
        due.put("call-events", one, due_ms)
    assert list(due.reached("call-events", 199, 9)) == []
    assert list(due.reached("call-events", 200, 9)) == [one]
    assert list(due.reached("call-events", 10_000, 9)) == []


def test_a_visit_put_again_comes_up_again() -> None:
    """Whoever takes it puts it back."""
    due, one = DueTimes(), visit()
    due.put("call-events", one, 500)
    assert list(due.reached("call-events", 500, 9)) == [one]
    due.put("call-events", one, 700)
    assert list(due.reached("call-events", 700, 9)) == [one]


def test_each_clock_has_its_own_queue_and_the_earliest_come_first() -> None:
    """No more than asked for; a clock nobody goes by has none."""
    due, visits = DueTimes(), [visit(f"c{number}") for number in range(4)]
    for due_ms, each in zip((300, 100, 200), visits, strict=False):
        due.put("call-events", each, due_ms)
    due.put(7, visits[3], 50)
    assert list(due.reached("call-events", 1000, 2)) == [visits[1], visits[2]]
    assert list(due.reached("call-events", 1000, 2)) == [visits[0]]
    assert list(due.reached(7, 1000, 2)) == [visits[3]]
    assert list(due.reached("chat-events", 1000, 2)) == []


def test_what_is_unrecorded_is_taken_in_a_fixed_order() -> None:
    """By visit, each once whatever was found of it; the rest stay for the next call."""
    first, second, third = visit("a"), visit("b"), visit("c")
    unrecorded = Unrecorded(overdue={third, first}, lost={third}, over={second})
    assert unrecorded.take(2) == [first, second]
    assert unrecorded == Unrecorded(overdue={third}, lost={third})
    unrecorded.discard(third)
    assert unrecorded.take(9) == []
