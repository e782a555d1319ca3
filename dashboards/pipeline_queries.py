"""PromQL of the operators' dashboard: workers and topics. `up` and the scrape's duration are Prometheus' own."""

from __future__ import annotations

from typing import Final

from streams import metric_names as names

OF_JOB: Final = '{job="$job"}'
OF_WORKERS: Final = '{job="$job",instance=~"$instance"}'
OF_TOPICS: Final = '{job="$job",instance=~"$instance",topic=~"$topic"}'
RECENT: Final = "[$__rate_interval]"

JOBS: Final = f"label_values({names.BUILD_INFO.name}, job)"
INSTANCES: Final = f"label_values(up{OF_JOB}, instance)"
TOPICS: Final = f"label_values({names.STREAM_ASSIGNED_PARTITIONS.name}{OF_JOB}, topic)"

WORKERS_UP: Final = f"max by (instance) (up{OF_WORKERS})"
RECOVERING: Final = f"max by (instance) ({names.STREAM_RECOVERING.name}{OF_WORKERS})"
RECOVERY_SECONDS: Final = f"max by (instance) ({names.STREAM_RECOVERY.name}{OF_WORKERS})"
OWNED_PARTITIONS: Final = f"sum by (instance) ({names.STREAM_ASSIGNED_PARTITIONS.name}{OF_TOPICS})"
EVENTS_PER_SECOND: Final = f"sum by (event_type) (rate({names.STREAM_EVENTS.name}{OF_TOPICS}{RECENT}))"
REJECTED_IN_5_MINUTES: Final = f"sum by (reason) (increase({names.STREAM_EVENTS_REJECTED.name}{OF_TOPICS}[5m]))"
ODD_IN_5_MINUTES: Final = f"sum by (source, kind) (increase({names.SOURCE_ODD_EVENTS.name}{OF_WORKERS}[5m]))"
UNFINISHED_IN_A_DAY: Final = (
    f"sum by (source, kind) (increase({names.SOURCE_UNFINISHED_CONTACTS.name}{OF_WORKERS}[1d]))"
)
SKEWED_IN_5_MINUTES: Final = f"sum by (source) (increase({names.SOURCE_SKEWED_EVENTS.name}{OF_WORKERS}[5m]))"
SILENT_SECONDS: Final = f"time() - max by (source) ({names.STREAM_LAST_EVENT.name}{OF_WORKERS})"
PASSED_CONTACTS: Final = f"max by (tenant, site, queue) ({names.QUEUE_PASSED_CONTACTS.name}{OF_WORKERS})"
LAG_MESSAGES: Final = f"max by (topic, partition) ({names.STREAM_CONSUMER_LAG.name}{OF_TOPICS})"
"""Two workers may report one partition while it changes hands."""
RENDER_SECONDS: Final = f"{names.SCRAPE_RENDER.name}{OF_WORKERS}"
SCRAPE_SECONDS: Final = f"scrape_duration_seconds{OF_WORKERS}"


def event_delay_seconds(quantile: float) -> str:
    """Nothing while no event comes: the comparison drops the NaN that PromQL gives then."""
    buckets = f"sum by (le) (rate({names.STREAM_EVENT_DELAY.bucket}{OF_TOPICS}{RECENT}))"
    return f"histogram_quantile({quantile}, {buckets}) >= 0"
