"""The panels and variables used, and where panels stand. Nothing here knows which dashboard it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, statetimeline, timeseries
from grafana_foundation_sdk.models import common as common_models, dashboard as models

from dashboards import theme
from dashboards.theme import Language, Text

COLUMNS: Final = 24
PANEL_HEIGHT: Final = 8
DATASOURCE: Final = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA: Final = Text("sem dados", "no data")
ALL: Final = Text("Todos", "All")

Drawn = timeseries.Panel | statetimeline.Panel
Either = TypeVar("Either", timeseries.Panel, statetimeline.Panel)


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over time; or, where ``states`` gives the words for 0, 1, ..., a timeline of states.

    ``series`` maps the name of a line, a template of its labels in no language, to PromQL.
    """

    title: Text
    description: Text
    series: Mapping[str, str]
    unit: theme.Unit = theme.COUNT
    thresholds: theme.Steps = theme.NO_LIMIT
    states: tuple[Text, ...] = ()


def placed(rows: Sequence[Sequence[Panel]], language: Language) -> Iterator[Drawn]:
    """Rows from top to bottom, the panels of one equally wide (their number divides 24); numbered from 1."""
    number = 0
    for row, panels in enumerate(rows):
        width = COLUMNS // len(panels)
        for column, panel in enumerate(panels):
            number += 1
            place = models.GridPos(h=PANEL_HEIGHT, w=width, x=column * width, y=row * PANEL_HEIGHT)
            drawn = _state_timeline(panel, language) if panel.states else _time_series(panel, language)
            yield drawn.id(number).grid_pos(place)


def _time_series(panel: Panel, language: Language) -> timeseries.Panel:
    lines = common_models.GraphThresholdsStyleMode
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.TABLE).show_legend(True)
    legend.placement(common_models.LegendPlacement.RIGHT).calcs(["lastNotNull", "max"]).sort_by("Max").sort_desc(True)
    limits = lines.OFF if panel.thresholds == theme.NO_LIMIT else lines.DASHED
    drawn = _dressed(timeseries.Panel(), panel, language).legend(legend).axis_soft_min(0)
    drawn.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    drawn.tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    return drawn.thresholds_style(common.GraphThresholdsStyleConfig().mode(limits))


def _state_timeline(panel: Panel, language: Language) -> statetimeline.Panel:
    words = {str(state): models.ValueMappingResult(text=word.to(language)) for state, word in enumerate(panel.states)}
    drawn = _dressed(statetimeline.Panel(), panel, language).mappings([models.ValueMap(options=words)])
    return drawn.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))


def _dressed(drawn: Either, panel: Panel, language: Language) -> Either:
    """What every panel has."""
    steps = [models.Threshold(value=value, color=color) for value, color in panel.thresholds]
    drawn.title(panel.title.to(language)).description(panel.description.to(language)).datasource(DATASOURCE)
    drawn.unit(panel.unit.name).decimals(panel.unit.decimals).no_value(NO_DATA.to(language))
    drawn.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    for index, (name, promql) in enumerate(panel.series.items()):
        query = prometheus.Dataquery().expr(promql).legend_format(name).ref_id(chr(ord("A") + index))
        drawn.with_target(query.datasource(DATASOURCE).range())
    return drawn


def one_of(name: str, label: Text, query: str, language: Language) -> dashboard.QueryVariable:
    """A variable with one value of a label: the first, until the reader chooses another."""
    variable = dashboard.QueryVariable(name).label(label.to(language)).datasource(DATASOURCE).query(query)
    return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def some_of(name: str, label: Text, query: str, language: Language) -> dashboard.QueryVariable:
    """A variable with any number of values of a label: all, until the reader chooses."""
    every = models.VariableOption(selected=True, text=ALL.to(language), value="$__all")
    return one_of(name, label, query, language).multi(True).include_all(True).all_value(".*").current(every)
