"""The waiting line: who waits, the oldest, the nearest to the limit; leaving in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, strategies as st

from streams.domain.waiting import Place, WaitingLine

_numbers = count()


@dataclass(eq=False)
class Someone:
    offered_ms: int
    limit_ms: int = 60_000
    lead_ms: int = 0
    place: Place | None = None
    visit_id: str = field(default_factory=lambda: f"visit-{next(_numbers)}")


def line_of(*visits: Someone, shows_wait: bool = True) -> WaitingLine:
    line = WaitingLine()
    for visit in visits:
        line.join(visit, shows_wait=shows_wait)
    return line


def test_nobody_waits_no_time() -> None:
    """An empty line shows zeros."""
    line = WaitingLine()
    assert (line.size, line.longest_wait_ms(1000), line.limit_used_ratio(1000)) == (0, 0, 0.0)


def test_the_oldest_waits_longest_whoever_joined_first() -> None:
    """Facts come in any order."""
    first, oldest = Someone(500), Someone(100)
    line = line_of(first, oldest)
    assert line.longest_wait_ms(1000) == 900
    line.leave(oldest)
    assert (line.size, line.longest_wait_ms(1000)) == (1, 500)


def test_an_offer_ahead_of_the_clock_has_not_waited() -> None:
    """Never a negative age."""
    line = line_of(Someone(2000))
    assert (line.longest_wait_ms(1000), line.limit_used_ratio(1000)) == (0, 0.0)


def test_the_nearest_to_its_own_limit_need_not_be_the_oldest() -> None:
    """Each wait is measured by its own limit."""
    line = line_of(Someone(0, limit_ms=10_000), Someone(500, limit_ms=1_000))
    assert (line.longest_wait_ms(1000), line.limit_used_ratio(1000)) == (1000, 0.5)


def test_a_limit_of_nothing_is_no_share() -> None:
    """It is exceeded from the start; a ratio of it says nothing."""
    assert line_of(Someone(0, limit_ms=0)).limit_used_ratio(1000) == 0.0


def test_whoever_has_a_wrong_clock_counts_without_an_age() -> None:
    """One more contact, no wait."""
    doubtful = Someone(0)
    line = line_of(doubtful, shows_wait=False)
    assert (line.size, line.longest_wait_ms(1000)) == (1, 0)
    line.leave(doubtful)
    assert line.size == 0


def test_whoever_leaves_is_no_longer_over_the_limit() -> None:
    """The set of those over it holds waiting contacts only."""
    visit = Someone(0)
    line = line_of(visit)
    line.over.add(visit)
    line.leave(visit)
    assert (line.over, visit.place) == (set(), None)


def test_whoever_joins_anew_has_one_place() -> None:
    """The former entry is dropped when it comes up."""
    visit = Someone(100)
    line = line_of(visit)
    line.leave(visit)
    visit.offered_ms = 700
    line.join(visit, shows_wait=True)
    assert (line.size, line.longest_wait_ms(1000)) == (1, 300)


def test_whoever_goes_over_to_another_line_has_left_the_first() -> None:
    """Being first in both does not make them the same place."""
    visit, here, there = Someone(100), WaitingLine(), WaitingLine()
    here.join(visit, shows_wait=True)
    here.leave(visit)
    there.join(visit, shows_wait=True)
    assert (here.longest_wait_ms(1000), there.longest_wait_ms(1000)) == (0, 900)


def test_a_line_nobody_looks_at_does_not_grow() -> None:
    """Who has left is forgotten when the next one joins, figures or not."""
    line = WaitingLine()
    for offered_ms in range(1000):
        visit = Someone(offered_ms)
        line.join(visit, shows_wait=True)
        line.leave(visit)
    assert sum(len(entries) for entries in line._lines.values()) == 1


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from([1_000, 60_000])), max_size=12), st.data())
def test_the_line_agrees_with_a_naive_one(people: list[tuple[int, int]], data: st.DataObject) -> None:
    """After any comings and goings."""
    waiting: list[Someone] = []
    line = WaitingLine()
    for offered_ms, limit_ms in people:
        visit = Someone(offered_ms, limit_ms)
        line.join(visit, shows_wait=True)
        waiting.append(visit)
        if data.draw(st.booleans()):
            line.leave(waiting.pop(data.draw(st.integers(0, len(waiting) - 1))))
        assert line.size == len(waiting)
        assert line.longest_wait_ms(1000) == max((1000 - each.offered_ms for each in waiting), default=0)
        shares = [(1000 - each.offered_ms) / each.limit_ms for each in waiting]
        assert line.limit_used_ratio(1000) == max(shares, default=0.0)


def test_who_still_waits_when_enough_later_ones_are_answered_was_passed() -> None:
    """Not by those who came before or at the same moment, nor by fewer; a wrong clock tells nothing."""
    line = WaitingLine(passed_by=2)
    first, second = Someone(100), Someone(200)
    line.join(first, shows_wait=True)
    line.join(second, shows_wait=True)
    line.join(Someone(50), shows_wait=False)
    line.see_answered(300)
    line.see_answered(90)
    assert line.passed() == 0
    line.see_answered(200)
    assert line.passed() == 1
    line.see_answered(400)
    assert line.passed() == 2
    line.leave(first)
    assert line.passed() == 1


moments = st.integers(0, 20)


@given(st.lists(st.tuples(st.sampled_from(["join", "leave", "answer", "take back"]), moments), max_size=60))
def test_the_passed_are_those_of_a_naive_count(moves: list[tuple[str, int]]) -> None:
    """Whatever joins, leaves and is answered in whatever order; after something was taken back never more than that."""
    line, waiting, answered, is_exact = WaitingLine(passed_by=3), list[Someone](), list[int](), True
    for kind, moment in moves:
        if kind == "join":
            waiting.append(Someone(moment, limit_ms=1 + moment % 2))
            line.join(waiting[-1], shows_wait=True)
        elif kind == "leave" and waiting:
            line.leave(waiting.pop(moment % len(waiting)))
        elif kind == "answer":
            answered.append(moment)
            line.see_answered(moment)
        elif kind == "take back" and answered:
            line.take_back_answered(answered.pop(moment % len(answered)))
            is_exact = False
        naive = sum(sum(later > each.offered_ms for later in answered) >= 3 for each in waiting)
        assert line.passed() == naive if is_exact else line.passed() <= naive
