"""The ceiling: the core alone, fed from memory, its outputs and rows made and counted, and sent nowhere."""

from __future__ import annotations

import gc
import time
from collections import deque
from typing import Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from streams.domain.events import CALL_EVENTS, CHAT_EVENTS
from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from streams.partitioning import partition_of
from streams.settings import Settings, load_settings, milliseconds
from streams.topics import full_name
from tests.bench.contestants.progress import Assignment, Progress

TICK_SECONDS: Final = 0.5
READ_SECONDS: Final = 60.0
Place = tuple[str, int]


class _Record(NamedTuple):
    value: bytes
    key: bytes
    offset: int
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


def main() -> None:
    assignment = Assignment.from_arguments()
    settings = load_settings(assignment.config)
    records = _read(assignment, settings.kafka.partitions)
    gc.freeze()  # what was read is not the core's
    _run(records, settings).write(assignment.report)


def _run(records: dict[Place, list[_Record]], settings: Settings) -> Progress:
    directory, progress = settings.directory(partition_of), Progress()
    size, lateness_ms = settings.worker.max_poll_records, milliseconds(settings.clock.lateness_seconds)
    cores = {
        partition: QueuesCore(partition, directory, facts=Facts(None, None), clock=ClockRules("event"))
        for partition in {partition for _, partition in records}
    }
    now_ms = dict.fromkeys(records, 0)
    batches = deque((place, start) for place in records for start in range(0, len(records[place]), size))
    batches = deque(sorted(batches, key=lambda batch: batch[1]))  # partitions take turns, as they do in a fetch
    progress.mark()
    flush_at = tick_at = time.monotonic()
    while batches:
        place, start = batches.popleft()
        topic, partition = place
        batch = records[place][start : start + size]
        decisions = cores[partition].apply(topic, batch, now_ms[place], time.time_ns() // 1_000_000)
        assert not decisions.dead_letters
        now_ms[place] = max(now_ms[place], (decisions.newest_event_ms or 0) - lateness_ms)
        progress.done += len(batch)
        now = time.monotonic()
        if now - tick_at >= TICK_SECONDS:
            tick_at = now
            for each, core in cores.items():
                core.tick({at[0]: clock for at, clock in now_ms.items() if at[1] == each})
        if now - flush_at >= settings.worker.flush_seconds or not batches:
            flush_at = now
            for core in cores.values():
                core.changes()
            progress.mark()
    return progress


def _read(assignment: Assignment, partitions: int) -> dict[Place, list[_Record]]:
    """The input topics, as the others read them."""
    bare = {full_name(assignment.prefix, topic): topic for topic in (CALL_EVENTS, CHAT_EVENTS)}
    consumer = Consumer({"bootstrap.servers": assignment.bootstrap, "group.id": "core", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, 0) for topic in bare for number in range(partitions)])
    records: dict[Place, list[_Record]] = {}
    left, deadline = assignment.events, time.monotonic() + READ_SECONDS
    while left:
        assert time.monotonic() < deadline, f"{left} records of the input cannot be read"
        for message in consumer.consume(10_000, 1.0):
            assert message.error() is None, message.error()
            place = (bare[message.topic()], message.partition())
            record = _Record(message.value(), message.key(), message.offset(), message.timestamp()[1])
            records.setdefault(place, []).append(record)
            left -= 1
    consumer.close()
    return records


if __name__ == "__main__":
    main()
