"""Panels as plain values, and where they stand. Nothing here knows which dashboard it is for, or Grafana."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, NamedTuple

from dashboards import theme
from dashboards.theme import Text

COLUMNS: Final = 24
ROW_TITLE_HEIGHT: Final = 1
NO_DATA: Final = Text("sem dados", "no data")

Name = str | Text
"""Of a line: a template of its labels, in no language; or words."""


class Kind(Enum):
    """What a panel looks like."""

    LINES = "lines over time"
    STACK = "areas over time, one on the other"
    STATES = "a timeline of states"
    TILE = "one large number, or one per line, on its colour"
    BARS = "one bar per line"
    HEATMAP = "buckets over time"
    TABLE = "one row per queue"
    ALERTS = "a list of alerts"


class Column(NamedTuple):
    """One column of a table: the value of a query, or with ``label`` one of its labels as text."""

    title: Text
    promql: str
    unit: theme.Unit = theme.COUNT
    thresholds: theme.Steps = theme.NO_LIMIT
    bar: bool = False
    missing: Text = NO_DATA
    label: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. ``series`` maps the names of its lines to PromQL.

    ``states`` are words for 0, 1, ...; ``colours`` one per line, instead of thresholds. A table has ``columns``; a
    list of alerts ``filter``.
    """

    title: Text
    description: Text
    series: Mapping[Name, str]
    unit: theme.Unit = theme.COUNT
    thresholds: theme.Steps = theme.NO_LIMIT
    states: tuple[Text, ...] = ()
    kind: Kind = Kind.LINES
    width: int = 12
    height: int = 8
    colours: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    sort_by: Text | None = None
    filter: str = ""
    words: Mapping[str, Text] = field(default_factory=dict)
    """What to call lines whose name is a word of the service."""

    def at(self, width: int, height: int) -> Panel:
        """The same in another size."""
        return replace(self, width=width, height=height)


@dataclass(frozen=True, slots=True)
class Row:
    """A title above the panels after it; with ``repeat`` once more for each value of that variable."""

    title: Text
    repeat: str = ""


class Place(NamedTuple):
    """A rectangle on the grid; ``y`` counts down."""

    x: int
    y: int
    width: int
    height: int


def tile(
    title: Text, description: Text, promql: str | Mapping[Name, str], thresholds: theme.Steps, size: tuple[int, int]
) -> Panel:
    """One large number of whole units; change unit, states and colours with `dataclasses.replace`."""
    series: Mapping[Name, str] = {"": promql} if isinstance(promql, str) else promql
    width, height = size
    return Panel(title, description, series, thresholds=thresholds, kind=Kind.TILE, width=width, height=height)


def evenly(*panels: Panel) -> tuple[Panel, ...]:
    """Panels of one row, all of one width; their number divides 24."""
    return tuple(panel.at(COLUMNS // len(panels), panel.height) for panel in panels)


def placed(things: Iterable[Panel | Row]) -> Iterator[tuple[int, Panel | Row, Place]]:
    """Number, panel and place: each as high as it fits, then as far left. A row starts below everything before it."""
    heights = [0] * COLUMNS
    for number, thing in enumerate(things, start=1):
        if isinstance(thing, Row):
            place = Place(0, max(heights), COLUMNS, ROW_TITLE_HEIGHT)
        else:
            place = _highest(heights, thing)
        heights[place.x : place.x + place.width] = [place.y + place.height] * place.width
        yield number, thing, place


def _highest(heights: Sequence[int], panel: Panel) -> Place:
    options = [(max(heights[x : x + panel.width]), x) for x in range(COLUMNS - panel.width + 1)]
    y, x = min(options)
    return Place(x, y, panel.width, panel.height)
