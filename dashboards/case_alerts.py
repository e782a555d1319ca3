"""Alerts of cases: deadlines of any rule, also "cancellation waits for retention" and "leader not alerted"."""

from __future__ import annotations

from typing import Final

from dashboards.alert import Alert, Scope, Severity
from dashboards.theme import Text
from streams import metric_names as names


def _in_state(state: str) -> str:
    return f'sum by (tenant, rule) ({names.CASE_DEADLINES.name}{{state="{state}"}}) > 0'


CASES: Final = (
    Alert(
        name="FilavivaDeadlineAtRisk",
        expr=_in_state("at_risk"),
        wait="1m",
        severity=Severity.WARNING,
        scope=Scope.TENANT,
        dashboard="filaviva-compliance",
        summary=Text(
            "{{ $value }} demandas perto do prazo da regra {{ $labels.rule }}",
            "{{ $value }} cases near the deadline of rule {{ $labels.rule }}",
        ),
        meaning=Text(
            "Ainda há tempo de responder, resolver ou avisar quem deve. Comece pelas mais antigas.",
            "There is still time to answer, to resolve, or to tell who must know. Begin with the oldest.",
        ),
    ),
    Alert(
        name="FilavivaDeadlineMissed",
        expr=_in_state("open"),
        wait="1m",
        severity=Severity.CRITICAL,
        scope=Scope.TENANT,
        dashboard="filaviva-compliance",
        summary=Text(
            "{{ $value }} demandas passaram do prazo da regra {{ $labels.rule }}",
            "{{ $value }} cases are past the deadline of rule {{ $labels.rule }}",
        ),
        meaning=Text(
            "A violação está registrada e cresce a cada dia. Responda agora, mesmo tarde.",
            "The breach is on record and grows by the day. Answer now, late as it is.",
        ),
    ),
)
