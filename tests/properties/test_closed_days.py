"""Laws of days that are closed and opened again: archives in any order, flushes and restarts change no interval."""

from __future__ import annotations

from hypothesis import given, strategies as st

from streams.domain.decisions import Output
from tests.unit.test_interval_records import (
    DAY_MS,
    LONG_AGO_MS,
    Rows,
    apply,
    call,
    flush,
    last_words,
    new_core,
    revisions_of,
)

archives = st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=6).map(sorted), min_size=2, max_size=3)
"""The days of the calls of each, in the order in which they were."""


@given(archives, st.data())
def test_archives_in_any_interleaving_end_in_the_same_intervals(days: list[list[int]], data: st.DataObject) -> None:
    """One after the other, mixed, with flushes and restarts between any two calls: no revision goes back, the last word
    on each interval is of all calls, and the rows are those of one who took everything at once."""
    calls = [
        call(f"{archive}-{place}", LONG_AGO_MS + day * DAY_MS, source=f"pbx-{archive}")
        for archive, of_days in enumerate(days)
        for place, day in enumerate(of_days)
    ]
    left = [iter(of_days) for of_days in _split(calls, days)]
    order = data.draw(st.permutations([archive for archive, of_days in enumerate(days) for _ in of_days]))
    core, rows, told = new_core(), Rows(), list[Output]()
    for archive in order:
        apply(core, *next(left[archive]))
        act = data.draw(st.sampled_from(("go on", "flush", "restart")))
        if act != "go on":
            told += flush(core, rows)
        if act == "restart":
            core = new_core(rows)
    told += flush(core, rows)
    assert dict(core.snapshot()) == rows
    revisions_of(told)
    whole = new_core()
    apply(whole, *(event for each in calls for event in each))
    assert last_words(told) == last_words(flush(whole))


def _split(calls: list[list[dict[str, object]]], days: list[list[int]]) -> list[list[list[dict[str, object]]]]:
    """The calls by archive again."""
    remaining = iter(calls)
    return [[next(remaining) for _ in of_days] for of_days in days]
