"""The sources that feed the queues of one partition: when each was last heard, and whether it is silent for too long.

A source is heard through the availability stage (its heartbeats) and through the contacts it reports here. Silence is
measured by the clock of ``queue-staffing``, the topic that heartbeats come on: while that lags behind, its clock does
too, so nobody is called silent for words that lie there unread. The clocks of the contact topics would not do: by event
time a feed that dies takes its own clock along, and at speed the topics of one owner are not read at one pace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from streams.domain.availability import SOURCE_HEARD_TYPE, SourceHeard
from streams.domain.directory import Directory, QueuePolicy, SourcePolicy
from streams.domain.input_counts import InputCounts
from streams.domain.rows import RowBytes, Rows
from streams.domain.staffing import QUEUE_STAFFING

LEAP_MS: Final = 30_000
"""Wall time that passes at once is catching up, and not silence of those never heard."""


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: Literal["source.heard"]
    data: SourceHeard


class _Heard(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    before_ms: int


_decode = msgspec.json.Decoder(_Event).decode


def read_heard(value: bytes | None) -> SourceHeard | None:
    """What a ``queue-staffing`` record tells of a source; None where it is about something else."""
    try:
        return None if value is None else _decode(value).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class SourcesOfQueues:
    """When each source was last heard: one fact for all queues of the partition, whichever of them learnt it."""

    def __init__(self, partition: int, directory: Directory, *, clock: Literal["wall", "event"]) -> None:
        self._follows_wall = clock == "wall"
        self._feeding: dict[tuple[str, str], list[SourcePolicy]] = {
            (queue.owner_key, channel): directory.sources_of(queue, channel)
            for queue in directory.queues_of_partition(partition)
            for channel in queue.channels
        }
        self._ours = {source.identity for sources in self._feeding.values() for source in sources}
        self._heard = Rows(b"h/", _Heard)
        self._now_ms = 0
        self._listening_since_ms = 0

    def __len__(self) -> int:
        return len(self._heard)

    def take(self, told: SourceHeard, inputs: InputCounts) -> int | None:
        """Apply one record of the availability stage and return its event time; None where it is not for us."""
        source = (told.tenant, told.site, told.source)
        if source not in self._ours:
            inputs.count_ignored(QUEUE_STAFFING)
            return None
        if self.hear(source, told.heard_before_ms):
            inputs.count_applied(QUEUE_STAFFING, SOURCE_HEARD_TYPE)
        else:
            inputs.count_duplicate(QUEUE_STAFFING)
        return told.at_ms

    def hear(self, source: tuple[str, str, str], before_ms: int) -> bool:
        """The source was heard before this instant; False when that is no news, or of no use here."""
        key = "/".join(source)
        known = self._heard.get(key)
        if source not in self._ours or (known is not None and before_ms <= known.before_ms):
            return False
        self._heard.put(key, _Heard(before_ms))
        return True

    def pass_time(self, now_ms: int) -> None:
        """Let the clock of ``queue-staffing`` move. A source never heard of counts as silent from the moment this owner
        could have heard it: its first instant, or the end of what it had to catch up with. Kept in memory only."""
        if not self._now_ms or (self._follows_wall and now_ms - self._now_ms > LEAP_MS):
            self._listening_since_ms = now_ms
        self._now_ms = max(now_ms, self._now_ms)

    def is_silent(self, queue: QueuePolicy, channel: str) -> bool:
        """Whether any source that feeds this channel of the queue has been silent for longer than expected."""
        return any(
            self._now_ms - self._last_heard_ms(source) > source.expected_silence_ms
            for source in self._feeding[queue.owner_key, channel]
        )

    def _last_heard_ms(self, source: SourcePolicy) -> int:
        heard = self._heard.get("/".join(source.identity))
        return self._listening_since_ms if heard is None else heard.before_ms

    def changed_rows(self) -> list[RowBytes]:
        """The rows changed since the last call."""
        return self._heard.changes()

    def rows(self) -> list[RowBytes]:
        return self._heard.snapshot()

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        self._heard.restore(rows)
