"""Every metric Filaviva exposes: the only place a metric name is written. Imports nothing of the service.

Base units only: seconds, ratios 0 to 1, plain counts. Label values are slugs and closed lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SITE_LABELS: Final = ("tenant", "site")
QUEUE_LABELS: Final = (*SITE_LABELS, "queue", "channel")
SOURCE_LABELS: Final = (*SITE_LABELS, "source")


class Kind(StrEnum):
    """How Prometheus treats the samples."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricName:
    """One metric. ``unit`` is empty or the last word of the name; histograms add ``le`` to ``labels``."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""

    @property
    def bucket(self) -> str:
        return f"{self.name}_bucket"

    @property
    def count(self) -> str:
        return f"{self.name}_count"

    @property
    def sum(self) -> str:
        return f"{self.name}_sum"


def _gauge(name: str, help_: str, labels: tuple[str, ...] = (), *, unit: str = "") -> MetricName:
    return MetricName(name, Kind.GAUGE, help_, labels, unit)


def _counter(name: str, help_: str, labels: tuple[str, ...]) -> MetricName:
    return MetricName(name, Kind.COUNTER, help_, labels)


def _seconds(name: str, help_: str, labels: tuple[str, ...]) -> MetricName:
    return MetricName(name, Kind.HISTOGRAM, help_, labels, "seconds")


# A queue now: absent while its figures are stale.
QUEUE_WAITING_CONTACTS: Final = _gauge(
    "filaviva_queue_waiting_contacts", "Contacts waiting now.", QUEUE_LABELS, unit="contacts"
)
QUEUE_LONGEST_WAIT: Final = _gauge(
    "filaviva_queue_longest_wait_seconds",
    "Age of the oldest contact waiting now; 0 when none.",
    QUEUE_LABELS,
    unit="seconds",
)
QUEUE_WAIT_LIMIT_USED: Final = _gauge(
    "filaviva_queue_wait_limit_used_ratio",
    "Largest share of its own wait limit that a waiting contact has used; over the limit above 1, 0 when none waits.",
    QUEUE_LABELS,
    unit="ratio",
)
QUEUE_OVER_LIMIT_CONTACTS: Final = _gauge(
    "filaviva_queue_over_limit_contacts", "Contacts waiting beyond their limit now.", QUEUE_LABELS, unit="contacts"
)
QUEUE_PASSED_CONTACTS: Final = _gauge(
    "filaviva_queue_passed_contacts",
    "Contacts waiting now although ten that came later have been answered: a lost exit, or an unfair queue.",
    QUEUE_LABELS,
    unit="contacts",
)
QUEUE_AGENTS: Final = _gauge(
    "filaviva_queue_agents",
    "Agents that serve the queue, by state; an agent of several queues counts in each, so never add queues.",
    (*QUEUE_LABELS, "state"),
)

# A queue today, in its site's time zone.
QUEUE_STALE: Final = _gauge(
    "filaviva_queue_stale",
    "1 while the figures of the queue cannot be trusted; live gauges are then absent.",
    QUEUE_LABELS,
)
QUEUE_DAY_CONTACTS: Final = _gauge(
    "filaviva_queue_day_contacts",
    "Contacts offered today that have left the queue, by outcome; exact, starts again with the site's local day.",
    (*QUEUE_LABELS, "outcome"),
)
QUEUE_DAY_BREACHES: Final = _gauge(
    "filaviva_queue_day_breaches", "Findings of today, open or confirmed, by rule; exact.", (*QUEUE_LABELS, "rule")
)
QUEUE_DAY_SERVICE_LEVEL_MET: Final = _gauge(
    "filaviva_queue_day_service_level_met",
    "Numerator of today's service level by the formula chosen for the queue.",
    (*QUEUE_LABELS, "formula"),
)
QUEUE_DAY_SERVICE_LEVEL_BASE: Final = _gauge(
    "filaviva_queue_day_service_level_base",
    "Denominator of today's service level by the formula chosen for the queue.",
    (*QUEUE_LABELS, "formula"),
)
SITE_DAY_START: Final = _gauge(
    "filaviva_site_day_start_timestamp_seconds",
    "When the site's current local day began, as a Unix time.",
    SITE_LABELS,
    unit="seconds",
)

# Counted since the worker owns the queue; historic contacts excluded. For rates.
QUEUE_CONTACTS_OFFERED: Final = _counter(
    "filaviva_queue_contacts_offered_total", "Contacts that entered the queue.", QUEUE_LABELS
)
QUEUE_EXITS: Final = _counter(
    "filaviva_queue_exits_total", "Contacts that left the queue, by outcome.", (*QUEUE_LABELS, "outcome")
)
QUEUE_WAIT_BREACHES: Final = _counter(
    "filaviva_queue_wait_breaches_total",
    "Contacts whose wait crossed a limit, at the crossing; for rates only: a new owner counts those waiting again.",
    (*QUEUE_LABELS, "limit"),
)
QUEUE_WAIT: Final = _seconds(
    "filaviva_queue_wait_seconds", "Wait until the contact was answered or abandoned.", (*QUEUE_LABELS, "outcome")
)
QUEUE_CALLBACKS_REFUSED: Final = _counter(
    "filaviva_queue_callbacks_refused_total",
    "Customers whom the queue would call back and who cannot be called, by why: no number given, or none that rings.",
    (*QUEUE_LABELS, "reason"),
)
QUEUE_HANDLE: Final = _seconds(
    "filaviva_queue_handle_seconds", "Talk, hold and wrap-up of one contact together.", QUEUE_LABELS
)

# Held in parts by the owners of agents and of customers: add the workers up.
SITE_AGENTS: Final = _gauge(
    "filaviva_site_agents", "Agents of the site, each once, by state; a part per worker.", (*SITE_LABELS, "state")
)
QUEUE_CALLBACKS_PENDING: Final = _gauge(
    "filaviva_queue_callbacks_pending", "Open callback plans of the callback queue; a part per worker.", QUEUE_LABELS
)
QUEUE_CALLBACK_OVERDUE: Final = _gauge(
    "filaviva_queue_callback_overdue_seconds",
    "Lateness of the most overdue callback; 0 if none.",
    QUEUE_LABELS,
    unit="seconds",
)

CASE_DEADLINES: Final = _gauge(
    "filaviva_case_deadlines",
    "Deadlines of cases by rule and state: open is past the strict date, overdue past the rolled one and owed still, "
    "confirmed not met and over; of several versions of a policy those of the first; a part per worker.",
    ("tenant", "rule", "state"),
)

# What sites that are held to rules offer: absent while the worker is behind.
SITE_CHANNELS: Final = _gauge(
    "filaviva_site_channels",
    "Channels of the site by state now; unknown while their source is silent, or nothing was told of them.",
    (*SITE_LABELS, "state"),
)
SITE_DAY_HUMAN_VOICE: Final = _gauge(
    "filaviva_site_day_human_voice_seconds",
    "Today so far by whether people could be spoken to on the telephone: open, closed or unknown.",
    (*SITE_LABELS, "state"),
    unit="seconds",
)
SITE_DAY_BREACHES: Final = _gauge(
    "filaviva_site_day_breaches",
    "Findings of availability that touch today, open or confirmed, by rule; of several versions of a policy those of "
    "the first; exact.",
    (*SITE_LABELS, "rule"),
)

QUEUE_CALLBACKS_OVERDUE: Final = _gauge(
    "filaviva_queue_callbacks_overdue", "Open callback plans that are past due; a part per worker.", QUEUE_LABELS
)
QUEUE_CALLBACKS_OWED: Final = _gauge(
    "filaviva_queue_callbacks_owed", "Open callbacks that the law owes; a part per worker.", QUEUE_LABELS
)
QUEUE_CALLBACK_CUSTOMERS: Final = _gauge(
    "filaviva_queue_callback_customers",
    "Different customers who are to be called or were within a day, however often they gave up; a part per worker.",
    QUEUE_LABELS,
)
QUEUE_CALLBACKS_RELEASED: Final = _gauge(
    "filaviva_queue_callbacks_released", "Calls of the callback queue that hold an agent now.", QUEUE_LABELS
)
QUEUE_CALLBACK_PLANS: Final = _counter(
    "filaviva_queue_callback_plans_total",
    "Callback plans opened, and how they ended: recovered of opened is the share of lost customers won back.",
    (*QUEUE_LABELS, "state"),
)
QUEUE_CALLBACK_ATTEMPTS: Final = _counter(
    "filaviva_queue_callback_attempts_total", "Attempts to call customers back, by outcome.", (*QUEUE_LABELS, "outcome")
)
QUEUE_CALLBACK_FIRST_ATTEMPT: Final = _seconds(
    "filaviva_queue_callback_first_attempt_seconds",
    "From losing a customer to the first call being made.",
    QUEUE_LABELS,
)

# Configuration, from every worker for all queues.
QUEUE_INFO: Final = _gauge(
    "filaviva_queue_info", "Names of the queue for people; always 1.", (*QUEUE_LABELS, "display_name", "group")
)
QUEUE_OPEN: Final = _gauge("filaviva_queue_open", "1 while the queue is open by its own calendar.", QUEUE_LABELS)
QUEUE_ANSWER_TARGET: Final = _gauge(
    "filaviva_queue_answer_target_seconds",
    "Wait within which an answer counts as in target.",
    QUEUE_LABELS,
    unit="seconds",
)
QUEUE_MAX_WAIT: Final = _gauge(
    "filaviva_queue_max_wait_seconds",
    "Limit that a contact offered now would be held to: the policy's of the day, else the queue's own; absent where"
    " there is none. Each contact keeps the limit of its own start.",
    QUEUE_LABELS,
    unit="seconds",
)
QUEUE_SERVICE_LEVEL_TARGET: Final = _gauge(
    "filaviva_queue_service_level_target_ratio",
    "Promised share of contacts answered in target.",
    QUEUE_LABELS,
    unit="ratio",
)
SOURCE_EXPECTED_SILENCE: Final = _gauge(
    "filaviva_source_expected_silence_seconds",
    "Silence of a source beyond which its queues are stale.",
    SOURCE_LABELS,
    unit="seconds",
)

# The stream of events.
STREAM_EVENTS: Final = _counter("filaviva_stream_events_total", "Events applied.", ("topic", "event_type"))
STREAM_EVENTS_REJECTED: Final = _counter(
    "filaviva_stream_events_rejected_total", "Records sent to the dead-letter topic, by reason.", ("topic", "reason")
)
STREAM_EVENTS_DISCARDED: Final = _counter(
    "filaviva_stream_events_discarded_total",
    "Records known already or of an unknown type; harmless.",
    ("topic", "class"),
)
STREAM_EVENTS_HISTORIC: Final = _counter(
    "filaviva_stream_events_historic_total",
    "Facts of contacts that were more than 15 minutes old when they arrived.",
    ("topic",),
)
STREAM_EVENT_DELAY: Final = _seconds(
    "filaviva_stream_event_delay_seconds", "Time from an event to its being applied.", ("topic",)
)
STREAM_LAST_EVENT: Final = _gauge(
    "filaviva_stream_last_event_timestamp_seconds",
    "Newest event time of the source as a Unix time; the start of the worker before the first event.",
    SOURCE_LABELS,
    unit="seconds",
)
SOURCE_SKEWED_EVENTS: Final = _counter(
    "filaviva_source_skewed_events_total",
    "Events whose time is more than 120 s off their arrival at Kafka.",
    SOURCE_LABELS,
)

SOURCE_ODD_EVENTS: Final = _counter(
    "filaviva_source_odd_events_total",
    "Live contact events that came twice, more than 1 s behind newer ones, or without their contact's offer so far.",
    (*SOURCE_LABELS, "kind"),
)
SOURCE_UNFINISHED_CONTACTS: Final = _counter(
    "filaviva_source_unfinished_contacts_total",
    "Live contacts forgotten, a day (written: 7 days) after their last event, by what was never told of them.",
    (*SOURCE_LABELS, "kind"),
)

# The worker.
STREAM_CONSUMER_LAG: Final = _gauge(
    "filaviva_stream_consumer_lag_messages",
    "End offset minus position, for partitions the worker owns.",
    ("consumer_group", "topic", "partition"),
    unit="messages",
)
STREAM_ASSIGNED_PARTITIONS: Final = _gauge(
    "filaviva_stream_assigned_partitions",
    "Partitions of the topic that the worker owns.",
    ("topic",),
    unit="partitions",
)
STREAM_TABLE_KEYS: Final = _gauge(
    "filaviva_stream_table_keys", "Keys the worker holds in the table.", ("table",), unit="keys"
)
STREAM_RECOVERING: Final = _gauge("filaviva_stream_recovering", "1 while the worker reads its state back.")
STREAM_RECOVERY: Final = _gauge(
    "filaviva_stream_recovery_seconds", "Duration of the last recovery of state.", unit="seconds"
)
SCRAPE_RENDER: Final = _gauge(
    "filaviva_scrape_render_seconds", "Duration of the last rendering of this page.", unit="seconds"
)
BUILD_INFO: Final = _gauge(
    "filaviva_build_info",
    "Build and configuration of the worker; always 1.",
    ("version", "revision", "python", "config_hash"),
)

CATALOGUE: Final = tuple(value for value in list(globals().values()) if isinstance(value, MetricName))
"""Every metric of the worker, in order; collected so that none can be forgotten."""

# The gateway: its own page, beside the worker's.
GATEWAY_LABELS: Final = ("tenant", "source")
GATEWAY_REQUESTS: Final = _counter(
    "filaviva_gateway_requests_total", "Requests by the status they were answered with.", (*GATEWAY_LABELS, "status")
)
GATEWAY_EVENTS: Final = _counter(
    "filaviva_gateway_events_total", "Events that Kafka has acknowledged on all replicas.", GATEWAY_LABELS
)
GATEWAY_IGNORED: Final = _counter(
    "filaviva_gateway_ignored_records_total",
    "Records of platforms that make no event, by kind: what is not counted here, and what nobody knows.",
    (*GATEWAY_LABELS, "kind"),
)
GATEWAY_OWED: Final = _gauge(
    "filaviva_gateway_owed_events",
    "Events made of a platform's webhooks that Kafka has not acknowledged; sent until it has.",
    GATEWAY_LABELS,
)
GATEWAY_REQUEST: Final = _seconds(
    "filaviva_gateway_request_seconds", "From the head of a request to its answer.", GATEWAY_LABELS
)
GATEWAY_IN_FLIGHT: Final = _gauge("filaviva_gateway_in_flight_bytes", "Bytes of the requests under way.", unit="bytes")
GATEWAY_CONNECTIONS: Final = _gauge("filaviva_gateway_connections", "Connections open now.", unit="connections")
GATEWAY_REFUSED_CONNECTIONS: Final = _counter(
    "filaviva_gateway_refused_connections_total", "Connections sent away because as many as may be were open.", ()
)
GATEWAY_AVAILABLE: Final = _gauge("filaviva_gateway_available", "1 while a Kafka broker answers.")

# The movers of `filaviva ingest`: a page each.
MOVER_LABELS: Final = ("source", "mover")
MOVER_RECORDS: Final = _counter(
    "filaviva_mover_records_total", "Records of the platform that were read, repeats included.", MOVER_LABELS
)
MOVER_EVENTS: Final = _counter(
    "filaviva_mover_events_total", "Events handed over to Kafka, heartbeats and repeats included.", MOVER_LABELS
)
MOVER_IGNORED: Final = _counter(
    "filaviva_mover_ignored_records_total",
    "Records that make no event, by kind: what is not counted here, and what nobody knows.",
    (*MOVER_LABELS, "kind"),
)
MOVER_REJECTED: Final = _counter(
    "filaviva_mover_rejected_records_total",
    "Malformed records sent to the dead-letter topic, by reason.",
    (*MOVER_LABELS, "reason"),
)
MOVER_BREAKS: Final = _counter(
    "filaviva_mover_breaks_total",
    "Times when what came next could not be had: a broken connection, lines of a log that were nowhere to be found.",
    MOVER_LABELS,
)
MOVER_CONNECTED: Final = _gauge("filaviva_mover_connected", "1 while what is read from is there.", MOVER_LABELS)
MOVER_DELIVERING: Final = _gauge(
    "filaviva_mover_delivering", "1 while Kafka has acknowledged what was sent last.", MOVER_LABELS
)
MOVER_BEHIND: Final = _gauge(
    "filaviva_mover_behind_seconds",
    "How far what was read is behind: of a log by the times of its lines, else since the last answer of the platform.",
    MOVER_LABELS,
    unit="seconds",
)
MOVER_LAST_RECORD: Final = _gauge(
    "filaviva_mover_last_record_timestamp_seconds",
    "Time of the record read last as a Unix time; the start of the mover before the first.",
    MOVER_LABELS,
    unit="seconds",
)

INTAKE_CATALOGUE: Final = tuple(
    value for value in list(globals().values()) if isinstance(value, MetricName) and value not in CATALOGUE
)
"""Every metric of the gateway and of the movers."""
