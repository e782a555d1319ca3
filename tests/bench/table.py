"""The table of a run: every figure beside its goal, and the goals that were missed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MET: Final = "met"
MISSED: Final = "missed"
NO_GOAL: Final = ""


@dataclass(frozen=True)
class Row:
    """One line. ``verdict`` is empty for what is only reported; ``remark`` says why a goal was missed."""

    figure: str
    measured: str
    goal: str = "-"
    verdict: str = NO_GOAL
    remark: str = ""

    @property
    def is_missed(self) -> bool:
        return self.verdict == MISSED


def at_most(figure: str, value: float, goal: float, unit: str, *, remark: str = "", detail: str = "") -> Row:
    """A figure that must not be larger than its goal."""
    return _judged(figure, f"{_number(value)} {unit}{detail}", f"at most {_number(goal)} {unit}", value <= goal, remark)


def at_least(figure: str, value: float, goal: float, unit: str, *, remark: str = "", detail: str = "") -> Row:
    """A figure that must not be smaller than its goal."""
    return _judged(figure, f"{_number(value)}{unit}{detail}", f"at least {_number(goal)}{unit}", value >= goal, remark)


def _judged(figure: str, measured: str, goal: str, is_met: bool, remark: str) -> Row:  # noqa: FBT001 - private
    return Row(figure, measured, goal, MET if is_met else MISSED, "" if is_met else remark)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_text(rows: Iterable[Row]) -> str:
    """A Markdown table."""
    lines = ["| figure | measured | goal | | remark |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {row.figure} | {row.measured} | {row.goal} | {row.verdict} | {row.remark} |" for row in rows]
    return "\n".join(lines)
