"""Alerts of cases: deadlines of any rule, and the two first steps of a help desk that tries to keep who cancels."""

from __future__ import annotations

from typing import Final

from dashboards.alert import Alert, Scope, Severity
from dashboards.theme import Text
from streams import metric_names as names

LEADER_RULE: Final = "RET-LEADER"
RETENTION_RULE: Final = "RET-QUEUE"
"""As in the pack `retention-desk`; minutes count there, so they have alerts of their own."""
OF_MINUTES: Final = f"{LEADER_RULE}|{RETENTION_RULE}"


PAST: Final = 'state=~"open|overdue"'
"""Past its date and owed still. What runs in minutes or hours has no rolled date: never open, it is overdue at once."""


def _deadlines(state: str, rules: str = f'rule!~"{OF_MINUTES}"') -> str:
    return f"sum by (tenant, rule) ({names.CASE_DEADLINES.name}{{{state},{rules}}}) > 0"


def _past(rule: str) -> str:
    return _deadlines(PAST, f'rule="{rule}"')


CASES: Final = (
    Alert(
        name="FilavivaDeadlineAtRisk",
        expr=_deadlines('state="at_risk"'),
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
        expr=_deadlines(PAST),
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
    Alert(
        name="FilavivaLeaderNotAlerted",
        expr=_past(LEADER_RULE),
        severity=Severity.CRITICAL,
        scope=Scope.TENANT,
        dashboard="filaviva-compliance",
        summary=Text(
            "Cancelamentos sem aviso à liderança: {{ $value }}",
            "Cancellations of which the leader was not told: {{ $value }}",
        ),
        meaning=Text(
            "Avise a liderança agora: o cliente ainda pode ser ouvido. O cancelamento em si não espera.",
            "Tell the leader now: the customer may still be heard. The cancellation itself does not wait.",
        ),
    ),
    Alert(
        name="FilavivaCancellationUnattended",
        expr=_past(RETENTION_RULE),
        severity=Severity.CRITICAL,
        scope=Scope.TENANT,
        dashboard="filaviva-compliance",
        summary=Text(
            "Cancelamentos fora da fila de retenção: {{ $value }}",
            "Cancellations not in the retention queue: {{ $value }}",
        ),
        meaning=Text(
            "Ponha-os na fila de retenção com prioridade alta. O prazo legal do cancelamento segue correndo.",
            "Put them into the retention queue at high priority. The legal deadline of the cancellation runs on.",
        ),
    ),
)
