"""The supervisor's desk: which queue needs me, and what has been going on there?"""

from __future__ import annotations

from typing import Final

from dashboards import queries, theme, words
from dashboards.board import QUEUE, SITE, TENANT, Board
from dashboards.numbers import ABANDONMENT, FREE_AGENTS, LONGEST_WAIT, SERVICE_LEVEL, WAITING
from dashboards.panels import Column, Kind, Panel, Row
from dashboards.tables import CODE
from dashboards.theme import Text

LIMIT_USED: Final = Text("Limite usado", "Limit used")
NONE_HERE: Final = Text("–", "–")
LINE: Final = "{{queue}} ({{channel}})"

COLUMNS: Final = (
    Column(Text("Fila", "Queue"), queries.CHOSEN_NAMES, label="display_name"),
    Column(CODE, "", label="queue"),
    Column(Text("Unidade", "Site"), "", label="site"),
    Column(Text("Canal", "Channel"), "", label="channel"),
    Column(Text("Esperando", "Waiting"), queries.CHOSEN_WAITING),
    Column(Text("Maior espera", "Longest wait"), queries.CHOSEN_LONGEST_WAIT, theme.WAIT),
    Column(LIMIT_USED, queries.CHOSEN_LIMIT_USED, theme.SHARE, theme.LIMIT_USED, bar=True),
    Column(Text("NS hoje", "SL today"), queries.CHOSEN_SERVICE_LEVEL, theme.SHARE, theme.SERVICE_LEVEL),
    Column(Text("Abandono hoje", "Abandoned today"), queries.CHOSEN_ABANDONMENT, theme.SHARE, theme.ABANDONMENT),
    Column(Text("Livres", "Free"), queries.CHOSEN_FREE),
    Column(Text("Retornos", "Callbacks"), queries.CHOSEN_PENDING, missing=NONE_HERE),
)
TABLE: Final = Panel(
    Text("Filas", "Queues"),
    Text(
        "A que mais usou do limite vem primeiro. Atendentes de várias filas contam em cada uma.",
        "The one that has used most of its limit first. Agents of several queues count in each.",
    ),
    {},
    kind=Kind.TABLE,
    width=24,
    height=10,
    columns=COLUMNS,
    sort_by=LIMIT_USED,
)
CHARTS: Final = (
    Panel(
        Text("Esperando por fila", "Waiting by queue"),
        Text("Um vazio na linha: a fila ficou sem dados.", "A gap in the line: the queue had no data."),
        {LINE: queries.CHOSEN_WAITING},
    ),
    Panel(
        Text("Oferecidos, atendidos e abandonados em 5 minutos", "Offered, answered and abandoned in 5 minutes"),
        Text("Das filas escolhidas; só contatos ao vivo.", "Of the chosen queues; live contacts only."),
        {
            Text("oferecidos", "offered"): queries.OFFERED_IN_5_MINUTES,
            Text("atendidos", "answered"): queries.ANSWERED_IN_5_MINUTES,
            Text("abandonados", "abandoned"): queries.LOST,
        },
    ),
    Panel(
        Text("Limite usado agora", "Limit used now"),
        Text("100 % é o limite de cada fila.", "100 % is the limit of each queue."),
        {LINE: f"sort_desc({queries.CHOSEN_LIMIT_USED})"},
        unit=theme.SHARE,
        thresholds=theme.LIMIT_USED,
        kind=Kind.BARS,
    ),
    Panel(
        Text("Atendentes por estado", "Agents by state"),
        Text("Da unidade, cada um uma vez.", "Of the site, each once."),
        {"{{state}}": queries.AGENTS_BY_STATE},
        kind=Kind.STACK,
        words=words.STATES,
    ),
    Panel(
        Text("Alertas das filas", "Alerts of the queues"),
        Text("O que o Prometheus diz, também o que não foi notificado.", "What Prometheus says, also what was muted."),
        {},
        kind=Kind.ALERTS,
        width=24,
        filter='{scope="queue",tenant="$tenant"}',
    ),
)
BOARD: Final = Board(
    uid="filaviva-supervisor",
    title=Text("Supervisão", "Supervision"),
    purpose=Text("Qual fila precisa de mim?", "Which queue needs me?"),
    variables=(TENANT, SITE, QUEUE),
    things=(
        WAITING.at(5, 5),
        LONGEST_WAIT.at(7, 5),
        SERVICE_LEVEL.at(4, 5),
        ABANDONMENT.at(4, 5),
        FREE_AGENTS.at(4, 5),
        TABLE,
        Row(Text("O que tem acontecido", "What has been going on")),
        *CHARTS,
    ),
    refresh="5s",
    since="now-2h",
    annotation=(Text("Limite de espera estourado", "Wait limit exceeded"), queries.LIMIT_EXCEEDED),
)
