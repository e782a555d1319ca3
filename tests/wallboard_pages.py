"""Pages of metrics for the wallboard, rendered as a worker renders them: nine on a Monday in Fortaleza."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from streams.domain.directory import QueuePolicy
from streams.domain.figures import (
    LIVE_WAIT_EDGES_SECONDS,
    CallbackFigures,
    Histogram,
    LiveCounters,
    LiveFigures,
    QueueFigures,
    SiteFigures,
    StageFigures,
    wait_edges_seconds,
)
from streams.metrics import BuildInfo, WorkerFigures, render
from streams.wallboard.pages import Page

NINE = datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC).timestamp()
"""09:00:07 in Fortaleza."""
MIDNIGHT_MS = int(datetime(2026, 11, 23, 3, tzinfo=UTC).timestamp() * 1000)
PLACE = ("acme", "fortaleza")
PBX = (*PLACE, "pbx-fortaleza-1")
URL = "http://127.0.0.1:9108/metrics"
OTHER_URL = "http://127.0.0.1:9109/metrics"


@dataclass(frozen=True)
class Queue:
    """One queue as a page shows it. ``live`` is its wait, callers and agents; None makes it stale."""

    queue: str
    name: str
    waiting: int = 0
    longest: float = 0.0
    max_wait: float = 60.0
    free: int = 3
    outcomes: Mapping[str, int] = field(default_factory=lambda: {"answered_in_target": 90, "answered_late": 8})
    met: int = 90
    base: int = 100
    formula: str = "answered_of_offered"
    breaches: int = 0
    channel: str = "voice"
    site: str = "fortaleza"
    is_stale: bool = False
    used: float | None = None
    answer_target: float = 20.0

    @property
    def policy(self) -> QueuePolicy:
        return QueuePolicy(
            "acme",
            self.site,
            self.queue,
            "America/Fortaleza",
            frozenset((self.channel,)),
            answer_target_ms=round(self.answer_target * 1000),
            max_wait_ms=round(self.max_wait * 1000),
            formula=self.formula,
            display_name=self.name,
            group="sac",
        )

    @property
    def figures(self) -> QueueFigures:
        edges = wait_edges_seconds(self.channel)
        counters = LiveCounters(Histogram(edges), Histogram(edges), Histogram(LIVE_WAIT_EDGES_SECONDS))
        counters.breaches["max"] = self.breaches
        used = self.longest / self.max_wait if self.used is None else self.used
        over = self.waiting // 2 if used > 1 else 0
        agents = {"available": self.free, "ringing": 1, "busy": 6, "wrap_up": 2, "paused": 2}
        return QueueFigures(
            tenant="acme",
            site=self.site,
            queue=self.queue,
            channel=self.channel,
            live=None if self.is_stale else LiveFigures(self.waiting, self.longest, used, over, agents, 0),
            day_outcomes=self.outcomes,
            day_waiting_contacts=self.waiting,
            day_breaches={"MAX-WAIT": self.breaches},
            formula=self.formula,
            day_met=self.met,
            day_base=self.base,
            counters=counters,
        )


def outcomes(in_target: int, late: int, abandoned: int) -> dict[str, int]:
    return {
        "answered_in_target": in_target,
        "answered_late": late,
        "abandoned_short": abandoned // 3,
        "abandoned_late": abandoned - abandoned // 3,
        "transferred": 4,
    }


MONDAY = (
    Queue("vendas", "Vendas", 2, 11.0, 60.0, free=4, outcomes=outcomes(140, 12, 9), met=140, base=161),
    Queue("sac-cartoes", "SAC Cartões", 23, 194.6, 45.0, 0, outcomes(61, 48, 17), 61, 126, breaches=14),
    Queue(
        "ouvidoria",
        "Ouvidoria",
        3,
        93_600.0,
        432_000.0,
        1,
        outcomes(30, 1, 0),
        30,
        31,
        channel="email",
        answer_target=86_400.0,
    ),
    Queue("retorno-sac", "Retorno SAC", 1, 4.0, 60.0, 2, outcomes(18, 0, 1), 18, 19),
    Queue("suporte", "Suporte técnico", 6, 53.0, 60.0, 1, outcomes(88, 20, 5), 88, 113, "excluding_short_abandons", 2),
    Queue(
        "whats",
        "WhatsApp atendimento",
        5,
        312.0,
        300.0,
        1,
        outcomes(70, 9, 2),
        70,
        81,
        channel="whatsapp",
        breaches=1,
        answer_target=60.0,
    ),
    Queue("cobranca", "Cobrança e acordos", is_stale=True, outcomes=outcomes(50, 3, 4), met=50, base=57, breaches=3),
    Queue("corporativo", "Clientes corporativos", 0, 0.0, 30.0, 5, outcomes(12, 0, 0), 12, 12),
    Queue("noite", "Plantão noturno", outcomes={}, met=0, base=0),
    Queue("cancela", "Cancelamento", 1, 8.0, 60.0, 2, outcomes(41, 6, 3), 41, 50),
)
UNOWNED = Queue("perda-roubo", "Perda e roubo")
"""A queue no worker of Monday shows."""


def worker(queues: Sequence[Queue], configured: Sequence[Queue] | None = None, **changes: Any) -> WorkerFigures:
    """One worker that owns these queues; every other figure of a small healthy centre."""
    told: dict[str, Any] = {
        "configured": [queue.policy for queue in configured or queues],
        "build": BuildInfo(version="1.2.3", revision="abc1234", python="3.11.7", config_hash="f00d"),
        "started_ms": MIDNIGHT_MS,
        "queues": [queue.figures for queue in queues],
        "sites": [SiteFigures(*PLACE, {"available": 9, "busy": 31, "paused": 4})],
        "callbacks": [CallbackFigures(*PLACE, "retorno-sac", 12, 0.0)],
        "stages": [StageFigures({}, {}, {}, {}, {}, {PBX: round((NINE - 3) * 1000)}, {}, 0)],
        "lag_messages": {("filaviva", "call-events", 0): 7, ("filaviva", "call-events", 1): 5},
        "expected_silence_seconds": {PBX: 120.0},
        "site_day_start_ms": {PLACE: MIDNIGHT_MS},
    }
    return WorkerFigures(**(told | changes))


def text_of(figures: WorkerFigures) -> str:
    return render(figures, "")[0].decode()


def page(figures: WorkerFigures, url: str = URL) -> Page:
    return Page.read(url, text_of(figures))


def monday(**changes: Any) -> WorkerFigures:
    """Forty callers, one queue far beyond its limit, one stale, one without an owner."""
    return worker(MONDAY, (*MONDAY, UNOWNED), **changes)


def with_breaches(queue: Queue, breaches: int) -> Queue:
    return replace(queue, breaches=breaches)
