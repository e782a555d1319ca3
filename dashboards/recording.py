"""Recording rules: what walls, desks and alerts read instead of the workers' own series.

Several workers export at once, and for a moment two may export one queue: a queue's figures are the `max` over them,
what is held in parts (agents of a site, callbacks) their `sum`. Rates are taken per series, then added. `> 0` in a
denominator turns 0/0 into no data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams import metric_names as names
from streams.metric_names import MetricName

Q: Final = ", ".join(names.QUEUE_LABELS)
SITE: Final = ", ".join(names.SITE_LABELS)

ANSWERED: Final = "answered_in_target|answered_late"
ABANDONED: Final = "abandoned_short|abandoned_in_target|abandoned_late"
MISSED: Final = "answered_late|abandoned_in_target|abandoned_late"
"""Short abandons are no verdict on the queue."""
JUDGED: Final = f"answered_in_target|{MISSED}"


@dataclass(frozen=True, slots=True)
class Recording:
    """One rule: the series ``record`` with exactly ``labels``."""

    record: str
    expr: str
    labels: tuple[str, ...] = names.QUEUE_LABELS


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in order."""

    name: str
    interval: str
    rules: tuple[Recording, ...]


def _largest(metric: MetricName) -> Recording:
    return Recording(f"queue:{metric.name}:max", f"max by ({Q}) ({metric.name})")


QUEUE_WAITING: Final = _largest(names.QUEUE_WAITING_CONTACTS)
QUEUE_LONGEST_WAIT: Final = _largest(names.QUEUE_LONGEST_WAIT)
QUEUE_OVER_LIMIT: Final = _largest(names.QUEUE_OVER_LIMIT_CONTACTS)
QUEUE_LIMIT_USED: Final = Recording(
    "queue:filaviva_queue_wait_limit_used:ratio", f"max by ({Q}) ({names.QUEUE_WAIT_LIMIT_USED.name})"
)
QUEUE_AGENTS: Final = Recording(
    f"queue_state:{names.QUEUE_AGENTS.name}:max",
    f"max by ({Q}, state) ({names.QUEUE_AGENTS.name})",
    names.QUEUE_AGENTS.labels,
)
SITE_AGENTS: Final = Recording(
    f"site_state:{names.SITE_AGENTS.name}:sum",
    f"sum by ({SITE}, state) ({names.SITE_AGENTS.name})",
    names.SITE_AGENTS.labels,
)
CALLBACKS_PENDING: Final = Recording(
    f"queue:{names.QUEUE_CALLBACKS_PENDING.name}:sum", f"sum by ({Q}) ({names.QUEUE_CALLBACKS_PENDING.name})"
)
CALLBACK_OVERDUE: Final = _largest(names.QUEUE_CALLBACK_OVERDUE)
QUEUE_NAME: Final = Recording(
    f"queue:{names.QUEUE_INFO.name}:top1",
    f"topk by ({Q}) (1, max by ({Q}, display_name, group) ({names.QUEUE_INFO.name}))",
    names.QUEUE_INFO.labels,
)
"""One name per queue also while workers with an old and a new configuration run side by side."""

DAY_CONTACTS: Final = Recording(
    f"queue_outcome:{names.QUEUE_DAY_CONTACTS.name}:max",
    f"max by ({Q}, outcome) ({names.QUEUE_DAY_CONTACTS.name})",
    names.QUEUE_DAY_CONTACTS.labels,
)
DAY_BREACHES: Final = Recording(
    f"queue_rule:{names.QUEUE_DAY_BREACHES.name}:max",
    f"max by ({Q}, rule) ({names.QUEUE_DAY_BREACHES.name})",
    names.QUEUE_DAY_BREACHES.labels,
)
DAY_MET: Final = _largest(names.QUEUE_DAY_SERVICE_LEVEL_MET)
DAY_BASE: Final = _largest(names.QUEUE_DAY_SERVICE_LEVEL_BASE)
SERVICE_LEVEL_DAY: Final = Recording(
    "queue:filaviva_service_level_day:ratio", f"{DAY_MET.record} / ({DAY_BASE.record} > 0)"
)


def _of_day(outcomes: str) -> str:
    return f'sum by ({Q}) ({DAY_CONTACTS.record}{{outcome=~"{outcomes}"}})'


ABANDONMENT_DAY: Final = Recording(
    "queue:filaviva_abandonment_day:ratio", f"{_of_day(ABANDONED)} / ({_of_day(f'{ANSWERED}|{ABANDONED}')} > 0)"
)


def _left(outcomes: str, window: str) -> str:
    return f'sum by ({Q}) (rate({names.QUEUE_EXITS.name}{{outcome=~"{outcomes}"}}[{window}]))'


def _misses(window: str) -> Recording:
    missed, judged = _left(MISSED, window), _left(JUDGED, window)
    return Recording(f"queue:filaviva_service_level_misses:ratio_rate{window}", f"{missed} / ({judged} > 0)")


MISSES: Final = {window: _misses(window) for window in ("5m", "30m", "1h", "4h")}
BUDGET: Final = Recording(
    "queue:filaviva_service_level_budget:ratio", f"1 - max by ({Q}) ({names.QUEUE_SERVICE_LEVEL_TARGET.name})"
)
WAIT_P90: Final = Recording(
    f"queue:{names.QUEUE_WAIT.name}:p90_rate15m",
    f'histogram_quantile(0.9, sum by ({Q}, le) (rate({names.QUEUE_WAIT.bucket}{{outcome="answered"}}[15m]))) >= 0',
)
"""The comparison drops the NaN of a quarter of an hour without answers."""
BREACHES_1H: Final = Recording(
    "queue:filaviva_queue_wait_breaches:increase1h",
    f'sum by ({Q}) (increase({names.QUEUE_WAIT_BREACHES.name}{{limit="max"}}[1h]))',
)


def _delayed(window: str) -> Recording:
    prompt = f'sum by (topic) (rate({names.STREAM_EVENT_DELAY.bucket}{{le="5.0"}}[{window}]))'
    every = f"sum by (topic) (rate({names.STREAM_EVENT_DELAY.count}[{window}]))"
    return Recording(
        f"topic:filaviva_event_delay_misses:ratio_rate{window}", f"1 - {prompt} / ({every} > 0)", ("topic",)
    )


DELAYED: Final = {window: _delayed(window) for window in ("5m", "30m", "1h", "6h")}

GROUPS: Final = (
    Group(
        "filaviva-queue-state",
        "5s",
        (
            QUEUE_WAITING,
            QUEUE_LONGEST_WAIT,
            QUEUE_OVER_LIMIT,
            QUEUE_LIMIT_USED,
            QUEUE_AGENTS,
            SITE_AGENTS,
            CALLBACKS_PENDING,
            CALLBACK_OVERDUE,
        ),
    ),
    Group(
        "filaviva-queue-day",
        "15s",
        (QUEUE_NAME, DAY_CONTACTS, DAY_BREACHES, DAY_MET, DAY_BASE, SERVICE_LEVEL_DAY, ABANDONMENT_DAY),
    ),
    Group("filaviva-service-level", "30s", (*MISSES.values(), BUDGET, WAIT_P90, BREACHES_1H)),
    Group("filaviva-freshness", "30s", tuple(DELAYED.values())),
)
RECORDINGS: Final = tuple(rule for group in GROUPS for rule in group.rules)
