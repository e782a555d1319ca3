"""What a stage has made durable, read from its changelog the way a recovering worker reads it."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition

from streams.connections import client_options
from streams.domain.decisions import Ledger
from streams.domain.input_counts import LEDGER_ROW, InputCounts
from streams.engine.changelog import OFFSETS_KEY, Positions, RecoveredPartition
from streams.settings_sections import Kafka
from streams.topics import changelog_name, full_name
from tests.deadlines import wait_until

POLL_MS = 50
MOST_AT_ONCE = 5000
STALLED_SECONDS = 60.0
"""Without a single record: a whole changelog may take longer."""


class Flush(NamedTuple):
    """One flush of one partition: when it was written (Unix ms), and the positions it rests on."""

    partition: int
    time_ms: int
    positions: Positions


class StateReader:
    """Follows the changelog of one stage, from its beginning; `refresh` brings it up to date."""

    def __init__(self, bootstrap: str, prefix: str, stage: str, partitions: int) -> None:
        topic = full_name(prefix, changelog_name(stage))
        self.partitions = {number: RecoveredPartition() for number in range(partitions)}
        self.flushes: list[Flush] = []
        """Every flush, in the order of each partition."""
        self._places = [TopicPartition(topic, number) for number in self.partitions]
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=None,
            enable_auto_commit=False,
            fetch_max_wait_ms=POLL_MS // 2,
            **client_options(Kafka(brokers=(bootstrap,))),
        )
        self._consumer.assign(self._places)
        self._consumer.seek_to_beginning()

    def refresh(self) -> Self:
        """Read up to the ends of this moment."""
        ends = self._consumer.end_offsets(self._places)
        while behind := self._behind(ends):
            wait_until(
                lambda: self._has_read_some() or not self._behind(ends),
                f"more of the changelog is read than {behind}",
                seconds=STALLED_SECONDS,
            )
        return self

    def _behind(self, ends: Mapping[TopicPartition, int]) -> dict[int, str]:
        """The partitions that are not read to their ends, with how far they are."""
        positions = {place: self._consumer.position(place) for place in ends}
        return {
            place.partition: f"{positions[place]} of {end}" for place, end in ends.items() if positions[place] < end
        }

    def _has_read_some(self) -> bool:
        fetched = self._consumer.poll(timeout_ms=POLL_MS, max_records=MOST_AT_ONCE)
        for place, records in fetched.items():
            for record in records:
                partition = self.partitions[place.partition]
                partition.take(record)
                if record.key == OFFSETS_KEY:
                    self.flushes.append(Flush(place.partition, record.timestamp, partition.positions()))
        return bool(fetched)

    def records_done(self, topic: str) -> int:
        """How many records of an input topic (without prefix) the state rests on, over all partitions."""
        positions = [partition.positions().get(topic) for partition in self.partitions.values()]
        return sum(position.next_offset for position in positions if position)

    def ledger(self) -> Ledger:
        """The four classes over all partitions."""
        whole = Ledger()
        for partition in self.partitions.values():
            counts = InputCounts()
            counts.restore(partition.rows.get(LEDGER_ROW))
            whole.applied += counts.ledger.applied
            whole.duplicate += counts.ledger.duplicate
            whole.ignored += counts.ledger.ignored
            whole.rejected += counts.ledger.rejected
        return whole

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
