"""What a loop of one's own around aiokafka would do: the same core, the same changelog, no framework.

One consumer of a group, a core per partition, and once per flush interval: outputs, then rows with offsets in one
record batch, then the commit. No recovery, no late writers, no clock that waits for a broker, no metrics.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.delivery import OUTPUT_BATCH_BYTES, RecordToSend
from streams.domain.decisions import Output
from streams.domain.events import CALL_EVENTS, CHAT_EVENTS
from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from streams.engine.changelog import TopicPosition, flush_records
from streams.engine.transport import size_of
from streams.partitioning import partition_of
from streams.settings import Settings, load_settings, milliseconds
from streams.topics import changelog_name, full_name
from tests.bench.contestants.progress import Assignment, Progress

TICK_SECONDS = 0.5
POLL_MS = 200
BATCH_BYTES = 3_800_000


class Loop:
    """Everything of one process."""

    def __init__(self, assignment: Assignment, settings: Settings) -> None:
        self._assignment = assignment
        self._settings = settings
        directory = settings.directory(partition_of)
        self._lateness_ms = milliseconds(settings.clock.lateness_seconds)
        self._cores = {
            partition: QueuesCore(partition, directory, facts=Facts(None, None), clock=ClockRules("event"))
            for partition in range(settings.kafka.partitions)
        }
        self._bare = {full_name(assignment.prefix, topic): topic for topic in (CALL_EVENTS, CHAT_EVENTS)}
        self._now_ms: dict[tuple[str, int], int] = {}
        self._positions: dict[int, dict[str, int]] = {partition: {} for partition in self._cores}
        self._waiting: dict[tuple[str, int], list[RecordToSend]] = {}
        self._applied = 0
        self._producer: AIOKafkaProducer
        self._progress = Progress()

    async def run(self) -> None:
        kafka = self._settings.kafka
        consumer = AIOKafkaConsumer(
            *self._bare,
            bootstrap_servers=self._assignment.bootstrap,
            group_id=f"{self._assignment.prefix}-loop",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=list(kafka.brokers),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=4_000_000,
            max_request_size=4_000_000,
        )
        await consumer.start()
        await self._producer.start()
        flush_seconds = self._settings.worker.flush_seconds
        flush_at = tick_at = time.monotonic()
        while self._progress.done < self._assignment.events:
            fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.worker.max_poll_records)
            if fetched and not self._applied:
                self._progress.mark()
            for place, records in fetched.items():
                self._apply(self._bare[place.topic], place.partition, records)
            now = time.monotonic()
            if now - tick_at >= TICK_SECONDS:
                tick_at = now
                self._tick()
            if now - flush_at >= flush_seconds or self._applied >= self._assignment.events:
                flush_at = now
                await self._flush(consumer)

    def _apply(self, topic: str, partition: int, records: list[object]) -> None:
        place = (topic, partition)
        now_ms = self._now_ms.get(place, 0)
        decisions = self._cores[partition].apply(topic, records, now_ms, time.time_ns() // 1_000_000)
        assert not decisions.dead_letters
        if decisions.newest_event_ms is not None:
            self._now_ms[place] = max(now_ms, decisions.newest_event_ms - self._lateness_ms)
        self._positions[partition][topic] = records[-1].offset + 1
        self._applied += len(records)
        self._put(partition, decisions.outputs)

    def _tick(self) -> None:
        for partition, core in self._cores.items():
            now_ms = {topic: self._now_ms.get((topic, partition), 0) for topic in self._bare.values()}
            self._put(partition, core.tick(now_ms))

    def _put(self, partition: int, outputs: Iterable[Output]) -> None:
        for output in outputs:
            place = (full_name(self._assignment.prefix, output.topic), partition)
            self._waiting.setdefault(place, []).append((output.key, output.value, []))

    async def _flush(self, consumer: AIOKafkaConsumer) -> None:
        """Outputs of all partitions, then the rows of all, then the offsets."""
        applied = self._applied
        rows = {}
        for partition, core in self._cores.items():
            changes = core.changes()
            self._put(partition, changes.outputs)
            if self._positions[partition]:
                positions = {
                    topic: TopicPosition(offset, self._now_ms.get((topic, partition), 0))
                    for topic, offset in self._positions[partition].items()
                }
                rows[partition] = flush_records(changes.rows, positions, epoch=1, is_split=False)
        waiting, self._waiting = self._waiting, {}
        await asyncio.gather(*(self._send(*place, records, OUTPUT_BATCH_BYTES) for place, records in waiting.items()))
        changelog = full_name(self._assignment.prefix, changelog_name("queues"))
        await asyncio.gather(*(self._send(changelog, each, records, BATCH_BYTES) for each, records in rows.items()))
        offsets = {
            TopicPartition(full_name(self._assignment.prefix, topic), partition): offset
            for partition, positions in self._positions.items()
            for topic, offset in positions.items()
        }
        await consumer.commit(offsets)
        self._progress.done = applied
        self._progress.mark()

    async def _send(self, topic: str, partition: int, records: list[RecordToSend], most_bytes: int) -> None:
        chunk: list[RecordToSend] = []
        size = 0
        for record in records:
            if chunk and size + size_of(record) > most_bytes:
                await self._send_batch(topic, partition, chunk)
                chunk, size = [], 0
            chunk.append(record)
            size += size_of(record)
        if chunk:
            await self._send_batch(topic, partition, chunk)

    async def _send_batch(self, topic: str, partition: int, records: list[RecordToSend]) -> None:
        batch = self._producer.create_batch()
        for key, value, headers in records:
            batch.append(timestamp=None, key=key, value=value, headers=headers)
        await (await self._producer.send_batch(batch, topic, partition=partition))

    def finish(self) -> None:
        self._progress.write(self._assignment.report)
        sys.stderr.flush()
        os._exit(0)


async def main() -> None:
    assignment = Assignment.from_arguments()
    loop = Loop(assignment, load_settings(assignment.config))
    await loop.run()
    loop.finish()


if __name__ == "__main__":
    uvloop.run(main())
