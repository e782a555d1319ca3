"""What an alert is: when it fires, who it is for, and what it says in both languages.

One alert serves all queues, because limits, targets and opening hours are metrics and are joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dashboards.theme import Text
from streams import metric_names as names

PERCENT: Final = "{{ $value | humanizePercentage }}"
DURATION: Final = "{{ $value | humanizeDuration }}"


class Severity(StrEnum):
    """How soon somebody must act."""

    CRITICAL = "critical"
    WARNING = "warning"
    NONE = "none"


class Scope(StrEnum):
    """Whose it is: the queue's supervisors, the tenant's people for cases, a site's on-call, the platform's team."""

    QUEUE = "queue"
    TENANT = "tenant"
    SITE = "site"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert. ``wait`` and ``keep`` are Prometheus' ``for`` and ``keep_firing_for``.

    The words of ``summary`` are a template of Prometheus; ``meaning`` is what it means and the first thing to do.
    """

    name: str
    expr: str
    severity: Severity
    scope: Scope
    summary: Text
    meaning: Text
    wait: str = ""
    keep: str = ""
    dashboard: str = "filaviva-supervisor"


def is_open(by: str) -> str:
    """By the calendars of the queues themselves, which know of holidays."""
    return f"max by ({by}) ({names.QUEUE_OPEN.name})"
