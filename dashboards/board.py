"""What all dashboards are: read-only, of one tenant, in the reader's language, with links to the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.models import dashboard as models

from dashboards import queries, theme
from dashboards.drawing import DATASOURCE, drawn
from dashboards.panels import Panel, Row
from dashboards.theme import Language, Text

ALL: Final = Text("Todos", "All")
TAG: Final = "filaviva"
WALL_ZONE: Final = "America/Sao_Paulo"


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice of the reader among the values of a label; ``many``: any number, all at first if ``all_at_first``."""

    name: str
    label: Text
    query: str
    many: bool = False
    all_at_first: bool = True


TENANT: Final = Variable("tenant", Text("Empresa", "Tenant"), queries.TENANTS)
SITE: Final = Variable("site", Text("Unidade", "Site"), queries.SITES, many=True)
QUEUE: Final = Variable("queue", Text("Fila", "Queue"), queries.QUEUES, many=True)
ONE_QUEUE: Final = Variable("queue", Text("Fila", "Queue"), queries.QUEUES, many=True, all_at_first=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard. ``annotation`` is a name and the PromQL whose series mark times on its charts."""

    uid: str
    title: Text
    purpose: Text
    variables: tuple[Variable, ...]
    things: tuple[Panel | Row, ...]
    refresh: str = "10s"
    since: str = "now-1h"
    zone: str = "browser"
    annotation: tuple[Text, str] | None = None
    is_wall: bool = False
    """No links: nobody clicks on a wall."""

    def build(self, language: Language) -> models.Dashboard:
        """In the classic model, which file provisioning reads on every version from 10 on."""
        board = dashboard.Dashboard(self.title.to(language)).uid(self.uid).description(self.purpose.to(language))
        board.tags([TAG]).timezone(self.zone).refresh(self.refresh).time(self.since, "now").readonly()
        source = dashboard.DatasourceVariable("datasource").label(Text("Fonte de dados", "Data source").to(language))
        board.with_variable(source.type("prometheus"))
        for variable in self.variables:
            board.with_variable(_choice(variable, language))
        if self.annotation is not None:
            board.annotation(_annotation(*self.annotation, language))
        if not self.is_wall:
            board.link(_others(language))
        for figure in drawn(self.things, language):
            board.with_row(figure) if isinstance(figure, dashboard.Row) else board.with_panel(figure)
        return board.build()


def _choice(variable: Variable, language: Language) -> dashboard.QueryVariable:
    choice = dashboard.QueryVariable(variable.name).label(variable.label.to(language)).datasource(DATASOURCE)
    choice.query(variable.query).refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    choice.sort(models.VariableSort.ALPHABETICAL_ASC)
    if not variable.many:
        return choice
    choice.multi(True)
    if not variable.all_at_first:
        return choice
    every = models.VariableOption(selected=True, text=ALL.to(language), value="$__all")
    return choice.include_all(True).all_value(".*").current(every)


def _annotation(name: Text, promql: str, language: Language) -> dashboard.AnnotationQuery:
    query = prometheus.Dataquery().expr(promql).legend_format("{{queue}}").ref_id("A").datasource(DATASOURCE)
    return (
        dashboard.AnnotationQuery()
        .name(name.to(language))
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(theme.ACT)
        .target(query)
    )


def _others(language: Language) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(Text("Outros painéis", "Other dashboards").to(language))
    link.type(models.DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True)
    return link.include_vars(True).keep_time(True)
