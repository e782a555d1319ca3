"""Tables of queues out of several instant queries: merged by their labels, then ordered, named and coloured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Any, Final

from grafana_foundation_sdk.models import dashboard as models

from dashboards import theme
from dashboards.panels import Column
from dashboards.theme import Language, Text

REFS: Final = ascii_uppercase
CODE: Final = Text("Código", "Code")
"""The column with the queue's slug, which links need."""
FORMULA_WIDTH: Final = 270
"""Pixels: the longest name of a formula."""
LARGEST_SHARE: Final = 1.25
"""Where a bar is full: what is beyond has left its limit behind anyway."""
QUEUE_DASHBOARD: Final = "filaviva-queue"


def queries(columns: Sequence[Column]) -> Iterator[tuple[int, str]]:
    """The index of a query among the panel's, and its PromQL."""
    return enumerate(column.promql for column in columns if column.promql)


def transformations(columns: Sequence[Column], language: Language) -> list[models.DataTransformerConfig]:
    """One row per queue, columns in our order under our titles, nothing else."""
    names = [*_field_names(columns)]
    hidden = {"Time": True} | {f"Value #{REFS[index]}": True for index, _ in queries(columns)}
    organised = {
        "excludeByName": {name: True for name in hidden if name not in names},
        "indexByName": {name: index for index, name in enumerate(names)},
        "renameByName": {name: column.title.to(language) for name, column in zip(names, columns, strict=True)},
    }
    return [
        models.DataTransformerConfig(id_val="merge", options={}),
        models.DataTransformerConfig(id_val="organize", options=organised),
    ]


def _field_names(columns: Sequence[Column]) -> Iterator[str]:
    """What Grafana calls each column before we do: a label's own name, or the value of a query."""
    index = 0
    for column in columns:
        yield column.label or f"Value #{REFS[index]}"
        index += bool(column.promql)


def overrides(columns: Sequence[Column], language: Language) -> Iterator[tuple[str, list[models.DynamicConfigValue]]]:
    """By column title: how its cells look."""
    for column in columns:
        yield (
            column.title.to(language),
            [models.DynamicConfigValue(name, value) for name, value in _look(column, language)],
        )


def _look(column: Column, language: Language) -> Iterator[tuple[str, Any]]:
    if column.label:
        if column.label == "display_name":
            yield "links", [_link_to_queue(language)]
        if column.label == "formula":
            yield "custom.width", FORMULA_WIDTH
        return
    yield "unit", column.unit.name
    yield "decimals", column.unit.decimals
    yield "noValue", column.missing.to(language)
    # A cell without a value would get the colour of the lowest step, as if it were known to be bad or good.
    unknown = {"text": column.missing.to(language), "color": theme.UNKNOWN}
    yield "mappings", [{"type": "special", "options": {"match": "null+nan", "result": unknown}}]
    if column.thresholds != theme.NO_LIMIT:
        steps = [{"value": value, "color": color} for value, color in column.thresholds]
        yield "thresholds", {"mode": "absolute", "steps": steps}
        yield "color", {"mode": "thresholds"}
        yield "custom.cellOptions", _bar() if column.bar else {"type": "color-background", "mode": "basic"}
    if column.bar:
        yield "min", 0
        yield "max", LARGEST_SHARE


def _bar() -> dict[str, str]:
    return {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}


def _link_to_queue(language: Language) -> dict[str, str]:
    code = f'${{__data.fields["{CODE.to(language)}"]}}'
    title = Text("Abrir a fila", "Open the queue").to(language)
    return {
        "title": title,
        "url": f"/d/{QUEUE_DASHBOARD}?var-tenant=${{tenant}}&var-queue={code}&${{__url_time_range}}",
    }
