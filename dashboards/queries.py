"""All PromQL of the queues' dashboards. Metric names come from the service's catalogue, recorded ones from our rules.

``$tenant``, ``$site`` and ``$queue`` are the reader's choice. Nothing is patched with zeros: what no worker exports is
absent, and the panels say so.
"""

from __future__ import annotations

from typing import Final

from dashboards import recording
from dashboards.recording import ABANDONED, ANSWERED, Q, Recording
from streams import metric_names as names

OF_SITES: Final = 'tenant="$tenant",site=~"$site"'
OF_QUEUES: Final = f'{OF_SITES},queue=~"$queue"'
ALERTS: Final = "ALERTS"
"""Prometheus' own series of what its rules say."""
BY_QUEUE: Final = "by (site, queue, channel)"
ON_QUEUE: Final = f"on ({Q})"
WRITTEN: Final = "email|form"
"""Channels with hours where others have seconds: a wall of what is urgent leaves them out."""

TENANTS: Final = f"label_values({names.QUEUE_INFO.name}, tenant)"
SITES: Final = f'label_values({names.QUEUE_INFO.name}{{tenant="$tenant"}}, site)'
QUEUES: Final = f"label_values({names.QUEUE_INFO.name}{{{OF_SITES}}}, queue)"


def of(recorded: Recording, more: str = "", *, places: str = OF_SITES) -> str:
    """The series of the chosen places; ``more`` are further matchers."""
    return f"{recorded.record}{{{','.join(filter(None, (places, more)))}}}"


def total(recorded: Recording, more: str = "", *, places: str = OF_SITES) -> str:
    return f"sum({of(recorded, more, places=places)})"


def by_queue(recorded: Recording, more: str = "", *, places: str = OF_QUEUES) -> str:
    """One line per queue and channel."""
    return f"max {BY_QUEUE} ({of(recorded, more, places=places)})"


def named(promql: str) -> str:
    """The same with the queue's name for people as the label ``display_name``."""
    return f"({promql}) * {ON_QUEUE} group_left (display_name) {of(recording.QUEUE_NAME)}"


# -- numbers of the wall and of the desk ------------------------------------------------------------------------------

WAITING: Final = total(recording.QUEUE_WAITING)
SERVICE_LEVEL_TODAY: Final = f"{total(recording.DAY_MET)} / ({total(recording.DAY_BASE)} > 0)"
"""The ratio of sums, never a mean of ratios."""
FREE_AGENTS: Final = total(recording.SITE_AGENTS, 'state="available"')
BREACHES_OF_THE_HOUR: Final = total(recording.BREACHES_1H)
CALLBACKS_PENDING: Final = total(recording.CALLBACKS_PENDING)
CALLBACK_OVERDUE: Final = f"max({of(recording.CALLBACK_OVERDUE)})"
OVER_LIMIT_NOW: Final = total(recording.QUEUE_OVER_LIMIT)
FINDINGS_TODAY: Final = total(recording.DAY_BREACHES)


def _of_day(outcomes: str) -> str:
    return total(recording.DAY_CONTACTS, f'outcome=~"{outcomes}"')


ABANDONMENT_TODAY: Final = f"{_of_day(ABANDONED)} / ({_of_day(f'{ANSWERED}|{ABANDONED}')} > 0)"


def longest_wait_seconds(condition: str) -> str:
    """Of the live channels, while the largest share of a limit used there meets the condition."""
    live = f'channel!~"{WRITTEN}"'
    longest, used = of(recording.QUEUE_LONGEST_WAIT, live), of(recording.QUEUE_LIMIT_USED, live)
    return f"max({longest}) and on () (max({used}) {condition})"


def most_urgent(count: int) -> str:
    """The queues that have used most of a limit, each by its worst channel."""
    worst = f"max by (display_name) ({named(of(recording.QUEUE_LIMIT_USED))})"
    return f"sort_desc(topk({count}, {worst}))"


CRITICAL_ALERTS: Final = (
    f'count({ALERTS}{{tenant=~"$tenant|",site=~"$site|",alertstate="firing",severity="critical"}})'
    f' or 0 * count({ALERTS}{{alertname="Watchdog",alertstate="firing"}})'
)
"""Of the place and of the platform; 0 only while the rules run."""
LIMIT_EXCEEDED: Final = f'{ALERTS}{{{OF_SITES},alertname="FilavivaQueueWaitLimitExceeded",alertstate="firing"}}'

