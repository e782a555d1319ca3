"""Every topic as data: who keys it how, how long it is kept, how it is stamped, and whether it holds personal data.

All topics of one installation share a name prefix and one partition count, fixed for the life of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from streams.domain.events import (
    AGENT_EVENTS,
    CALL_EVENTS,
    CALLBACK_RESULTS,
    CASE_EVENTS,
    CHAT_EVENTS,
    COMMANDS,
    EMAIL_EVENTS,
    SITE_EVENTS,
)

QUEUE_STAFFING: Final = "queue-staffing"
CALLBACK_SIGNALS: Final = "callback-signals"
DIALLING_LOG: Final = "dialling-log"
CALLBACK_PLANS: Final = "callback-plans"
CALLBACK_JOBS: Final = "callback-jobs"
CONTACT_OUTCOMES: Final = "contact-outcomes"
SLA_BREACHES: Final = "sla-breaches"
QUEUE_INTERVALS: Final = "queue-intervals"
SITE_DAYS: Final = "site-days"
CASE_DEADLINES: Final = "case-deadlines"
DEAD_LETTERS: Final = "dead-letters"

STAGE_INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "queues": (CALL_EVENTS, CHAT_EVENTS, EMAIL_EVENTS, QUEUE_STAFFING),
    "staffing": (AGENT_EVENTS,),
    "availability": (SITE_EVENTS,),
    "cases": (CASE_EVENTS,),
    "callbacks": (CALLBACK_SIGNALS, COMMANDS),
    "dialling": (DIALLING_LOG, QUEUE_STAFFING, COMMANDS),
    "results": (CALLBACK_RESULTS,),
}
"""The stages with state, and the topics each reads."""
TABLES: Final = tuple(STAGE_INPUTS)
"""A stage's table has its name; each has a changelog."""

DEFAULT_PARTITIONS: Final = 8
MIB: Final = 1024 * 1024
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_FOR_EVER_MS: Final = 2**63 - 1
SEGMENT_BYTES: Final = 128 * MIB
"""Of compacted topics: the newest segment is never compacted, so this bounds what a recovery reads beside live keys."""

Cleanup = Literal["delete", "compact"]
TimestampType = Literal["CreateTime", "LogAppendTime"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic without its prefix.

    ``key`` is what records are compacted by, in words. ``retention_days`` is None where compaction decides instead.
    ``max_message_bytes`` bounds a record batch. ``personal_data`` says that raw addresses or the tenant's own customer
    identifiers may be inside: grant access accordingly.
    """

    name: str
    key: str
    cleanup: Cleanup = "delete"
    retention_days: int | None = None
    max_message_bytes: int = 2 * MIB
    timestamp_type: TimestampType = "CreateTime"
    personal_data: bool = False

    @property
    def is_input(self) -> bool:
        """Whether others write it, so that its time stamps must be the broker's own."""
        return self.timestamp_type == "LogAppendTime"


def full_name(prefix: str, name: str) -> str:
    """A topic's name in the cluster."""
    return f"{prefix}-{name}"


def changelog_name(table: str) -> str:
    """The changelog of a table, without the prefix."""
    return f"{table}-changelog"


def stages_reading(topic: str) -> tuple[str, ...]:
    """The stages whose state a topic (without prefix) goes into; empty for a topic that no stage reads."""
    return tuple(stage for stage, inputs in STAGE_INPUTS.items() if topic in inputs)


def bare_name(prefix: str, topic: str) -> str:
    """A topic's name without the prefix, whether it was given with it or not."""
    known = {spec.name for spec in TOPICS}
    return topic if topic in known else topic.removeprefix(f"{prefix}-")


def _input(name: str, key: str, retention_days: int, *, personal_data: bool = False) -> TopicSpec:
    return TopicSpec(
        name=name,
        key=key,
        retention_days=retention_days,
        timestamp_type="LogAppendTime",
        personal_data=personal_data,
    )


def _log(name: str, key: str, retention_days: int) -> TopicSpec:
    return TopicSpec(name=name, key=key, retention_days=retention_days)


def _compacted(name: str, key: str, max_message_bytes: int = 2 * MIB) -> TopicSpec:
    return TopicSpec(name=name, key=key, cleanup="compact", max_message_bytes=max_message_bytes)


TOPICS: Final[tuple[TopicSpec, ...]] = (
    _input(CALL_EVENTS, "tenant/queue", 7, personal_data=True),
    _input(CHAT_EVENTS, "tenant/queue", 7, personal_data=True),
    _input(EMAIL_EVENTS, "tenant/queue", 7, personal_data=True),
    _input(AGENT_EVENTS, "tenant/agent_id", 7),
    _input(SITE_EVENTS, "tenant/site", 30),
    _input(CASE_EVENTS, "tenant/case_id", 90, personal_data=True),
    _input(COMMANDS, "tenant/customer_token or tenant/callback_queue", 7),
    _compacted(QUEUE_STAFFING, "tenant/queue/agent_id or tenant/queue/source"),
    _log(CALLBACK_SIGNALS, "tenant/customer_token", 7),
    _log(DIALLING_LOG, "tenant/callback_queue", 7),
    _input(CALLBACK_RESULTS, "any; job_id in the value decides", 30),
    _compacted(CALLBACK_PLANS, "plan_id"),
    TopicSpec(name=CALLBACK_JOBS, key="job_id", retention_days=7, personal_data=True),
    _log(CONTACT_OUTCOMES, "tenant/queue", 400),
    _compacted(SLA_BREACHES, "finding id"),
    _compacted(QUEUE_INTERVALS, "tenant/queue/channel/interval_start"),
    _compacted(SITE_DAYS, "tenant/site/date"),
    _compacted(CASE_DEADLINES, "deadline id"),
    TopicSpec(
        name=DEAD_LETTERS, key="the original key", retention_days=30, max_message_bytes=4 * MIB, personal_data=True
    ),
    *(_compacted(changelog_name(table), f"the state keys of {table}", 4 * MIB) for table in TABLES),
)


def topic_configs(spec: TopicSpec, *, replication: int = 1, event_clock: bool = False) -> dict[str, str]:
    """The topic's settings by Kafka's names.

    With the event clock a record's time stamp is simulated too, past or future: nothing is stamped by the broker,
    refused for its time stamp or deleted by age. With several replicas an acknowledged record is on two of them.
    """
    configs = {
        "cleanup.policy": spec.cleanup,
        "max.message.bytes": str(spec.max_message_bytes),
        "message.timestamp.type": spec.timestamp_type,
    }
    if spec.retention_days is not None:
        configs["retention.ms"] = str(spec.retention_days * DAY_MS)
    if event_clock:
        configs |= {
            "message.timestamp.type": "CreateTime",
            "message.timestamp.after.max.ms": str(_FOR_EVER_MS),
            "retention.ms": "-1",
        }
    if spec.cleanup == "compact":
        configs |= {"min.compaction.lag.ms": str(HOUR_MS), "segment.bytes": str(SEGMENT_BYTES)}
    if replication > 1:
        configs["min.insync.replicas"] = "2"
    return configs
