"""The operators' dashboard: do events flow, how late, what is refused, and who does the work."""

from __future__ import annotations

from typing import Final

from dashboards import pipeline_queries as queries, theme
from dashboards.board import Board, Variable
from dashboards.intake import GATEWAYS, MOVERS
from dashboards.panels import Kind, Panel, evenly
from dashboards.theme import Text

WORKERS: Final = (
    Panel(
        Text("Workers no ar", "Workers up"),
        Text("O Prometheus lê as métricas do worker?", "Can Prometheus read the metrics of the worker?"),
        {"{{instance}}": queries.WORKERS_UP},
        thresholds=theme.UP,
        states=(Text("Fora", "Down"), Text("No ar", "Up")),
        kind=Kind.STATES,
    ),
    Panel(
        Text("Recuperando estado", "Recovering state"),
        Text("Até terminar, suas filas não têm números ao vivo.", "Until it ends, its queues have no live figures."),
        {"{{instance}}": queries.RECOVERING},
        thresholds=theme.RECOVERING,
        states=(Text("Pronto", "Ready"), Text("Recuperando", "Recovering")),
        kind=Kind.STATES,
    ),
    Panel(
        Text("Partições por worker", "Partitions by worker"),
        Text("Soma dos tópicos; se cai, há filas sem dono.", "Of all topics; if the sum drops, queues lack an owner."),
        {"{{instance}}": queries.OWNED_PARTITIONS},
    ),
)
FLOW: Final = (
    Panel(
        Text("Atraso dos eventos", "Event delay"),
        Text(
            "Do instante do evento até ser aplicado. Prometido: 5 s. A escala acaba em 300 s.",
            "From the time of an event to its being applied. Promised: 5 s. The scale ends at 300 s.",
        ),
        {f"p{percent}": queries.event_delay_seconds(percent / 100) for percent in (50, 95, 99)},
        unit=theme.SECONDS,
        thresholds=theme.DELAY_SECONDS,
    ),
    Panel(
        Text("Eventos por segundo, por tipo", "Events per second, by type"),
        Text("Eventos aplicados, nos tópicos escolhidos.", "Events applied, in the chosen topics."),
        {"{{event_type}}": queries.EVENTS_PER_SECOND},
        unit=theme.PER_SECOND,
    ),
)
TROUBLE: Final = (
    Panel(
        Text("Rejeitados em 5 minutos, por motivo", "Rejected in 5 minutes, by reason"),
        Text("Veja: filaviva dead-letters list.", "See: filaviva dead-letters list."),
        {"{{reason}}": queries.REJECTED_IN_5_MINUTES},
        thresholds=theme.REJECTED_EVENTS,
    ),
    Panel(
        Text("Mensagens por ler, por partição", "Consumer lag, by partition"),
        Text("Se só cresce, faltam workers ou um parou.", "If it only grows: too few workers, or one hangs."),
        {"{{topic}} / {{partition}}": queries.LAG_MESSAGES},
        thresholds=theme.LAG_MESSAGES,
    ),
)
SOURCES: Final = (
    Panel(
        Text("Eventos estranhos em 5 minutos, por fonte", "Odd events in 5 minutes, by source"),
        Text(
            "Repetidos, fora de ordem, antes da oferta, com hora errada em mais de 120 s (skewed).",
            "Repeated, out of order, before their offer, more than 120 s off in time (skewed).",
        ),
        {"{{source}} {{kind}}": queries.ODD_IN_5_MINUTES, "{{source}} skewed": queries.SKEWED_IN_5_MINUTES},
    ),
    Panel(
        Text("Contatos incompletos em um dia, por fonte", "Unfinished contacts in a day, by source"),
        Text(
            "O que nunca foi dito deles, ao serem esquecidos: a oferta, a saída, o atendimento, o fim. Um dia depois.",
            "What was never told of them, when they are forgotten: offer, exit, answer, end. A day later.",
        ),
        {"{{source}} {{kind}}": queries.UNFINISHED_IN_A_DAY},
    ),
    Panel(
        Text("Silêncio das fontes", "Silence of sources"),
        Text("Desde o evento mais novo de cada uma.", "Since the newest event of each."),
        {"{{source}}": queries.SILENT_SECONDS},
        unit=theme.WHOLE_SECONDS,
        thresholds=theme.BEHIND_SECONDS,
    ),
    Panel(
        Text("Ultrapassados na fila", "Passed in the queue"),
        Text(
            "Esperam, e dez que chegaram depois já foram atendidos: uma saída perdida, ou uma fila injusta.",
            "They wait, and ten that came later have been answered: a lost exit, or an unfair queue.",
        ),
        {"{{site}} / {{queue}}": queries.PASSED_CONTACTS},
        thresholds=theme.REJECTED_EVENTS,
    ),
)
COST: Final = (
    Panel(
        Text("Duração da última recuperação", "Duration of the last recovery"),
        Text("Para reler o estado; 0 se nunca o fez.", "To read the state back; 0 if it never did."),
        {"{{instance}}": queries.RECOVERY_SECONDS},
        unit=theme.SECONDS,
        thresholds=theme.RECOVERY_SECONDS,
    ),
    Panel(
        Text("Tempo da coleta de métricas", "Scrape time"),
        Text("Escrita da página e coleta inteira, a cada 5 s.", "Writing of the page, and whole scrape, every 5 s."),
        {"render {{instance}}": queries.RENDER_SECONDS, "scrape {{instance}}": queries.SCRAPE_SECONDS},
        unit=theme.SECONDS,
        thresholds=theme.SCRAPE_SECONDS,
    ),
)

BOARD: Final = Board(
    uid="filaviva-pipeline",
    title=Text("Fluxo", "Pipeline"),
    purpose=Text("Os eventos fluem, e quem faz o trabalho?", "Do events flow, and who does the work?"),
    variables=(
        Variable("job", Text("Instalação", "Installation"), queries.JOBS),
        Variable("instance", Text("Worker", "Worker"), queries.INSTANCES, many=True),
        Variable("topic", Text("Tópico", "Topic"), queries.TOPICS, many=True),
    ),
    things=tuple(panel for row in (WORKERS, FLOW, TROUBLE, SOURCES, GATEWAYS, MOVERS, COST) for panel in evenly(*row)),
)
