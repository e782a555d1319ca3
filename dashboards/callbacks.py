"""Callbacks: whom do we still owe a call, and do we keep up?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dashboards import queries, theme, words
from dashboards.board import QUEUE, SITE, TENANT, Board
from dashboards.numbers import FREE_AGENTS, sized
from dashboards.panels import Panel, evenly, tile
from dashboards.theme import Text

LINE: Final = "{{queue}}"
PENDING: Final = tile(
    Text("Pendentes (atenção: 10)", "Pending (attention: 10)"),
    Text("Planos abertos de todas as filas de retorno.", "Open plans of all callback queues."),
    queries.CALLBACKS_PENDING,
    theme.PENDING,
    (6, 6),
)
OVERDUE: Final = sized(
    Text("Maior atraso (máximo: 15 min)", "Most overdue (at most 15 min)"),
    Text("Do retorno mais atrasado em relação ao combinado.", "Of the callback that is furthest behind its time."),
    queries.CALLBACK_OVERDUE,
    (theme.OVERDUE_SECONDS, theme.WAIT),
)
SHARE: Final = sized(
    Text("Pediram retorno hoje", "Asked for a callback today"),
    Text(
        "Dos que esperaram, quantos trocaram a espera por um retorno.",
        "Of those who waited, how many gave the place in line for a callback.",
    ),
    queries.CALLBACK_SHARE_TODAY,
    (theme.NO_LIMIT, theme.SHARE),
)
FIRST_ATTEMPT: Final = Panel(
    Text("Até a primeira ligação", "Until the first call"),
    Text("Do abandono à primeira tentativa, última hora.", "From the abandon to the first attempt, last hour."),
    {f"p{percent}": queries.first_attempt_quantile_seconds(percent / 100) for percent in (50, 90)},
    unit=theme.WHOLE_SECONDS,
)
CHARTS: Final = (
    Panel(
        Text("Pendentes por fila de retorno", "Pending by callback queue"),
        Text("Se só cresce, faltam atendentes ou o discador parou.", "If it only grows: no agents, or no dialer."),
        {LINE: queries.CHOSEN_PENDING},
        thresholds=theme.PENDING,
    ),
    Panel(
        Text("Maior atraso por fila de retorno", "Most overdue by callback queue"),
        Text("O alerta dispara aos 15 minutos.", "The alert fires at 15 minutes."),
        {LINE: queries.CHOSEN_OVERDUE},
        unit=theme.WAIT,
        thresholds=theme.OVERDUE_SECONDS,
    ),
    Panel(
        Text("Como terminaram, em 1 hora", "How they ended, in 1 hour"),
        Text(
            "Planos abertos e seus fins; recuperados sobre abertos é a parte dos clientes reconquistados.",
            "Plans opened and their ends; recovered of opened is the share of customers won back.",
        ),
        {"{{state}}": queries.PLANS_IN_1_HOUR},
        words=words.PLANS,
    ),
    Panel(
        Text("Tentativas em 1 hora, por resultado", "Attempts in 1 hour, by outcome"),
        Text("O que o discador informou.", "What the dialer reported."),
        {"{{outcome}}": queries.ATTEMPTS_IN_1_HOUR},
        words=words.ATTEMPTS,
    ),
    Panel(
        Text("Vencidos, devidos por lei, em ligação", "Overdue, owed by law, being called"),
        Text("Em ligação: seguram um atendente agora.", "Being called: they hold an agent now."),
        {
            Text("vencidos", "overdue"): queries.CALLBACKS_OVERDUE,
            Text("devidos por lei", "owed by law"): queries.CALLBACKS_OWED,
            Text("em ligação", "being called"): queries.CALLBACKS_RELEASED,
        },
    ),
    FIRST_ATTEMPT,
    Panel(
        Text("De onde vêm, em 5 minutos", "Where they come from, in 5 minutes"),
        Text(
            "Quem desiste e quem pede retorno geram planos; sem um número que toque, ninguém pode ser chamado.",
            "Who gives up and who asks open plans; without a number that rings nobody can be called.",
        ),
        {
            Text("abandonaram", "abandoned"): queries.LOST,
            Text("pediram retorno", "asked for a callback"): queries.CALLBACKS_REQUESTED,
            Text("sem número que toque", "no number that rings"): queries.REFUSED_IN_5_MINUTES,
        },
    ),
    Panel(
        Text("Chamados de volta e ainda esperando", "Called back and waiting"),
        Text(
            "Contatos nas filas de retorno; quem foi chamado de volta não deve esperar de novo.",
            "Contacts in the callback queues; who was called back should not wait again.",
        ),
        {LINE: queries.CALLED_BACK_WAITING},
    ),
)
BOARD: Final = Board(
    uid="filaviva-callbacks",
    title=Text("Retornos", "Callbacks"),
    purpose=Text("A quem devemos uma ligação?", "To whom do we owe a call?"),
    variables=(TENANT, SITE, QUEUE),
    things=(*evenly(PENDING, *(replace(each, height=6) for each in (OVERDUE, SHARE, FREE_AGENTS))), *CHARTS),
    since="now-3h",
)
