"""Compaction by force: what a broker would do over hours, within seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kafka.admin import ConfigResource, ConfigResourceType

from streams.topics import DAY_MS, HOUR_MS, QUEUE_STAFFING, SEGMENT_BYTES, TOPICS, full_name
from tests.deadlines import wait_until
from tests.faults import topics
from tests.faults.load import Ledger, Outgoing, Sender
from tests.faults.plan import pass_seconds
from tests.installation import Installation
from tests.kafka_server import KafkaServer

COMPACTED: Final = tuple(spec.name for spec in TOPICS if spec.cleanup == "compact")
EAGER: Final = {
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000",
    "min.cleanable.dirty.ratio": "0.0001",
    "segment.ms": "1000",
    "segment.bytes": "1048576",
    "delete.retention.ms": "0",
}
AS_CREATED: Final = {
    "min.compaction.lag.ms": str(HOUR_MS),
    "max.compaction.lag.ms": str(2**63 - 1),
    "min.cleanable.dirty.ratio": "0.5",
    "segment.ms": str(7 * DAY_MS),
    "segment.bytes": str(SEGMENT_BYTES),
    "delete.retention.ms": str(DAY_MS),
}
COMPACT_SECONDS: Final = 90
ROLL_SECONDS: Final = 1.2
NUDGE: Final = b"nudge"


@dataclass(frozen=True)
class Kept:
    """How many records the compacted topics held before and after."""

    before: int
    after: int

    @property
    def removed(self) -> int:
        return self.before - self.after

    def __str__(self) -> str:
        return f"{self.before:,} records before, {self.after:,} after"


def force(server: KafkaServer, installation: Installation) -> Kept:
    """Compact every changelog and compacted output of an installation; returns once records have gone.

    No worker may run. The newest segment is never compacted, so one more record per partition makes each roll first:
    a null that every reader passes over.
    """
    before = _records(installation)
    _alter(server, installation, EAGER)
    _nudge(server, installation)
    counts: list[int] = []

    def is_compacted() -> bool:
        """Until two counts in a row are the same, and smaller."""
        counts.append(_records(installation))
        return len(counts) > 1 and counts[-1] == counts[-2] < before

    wait_until(is_compacted, "the broker compacts", seconds=COMPACT_SECONDS)
    _alter(server, installation, AS_CREATED)  # a worker refuses to start on other settings
    return Kept(before, counts[-1])


def _records(installation: Installation) -> int:
    broker = installation.broker
    stored = topics.read(broker.bootstrap, broker.prefix, COMPACTED, installation.partitions)
    return sum(record.key != NUDGE for record in stored)


def _alter(server: KafkaServer, installation: Installation, configs: dict[str, str]) -> None:
    prefix = installation.broker.prefix
    admin = server.admin()
    try:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, full_name(prefix, topic), configs) for topic in COMPACTED]
        )
    finally:
        admin.close()


def _nudge(server: KafkaServer, installation: Installation) -> None:
    """A segment rolls with the first record after its time is over: twice, so that the first of these rolls too."""
    ledger = Ledger()
    sender = Sender(server.bootstrap, installation.broker.prefix, installation.partitions, ledger)
    for _ in range(2):
        pass_seconds(ROLL_SECONDS)
        for topic in (topic for topic in COMPACTED if topic != QUEUE_STAFFING):  # an input: it would be counted
            for partition in range(installation.partitions):
                sender.send_raw(Outgoing(topic, partition, NUDGE, None, "nudge"))
        sender.flush(COMPACT_SECONDS)
    assert ledger.unanswered == 0
    assert not ledger.refused, ledger.refused
