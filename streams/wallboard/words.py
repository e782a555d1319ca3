"""Every text of the wallboard, in each of its languages; a field without a text is a type error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from streams.wallboard.figures import State
from streams.wallboard.pages import Failure


class Language(StrEnum):
    """As the command names them."""

    PORTUGUESE = "pt-BR"
    ENGLISH = "en"


class Title(NamedTuple):
    """A column's title, and the shorter one for a narrow screen."""

    long: str
    short: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. What stands in braces is filled in."""

    states: Mapping[State, str]
    # Columns
    queue: Title
    channel: Title
    state: Title
    waiting: Title
    longest: Title
    limit: Title
    used: Title
    service_level: Title
    target: Title
    abandonment: Title
    agents_free: Title
    agents_busy: Title
    agents_paused: Title
    callbacks: Title
    breaches_hour: Title
    breaches_day: Title
    freshness: Title
    # Cells
    target_within: str
    fresh: str
    # Header: the totals, then how fresh the data are
    total_waiting: Title
    total_over: Title
    total_free: Title
    total_callbacks: Title
    total_breaches: Title
    breaches_since: Title
    source_age: str
    source_silent: str
    no_sources: str
    lag: Title
    workers: Title
    worker_fails: str
    failures: Mapping[Failure, str]
    no_worker: str
    no_queues: str
    # Footer
    more: str
    all_ok: str
    titles: Mapping[str, str]
    """What short titles mean."""
    letters: Mapping[str, str]
    """What the letters of the formulas count."""


PORTUGUESE: Final = Words(
    states={
        State.OVER: "ESTOURO",
        State.NEAR: "PERTO",
        State.OK: "OK",
        State.STALE: "desatualizada",
        State.MISSING: "sem dados",
    },
    queue=Title("Fila", "Fila"),
    channel=Title("Canal", "Canal"),
    state=Title("Situação", "Estado"),
    waiting=Title("Esperando", "Esp."),
    longest=Title("Maior espera", "Maior"),
    limit=Title("/limite", "/lim."),
    used=Title("Usado", "Uso"),
    service_level=Title("Nível de serviço hoje", "NS hoje"),
    target=Title("Meta", "Meta"),
    abandonment=Title("Abandono", "Aban"),
    agents_free=Title("Livres", "Liv."),
    agents_busy=Title("Ocup.", "Ocup."),
    agents_paused=Title("Pausa", "Pausa"),
    callbacks=Title("Retornos", "Ret."),
    breaches_hour=Title("Estouros 1 h", "Est."),
    breaches_day=Title("hoje", "hoje"),
    freshness=Title("Dados", "Dados"),
    target_within="{target} em {within}",
    fresh="ao vivo",
    total_waiting=Title("Esperando {}", "Esperando {}"),
    total_over=Title("Acima do limite {}", "Acima {}"),
    total_free=Title("Atendentes livres {}", "Livres {}"),
    total_callbacks=Title("Retornos pendentes {}", "Retornos {}"),
    total_breaches=Title("Estouros na última hora {}", "Estouros 1 h {}"),
    breaches_since=Title("Estouros {} desde {since}", "Estouros {} desde {since}"),
    source_age="{source} há {age} (até {silence})",
    source_silent="{source} MUDA há {age} (até {silence})",
    no_sources="fontes: sem dados",
    lag=Title("{} mensagens por ler", "{} por ler"),
    workers=Title("{answering} de {all} workers respondem", "{answering} de {all} workers"),
    worker_fails="Sem dados de {url}: {why}",
    failures={
        Failure.UNREACHABLE: "não responde",
        Failure.TOO_SLOW: "demora demais a responder",
        Failure.HTTP_ERROR: "responde com um erro",
        Failure.NOT_A_WORKER: "não é um worker do Filaviva",
    },
    no_worker="Nenhum worker responde.",
    no_queues="Nenhuma fila nos workers.",
    more="+ {count} fora da tela: {states}",
    all_ok="todas OK",
    titles={"Liv.": "atendentes livres", "Ret.": "retornos pendentes", "Est.": "estouros na última hora"},
    letters={
        "A": "atendidas",
        "B": "abandonadas",
        "C": "pediram retorno",
        "F": "desviadas",
        "T": "prazo da meta",
        "S": "abandono curto",
    },
)

ENGLISH: Final = Words(
    states={
        State.OVER: "OVER",
        State.NEAR: "NEAR",
        State.OK: "OK",
        State.STALE: "stale",
        State.MISSING: "no data",
    },
    queue=Title("Queue", "Queue"),
    channel=Title("Channel", "Channel"),
    state=Title("State", "State"),
    waiting=Title("Waiting", "Wait"),
    longest=Title("Longest wait", "Long"),
    limit=Title("/limit", "/lim."),
    used=Title("Used", "Used"),
    service_level=Title("Service level today", "SL today"),
    target=Title("Target", "Goal"),
    abandonment=Title("Abandoned", "Aban"),
    agents_free=Title("Free", "Free"),
    agents_busy=Title("Busy", "Busy"),
    agents_paused=Title("Paused", "Paus"),
    callbacks=Title("Callbacks", "Cb."),
    breaches_hour=Title("Breaches 1 h", "Br."),
    breaches_day=Title("today", "today"),
    freshness=Title("Data", "Data"),
    target_within="{target} in {within}",
    fresh="live",
    total_waiting=Title("Waiting {}", "Waiting {}"),
    total_over=Title("Over the limit {}", "Over {}"),
    total_free=Title("Agents free {}", "Free {}"),
    total_callbacks=Title("Callbacks pending {}", "Callbacks {}"),
    total_breaches=Title("Breaches in the last hour {}", "Breaches 1 h {}"),
    breaches_since=Title("Breaches {} since {since}", "Breaches {} since {since}"),
    source_age="{source} {age} ago (up to {silence})",
    source_silent="{source} SILENT for {age} (up to {silence})",
    no_sources="sources: no data",
    lag=Title("{} messages to read", "{} to read"),
    workers=Title("{answering} of {all} workers answer", "{answering} of {all} workers"),
    worker_fails="No data from {url}: {why}",
    failures={
        Failure.UNREACHABLE: "it does not answer",
        Failure.TOO_SLOW: "it takes too long to answer",
        Failure.HTTP_ERROR: "it answers with an error",
        Failure.NOT_A_WORKER: "it is no Filaviva worker",
    },
    no_worker="No worker answers.",
    no_queues="No queue in the workers.",
    more="+ {count} off screen: {states}",
    all_ok="all OK",
    titles={"Cb.": "callbacks pending", "Br.": "breaches in the last hour"},
    letters={
        "A": "answered",
        "B": "abandoned",
        "C": "asked for a callback",
        "F": "flowed out",
        "T": "target wait",
        "S": "short abandon",
    },
)

WORDS: Final[Mapping[Language, Words]] = {Language.PORTUGUESE: PORTUGUESE, Language.ENGLISH: ENGLISH}


class Formula(NamedTuple):
    """A service-level formula: two letters for narrow screens, and what it counts."""

    code: str
    definition: str


FORMULAS: Final[Mapping[str, Formula]] = {
    "answered_of_offered": Formula("AO", "A≤T/(A+B)"),
    "excluding_short_abandons": Formula("XS", "A≤T/(A+B-B≤S)"),
    "excluding_abandons_in_target": Formula("XT", "A≤T/(A+B>T)"),
    "abandons_in_target_count_as_met": Formula("MT", "(A≤T+B≤T)/(A+B)"),
    "short_abandons_count_as_met": Formula("MS", "(A≤T+B≤S)/(A+B)"),
    "answered_only": Formula("AN", "A≤T/A"),
    "amazon_sl_x": Formula("SX", "(A≤T+B≤T+C≤T)/(A+B+C+F)"),
}
"""The names are those of the label ``formula``; a name not here stands for itself."""
