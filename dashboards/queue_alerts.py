"""Alerts of queues: a limit, a promise, a team that is missing, or figures that nobody knows."""

from __future__ import annotations

from typing import Final

from dashboards import recording
from dashboards.alert import DURATION, PERCENT, Alert, Scope, Severity, is_open
from dashboards.recording import BUDGET, MISSES, Q
from dashboards.theme import Text
from streams import metric_names as names

ON_Q: Final = f"on ({Q})"
QUEUE: Final = "{{ $labels.queue }} ({{ $labels.site }})"
FEWEST_CONTACTS: Final = 20
"""Below, three lost contacts would be a share that wakes people."""
WORKING: Final = "available|ringing|busy|wrap_up"

_USED: Final = recording.QUEUE_LIMIT_USED.record
_WAITING: Final = f"({recording.QUEUE_WAITING.record} > 0)"
_WORKING: Final = f'sum by ({Q}) ({recording.QUEUE_AGENTS.record}{{state=~"{WORKING}"}})'
_STALE: Final = f"max by ({Q}) ({names.QUEUE_STALE.name})"
_LOST: Final = "abandoned_in_target|abandoned_late"


def _burn(factor: float, long: str, short: str) -> str:
    """More than ``factor`` times the budget of misses was used, over a long and over a short window."""
    limit = f"clamp_max({factor} * {BUDGET.record}, 0.9)"
    enough = f"sum by ({Q}) (increase({names.QUEUE_EXITS.name}[{long}])) >= {FEWEST_CONTACTS}"
    long_window, short_window = (f"({MISSES[window].record} > {ON_Q} {limit})" for window in (long, short))
    return f"{long_window} and {ON_Q} {short_window} and {ON_Q} ({enough})"


def _left(outcomes: str) -> str:
    return f'sum by ({Q}) (increase({names.QUEUE_EXITS.name}{{outcome=~"{outcomes}"}}[30m]))'


