"""Alerts of what brings events in: the gateway and the movers of `filaviva ingest`."""

from __future__ import annotations

from typing import Final

from dashboards.alert import DURATION, PERCENT, Alert, Scope, Severity
from dashboards.intake_queries import BEHIND_SECONDS, MOVER
from dashboards.theme import Text
from streams import metric_names as names

GATEWAY: Final = 'up{job="filaviva-gateway"}'
INGEST: Final = 'up{job="filaviva-ingest"}'
"""What `deploy/prometheus/prometheus.yml` calls them."""
_BOARD: Final = "filaviva-pipeline"
_SOURCE: Final = ", ".join(names.GATEWAY_LABELS)
_REQUESTS: Final = names.GATEWAY_REQUESTS.name
_REFUSED: Final = f'{_REQUESTS}{{status=~"4.."}}'


def _any_is_zero(*gauges: str) -> str:
    return " or ".join(f"min by (instance) ({gauge}) == 0" for gauge in gauges)


INTAKE: Final = (
    Alert(
        name="FilavivaGatewayNotDelivering",
        expr=_any_is_zero(GATEWAY, names.GATEWAY_AVAILABLE.name),
        wait="1m",
        severity=Severity.CRITICAL,
        scope=Scope.PLATFORM,
        dashboard=_BOARD,
        summary=Text(
            "O gateway {{ $labels.instance }} não entrega eventos ao Kafka",
            "The gateway {{ $labels.instance }} delivers no events to Kafka",
        ),
        meaning=Text(
            "As fontes que enviam por HTTP são recusadas e devem repetir; as que não repetem perdem eventos.",
            "Sources that send by HTTP are refused and must repeat; those that do not repeat lose events.",
        ),
    ),
    Alert(
        name="FilavivaGatewayRefusing",
        expr=(
            f"sum by ({_SOURCE}) (rate({_REFUSED}[10m])) / sum by ({_SOURCE}) (rate({_REQUESTS}[10m])) > 0.05"
            f" and on ({_SOURCE}) sum by ({_SOURCE}) (increase({_REFUSED}[10m])) > 3"
        ),
        wait="5m",
        severity=Severity.WARNING,
        scope=Scope.PLATFORM,
        dashboard=_BOARD,
        summary=Text(
            f"Fonte {{{{ $labels.source }}}}: o gateway recusa {PERCENT} dos pedidos",
            f"Source {{{{ $labels.source }}}}: the gateway refuses {PERCENT} of the requests",
        ),
        meaning=Text(
            "O que é recusado não será aceito de novo sem conserto: segredo trocado, relógio errado, formato.",
            "What is refused will not be taken again unmended: another secret, a wrong clock, a form.",
        ),
    ),
    Alert(
        name="FilavivaMoverDown",
        expr=_any_is_zero(INGEST, names.MOVER_CONNECTED.name, names.MOVER_DELIVERING.name),
        wait="2m",
        severity=Severity.CRITICAL,
        scope=Scope.PLATFORM,
        dashboard=_BOARD,
        summary=Text(
            "O mover {{ $labels.instance }} não traz nada ao Kafka",
            "The mover {{ $labels.instance }} brings nothing to Kafka",
        ),
        meaning=Text(
            "Ele parou, sua plataforma não responde ou o Kafka não confirma. As filas dessa fonte ficam sem dados.",
            "It has ended, its platform does not answer, or Kafka does not acknowledge: its queues have no data.",
        ),
    ),
    Alert(
        name="FilavivaMoverBehind",
        expr=f"{BEHIND_SECONDS} > 120",
        wait="2m",
        severity=Severity.WARNING,
        scope=Scope.PLATFORM,
        dashboard=_BOARD,
        summary=Text(
            f"Fonte {{{{ $labels.source }}}}: {{{{ $labels.mover }}}} está {DURATION} atrás",
            f"Source {{{{ $labels.source }}}}: {{{{ $labels.mover }}}} is {DURATION} behind",
        ),
        meaning=Text(
            "O que se vê dessa fonte é de antes. Um log antigo lido do começo também fica assim, até terminar.",
            "What is seen of this source is of before. An old log read anew looks so too, until it is done.",
        ),
    ),
    Alert(
        name="FilavivaMoverRejecting",
        expr=(
            f"sum by ({MOVER}) (rate({names.MOVER_REJECTED.name}[10m]))"
            f" / sum by ({MOVER}) (rate({names.MOVER_RECORDS.name}[10m])) > 0.01"
        ),
        wait="5m",
        severity=Severity.WARNING,
        scope=Scope.PLATFORM,
        dashboard=_BOARD,
        summary=Text(
            f"Fonte {{{{ $labels.source }}}}: {PERCENT} dos registros de {{{{ $labels.mover }}}} são malformados",
            f"Source {{{{ $labels.source }}}}: {PERCENT} of the records of {{{{ $labels.mover }}}} are malformed",
        ),
        meaning=Text(
            "O que eles diziam falta nos números. Veja: filaviva dead-letters list (estágio ingest).",
            "What they said is missing in the numbers. See: filaviva dead-letters list (stage ingest).",
        ),
    ),
)
