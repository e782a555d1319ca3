"""The wall: what do I do now? Ten numbers that carry eight metres, each on the colour of its own limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dashboards import queries, theme
from dashboards.board import SITE, TENANT, WALL_ZONE, Board
from dashboards.numbers import ABANDONMENT, FREE_AGENTS, LONGEST_WAIT, SERVICE_LEVEL, WAITING, sized
from dashboards.panels import Panel, tile
from dashboards.theme import Text

MOST_QUEUES: Final = 12

URGENT: Final = sized(
    Text("Filas por urgência: quanto do limite já foi esperado", "Queues by urgency: share of the limit used"),
    Text(
        "A fila de cima precisa de alguém agora. 100 % é o limite do contato que espera há mais tempo.",
        "The first queue needs somebody now. 100 % is the limit of the contact that has waited longest.",
    ),
    {"{{display_name}}": queries.most_urgent(MOST_QUEUES)},
    (theme.LIMIT_USED, theme.SHARE),
    (16, 14),
)
BREACHES: Final = tile(
    Text("Estouros na última hora (meta: 0)", "Breaches in the last hour (goal: 0)"),
    Text(
        "Contatos cuja espera passou do limite. Taxa para acompanhar; a conta exata está em Conformidade.",
        "Contacts whose wait crossed the limit. A rate to watch; the exact count is in Compliance.",
    ),
    {Text("estouros em 1 h", "breaches in 1 h"): queries.BREACHES_OF_THE_HOUR},
    theme.ANY_IS_TOO_MANY,
    (8, 7),
)
PENDING: Final = tile(
    Text("Retornos pendentes (atenção: 10)", "Callbacks pending (attention: 10)"),
    Text("Clientes a quem ainda devemos uma ligação.", "Customers to whom we still owe a call."),
    {Text("retornos", "callbacks"): queries.CALLBACKS_PENDING},
    theme.PENDING,
    (8, 7),
)
ALERTS: Final = tile(
    Text("Alertas urgentes (meta: 0)", "Urgent alerts (goal: 0)"),
    Text(
        "Alertas disparados da unidade e da plataforma. Sem dados: as regras não estão rodando.",
        "Firing alerts of the site and of the platform. No data: the rules do not run.",
    ),
    {Text("alertas", "alerts"): queries.CRITICAL_ALERTS},
    theme.ANY_IS_TOO_MANY,
    (6, 5),
)
DATA_AGE: Final = replace(
    sized(
        Text("Atraso dos dados", "Age of the data"),
        Text(
            "Da fonte que não se ouve há mais tempo. Calada: passou do silêncio esperado; atrasando: passou da metade.",
            "Of the source not heard for longest. Silent: past its expected silence; late: past half of it.",
        ),
        {
            Text("dados em dia", "data up to date"): queries.data_age_seconds("< 0.5"),
            Text("dados atrasando", "data late"): queries.data_age_seconds(">= 0.5 <= 1"),
            Text("fonte calada", "a source is silent"): queries.data_age_seconds("> 1"),
            Text("último evento", "last event"): queries.UNMEASURED_AGE_SECONDS,
        },
        (theme.NO_LIMIT, theme.WAIT),
        (12, 5),
    ),
    colours=(theme.OK, theme.ATTENTION, theme.ACT, theme.NEUTRAL),
)
BLIND: Final = tile(
    Text("Filas sem dados ao vivo (meta: 0)", "Queues without live data (goal: 0)"),
    Text(
        "Faltam nos totais acima: fonte em silêncio, worker fora ou em recuperação.",
        "They are missing in the totals above: a silent source, a worker that is down or recovering.",
    ),
    {Text("filas sem dados", "queues without data"): queries.BLIND_QUEUES},
    theme.ANY_IS_UNKNOWN,
    (6, 5),
)

PANELS: Final[tuple[Panel, ...]] = (
    WAITING.at(5, 8),
    LONGEST_WAIT.at(7, 8),
    SERVICE_LEVEL.at(4, 8),
    ABANDONMENT.at(4, 8),
    FREE_AGENTS.at(4, 8),
    URGENT,
    BREACHES,
    PENDING,
    ALERTS,
    DATA_AGE,
    BLIND,
)
BOARD: Final = Board(
    uid="filaviva-wall",
    title=Text("Parede", "Wall"),
    purpose=Text("O que faço agora?", "What do I do now?"),
    variables=(TENANT, SITE),
    things=PANELS,
    refresh="5s",
    since="now-15m",
    zone=WALL_ZONE,
    is_wall=True,
)