QUEUE_NOW: Final = (
    Alert(
        name="FilavivaQueueWaitLimitExceeded",
        expr=f"{_USED} > 1",
        wait="5s",
        keep="2m",
        severity=Severity.CRITICAL,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE}: a maior espera está em {PERCENT} do limite",
            f"Queue {QUEUE}: the longest wait is at {PERCENT} of the limit",
        ),
        meaning=Text(
            "Um cliente espera além do limite agora, e a violação já está registrada. Traga atendentes para a fila.",
            "A customer waits beyond the limit now, and the breach is on record. Bring agents to the queue.",
        ),
    ),
    Alert(
        name="FilavivaQueueUnstaffed",
        expr=f"{_WAITING} and {ON_Q} ({_WORKING} == 0) and {ON_Q} ({is_open(Q)} == 1)",
        wait="1m",
        severity=Severity.CRITICAL,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE}: {{{{ $value }}}} esperando e nenhum atendente trabalhando",
            f"Queue {QUEUE}: {{{{ $value }}}} waiting and no agent at work",
        ),
        meaning=Text(
            "Ninguém vai atender esses clientes. Confira a escala e as pausas; se há gente na fila, falta o aviso da"
            " plataforma.",
            "Nobody will answer these customers. Check shifts and pauses; if people are there, the platform does not"
            " say so.",
        ),
    ),
)
QUEUE_SOON: Final = (
    Alert(
        name="FilavivaQueueWaitLimitNear",
        expr=f"{_USED} > 0.8",
        wait="30s",
        keep="2m",
        severity=Severity.WARNING,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE}: a maior espera já usou {PERCENT} do limite",
            f"Queue {QUEUE}: the longest wait has used {PERCENT} of the limit",
        ),
        meaning=Text(
            "Se nada mudar, o limite estoura em instantes. Ainda dá tempo de deslocar alguém.",
            "If nothing changes the limit breaks in moments. There is still time to move somebody.",
        ),
    ),
    Alert(
        name="FilavivaServiceLevelFastBurn",
        expr=_burn(2.5, "1h", "5m"),
        severity=Severity.CRITICAL,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE}: {PERCENT} dos contatos fora do prazo na última hora",
            f"Queue {QUEUE}: {PERCENT} of the contacts not in target in the last hour",
        ),
        meaning=Text(
            "A este ritmo a meta do dia se perde em poucas horas. Reforce a fila e procure a causa.",
            "At this pace the goal of the day is lost within hours. Staff the queue and look for the cause.",
        ),
    ),
    Alert(
        name="FilavivaServiceLevelSlowBurn",
        expr=_burn(1.5, "4h", "30m"),
        severity=Severity.WARNING,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE}: {PERCENT} dos contatos fora do prazo em 4 horas",
            f"Queue {QUEUE}: {PERCENT} of the contacts not in target in 4 hours",
        ),
        meaning=Text(
            "A fila está abaixo da meta faz horas. Reveja a escala do resto do dia.",
            "The queue has been below its goal for hours. Look at the shifts of the rest of the day.",
        ),
    ),
    Alert(
        name="FilavivaQueueAbandonmentHigh",
        expr=f"{_left(_LOST)} / {ON_Q} ({_left(recording.JUDGED)} >= {FEWEST_CONTACTS}) > 0.15",
        wait="5m",
        severity=Severity.WARNING,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE}: {PERCENT} desistiram em 30 minutos", f"Queue {QUEUE}: {PERCENT} gave up in 30 minutes"
        ),
        meaning=Text(
            "Clientes desistem de esperar. Veja a espera e se os retornos estão saindo.",
            "Customers give up waiting. Look at the wait, and whether callbacks go out.",
        ),
    ),
    Alert(
        name="FilavivaQueueCallbacksOverdue",
        expr=f"{recording.CALLBACK_OVERDUE.record} > 900",
        wait="1m",
        severity=Severity.WARNING,
        scope=Scope.QUEUE,
        dashboard="filaviva-callbacks",
        summary=Text(
            f"Fila de retorno {QUEUE}: um retorno está atrasado há {DURATION}",
            f"Callback queue {QUEUE}: a callback is overdue for {DURATION}",
        ),
        meaning=Text(
            "Prometemos ligar e não ligamos. Veja se há atendentes livres para retornos e se o discador trabalha.",
            "We promised to call and did not. See whether agents are free for callbacks, and the dialer works.",
        ),
    ),
    Alert(
        name="FilavivaQueueClosedWithWaiting",
        expr=f"{_WAITING} and {ON_Q} ({is_open(Q)} == 0)",
        wait="5m",
        severity=Severity.WARNING,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE} está fechada e {{{{ $value }}}} ainda esperam",
            f"Queue {QUEUE} is closed and {{{{ $value }}}} still wait",
        ),
        meaning=Text(
            "A fila fechou com clientes dentro. Atenda-os ou encaminhe; confira o calendário da fila.",
            "The queue closed with customers in it. Answer or forward them; check the queue's calendar.",
        ),
    ),
    Alert(
        name="FilavivaQueueSeriesMissing",
        expr=f"max by ({Q}) ({names.QUEUE_INFO.name}) unless {ON_Q} {_STALE}",
        wait="1m",
        severity=Severity.CRITICAL,
        scope=Scope.QUEUE,
        summary=Text(f"Fila {QUEUE}: nenhum worker responde por ela", f"Queue {QUEUE}: no worker answers for it"),
        meaning=Text(
            "Não se sabe nada desta fila; ela aparece como sem dados. Veja se há workers fora do ar.",
            "Nothing is known of this queue; it is shown as no data. See whether workers are down.",
        ),
    ),
    Alert(
        name="FilavivaQueueStale",
        expr=f"{_STALE} == 1 and {ON_Q} ({is_open(Q)} == 1)",
        wait="2m",
        severity=Severity.WARNING,
        scope=Scope.QUEUE,
        summary=Text(f"Fila {QUEUE}: sem dados ao vivo", f"Queue {QUEUE}: no live data"),
        meaning=Text(
            "A fonte da fila está em silêncio ou o worker está atrasado; os números sumiram de propósito.",
            "The queue's source is silent or its worker is behind; the numbers have vanished on purpose.",
        ),
    ),
    Alert(
        name="FilavivaQueueDoubleOwner",
        expr=f"count by ({Q}) ({names.QUEUE_WAITING_CONTACTS.name}) > 1",
        wait="2m",
        severity=Severity.WARNING,
        scope=Scope.QUEUE,
        summary=Text(
            f"Fila {QUEUE}: {{{{ $value }}}} workers dizem ser donos dela",
            f"Queue {QUEUE}: {{{{ $value }}}} workers say they own it",
        ),
        meaning=Text(
            "Dois workers publicam a mesma fila por mais tempo que uma troca. Há dois grupos, ou um worker preso.",
            "Two workers publish one queue for longer than a hand-over. There are two groups, or a worker hangs.",
        ),
    ),
)
