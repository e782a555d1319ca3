"""One queue in depth; chosen together, several one below the other."""

from __future__ import annotations

from typing import Final

from dashboards import queries, theme, words
from dashboards.board import ONE_QUEUE, SITE, TENANT, Board
from dashboards.panels import Kind, Panel, Row, evenly
from dashboards.theme import Text

STATES: Final = evenly(
    Panel(
        Text("Aberta ou fechada", "Open or closed"),
        Text("Pelo calendário da própria fila.", "By the queue's own calendar."),
        {"{{queue}} ({{channel}})": queries.CHOSEN_OPEN},
        thresholds=theme.OPEN,
        states=(Text("Fechada", "Closed"), Text("Aberta", "Open")),
        kind=Kind.STATES,
        height=5,
    ),
    Panel(
        Text("Dados confiáveis", "Data can be trusted"),
        Text("Sem: a fila não mostra números ao vivo.", "If not, the queue shows no live numbers."),
        {"{{queue}} ({{channel}})": queries.CHOSEN_STALE},
        thresholds=theme.ANY_IS_UNKNOWN,
        states=(Text("Ao vivo", "Live"), Text("Sem dados", "No data")),
        kind=Kind.STATES,
        height=5,
    ),
)
WAITS: Final = (
    Panel(
        Text("Limite usado", "Limit used"),
        Text("Parte do limite usada por quem espera há mais tempo.", "Share of the limit used by who waits longest."),
        {"{{queue}} ({{channel}})": queries.CHOSEN_LIMIT_USED},
        unit=theme.SHARE,
        thresholds=theme.LIMIT_USED,
    ),
    Panel(
        Text("Esperas dos que saíram", "Waits of those who left"),
        Text(
            "Contatos atendidos ou abandonados, por faixa de espera.", "Answered or abandoned, by length of the wait."
        ),
        {"{{le}}": queries.WAIT_BUCKETS},
        unit=theme.WHOLE_SECONDS,
        kind=Kind.HEATMAP,
    ),
    Panel(
        Text("Espera até o atendimento", "Wait until the answer"),
        Text(
            "Metade espera menos que p50, nove de dez menos que p90; dos últimos 15 minutos.",
            "Half wait less than p50, nine in ten less than p90; of the last 15 minutes.",
        ),
        {f"p{percent}": queries.wait_quantile_seconds(percent / 100) for percent in (50, 90)}
        | {Text("limite", "limit"): f"max({queries.CHOSEN_MAX_WAIT})"},
        unit=theme.WHOLE_SECONDS,
    ),
    Panel(
        Text("Tempo de atendimento", "Handle time"),
        Text("Conversa, espera em linha e pós-atendimento, 30 minutos.", "Talk, hold and wrap-up, 30 minutes."),
        {f"p{percent}": queries.handle_quantile_seconds(percent / 100) for percent in (50, 90)},
        unit=theme.WHOLE_SECONDS,
    ),
)
RESULTS: Final = (
    Panel(
        Text("Fora do prazo: 30 minutos e dia", "Not in target: 30 minutes and day"),
        Text(
            "Atendidos tarde e abandonos não curtos sobre todos os julgados; e um menos o nível de serviço de hoje.",
            "Answered late and abandons that are not short over all judged; and one minus today's service level.",
        ),
        {
            Text("30 minutos ({{channel}})", "30 minutes ({{channel}})"): queries.CHOSEN_MISSES,
            Text("hoje ({{channel}})", "today ({{channel}})"): f"1 - {queries.CHOSEN_SERVICE_LEVEL}",
        },
        unit=theme.SHARE,
    ),
    Panel(
        Text("Saídas em 5 minutos, por desfecho", "Exits in 5 minutes, by outcome"),
        Text("Como os contatos deixaram a fila.", "How contacts left the queue."),
        {"{{outcome}}": queries.EXITS_BY_OUTCOME},
        kind=Kind.STACK,
        words=words.OUTCOMES,
    ),
    Panel(
        Text("Estouros por hora", "Breaches per hour"),
        Text("Esperas que passaram do limite na hora anterior.", "Waits that crossed the limit in the hour before."),
        {"{{queue}} ({{channel}})": queries.CHOSEN_BREACHES},
        thresholds=theme.ANY_IS_TOO_MANY,
    ),
    Panel(
        Text("Atendentes da fila, por estado", "Agents of the queue, by state"),
        Text("Quem atende várias filas conta em cada uma.", "Who serves several queues counts in each."),
        {"{{state}}": queries.QUEUE_AGENTS_BY_STATE},
        kind=Kind.STACK,
        words=words.STATES,
    ),
)
BOARD: Final = Board(
    uid="filaviva-queue",
    title=Text("Fila", "One queue"),
    purpose=Text("O que acontece nesta fila?", "What happens in this queue?"),
    variables=(TENANT, SITE, ONE_QUEUE),
    things=(Row(Text("Fila $queue", "Queue $queue"), repeat="queue"), *STATES, *WAITS, *RESULTS),
    since="now-3h",
)