_SOURCE: Final = ", ".join(names.SOURCE_LABELS)
_HEARD: Final = f"max by ({_SOURCE}) ({names.STREAM_LAST_EVENT.name}{{{OF_SITES}}})"
_EXPECTED: Final = f"max by ({_SOURCE}) ({names.SOURCE_EXPECTED_SILENCE.name}{{{OF_SITES}}})"
_SILENCE: Final = f"(time() - {_HEARD}) / on ({_SOURCE}) {_EXPECTED}"
"""The share of its expected silence that each configured source has been silent."""
UNMEASURED_AGE_SECONDS: Final = f"(time() - max({_HEARD})) unless on () max({_EXPECTED})"
"""Of the newest event, where no source is configured."""


def data_age_seconds(condition: str) -> str:
    """Of the configured source that is silent longest, while the largest share of a silence meets the condition."""
    return f"max((time() - {_HEARD}) and on ({_SOURCE}) {_EXPECTED}) and on () (max({_SILENCE}) {condition})"


_CONFIGURED: Final = f"max by ({Q}) ({names.QUEUE_INFO.name}{{{OF_SITES}}})"
BLIND_QUEUES: Final = (
    f"count({_CONFIGURED} unless {ON_QUEUE} {of(recording.QUEUE_WAITING)}) or 0 * count({_CONFIGURED})"
)
"""Configured queues without live figures: what every sum beside it lacks."""

# -- queues side by side, and one queue -------------------------------------------------------------------------------

CHOSEN_WAITING: Final = by_queue(recording.QUEUE_WAITING)
CHOSEN_LIMIT_USED: Final = by_queue(recording.QUEUE_LIMIT_USED)
CHOSEN_LONGEST_WAIT: Final = by_queue(recording.QUEUE_LONGEST_WAIT)
CHOSEN_FREE: Final = by_queue(recording.QUEUE_AGENTS, 'state="available"')
CHOSEN_NAMES: Final = f"max by (site, queue, channel, display_name) ({of(recording.QUEUE_NAME, places=OF_QUEUES)})"
CHOSEN_OPEN: Final = f"max {BY_QUEUE} ({names.QUEUE_OPEN.name}{{{OF_QUEUES}}})"
CHOSEN_STALE: Final = f"max {BY_QUEUE} ({names.QUEUE_STALE.name}{{{OF_QUEUES}}})"
CHOSEN_TARGET: Final = f"max {BY_QUEUE} ({names.QUEUE_SERVICE_LEVEL_TARGET.name}{{{OF_QUEUES}}})"
CHOSEN_FORMULA: Final = (
    f"max by (site, queue, channel, formula) ({names.QUEUE_DAY_SERVICE_LEVEL_BASE.name}{{{OF_QUEUES}}})"
)
CHOSEN_MAX_WAIT: Final = f"max {BY_QUEUE} ({names.QUEUE_MAX_WAIT.name}{{{OF_QUEUES}}})"
CHOSEN_SERVICE_LEVEL: Final = by_queue(recording.SERVICE_LEVEL_DAY)
CHOSEN_ABANDONMENT: Final = by_queue(recording.ABANDONMENT_DAY)
CHOSEN_PENDING: Final = by_queue(recording.CALLBACKS_PENDING)
CALLED_BACK_WAITING: Final = f"{CHOSEN_WAITING} and on (site, queue, channel) {CHOSEN_PENDING}"
"""In callback queues only: the others have nothing pending, not even 0."""
CHOSEN_OVERDUE: Final = by_queue(recording.CALLBACK_OVERDUE)
CHOSEN_P90: Final = by_queue(recording.WAIT_P90)
CHOSEN_MISSES: Final = by_queue(recording.MISSES["30m"])
CHOSEN_BREACHES: Final = by_queue(recording.BREACHES_1H)
FINDINGS_BY_RULE: Final = f"sum by (rule) ({of(recording.DAY_BREACHES, places=OF_QUEUES)})"
FINDINGS_BY_QUEUE: Final = f"sum {BY_QUEUE} ({of(recording.DAY_BREACHES, places=OF_QUEUES)})"
OVER_LIMIT_BY_QUEUE: Final = by_queue(recording.QUEUE_OVER_LIMIT)
TARGET_DISTANCE: Final = f"{CHOSEN_SERVICE_LEVEL} - on (site, queue, channel) {CHOSEN_TARGET}"
AGENTS_BY_STATE: Final = f"sum by (state) ({of(recording.SITE_AGENTS)})"
QUEUE_AGENTS_BY_STATE: Final = f"max by (state) ({of(recording.QUEUE_AGENTS, places=OF_QUEUES)})"
"""The largest of the chosen queues: agents of several queues must not be added up."""


