"""The bench's own bookkeeping: half an hour of measuring is not lost to one measure that fails."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.bench import __main__ as bench
from tests.bench.cluster import Cluster
from tests.bench.measures import MEASURES, Circumstances, Measure
from tests.bench.table import MET, MISSED, Row, as_text, at_least, at_most

NOWHERE = Circumstances(cast(Cluster, None), Path(), is_short=True, bench_python=None)


def fails(around: Circumstances) -> list[Row]:
    raise AssertionError(f"no broker | in {around.folder}\nand none elsewhere")


def options(*names: str) -> bench._Options:
    return bench._Options(list(names), is_short=True, bench_python=Path(), events=None, results=None)


def test_a_measure_that_fails_is_a_missed_row_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason stands in the row, on one line of the table; what is left is told before each."""
    good = Measure(lambda _: [at_most("pages", 0.5, 1.0, "s")], minutes=9, short_minutes=2)
    monkeypatch.setattr(bench, "MEASURES", {"bad": Measure(fails, minutes=9, short_minutes=3), "good": good})
    bad, row = bench._measured(options("bad", "good"), NOWHERE)
    assert bad == Row("bad", "-", "", MISSED, "not measured: AssertionError: no broker / in . and none elsewhere")
    assert (row.figure, row.verdict) == ("pages", MET)
    assert len(as_text([bad, row]).splitlines()) == 4
    said = capsys.readouterr().out
    assert "about 5 min in all" in said
    assert "[2/2] good, about 2 min left" in said


def test_a_goal_is_met_at_its_very_value_and_a_missed_one_says_why() -> None:
    """A remark stands only beside what was missed."""
    assert at_most("lag", 1.2, 1.2, "s", remark="why").verdict == MET
    missed = at_least("speed", 14.9, 15, "x", remark="why")
    assert (missed.verdict, missed.remark, missed.measured) == (MISSED, "why", "14.9x")
    assert at_least("speed", 15, 15, "x", remark="why").remark == ""


def test_a_full_run_of_everything_takes_less_than_forty_minutes() -> None:
    """As far as is known beforehand; every measure says."""
    assert sum(measure.minutes for measure in MEASURES.values()) < 40
    assert all(measure.short_minutes <= measure.minutes for measure in MEASURES.values())
