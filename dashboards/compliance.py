"""Compliance: what was promised, what was kept, by which formula and which rule?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dashboards import queries, theme, words
from dashboards.board import QUEUE, SITE, TENANT, Board
from dashboards.numbers import ABANDONMENT, SERVICE_LEVEL
from dashboards.panels import Column, Kind, Panel, evenly, tile
from dashboards.tables import CODE
from dashboards.theme import Text

NO_LIMIT_HERE: Final = Text("sem limite", "no limit")
FINDINGS: Final = Text("Violações hoje", "Findings today")
COLUMNS: Final = (
    Column(Text("Fila", "Queue"), queries.CHOSEN_NAMES, label="display_name"),
    Column(CODE, "", label="queue"),
    Column(Text("Unidade", "Site"), "", label="site"),
    Column(Text("Canal", "Channel"), "", label="channel"),
    Column(Text("Fórmula", "Formula"), queries.CHOSEN_FORMULA, label="formula"),
    Column(Text("NS hoje", "SL today"), queries.CHOSEN_SERVICE_LEVEL, theme.SHARE),
    Column(Text("Meta", "Goal"), queries.CHOSEN_TARGET, theme.SHARE),
    Column(Text("Distância da meta", "Distance to goal"), queries.TARGET_DISTANCE, theme.SHARE, theme.TARGET_DISTANCE),
    Column(Text("Limite de espera", "Wait limit"), queries.CHOSEN_MAX_WAIT, theme.WAIT, missing=NO_LIMIT_HERE),
    Column(
        Text("Acima do limite agora", "Over limit now"), queries.OVER_LIMIT_BY_QUEUE, theme.COUNT, theme.ANY_IS_TOO_MANY
    ),
    Column(FINDINGS, queries.FINDINGS_BY_QUEUE, theme.COUNT, theme.ANY_IS_TOO_MANY),
)
NUMBERS: Final = evenly(
    tile(
        Text("Acima do limite agora (meta: 0)", "Over the limit now (goal: 0)"),
        Text("Contatos que esperam além do próprio limite.", "Contacts that wait beyond their own limit."),
        queries.OVER_LIMIT_NOW,
        theme.ANY_IS_TOO_MANY,
        (6, 6),
    ),
    tile(
        Text("Violações hoje (meta: 0)", "Findings today (goal: 0)"),
        Text(
            "Abertas ou confirmadas, contagem exata; uma resposta que chegou a tempo retira a sua.",
            "Open or confirmed, an exact count; an answer that was in time takes its own back.",
        ),
        queries.FINDINGS_TODAY,
        theme.ANY_IS_TOO_MANY,
        (6, 6),
    ),
    replace(SERVICE_LEVEL, height=6),
    replace(ABANDONMENT, height=6),
)
TABLE: Final = Panel(
    Text("O prometido e o cumprido", "What was promised and what was kept"),
    Text(
        "Cada fila pela fórmula que a obriga. Evidência por contato: tópico sla-breaches.",
        "Each queue by the formula it is held to. Evidence per contact: topic sla-breaches.",
    ),
    {},
    kind=Kind.TABLE,
    width=24,
    height=10,
    columns=COLUMNS,
    sort_by=FINDINGS,
)
DEADLINES: Final = Panel(
    Text("Prazos das demandas, por regra e estado", "Deadlines of cases, by rule and state"),
    Text(
        "Em risco, vencido, vencido de vez e ainda devido, descumprido. Sem dados: não há demandas.",
        "At risk, past its date, overdue and owed still, not met. No data: there are no cases.",
    ),
    {"{{rule}} {{state}}": queries.CASE_DEADLINES},
)
AVAILABILITY: Final = evenly(
    Panel(
        Text("Canais da unidade, por estado", "Channels of the site, by state"),
        Text(
            "Pelo menos um no ar a todo instante; desconhecido enquanto a fonte está em silêncio.",
            "At least one up at every instant; unknown while its source is silent.",
        ),
        {"{{site}} {{state}}": queries.SITE_CHANNELS},
    ),
    Panel(
        Text("Atendimento humano por telefone hoje", "Human voice on the telephone today"),
        Text(
            "Aberto, fechado e desconhecido desde a meia-noite da unidade.",
            "Open, closed and unknown since the site's midnight.",
        ),
        {"{{site}} {{state}}": queries.SITE_HUMAN_VOICE},
        unit=theme.WHOLE_SECONDS,
    ),
    Panel(
        Text("Violações de disponibilidade hoje, por regra", "Findings of availability today, by rule"),
        Text("Sem canal, poucas horas, primeiro menu incompleto.", "No channel, too few hours, first menu incomplete."),
        {"{{site}} {{rule}}": queries.SITE_BREACHES},
        thresholds=theme.ANY_IS_TOO_MANY,
    ),
)
CHARTS: Final = (
    Panel(
        Text("Violações de hoje, por regra", "Findings of today, by rule"),
        Text("Recomeça à meia-noite da unidade; pode diminuir.", "Starts again at the site's midnight; may go down."),
        {"{{rule}}": queries.FINDINGS_BY_RULE},
    ),
    Panel(
        Text("Estouros por hora, por fila", "Breaches per hour, by queue"),
        Text("Taxa no momento do estouro; não é a conta exata.", "A rate at the crossing; not the exact count."),
        {"{{queue}} ({{channel}})": queries.CHOSEN_BREACHES},
        thresholds=theme.ANY_IS_TOO_MANY,
    ),
    Panel(
        Text("Nível de serviço do dia, por fila", "Service level of the day, by queue"),
        Text("Pela fórmula de cada fila.", "By the formula of each queue."),
        {"{{queue}} ({{channel}})": queries.CHOSEN_SERVICE_LEVEL},
        unit=theme.SHARE,
    ),
    Panel(
        Text("Contatos de hoje, por desfecho", "Contacts of today, by outcome"),
        Text("Contagem exata do dia da unidade.", "The exact count of the site's day."),
        {"{{outcome}}": f"sort_desc({queries.DAY_BY_OUTCOME})"},
        thresholds=theme.NO_JUDGEMENT,
        kind=Kind.BARS,
        words=words.OUTCOMES,
    ),
    Panel(
        Text("Espera que nove de dez não passam", "Wait that nine in ten stay below"),
        Text("Atendidos dos últimos 15 minutos, por fila.", "Answered in the last 15 minutes, by queue."),
        {"{{queue}} ({{channel}})": queries.CHOSEN_P90},
        unit=theme.WHOLE_SECONDS,
    ),
    DEADLINES,
    *AVAILABILITY,
)
BOARD: Final = Board(
    uid="filaviva-compliance",
    title=Text("Conformidade", "Compliance"),
    purpose=Text("O prometido foi cumprido?", "Was the promise kept?"),
    variables=(TENANT, SITE, QUEUE),
    things=(*NUMBERS, TABLE, *CHARTS),
    since="now-12h",
)