def in_5_minutes(outcomes: str) -> str:
    """Contacts that left the chosen queues with one of the outcomes."""
    return f'sum(increase({names.QUEUE_EXITS.name}{{{OF_QUEUES},outcome=~"{outcomes}"}}[5m]))'


OFFERED_IN_5_MINUTES: Final = f"sum(increase({names.QUEUE_CONTACTS_OFFERED.name}{{{OF_QUEUES}}}[5m]))"
EXITS_BY_OUTCOME: Final = f"sum by (outcome) (increase({names.QUEUE_EXITS.name}{{{OF_QUEUES}}}[5m]))"
DAY_BY_OUTCOME: Final = f"sum by (outcome) ({of(recording.DAY_CONTACTS, places=OF_QUEUES)})"
WAIT_BUCKETS: Final = f"sum by (le) (increase({names.QUEUE_WAIT.bucket}{{{OF_QUEUES}}}[$__rate_interval]))"
CALLBACKS_REQUESTED: Final = in_5_minutes("callback_in_target|callback_late")
ANSWERED_IN_5_MINUTES: Final = in_5_minutes(ANSWERED)
LOST: Final = in_5_minutes(ABANDONED)
CALLBACK_SHARE_TODAY: Final = (
    f"{_of_day('callback_in_target|callback_late')} / ({_of_day(f'{ANSWERED}|{ABANDONED}|callback_.*')} > 0)"
)

PLANS_IN_1_HOUR: Final = f"sum by (state) (increase({names.QUEUE_CALLBACK_PLANS.name}{{{OF_QUEUES}}}[1h]))"
ATTEMPTS_IN_1_HOUR: Final = f"sum by (outcome) (increase({names.QUEUE_CALLBACK_ATTEMPTS.name}{{{OF_QUEUES}}}[1h]))"
REFUSED_IN_5_MINUTES: Final = f"sum(increase({names.QUEUE_CALLBACKS_REFUSED.name}{{{OF_QUEUES}}}[5m]))"
CALLBACKS_OVERDUE: Final = f"sum({names.QUEUE_CALLBACKS_OVERDUE.name}{{{OF_QUEUES}}})"
CALLBACKS_OWED: Final = f"sum({names.QUEUE_CALLBACKS_OWED.name}{{{OF_QUEUES}}})"
CALLBACKS_RELEASED: Final = f"sum(max by ({Q}) ({names.QUEUE_CALLBACKS_RELEASED.name}{{{OF_QUEUES}}}))"
SITE_CHANNELS: Final = f"sum by (site, state) ({names.SITE_CHANNELS.name}{{{OF_SITES}}})"
SITE_HUMAN_VOICE: Final = f"sum by (site, state) ({names.SITE_DAY_HUMAN_VOICE.name}{{{OF_SITES}}})"
SITE_BREACHES: Final = f"sum by (site, rule) ({names.SITE_DAY_BREACHES.name}{{{OF_SITES}}})"
CASE_DEADLINES: Final = f'sum by (rule, state) ({names.CASE_DEADLINES.name}{{tenant="$tenant"}})'


def first_attempt_quantile_seconds(quantile: float) -> str:
    """From losing a customer to the first call, of the last hour; nothing where nobody was called."""
    buckets = f"rate({names.QUEUE_CALLBACK_FIRST_ATTEMPT.bucket}{{{OF_QUEUES}}}[1h])"
    return f"histogram_quantile({quantile}, sum by (le) ({buckets})) >= 0"


def wait_quantile_seconds(quantile: float) -> str:
    """Of answered contacts of the last 15 minutes; nothing where nobody was answered."""
    buckets = f'rate({names.QUEUE_WAIT.bucket}{{{OF_QUEUES},outcome="answered"}}[15m])'
    return f"histogram_quantile({quantile}, sum by (le) ({buckets})) >= 0"


def handle_quantile_seconds(quantile: float) -> str:
    """Talk, hold and wrap-up of the last 30 minutes."""
    return f"histogram_quantile({quantile}, sum by (le) (rate({names.QUEUE_HANDLE.bucket}{{{OF_QUEUES}}}[30m]))) >= 0"
