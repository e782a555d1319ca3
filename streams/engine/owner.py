"""One stage's hold on one partition, from recovery to revocation: apply, tick, flush."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from streams.delivery import MOST_WAITING_BYTES, Appended, Outbox, RecordToSend
from streams.domain.decisions import OWN_PARTITION, Core, DeadLetter, Decider, Decisions, Output
from streams.engine.batches import Batch
from streams.engine.changelog import TopicPosition, flush_records, row_record
from streams.engine.transport import size_of
from streams.errors import Superseded, Unavailable
from streams.partition_clock import Instant, PartitionClock

logger = logging.getLogger(__name__)

MOST_CHANGED_ROWS: Final = 1000
"""Flush early beyond this many changed rows: they and their records are written down at one stretch, 15 µs each."""
MOST_AT_A_STRETCH: Final = 125
"""How many records are applied before everything else in the worker gets its turn: some 5 ms."""
FLUSH_BATCH_BYTES: Final = 3_800_000
"""Below the changelog's ``max.message.bytes`` of 4 MiB."""
WALL_FLUSH_MS: Final = 10_000
"""The clock is flushed at least this often, so that a successor knows how old the state is."""


class Surroundings(Protocol):
    """What an owner needs of its stage."""

    name: str
    changelog: str

    def full_name(self, topic: str) -> str: ...
    def dead_letter(self, partition: int, letter: DeadLetter) -> tuple[str, RecordToSend]: ...
    async def append(self, partition: int, records: Iterable[RecordToSend], *, max_bytes: int) -> Appended: ...
    async def newest_epoch(self, partition: int, begin: int, end: int) -> int:
        """The highest epoch among the changelog's records at these offsets; 0 where none has one."""
        ...


@dataclass(slots=True)
class Hold:
    """How an owner comes by its partition: the epoch it writes under and where the changelog should end."""

    partition: int
    epoch: int
    expected_offset: int | None
    skips: set[tuple[str, int]]


