"""Panels drawn with Grafana's builders: how each kind looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import (
    common as common_models,
    dashboard as models,
    heatmap as heatmap_models,
    prometheus as prometheus_models,
)

from dashboards import tables, theme
from dashboards.panels import NO_DATA, Kind, Name, Panel, Row, placed
from dashboards.theme import Language, Text

DATASOURCE: Final = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
FILL_OPACITY: Final = 10
STACK_OPACITY: Final = 60
MOST_ALERTS: Final = 20

AnyPanel = (
    bargauge.Panel | heatmap.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel | dashboard.Panel
)
Some = TypeVar(
    "Some",
    bargauge.Panel,
    heatmap.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
    dashboard.Panel,
)


def drawn(things: Iterable[Panel | Row], language: Language) -> Iterator[AnyPanel | dashboard.Row]:
    """Everything with its number and place."""
    for number, thing, place in placed(things):
        spot = models.GridPos(h=place.height, w=place.width, x=place.x, y=place.y)
        if isinstance(thing, Row):
            yield _row(thing, language).id(number).grid_pos(spot)
        else:
            yield _panel(thing, language).id(number).grid_pos(spot)


def said(name: Name, language: Language) -> str:
    return name.to(language) if isinstance(name, Text) else name


def _row(row: Row, language: Language) -> dashboard.Row:
    title = dashboard.Row(row.title.to(language))
    return title.repeat(row.repeat) if row.repeat else title


def _panel(panel: Panel, language: Language) -> AnyPanel:
    match panel.kind:
        case Kind.LINES | Kind.STACK:
            return _lines(panel, language)
        case Kind.STATES:
            return _states(panel, language)
        case Kind.TILE:
            return _tile(panel, language)
        case Kind.BARS:
            return _bars(panel, language)
        case Kind.HEATMAP:
            return _heatmap(panel, language)
        case Kind.TABLE:
            return _table(panel, language)
        case Kind.ALERTS:
            return _alerts(panel, language)


def _lines(panel: Panel, language: Language) -> timeseries.Panel:
    lines = common_models.GraphThresholdsStyleMode
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.TABLE).show_legend(True)
    legend.placement(common_models.LegendPlacement.RIGHT).calcs(["lastNotNull", "max"]).sort_by("Max").sort_desc(True)
    limits = lines.OFF if panel.thresholds == theme.NO_LIMIT else lines.DASHED
    figure = _asking(_dressed(timeseries.Panel(), panel, language), panel, language).legend(legend).axis_soft_min(0)
    figure.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
    figure.tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    figure.fill_opacity(STACK_OPACITY if panel.kind is Kind.STACK else FILL_OPACITY)
    if panel.kind is Kind.STACK:
        figure.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    return figure.thresholds_style(common.GraphThresholdsStyleConfig().mode(limits))


def _states(panel: Panel, language: Language) -> statetimeline.Panel:
    figure = _asking(_dressed(statetimeline.Panel(), panel, language), panel, language)
    return figure.mappings(_words(panel, language)).color_scheme(_by_threshold())


def _tile(panel: Panel, language: Language) -> stat.Panel:
    named = any(panel.series)
    figure = _asking(_dressed(stat.Panel(), panel, language), panel, language, instant=True)
    figure.color_scheme(_by_threshold()).reduce_options(_last()).graph_mode(common_models.BigValueGraphMode.NONE)
    figure.color_mode(common_models.BigValueColorMode.BACKGROUND_SOLID).wide_layout(False)
    figure.justify_mode(common_models.BigValueJustifyMode.CENTER)
    figure.text_mode(common_models.BigValueTextMode.VALUE_AND_NAME if named else common_models.BigValueTextMode.VALUE)
    for index, colour in enumerate(panel.colours):
        fixed = models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
        figure.override_by_query(_ref(index), [fixed])
    return figure.mappings(_words(panel, language)) if panel.states else figure


def _bars(panel: Panel, language: Language) -> bargauge.Panel:
    figure = _asking(_dressed(bargauge.Panel(), panel, language), panel, language, instant=True)
    figure.color_scheme(_by_threshold()).reduce_options(_last()).min(0)
    figure.orientation(common_models.VizOrientation.HORIZONTAL).show_unfilled(True)
    figure.value_mode(
        common_models.BarGaugeValueMode.TEXT
    )  # our colours are for backgrounds: as text some are too dark
    if panel.unit == theme.SHARE:
        figure.max(tables.LARGEST_SHARE)
    return figure.display_mode(common_models.BarGaugeDisplayMode.BASIC)


def _heatmap(panel: Panel, language: Language) -> heatmap.Panel:
    figure = _dressed(heatmap.Panel(), panel, language)
    for index, (name, promql) in enumerate(panel.series.items()):
        query = _query(promql, said(name, language), index).format(prometheus_models.PromQueryFormat.HEATMAP)
        figure.with_target(query.range())
    colour = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
    figure.y_axis(heatmap.YAxisConfig().unit(panel.unit.name)).color(colour)
    return figure.calculate(False).cell_gap(1)


def _table(panel: Panel, language: Language) -> table.Panel:
    figure = _dressed(table.Panel(), panel, language)
    for index, promql in tables.queries(panel.columns):
        query = _query(promql, "", index).format(prometheus_models.PromQueryFormat.TABLE)
        figure.with_target(query.instant())
    for transformation in tables.transformations(panel.columns, language):
        figure.with_transformation(transformation)
    for title, properties in tables.overrides(panel.columns, language):
        figure.override_by_name(title, properties)
    if panel.sort_by is not None:
        figure.sort_by([common.TableSortByFieldState().display_name(panel.sort_by.to(language)).desc(True)])
    return figure


def _alerts(panel: Panel, language: Language) -> dashboard.Panel:
    """Grafana's list of what Prometheus' rules say; the library has no builder of its own for it."""
    figure = dashboard.Panel().type("alertlist").title(panel.title.to(language))
    figure.description(panel.description.to(language)).datasource(DATASOURCE)
    return figure.options(
        {
            "alertInstanceLabelFilter": panel.filter,
            "datasource": DATASOURCE.uid,
            "maxItems": MOST_ALERTS,
            "sortOrder": 3,
            "stateFilter": {"firing": True, "pending": True},
            "viewMode": "list",
        }
    )


def _dressed(figure: Some, panel: Panel, language: Language) -> Some:
    """What every panel has."""
    steps = [models.Threshold(value=value, color=color) for value, color in panel.thresholds]
    figure.title(panel.title.to(language)).description(panel.description.to(language)).datasource(DATASOURCE)
    figure.unit(panel.unit.name).decimals(panel.unit.decimals).no_value(NO_DATA.to(language))
    return figure.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))


def _asking(figure: Some, panel: Panel, language: Language, *, instant: bool = False) -> Some:
    for word, text in panel.words.items():
        figure.override_by_name(word, [models.DynamicConfigValue("displayName", text.to(language))])
    for index, (name, promql) in enumerate(panel.series.items()):
        query = _query(promql, said(name, language), index)
        figure.with_target(query.instant() if instant else query.range())
    return figure


def _query(promql: str, name: str, index: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery().expr(promql).legend_format(name or "__auto").ref_id(_ref(index)).datasource(DATASOURCE)
    )


def _ref(index: int) -> str:
    return tables.REFS[index]


def _words(
    panel: Panel, language: Language
) -> list[models.ValueMap | models.RangeMap | models.RegexMap | models.SpecialValueMap]:
    words = {str(state): models.ValueMappingResult(text=word.to(language)) for state, word in enumerate(panel.states)}
    return [models.ValueMap(options=words)]


def _by_threshold() -> Builder[models.FieldColor]:
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def _last() -> Builder[common_models.ReduceDataOptions]:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
