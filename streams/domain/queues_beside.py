"""Two policies on one stream of waits: the queues are judged by theirs, and beside it by another that only finds.

The other is a whole core of its own with its own rows, fed the same records of the queues that name it; of what it says
only findings are kept, and of those only such as cite neither the queue's own policy nor its plain limit. So a version
can be tried on live waits for a month, breach by breach, before it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from streams.domain.decisions import Changes, Decisions, Output, Record
from streams.domain.directory import Directory
from streams.domain.intake import Facts
from streams.domain.outcomes import SLA_BREACHES
from streams.domain.queue_limits import PLAIN_POLICY_VERSION
from streams.domain.queues import ClockRules, QueuesCore
from streams.domain.staffing import QUEUE_STAFFING

ROWS_BESIDE: Final = b"beside/"


class QueuesBeside(QueuesCore):
    """The queues of one partition, and ``beside``: those of them that another policy judges too.

    ``own_versions`` are the policy versions the queues themselves go by.
    """

    def __init__(
        self,
        partition: int,
        directory: Directory,
        *,
        facts: Facts,
        clock: ClockRules,
        beside: Directory,
        own_versions: frozenset[str],
    ) -> None:
        super().__init__(partition, directory, facts=facts, clock=clock)
        self._other = QueuesCore(partition, beside, facts=Facts(None, None), clock=clock)
        self._keys = frozenset(queue.owner_key.encode() for queue in beside.queues.values())
        self._own = (*(f":{version}".encode() for version in own_versions), f":{PLAIN_POLICY_VERSION}".encode())

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        decisions = super().apply(topic, records, now_ms, wall_ms)
        if topic != QUEUE_STAFFING:
            ours = [record for record in records if record.key in self._keys]
            decisions.outputs += self._found(self._other.apply(topic, ours, now_ms, wall_ms).outputs)
        return decisions

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        return super().tick(now_ms) + self._found(self._other.tick(now_ms))

    def _found(self, outputs: Sequence[Output]) -> list[Output]:
        return [each for each in outputs if each.topic == SLA_BREACHES and not each.key.endswith(self._own)]

    def changes(self) -> Changes:
        changes, others = super().changes(), self._other.changes()
        changes.outputs += self._found(others.outputs)
        changes.rows += [(ROWS_BESIDE + key, value) for key, value in others.rows]
        return changes

    def changed_rows(self) -> int:
        return super().changed_rows() + self._other.changed_rows()

    def snapshot(self) -> list[tuple[bytes, bytes | None]]:
        return super().snapshot() + [(ROWS_BESIDE + key, value) for key, value in self._other.snapshot()]

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore({key: value for key, value in rows.items() if not key.startswith(ROWS_BESIDE)})
        start = len(ROWS_BESIDE)
        self._other.restore({key[start:]: value for key, value in rows.items() if key.startswith(ROWS_BESIDE)})