class Owner:
    """Holds the core of one partition. A flush may come between two slices of a batch, and anything while a flush
    waits; within a slice, a tick, or what a flush takes down, nothing interleaves."""

    def __init__(
        self,
        stage: Surroundings,
        core: Core,
        hold: Hold,
        *,
        outbox: Outbox,
        clocks: Mapping[str, PartitionClock],
        instant: Callable[[], Instant],
    ) -> None:
        self.core = core
        self.clocks = dict(clocks)
        self.positions: dict[str, int] = {}
        self._stage = stage
        self._hold = hold
        self._outbox = outbox
        self._instant = instant
        self._applied: list[Batch] = []
        self._flushing = asyncio.Lock()
        self._flushed_positions: dict[str, int] = {}
        self._flushed_at_ms = 0
        self._must_rewrite = False

    @property
    def partition(self) -> int:
        return self._hold.partition

    def start_at(self, positions: Mapping[str, TopicPosition]) -> None:
        """Take up the positions the state rests on; a topic the stage reads no longer is left behind."""
        self.positions = {topic: position.next_offset for topic, position in positions.items() if topic in self.clocks}
        self._flushed_positions = dict(self.positions)

    def position_at(self, topic: str, offset: int) -> None:
        """The consumer reads this topic from ``offset``: the state's own position, or the log's start beyond it."""
        missed = offset - self.positions.get(topic, offset)
        if missed > 0:
            logger.warning(
                "%s/%d: the log begins %d records after the state's position; they are gone unread",
                self._stage.full_name(topic),
                self.partition,
                missed,
            )
        self.positions[topic] = max(offset, self.positions.get(topic, 0))
        self.clocks[topic].observe_position(self.positions[topic])

    # -- facts and time -----------------------------------------------------------------------------------------------

    def take(self, topic: str, batch: Batch) -> None:
        """Apply what the state does not have yet of a batch of one input topic (bare name)."""
        for _ in self.take_in_slices(topic, batch):
            pass

    def take_in_slices(self, topic: str, batch: Batch) -> Iterator[None]:
        """The same a slice at a time; whoever drops the owner between two just stops asking. The positions are those of
        the slices applied, the batch counts as applied with its last one."""
        next_offset = self.positions.get(topic)
        records = list(batch.records)
        if next_offset is not None and batch.first < next_offset:
            records = [record for record in records if record.offset >= next_offset]
        for number, (part, is_skipped) in enumerate(self._slices(topic, records)):
            if number:
                yield
            self._apply(topic, part, is_skipped=is_skipped)
        self._applied.append(batch)

    def _apply(self, topic: str, records: list[Any], *, is_skipped: bool) -> None:
        clock = self.clocks[topic]
        instant = self._instant()
        if is_skipped:
            decisions = self.core.skip(topic, records[0])
        else:
            decisions = self.core.apply(topic, records, clock.now(instant), instant.wall_ms)
        last = records[-1]
        self.positions[topic] = last.offset + 1
        clock.observe_records(last.offset, decisions.newest_event_ms, last.timestamp)
        self._emit(decisions)

    def _slices(self, topic: str, records: list[Any]) -> Iterator[tuple[list[Any], bool]]:
        for part, is_skipped in self._split(topic, records):
            for start in range(0, len(part), MOST_AT_A_STRETCH):
                yield part[start : start + MOST_AT_A_STRETCH], is_skipped

    def _split(self, topic: str, records: list[Any]) -> list[tuple[list[Any], bool]]:
        """The records in runs, each record an operator has given up in a run of its own."""
        skipped = {offset for skip_topic, offset in self._hold.skips if skip_topic == topic}
        runs: list[tuple[list[Any], bool]] = []
        start = 0
        for place, record in enumerate(records if skipped else ()):
            if record.offset in skipped:
                runs += [(records[start:place], False), ([record], True)]
                start = place + 1
        runs.append((records[start:], False))
        return [run for run in runs if run[0]]

    def tick(self) -> None:
        """Let the core say what waiting has made true, and decide what is to be decided at the end of its input."""
        instant = self._instant()
        now_ms = {topic: clock.now(instant) for topic, clock in self.clocks.items()}
        self._put(self.core.tick(now_ms))
        if isinstance(self.core, Decider) and self._is_at_the_end(instant):
            self._put(self.core.decide(now_ms, self._hold.epoch))
        self._outbox.start()

    def _is_at_the_end(self, instant: Instant) -> bool:
        """Whether nothing that was written 2 s ago is unread, and no late record is awaited."""
        return all(clock.is_caught_up(instant) and not clock.is_stale(instant) for clock in self.clocks.values())

    def _emit(self, decisions: Decisions) -> None:
        self._put(decisions.outputs)
        for letter in decisions.dead_letters:
            topic, record = self._stage.dead_letter(self.partition, letter)
            self._outbox.put((topic, self.partition), record)
        self._outbox.start()

    def _put(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            partition = self.partition if output.partition == OWN_PARTITION else output.partition
            self._outbox.put((self._stage.full_name(output.topic), partition), (output.key, output.value, []))

    # -- flush --------------------------------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether a flush is due before the interval is over."""
        return self.core.changed_rows() >= MOST_CHANGED_ROWS or self._outbox.waiting_bytes >= MOST_WAITING_BYTES

    async def claim(self) -> None:
        """Write the positions under the new epoch before anything else.

        From here on recovery ignores whatever a former owner may still append. If one has appended since the changelog
        was read, this state is not the newest: raises Unavailable, and the partition must be recovered again.
        """
        expected = self._hold.expected_offset
        appended = await self._append(self._records([], self._instant()))
        if expected is not None and appended.first_offset != expected:
            raise Unavailable(
                f"{self._stage.changelog}/{self.partition}: a former owner wrote at {expected} while it was recovered"
            )

    async def flush(self) -> None:
        """Make everything applied so far durable: outputs first, then rows and offsets in one record batch, then done.

        One at a time, and from one instant: rows, offsets and outputs are taken together before anything is awaited.
        """
        async with self._flushing:
            instant = self._instant()
            if not self._needs_flush(instant):
                await self._outbox.drained()
                return
            changes = self.core.changes()
            self._put(changes.outputs)
            applied, self._applied = self._applied, []
            positions = dict(self.positions)
            records = self._records(changes.rows, instant)
            rewritten = self._rewritten()
            await self._outbox.drained()
            await self._append_checked(records)
            if rewritten:
                await self._append_checked(rewritten)
            self._flushed_positions, self._flushed_at_ms = positions, instant.monotonic_ms
            for batch in applied:
                batch.done(self._stage.name)

    def _needs_flush(self, instant: Instant) -> bool:
        if self._applied or self._must_rewrite or self.positions != self._flushed_positions:
            return True
        return bool(self.positions) and instant.monotonic_ms - self._flushed_at_ms >= WALL_FLUSH_MS

    def _records(self, rows: list[tuple[bytes, bytes | None]], instant: Instant) -> list[RecordToSend]:
        positions = {
            topic: TopicPosition(offset, self.clocks[topic].now(instant)) for topic, offset in self.positions.items()
        }
        epoch = self._hold.epoch
        records = flush_records(rows, positions, epoch=epoch, is_split=False)
        if sum(size_of(record) for record in records) > FLUSH_BATCH_BYTES:
            records = flush_records(rows, positions, epoch=epoch, is_split=True)
        return records

    def _rewritten(self) -> list[RecordToSend]:
        """Every row once more, after a foreign writer was found in the changelog; as they are at this very instant."""
        if not self._must_rewrite:
            return []
        self._must_rewrite = False
        return [row_record(key, value, epoch=self._hold.epoch) for key, value in self.core.snapshot()]

    async def _append_checked(self, records: list[RecordToSend]) -> None:
        expected = self._hold.expected_offset
        appended = await self._append(records)
        if expected is not None and appended.next_offset != expected + len(records):
            await self._found_foreign_writer(expected, appended.next_offset)

    async def _append(self, records: list[RecordToSend]) -> Appended:
        appended = await self._stage.append(self.partition, records, max_bytes=FLUSH_BATCH_BYTES)
        self._hold.expected_offset = appended.next_offset
        return appended

    async def _found_foreign_writer(self, begin: int, end: int) -> None:
        """Somebody else has appended to our changelog since ``begin``.

        A former owner: its keys are overwritten with ours at the next flush. A newer one: the partition is ours no
        more, although nobody told us; raises Superseded, because two who believe to own it would never let go.
        """
        place = f"{self._stage.changelog}/{self.partition}"
        epoch = await self._stage.newest_epoch(self.partition, begin, end)
        if epoch > self._hold.epoch:
            raise Superseded(f"{place}: taken over under epoch {epoch}, ours is {self._hold.epoch}")
        logger.warning("%s: rows of a former owner between %d and %d, all rows are written again", place, begin, end)
        self._must_rewrite = True

    async def check_end(self, end_offset: int) -> None:
        """Compare the changelog's end with what this owner wrote, while no flush is under way."""
        expected = self._hold.expected_offset
        if expected is not None and not self._flushing.locked() and end_offset > expected:
            self._hold.expected_offset = end_offset
            await self._found_foreign_writer(expected, end_offset)
