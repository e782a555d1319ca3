"""What ``queue-staffing`` tells the queues of one partition: the agents that serve them, the sources that feed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from streams.domain.agents_of_queues import AgentsOfQueues
from streams.domain.decisions import Decisions, Record
from streams.domain.directory import Directory
from streams.domain.input_counts import InputCounts
from streams.domain.rows import RowBytes
from streams.domain.sources_of_queues import SourcesOfQueues, read_heard


class StaffingOfQueues:
    """Both kinds of record lie in one topic and are told apart by their type; a tombstone is about an agent."""

    def __init__(self, partition: int, directory: Directory, *, clock: Literal["wall", "event"]) -> None:
        self.agents = AgentsOfQueues(policy.owner_key for policy in directory.queues_of_partition(partition))
        self.sources = SourcesOfQueues(partition, directory, clock=clock)

    def take(self, records: Sequence[Record], inputs: InputCounts) -> Decisions:
        decisions = Decisions()
        for record in records:
            heard = read_heard(record.value)
            at_ms = self.agents.take(record, inputs) if heard is None else self.sources.take(heard, inputs)
            if at_ms is not None:
                decisions.see(at_ms)
        return decisions

    def changed_rows(self) -> Iterator[RowBytes]:
        """The rows changed since the last call."""
        yield from self.agents.changed_rows()
        yield from self.sources.changed_rows()

    def rows(self) -> Iterator[RowBytes]:
        yield from self.agents.rows()
        yield from self.sources.rows()

    def size(self) -> int:
        return self.agents.size() + len(self.sources)

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        self.agents.restore(rows)
        self.sources.restore(rows)
