"""Counts of an interval: what is added can be taken away again, and days are sums of intervals."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from streams.domain.counts import OUTCOME_NUMBER, WAITING, Counts, Standing, wait_edges_ms
from streams.domain.figures import LIVE_WAIT_EDGES_SECONDS, OUTCOMES, WRITTEN_WAIT_EDGES_SECONDS

EDGES_MS = wait_edges_ms("voice")


def standing(outcome: str | None = None, wait_ms: int = 0, **amounts: Any) -> Standing:
    """What a visit adds; without an outcome it waits."""
    number = WAITING if outcome is None else OUTCOME_NUMBER[outcome]
    nothing = {"talk_ms": 0, "hold_ms": 0, "wrap_up_ms": 0, "is_handled": False, "is_breach": False}
    return Standing(0, 0, number, wait_ms, **nothing | amounts)


def of(*standings: Standing) -> Counts:
    counts = Counts()
    for each in standings:
        counts.change(each, EDGES_MS, 1)
    return counts


PLACES = [
    # outcome, the sums of who left how: answered, abandoned, callback requested, flowed out
    ("answered_in_target", (1, 0, 0, 0)),
    ("answered_late", (1, 0, 0, 0)),
    ("abandoned_short", (0, 1, 0, 0)),
    ("abandoned_in_target", (0, 1, 0, 0)),
    ("abandoned_late", (0, 1, 0, 0)),
    ("callback_in_target", (0, 0, 1, 0)),
    ("callback_late", (0, 0, 1, 0)),
    ("transferred", (0, 0, 0, 1)),
    ("overflowed", (0, 0, 0, 1)),
    ("timed_out", (0, 0, 0, 1)),
    ("closed", (0, 0, 0, 1)),
    ("key_exit", (0, 0, 0, 1)),
    ("unknown_exit", (0, 0, 0, 0)),
]


@pytest.mark.parametrize(("outcome", "expected"), PLACES)
def test_every_outcome_has_its_place(outcome: str, expected: tuple[int, ...]) -> None:
    """Nobody who left waits, and nobody is counted twice."""
    counts = of(standing(outcome))
    assert (counts.answered, counts.abandoned, counts.callback_requested, counts.flowed_out) == expected
    assert (counts.offered, counts.waiting, sum(counts.outcomes)) == (1, 0, 1)


def test_every_outcome_is_placed_here() -> None:
    """The closed list, in its order."""
    assert [outcome for outcome, _ in PLACES] == list(OUTCOMES)


def test_who_waits_is_offered_and_nothing_else_but_a_breach() -> None:
    """A wait over its limit counts before it ends."""
    counts = of(standing(), standing(is_breach=True))
    assert (counts.offered, counts.waiting, counts.breaches, sum(counts.outcomes)) == (2, 2, 1, 0)


@pytest.mark.parametrize(
    ("wait_ms", "bucket"), [(0, 0), (5_000, 0), (5_001, 1), (20_000, 3), (20_001, 4), (3_600_000, 16), (3_600_001, 17)]
)
def test_upper_edges_belong_to_their_bucket(wait_ms: int, bucket: int) -> None:
    """So a target that is an edge can be read off exactly; the last bucket is above every edge."""
    counts = of(standing("answered_late", wait_ms), standing("abandoned_late", wait_ms))
    assert counts.answered_waits.index(1) == counts.abandoned_waits.index(1) == bucket
    assert len(counts.answered_waits) == len(EDGES_MS) + 1


def test_only_the_answered_are_handled() -> None:
    """Their talk, hold and wrap-up add up."""
    spent = {"talk_ms": 60_000, "hold_ms": 5_000, "wrap_up_ms": 9_000, "is_handled": True}
    counts = of(standing("answered_late", 1, **spent), standing("answered_late", 2))
    assert (counts.handled, counts.talk_ms, counts.hold_ms, counts.wrap_up_ms) == (1, 60_000, 5_000, 9_000)


@pytest.mark.parametrize("channel", ["voice", "chat", "whatsapp", "sms", "app", "email", "form"])
def test_written_waits_have_edges_of_hours(channel: str) -> None:
    """E-mail and forms; every other channel has those of a call."""
    written = channel in ("email", "form")
    seconds = WRITTEN_WAIT_EDGES_SECONDS if written else LIVE_WAIT_EDGES_SECONDS
    assert wait_edges_ms(channel) == tuple(edge * 1000 for edge in seconds)


standings = st.lists(
    st.builds(
        standing,
        st.sampled_from([None, *OUTCOMES]),
        st.integers(0, 4_000_000),
        talk_ms=st.integers(0, 9),
        hold_ms=st.integers(0, 9),
        wrap_up_ms=st.integers(0, 9),
        is_handled=st.booleans(),
        is_breach=st.booleans(),
    ),
    max_size=6,
)


def plain(counts: Counts) -> list[Any]:
    """All amounts; buckets of nobody are as good as none."""
    return [[] if isinstance(each, list) and not any(each) else each for each in msgspec.structs.astuple(counts)]


@given(standings, standings)
def test_what_is_taken_away_was_never_there(kept: list[Standing], taken: list[Standing]) -> None:
    """In whatever order."""
    counts = of(*taken, *kept)
    for each in taken:
        counts.change(each, EDGES_MS, -1)
    assert plain(counts) == plain(of(*kept))


@given(standings, standings)
def test_counts_add_up(some: list[Standing], others: list[Standing]) -> None:
    """Two intervals make the day that counted both, and neither is changed by it."""
    total, interval = of(*some), of(*others)
    total.revision, interval.revision = 4, 7
    before = plain(interval)
    total.add(interval)
    assert plain(total)[1:] == plain(of(*some, *others))[1:]
    assert total.revision == 11
    interval.change(standing("answered_late", 1), EDGES_MS, 1)
    assert plain(total)[1:] == plain(of(*some, *others))[1:]
    assert before != plain(interval)
