"""The operators' rows on what brings events in: gateways and movers."""

from __future__ import annotations

from typing import Final

from dashboards import intake_queries as queries, theme
from dashboards.panels import Kind, Panel
from dashboards.theme import Text

GATEWAYS: Final = (
    Panel(
        Text("Entradas no ar", "Ways in, up"),
        Text(
            "O Kafka confirma o que o gateway e os movers enviam, e a plataforma de cada mover responde?",
            "Does Kafka acknowledge what the gateway and movers send, and does each mover's platform answer?",
        ),
        {
            "gateway {{instance}}": queries.GATEWAYS_DELIVERING,
            "{{source}} {{mover}}": queries.MOVERS_CONNECTED,
            "{{source}} {{mover}} > Kafka": queries.MOVERS_DELIVERING,
        },
        thresholds=theme.UP,
        states=(Text("Fora", "Down"), Text("No ar", "Up")),
        kind=Kind.STATES,
    ),
    Panel(
        Text("Pedidos ao gateway por segundo", "Requests to the gateway per second"),
        Text(
            "Por fonte e resposta: 200 está no Kafka, 4xx recusado, 429 e 503 pede para voltar.",
            "By source and answer: 200 is in Kafka, 4xx refused, 429 and 503 ask to come again.",
        ),
        {"{{source}} {{status}}": queries.REQUESTS_PER_SECOND},
        unit=theme.PER_SECOND,
    ),
    Panel(
        Text("Eventos que o gateway ainda deve ao Kafka", "Events the gateway still owes to Kafka"),
        Text("De webhooks de plataformas; enviados até ele os ter.", "Of platforms' webhooks; sent until it has them."),
        {"{{source}}": queries.OWED_EVENTS},
        thresholds=theme.REJECTED_EVENTS,
    ),
)
MOVERS: Final = (
    Panel(
        Text("Registros lidos por segundo", "Records read per second"),
        Text("Linhas, mensagens e e-mails, por mover.", "Lines, messages and mails, by mover."),
        {"{{source}} {{mover}}": queries.RECORDS_PER_SECOND},
        unit=theme.PER_SECOND,
    ),
    Panel(
        Text("Atraso dos movers", "How far movers are behind"),
        Text(
            "De um log, pela hora de suas linhas; dos outros, desde a última resposta.",
            "Of a log by the times of its lines; of others since the last answer.",
        ),
        {"{{source}} {{mover}}": queries.BEHIND_SECONDS},
        unit=theme.WHOLE_SECONDS,
        thresholds=theme.BEHIND_SECONDS,
    ),
    Panel(
        Text("Sem evento em 5 minutos, por motivo", "Without an event in 5 minutes, by reason"),
        Text(
            "Malformados (filaviva dead-letters list) e ignorados (o que não se conta).",
            "Malformed (filaviva dead-letters list) and ignored (what is not counted).",
        ),
        {"{{source}} {{reason}}": queries.REJECTED_IN_5_MINUTES, "{{source}} {{kind}}": queries.IGNORED_IN_5_MINUTES},
    ),
)
