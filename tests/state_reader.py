"""What a stage has made durable, read from its changelog the way a recovering worker reads it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from kafka import KafkaConsumer, TopicPartition

from streams.connections import client_options
from streams.domain.decisions import Ledger
from streams.domain.input_counts import LEDGER_ROW, InputCounts
from streams.engine.changelog import RecoveredPartition
from streams.settings_sections import Kafka
from streams.topics import changelog_name, full_name
from tests.deadlines import wait_until

POLL_MS = 50


class StateReader:
    """Follows the changelog of one stage, from its beginning; `refresh` brings it up to date."""

    def __init__(self, bootstrap: str, prefix: str, stage: str, partitions: int) -> None:
        topic = full_name(prefix, changelog_name(stage))
        self.partitions = {number: RecoveredPartition() for number in range(partitions)}
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

        def is_read() -> bool:
            if all(self._consumer.position(place) >= end for place, end in ends.items()):
                return True
            for place, records in self._consumer.poll(timeout_ms=POLL_MS).items():
                for record in records:
                    self.partitions[place.partition].take(record)
            return False

        wait_until(is_read, "the changelog is read to its end")
        return self

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
