"""Every alert, in the groups in which Prometheus judges them."""

from __future__ import annotations

from typing import Final

from dashboards.case_alerts import CASES
from dashboards.intake_alerts import INTAKE
from dashboards.platform_alerts import PLATFORM, SITES
from dashboards.queue_alerts import QUEUE_NOW, QUEUE_SOON

GROUPS: Final = {
    "filaviva-queue-critical": ("5s", QUEUE_NOW),
    "filaviva-queue-alerts": ("15s", QUEUE_SOON),
    "filaviva-case-alerts": ("15s", CASES),
    "filaviva-site-alerts": ("15s", SITES),
    "filaviva-intake-alerts": ("15s", INTAKE),
    "filaviva-platform-alerts": ("15s", PLATFORM),
}
"""Group to its interval and alerts. A breach is judged every 5 s, so that it reaches somebody within a minute."""
ALERTS: Final = tuple(alert for _, alerts in GROUPS.values() for alert in alerts)
