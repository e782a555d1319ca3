"""Alerts of sites and of the platform: sources, staffing, workers, topics, and the chain of alerts itself."""

from __future__ import annotations

from typing import Final

from dashboards import recording
from dashboards.alert import DURATION, PERCENT, Alert, Scope, Severity, is_open
from dashboards.recording import DELAYED, SITE
from dashboards.theme import Text
from streams import metric_names as names

SOURCE: Final = ", ".join(names.SOURCE_LABELS)
JOB: Final = 'up{job="filaviva-stream"}'
"""What `deploy/prometheus/prometheus.yml` calls the workers."""

_LAG: Final = names.STREAM_CONSUMER_LAG.name
_GROUP: Final = "consumer_group, topic"
_REJECTED: Final = f"sum by (topic) (rate({names.STREAM_EVENTS_REJECTED.name}[10m]))"
_APPLIED: Final = f"sum by (topic) (rate({names.STREAM_EVENTS.name}[10m]))"
_AGENTS: Final = recording.SITE_AGENTS.record


def _delayed(share: str, long: str, short: str) -> str:
    return f"{DELAYED[long].record} > {share} and on (topic) {DELAYED[short].record} > {share}"


SITES: Final = (
    Alert(
        name="FilavivaFeedSilent",
        expr=(
            f"(time() - max by ({SOURCE}) ({names.STREAM_LAST_EVENT.name}) > on ({SOURCE})"
            f" max by ({SOURCE}) ({names.SOURCE_EXPECTED_SILENCE.name})) and on ({SITE}) ({is_open(SITE)} == 1)"
        ),
        wait="30s",
        keep="1m",
        severity=Severity.CRITICAL,
        scope=Scope.SITE,
        summary=Text(
            f"Unidade {{{{ $labels.site }}}}: a fonte {{{{ $labels.source }}}} está em silêncio há {DURATION}",
            f"Site {{{{ $labels.site }}}}: the source {{{{ $labels.source }}}} has been silent for {DURATION}",
        ),
        meaning=Text(
            "As filas dessa fonte estão sem dados; clientes podem estar esperando sem que se veja. Chame a plataforma.",
            "The queues of this source have no data; customers may wait unseen. Call whoever runs the platform.",
        ),
    ),
    Alert(
        name="FilavivaStaffingStale",
        expr=(
            f"(count by ({SITE}) (last_over_time({_AGENTS}[12h])) unless on ({SITE}) count by ({SITE}) ({_AGENTS}))"
            f" and on ({SITE}) ({is_open(SITE)} == 1)"
        ),
        wait="2m",
        severity=Severity.WARNING,
        scope=Scope.SITE,
        summary=Text(
            "Unidade {{ $labels.site }}: não se sabe quem está livre",
            "Site {{ $labels.site }}: nobody knows who is free",
        ),
        meaning=Text(
            "Os estados dos atendentes deixaram de chegar; nenhum retorno é liberado enquanto isso.",
            "The states of agents have stopped coming in; no callback is released meanwhile.",
        ),
    ),
)
PLATFORM: Final = (
    Alert(
        name="FilavivaNoWorkers",
        expr=f"absent({JOB} == 1)",
        wait="30s",
        severity=Severity.CRITICAL,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text("Nenhum worker responde", "No worker answers"),
        meaning=Text(
            "As paredes estão sem dados em todo lugar. Nada se perde: os eventos esperam no Kafka.",
            "Walls have no data anywhere. Nothing is lost: the events wait in Kafka.",
        ),
    ),
    Alert(
        name="FilavivaWorkerDown",
        expr=f"{JOB} == 0",
        wait="30s",
        severity=Severity.CRITICAL,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text("Worker {{ $labels.instance }} fora do ar", "Worker {{ $labels.instance }} is down"),
        meaning=Text(
            "Os outros assumem suas filas em segundos; se não, elas ficam sem dados. Leia o fim do log dele.",
            "The others take its queues over within seconds; if not, these have no data. Read the end of its log.",
        ),
    ),
    Alert(
        name="FilavivaFreshnessFastBurn",
        expr=_delayed("14.4 * 0.005", "1h", "5m"),
        severity=Severity.CRITICAL,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text(
            f"Tópico {{{{ $labels.topic }}}}: {PERCENT} dos eventos com mais de 5 s de atraso na última hora",
            f"Topic {{{{ $labels.topic }}}}: {PERCENT} of the events more than 5 s late in the last hour",
        ),
        meaning=Text(
            "A parede anda atrás da realidade. Veja a fila de mensagens, o tempo dos flushes e a rede.",
            "The wall lags behind reality. Look at consumer lag, the duration of flushes, and the network.",
        ),
    ),
    Alert(
        name="FilavivaFreshnessSlowBurn",
        expr=_delayed("6 * 0.005", "6h", "30m"),
        severity=Severity.WARNING,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text(
            f"Tópico {{{{ $labels.topic }}}}: {PERCENT} dos eventos com mais de 5 s de atraso em 6 horas",
            f"Topic {{{{ $labels.topic }}}}: {PERCENT} of the events more than 5 s late in 6 hours",
        ),
        meaning=Text(
            "Um atraso pequeno e constante. Veja se faltam workers ou se uma fonte envia tarde.",
            "A small and steady delay. See whether workers are too few, or a source sends late.",
        ),
    ),
    Alert(
        name="FilavivaConsumerLagGrowing",
        expr=(f"sum by ({_GROUP}) ({_LAG}) > 1000 and on ({_GROUP}) sum by ({_GROUP}) (deriv({_LAG}[5m])) > 0"),
        wait="5m",
        severity=Severity.WARNING,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text(
            "Tópico {{ $labels.topic }}: {{ $value }} mensagens por ler, e crescendo",
            "Topic {{ $labels.topic }}: {{ $value }} messages to read, and growing",
        ),
        meaning=Text(
            "O grupo {{ $labels.consumer_group }} não acompanha. Acrescente workers, até o número de partições.",
            "The group {{ $labels.consumer_group }} does not keep up. Add workers, up to the number of partitions.",
        ),
    ),
    Alert(
        name="FilavivaEventsRejected",
        expr=f"{_REJECTED} / on (topic) ({_APPLIED} + {_REJECTED} > 0) > 0.01",
        wait="5m",
        severity=Severity.WARNING,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text(
            f"Tópico {{{{ $labels.topic }}}}: {PERCENT} dos eventos rejeitados",
            f"Topic {{{{ $labels.topic }}}}: {PERCENT} of the events rejected",
        ),
        meaning=Text(
            "O que foi rejeitado falta nos números. Veja os motivos: filaviva dead-letters list.",
            "What was rejected is missing in the numbers. See the reasons: filaviva dead-letters list.",
        ),
    ),
    Alert(
        name="FilavivaRecoveryTooLong",
        expr=f"max by (instance) ({names.STREAM_RECOVERING.name}) == 1",
        wait="5m",
        severity=Severity.WARNING,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text(
            "Worker {{ $labels.instance }} relê seu estado há mais de 5 minutos",
            "Worker {{ $labels.instance }} has been reading its state back for more than 5 minutes",
        ),
        meaning=Text(
            "Suas filas estão sem dados até ele terminar. Veja o tamanho dos changelogs e a rede até o Kafka.",
            "Its queues have no data until it is done. Look at the size of the changelogs and the way to Kafka.",
        ),
    ),
    Alert(
        name="FilavivaAlertDeliveryFailing",
        expr="sum by (integration) (rate(alertmanager_notifications_failed_total[5m])) > 0",
        wait="5m",
        severity=Severity.CRITICAL,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text(
            "Alertas não estão sendo entregues por {{ $labels.integration }}",
            "Alerts are not delivered by {{ $labels.integration }}",
        ),
        meaning=Text(
            "Quem depende desse canal não está sendo avisado. Olhe a parede e o log do Alertmanager.",
            "Whoever depends on this channel is not told. Look at the wall, and the log of Alertmanager.",
        ),
    ),
    Alert(
        name="Watchdog",
        expr="vector(1)",
        severity=Severity.NONE,
        scope=Scope.PLATFORM,
        dashboard="filaviva-pipeline",
        summary=Text("Sinal de vida da cadeia de alertas", "Sign of life of the chain of alerts"),
        meaning=Text(
            "Dispara sempre. Quem o recebe deve dar o alarme quando ele parar de chegar.",
            "Always fires. Whoever receives it must raise the alarm when it stops coming.",
        ),
    ),
)
