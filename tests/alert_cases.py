"""For every alert series that make it fire, what it then says, and series that do not: one big table.

Series are promtool's: a name with labels, and values a step apart (`1+2x9`: from 1 in steps of 2, ten values).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboards.case_alerts import LEADER_RULE, RETENTION_RULE
from streams import metric_names as names

PLACE: Final = {"tenant": "acme", "site": "fortaleza"}
QUEUE: Final = {**PLACE, "queue": "sac", "channel": "voice"}
SOURCE: Final = {**PLACE, "source": "pbx"}
RULE: Final = {"tenant": "acme", "rule": "CANCEL"}
LEADER: Final = {"tenant": "acme", "rule": LEADER_RULE}
RETENTION: Final = {"tenant": "acme", "rule": RETENTION_RULE}
WORKER: Final = {"job": "filaviva-stream", "instance": "w1"}
GATEWAY: Final = {"job": "filaviva-gateway", "instance": "g1"}
WAY_IN: Final = {"tenant": "acme", "source": "crm"}
MOVER_JOB: Final = {"job": "filaviva-ingest", "instance": "m1"}
MOVER: Final = {"source": "pbx", "mover": "queue-log"}

Series = dict[str, str]


def series(metric: names.MetricName | str, values: str, labels: dict[str, str], **more: str) -> Series:
    name = metric if isinstance(metric, str) else metric.name
    inside = ",".join(f'{key}="{value}"' for key, value in {**labels, **more}.items())
    return {f"{name}{{{inside}}}": values}


@dataclass(frozen=True)
class Case:
    """At ``at`` the alert fires on ``fires`` with ``labels`` and ``says``, and does not fire on ``quiet``."""

    alert: str
    at: str
    fires: Series
    quiet: Series
    labels: dict[str, str]
    says: tuple[str, str]
    """Summary in Portuguese and in English."""
    why: str = ""
    step: str = "15s"
    """Between values, and between evaluations."""


def requests(taken: str, **others: str) -> Series:
    parts = [series(names.GATEWAY_REQUESTS, values, WAY_IN, status=status) for status, values in others.items()]
    return {name: values for part in parts for name, values in part.items()} | series(
        names.GATEWAY_REQUESTS, taken, WAY_IN, status="200"
    )


def used(values: str) -> Series:
    return series(names.QUEUE_WAIT_LIMIT_USED, values, QUEUE)


def exits(late: str, in_target: str, *, outcome: str = "answered_late") -> Series:
    return (
        series(names.QUEUE_EXITS, late, QUEUE, outcome=outcome)
        | series(names.QUEUE_EXITS, in_target, QUEUE, outcome="answered_in_target")
        | series(names.QUEUE_SERVICE_LEVEL_TARGET, "0.8x1500", QUEUE)
    )


def waiting(open_: str, **agents: str) -> Series:
    parts = [series(names.QUEUE_AGENTS, values, QUEUE, state=state) for state, values in agents.items()]
    whole = series(names.QUEUE_WAITING_CONTACTS, "2x60", QUEUE) | series(names.QUEUE_OPEN, open_, QUEUE)
    for part in parts:
        whole |= part
    return whole


def delays(prompt: str, every: str) -> Series:
    topic = {"topic": "call-events"}
    return series(names.STREAM_EVENT_DELAY.bucket, prompt, topic, le="5.0") | series(
        names.STREAM_EVENT_DELAY.count, every, topic
    )


def heard(values: str) -> Series:
    return (
        series(names.STREAM_LAST_EVENT, values, SOURCE)
        | series(names.SOURCE_EXPECTED_SILENCE, "60x60", SOURCE)
        | series(names.QUEUE_OPEN, "1x60", QUEUE)
    )


def rejected(bad: str, good: str) -> Series:
    topic = {"topic": "call-events"}
    return series(names.STREAM_EVENTS_REJECTED, bad, topic, reason="not_json") | series(
        names.STREAM_EVENTS, good, topic, event_type="contact.offered"
    )


def up(first: str, second: str) -> Series:
    return series("up", first, WORKER) | series("up", second, {**WORKER, "instance": "w2"})


LAG: Final = {"consumer_group": "filaviva", "topic": "call-events", "partition": "0"}

CASES: Final = (
    Case(
        "FilavivaQueueWaitLimitExceeded",
        "2m",
        used("0.5x4 1.1x20"),
        used("1x30"),
        QUEUE,
        (
            "Fila sac (fortaleza): a maior espera está em 110% do limite",
            "Queue sac (fortaleza): the longest wait is at 110% of the limit",
        ),
        "the limit itself is kept",
    ),
    Case(
        "FilavivaQueueWaitLimitNear",
        "2m",
        used("0.9x20"),
        used("0.8x20"),
        QUEUE,
        (
            "Fila sac (fortaleza): a maior espera já usou 90% do limite",
            "Queue sac (fortaleza): the longest wait has used 90% of the limit",
        ),
    ),
    Case(
        "FilavivaQueueUnstaffed",
        "3m",
        waiting("1x60", available="0x60", paused="4x60"),
        waiting("1x60", available="0x60", ringing="1x60"),
        QUEUE,
        (
            "Fila sac (fortaleza): 2 esperando e nenhum atendente trabalhando",
            "Queue sac (fortaleza): 2 waiting and no agent at work",
        ),
        "one whose telephone rings is at work",
    ),
    Case(
        "FilavivaServiceLevelFastBurn",
        "90m",
        exits("0+24x120", "0+16x120"),
        exits("0+16x120", "0+24x120"),
        QUEUE,
        (
            "Fila sac (fortaleza): 60% dos contatos fora do prazo na última hora",
            "Queue sac (fortaleza): 60% of the contacts not in target in the last hour",
        ),
        step="1m",
    ),
    Case(
        "FilavivaServiceLevelSlowBurn",
        "290m",
        exits("0+35x300", "0+65x300"),
        exits("0+25x300", "0+75x300"),
        QUEUE,
        (
            "Fila sac (fortaleza): 35% dos contatos fora do prazo em 4 horas",
            "Queue sac (fortaleza): 35% of the contacts not in target in 4 hours",
        ),
        step="1m",
    ),
    Case(
        "FilavivaQueueAbandonmentHigh",
        "40m",
        exits("0+2x300", "0+8x300", outcome="abandoned_late"),
        exits("0+0.02x300", "0+0.08x300", outcome="abandoned_late"),
        QUEUE,
        ("Fila sac (fortaleza): 20% desistiram em 30 minutos", "Queue sac (fortaleza): 20% gave up in 30 minutes"),
        "the same share of twelve contacts",
    ),
    Case(
        "FilavivaQueueCallbacksOverdue",
        "3m",
        series(names.QUEUE_CALLBACK_OVERDUE, "1200x20", QUEUE),
        series(names.QUEUE_CALLBACK_OVERDUE, "900x20", QUEUE),
        QUEUE,
        (
            "Fila de retorno sac (fortaleza): um retorno está atrasado há 20m 0s",
            "Callback queue sac (fortaleza): a callback is overdue for 20m 0s",
        ),
    ),
    Case(
        "FilavivaQueueClosedWithWaiting",
        "8m",
        waiting("0x60"),
        waiting("1x60"),
        QUEUE,
        (
            "Fila sac (fortaleza) está fechada e 2 ainda esperam",
            "Queue sac (fortaleza) is closed and 2 still wait",
        ),
    ),
    Case(
        "FilavivaQueueSeriesMissing",
        "3m",
        series(names.QUEUE_INFO, "1x20", QUEUE, instance="w2", display_name="SAC"),
        series(names.QUEUE_INFO, "1x20", QUEUE, instance="w2", display_name="SAC")
        | series(names.QUEUE_STALE, "1x20", QUEUE, instance="w1"),
        QUEUE,
        ("Fila sac (fortaleza): nenhum worker responde por ela", "Queue sac (fortaleza): no worker answers for it"),
        "its owner says that it is stale",
    ),
    Case(
        "FilavivaQueueStale",
        "5m",
        series(names.QUEUE_STALE, "1x40", QUEUE) | series(names.QUEUE_OPEN, "1x40", QUEUE),
        series(names.QUEUE_STALE, "1x40", QUEUE) | series(names.QUEUE_OPEN, "0x40", QUEUE),
        QUEUE,
        ("Fila sac (fortaleza): sem dados ao vivo", "Queue sac (fortaleza): no live data"),
        "a closed queue may be silent",
    ),
    Case(
        "FilavivaQueueDoubleOwner",
        "4m",
        series(names.QUEUE_WAITING_CONTACTS, "2x40", QUEUE, instance="w1")
        | series(names.QUEUE_WAITING_CONTACTS, "2x40", QUEUE, instance="w2"),
        series(names.QUEUE_WAITING_CONTACTS, "2x40", QUEUE, instance="w1")
        | series(names.QUEUE_WAITING_CONTACTS, "2x4 stale", QUEUE, instance="w2"),
        QUEUE,
        (
            "Fila sac (fortaleza): 2 workers dizem ser donos dela",
            "Queue sac (fortaleza): 2 workers say they own it",
        ),
        "a minute of hand-over",
    ),
    Case(
        "FilavivaDeadlineAtRisk",
        "3m",
        series(names.CASE_DEADLINES, "2x20", RULE, state="at_risk"),
        series(names.CASE_DEADLINES, "2x20", RULE, state="confirmed"),
        RULE,
        ("2 demandas perto do prazo da regra CANCEL", "2 cases near the deadline of rule CANCEL"),
    ),
    Case(
        "FilavivaDeadlineMissed",
        "3m",
        series(names.CASE_DEADLINES, "2x20", RULE, state="overdue", instance="w1")
        | series(names.CASE_DEADLINES, "1x20", RULE, state="open", instance="w2"),
        series(names.CASE_DEADLINES, "2x20", RULE, state="at_risk")
        | series(names.CASE_DEADLINES, "9x20", RULE, state="confirmed"),
        RULE,
        ("3 demandas passaram do prazo da regra CANCEL", "3 cases are past the deadline of rule CANCEL"),
        "each worker holds a part",
    ),
    Case(
        "FilavivaLeaderNotAlerted",
        "1m",
        series(names.CASE_DEADLINES, "1x20", LEADER, state="overdue"),
        series(names.CASE_DEADLINES, "1x20", RULE, state="open"),
        LEADER,
        (
            "Cancelamentos sem aviso à liderança: 1",
            "Cancellations of which the leader was not told: 1",
        ),
    ),
    Case(
        "FilavivaCancellationUnattended",
        "1m",
        series(names.CASE_DEADLINES, "2x20", RETENTION, state="overdue"),
        series(names.CASE_DEADLINES, "2x20", RETENTION, state="at_risk"),
        RETENTION,
        (
            "Cancelamentos fora da fila de retenção: 2",
            "Cancellations not in the retention queue: 2",
        ),
    ),
    Case(
        "FilavivaFeedSilent",
        "3m",
        heard("0x40"),
        heard("0+15x40"),
        SOURCE,
        (
            "Unidade fortaleza: a fonte pbx está em silêncio há 3m 0s",
            "Site fortaleza: the source pbx has been silent for 3m 0s",
        ),
    ),
    Case(
        "FilavivaStaffingStale",
        "5m",
        series(names.SITE_AGENTS, "3x4 stale", PLACE, state="available") | series(names.QUEUE_OPEN, "1x40", QUEUE),
        series(names.SITE_AGENTS, "3x40", PLACE, state="available") | series(names.QUEUE_OPEN, "1x40", QUEUE),
        PLACE,
        ("Unidade fortaleza: não se sabe quem está livre", "Site fortaleza: nobody knows who is free"),
    ),
    Case(
        "FilavivaNoWorkers",
        "3m",
        up("1x4 0x40", "0x40"),
        up("0x40", "1x40"),
        {},
        ("Nenhum worker responde", "No worker answers"),
        "one of two is enough",
    ),
    Case(
        "FilavivaWorkerDown",
        "3m",
        up("0x40", "1x40"),
        up("0x2 1x40", "1x40"),
        WORKER,
        ("Worker w1 fora do ar", "Worker w1 is down"),
        "a restart",
    ),
    Case(
        "FilavivaFreshnessFastBurn",
        "90m",
        delays("0+90x120", "0+100x120"),
        delays("0+95x120", "0+100x120"),
        {"topic": "call-events"},
        (
            "Tópico call-events: 10% dos eventos com mais de 5 s de atraso na última hora",
            "Topic call-events: 10% of the events more than 5 s late in the last hour",
        ),
        step="1m",
    ),
    Case(
        "FilavivaFreshnessSlowBurn",
        "7h",
        delays("0+95x450", "0+100x450"),
        delays("0+98x450", "0+100x450"),
        {"topic": "call-events"},
        (
            "Tópico call-events: 5% dos eventos com mais de 5 s de atraso em 6 horas",
            "Topic call-events: 5% of the events more than 5 s late in 6 hours",
        ),
        step="1m",
    ),
    Case(
        "FilavivaConsumerLagGrowing",
        "9m",
        series(names.STREAM_CONSUMER_LAG, "0+100x60", LAG),
        series(names.STREAM_CONSUMER_LAG, "5000x60", LAG),
        {"consumer_group": "filaviva", "topic": "call-events"},
        (
            "Tópico call-events: 3600 mensagens por ler, e crescendo",
            "Topic call-events: 3600 messages to read, and growing",
        ),
        "many, but not more and more",
    ),
    Case(
        "FilavivaEventsRejected",
        "20m",
        rejected("0+10x100", "0+90x100"),
        rejected("0+0.5x100", "0+99.5x100"),
        {"topic": "call-events"},
        ("Tópico call-events: 10% dos eventos rejeitados", "Topic call-events: 10% of the events rejected"),
    ),
    Case(
        "FilavivaRecoveryTooLong",
        "7m",
        series(names.STREAM_RECOVERING, "1x40", WORKER),
        series(names.STREAM_RECOVERING, "1x8 0x40", WORKER),
        {"instance": "w1"},
        (
            "Worker w1 relê seu estado há mais de 5 minutos",
            "Worker w1 has been reading its state back for more than 5 minutes",
        ),
    ),
    Case(
        "FilavivaGatewayNotDelivering",
        "3m",
        series("up", "1x40", GATEWAY) | series(names.GATEWAY_AVAILABLE, "1x4 0x40", {"instance": "g1"}),
        series("up", "1x2 0x2 1x40", GATEWAY) | series(names.GATEWAY_AVAILABLE, "1x4 0x2 1x40", {"instance": "g1"}),
        {"instance": "g1"},
        ("O gateway g1 não entrega eventos ao Kafka", "The gateway g1 delivers no events to Kafka"),
        "a restart, and a broker that was away for half a minute",
    ),
    Case(
        "FilavivaGatewayRefusing",
        "20m",
        requests("0+9x100", **{"401": "0+1x100"}),
        requests("0+99x100", **{"401": "0+1x100", "503": "0+50x100"}),
        WAY_IN,
        ("Fonte crm: o gateway recusa 10% dos pedidos", "Source crm: the gateway refuses 10% of the requests"),
        "one in a hundred, and a Kafka that is away",
    ),
    Case(
        "FilavivaMoverDown",
        "4m",
        series("up", "1x40", MOVER_JOB) | series(names.MOVER_CONNECTED, "1x4 0x40", MOVER, instance="m1"),
        series("up", "1x2 0x4 1x40", MOVER_JOB) | series(names.MOVER_DELIVERING, "1x4 0x4 1x40", MOVER, instance="m1"),
        {"instance": "m1"},
        ("O mover m1 não traz nada ao Kafka", "The mover m1 brings nothing to Kafka"),
        "a restart, and a broker that was away for a minute",
    ),
    Case(
        "FilavivaMoverBehind",
        "5m",
        series(names.MOVER_BEHIND, "600x40", MOVER),
        series(names.MOVER_BEHIND, "600x5 3x40", MOVER),
        MOVER,
        ("Fonte pbx: queue-log está 10m 0s atrás", "Source pbx: queue-log is 10m 0s behind"),
        "a mover that has caught up",
    ),
    Case(
        "FilavivaMoverRejecting",
        "20m",
        series(names.MOVER_REJECTED, "0+2x100", MOVER, reason="bad_time")
        | series(names.MOVER_RECORDS, "0+100x100", MOVER),
        series(names.MOVER_REJECTED, "0+0.5x100", MOVER, reason="bad_time")
        | series(names.MOVER_RECORDS, "0+100x100", MOVER),
        MOVER,
        (
            "Fonte pbx: 2% dos registros de queue-log são malformados",
            "Source pbx: 2% of the records of queue-log are malformed",
        ),
    ),
    Case(
        "FilavivaAlertDeliveryFailing",
        "8m",
        series("alertmanager_notifications_failed_total", "0+1x60", {"integration": "email"}),
        series("alertmanager_notifications_failed_total", "5x60", {"integration": "email"}),
        {"integration": "email"},
        ("Alertas não estão sendo entregues por email", "Alerts are not delivered by email"),
        "failures of long ago",
    ),
)
