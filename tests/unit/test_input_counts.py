"""The ledger of a partition, and what its sources are known by."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import pytest

from streams.domain.decisions import Ledger, Reason
from streams.domain.input_counts import MOST_SOURCES, InputCounts

HERE = ("acme", "fortaleza", "pbx-1")


def test_the_ledger_survives_in_its_row() -> None:
    """The four classes; a partition without the row starts from nothing."""
    counts, successor = InputCounts(), InputCounts()
    counts.count_applied("call-events", "contact.offered")
    counts.count_duplicate("call-events")
    counts.count_ignored("chat-events")
    counts.count_rejected("chat-events", Reason.TOO_LATE)
    key, value = counts.row()
    successor.restore(value)
    assert (key, successor.ledger) == (b"ledger", Ledger(1, 1, 1, 1))
    assert successor.ledger.total == 4
    successor.restore(None)
    assert successor.ledger.total == 4


def test_what_was_applied_may_turn_out_to_be_rejected() -> None:
    """It leaves its class; the sum stays."""
    counts = InputCounts()
    counts.count_applied("call-events", "contact.offered")
    counts.withdraw_applied()
    counts.count_rejected("call-events", Reason.ENTRY_REQUIRED)
    assert counts.ledger == Ledger(rejected=1)


def test_counters_are_by_topic_and_kind() -> None:
    """Those of the process, beside the ledger."""
    counts = InputCounts()
    for _ in range(2):
        counts.count_applied("call-events", "contact.offered")
        counts.count_duplicate("call-events")
        counts.count_ignored("call-events")
        counts.count_rejected("call-events", Reason.BAD_TIME)
        counts.count_historic("call-events")
        counts.count_skewed(HERE)
        counts.count_odd(HERE, "duplicate")
    figures = counts.figures(7)
    assert figures.odd == {(*HERE, "duplicate"): 2}
    assert figures.applied == {("call-events", "contact.offered"): 2}
    assert figures.discarded == {("call-events", "duplicate"): 2, ("call-events", "ignored"): 2}
    assert figures.rejected == {("call-events", "bad_time"): 2}
    assert (figures.historic, figures.skewed, figures.rows) == ({"call-events": 2}, {HERE: 2}, 7)


@pytest.mark.parametrize(
    ("time_ms", "wall_ms", "seen_ms", "delay_seconds"),
    [(1000, 3500, 1000, 2.5), (9000, 3500, 3500, 0.0)],  # a source ahead of time does not hide its own silence
)
def test_how_fresh_a_source_is(time_ms: int, wall_ms: int, seen_ms: int, delay_seconds: float) -> None:
    """The newest event time, never ahead of the wall; no delay is negative."""
    counts = InputCounts()
    counts.observe(HERE, "call-events", time_ms=time_ms, wall_ms=wall_ms)
    counts.observe(HERE, "call-events", time_ms=500, wall_ms=500)
    figures = counts.figures(0)
    assert figures.last_event_ms == {HERE: seen_ms}
    assert figures.delay["call-events"].sum_seconds == delay_seconds
    assert sum(figures.delay["call-events"].counts) == 2


def test_sources_beyond_the_bound_are_not_told_apart() -> None:
    """Labels do not grow without end; the known ones go on."""
    counts = InputCounts()
    for number in range(MOST_SOURCES + 5):
        source = ("acme", "fortaleza", f"s{number}")
        counts.observe(source, "call-events", time_ms=1000, wall_ms=1000)
        counts.count_skewed(source)
    counts.observe(("acme", "fortaleza", "s0"), "call-events", time_ms=2000, wall_ms=2000)
    counts.count_skewed(("acme", "fortaleza", "s0"))
    figures = counts.figures(0)
    assert (len(figures.last_event_ms), len(figures.skewed)) == (MOST_SOURCES, MOST_SOURCES)
    assert figures.last_event_ms["acme", "fortaleza", "s0"] == 2000
    assert figures.skewed["acme", "fortaleza", "s0"] == 2


def test_figures_are_a_copy() -> None:
    """A scrape reads them on another thread while counting goes on."""
    counts = InputCounts()
    counts.observe(HERE, "call-events", time_ms=1000, wall_ms=1000)
    counts.count_skewed(HERE)
    figures = counts.figures(1)
    before = msgspec.json.encode([repr(getattr(figures, field.name)) for field in fields(figures)])
    counts.observe(HERE, "call-events", time_ms=9000, wall_ms=9000)
    counts.count_skewed(HERE)
    counts.count_applied("call-events", "contact.offered")
    assert before == msgspec.json.encode([repr(getattr(figures, field.name)) for field in fields(figures)])
