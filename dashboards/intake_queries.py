"""PromQL of what brings events in: the gateway and the movers of `filaviva ingest`, each with a page of its own."""

from __future__ import annotations

from typing import Final

from streams import metric_names as names

RECENT: Final = "[$__rate_interval]"
MOVER: Final = ", ".join(names.MOVER_LABELS)

GATEWAYS_DELIVERING: Final = f"min by (instance) ({names.GATEWAY_AVAILABLE.name})"
MOVERS_CONNECTED: Final = f"min by ({MOVER}) ({names.MOVER_CONNECTED.name})"
MOVERS_DELIVERING: Final = f"min by ({MOVER}) ({names.MOVER_DELIVERING.name})"
REQUESTS_PER_SECOND: Final = f"sum by (source, status) (rate({names.GATEWAY_REQUESTS.name}{RECENT}))"
OWED_EVENTS: Final = f"sum by (source) ({names.GATEWAY_OWED.name})"
RECORDS_PER_SECOND: Final = f"sum by ({MOVER}) (rate({names.MOVER_RECORDS.name}{RECENT}))"
BEHIND_SECONDS: Final = f"max by ({MOVER}) ({names.MOVER_BEHIND.name})"
REJECTED_IN_5_MINUTES: Final = f"sum by (source, reason) (increase({names.MOVER_REJECTED.name}[5m]))"
IGNORED_IN_5_MINUTES: Final = f"sum by (source, kind) (increase({names.MOVER_IGNORED.name}[5m]))"
