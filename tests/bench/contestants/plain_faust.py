"""Plain Faust as its documentation would have it: an agent that takes one event at a time, and a table.

Settings at their best for throughput: uvloop, C extensions, the memory store, a producer that lingers, raw bytes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import faust
import uvloop

from streams.domain.events import CALL_EVENTS, CHAT_EVENTS
from streams.partitioning import partition_of
from streams.settings import load_settings
from streams.topics import full_name
from tests.bench.contestants.progress import Assignment, Progress
from tests.bench.contestants.visit_job import VisitJob


def main() -> None:
    assignment = Assignment.from_arguments()
    settings = load_settings(assignment.config)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = faust.App(
        f"{assignment.prefix}-faust",
        broker=f"kafka://{assignment.bootstrap}",
        store="memory://",
        datadir=assignment.folder / "faust",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.kafka.partitions,
        table_standby_replicas=0,
        broker_commit_interval=settings.worker.flush_seconds,
        consumer_auto_offset_reset="earliest",
        cython_optimizations=True,
        producer_acks=-1,
        producer_linger=0.1,
        producer_max_batch_size=128 * 1024,
        producer_compression_type="lz4",
        web_enabled=False,
    )
    _wire(app, assignment, VisitJob(settings.directory(partition_of)))
    worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False, loop=loop, stdout=sys.stderr)
    worker.execute_from_commandline()


def _wire(app: faust.App, assignment: Assignment, job: VisitJob) -> None:
    bare = {full_name(assignment.prefix, topic): topic for topic in (CALL_EVENTS, CHAT_EVENTS)}
    source = app.topic(*bare, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    targets: dict[str, Any] = {}
    visits = app.Table("visits", key_type=bytes, value_type=bytes, partitions=app.conf.topic_partitions)
    progress = Progress()

    def target(topic: str) -> Any:
        if topic not in targets:
            name = full_name(assignment.prefix, topic)
            targets[topic] = app.topic(name, key_serializer="raw", value_serializer="raw")
        return targets[topic]

    @app.agent(source)
    async def count_visits(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            contact = job.event_of(bare[message.topic], message.partition, _Record(message))
            visit_id = job.visit_id(contact)
            key = visit_id.encode()
            step = job.take(contact, visit_id, message.offset, visits.get(key))
            if step is not None:
                visits[key] = step.row
                for output in step.outputs:
                    target(output.topic).send_soon(key=output.key, value=output.value, partition=message.partition)
            progress.add(1)
            if progress.done == assignment.events:
                await _finish(app, assignment, progress)


async def _finish(app: faust.App, assignment: Assignment, progress: Progress) -> None:
    """The last event is handled: that instant counts. Then everything is delivered, and the process ends."""
    progress.mark()
    await app.producer.buffer.flush()
    await app.producer.flush()
    progress.write(assignment.report)
    sys.stderr.flush()
    os._exit(0)


class _Record:
    """A Faust message as the core wants its records."""

    __slots__ = ("headers", "key", "offset", "timestamp", "value")

    def __init__(self, message: Any) -> None:
        self.key, self.value, self.offset = message.key, message.value, message.offset
        self.headers = ()
        self.timestamp = int(message.timestamp * 1000)


if __name__ == "__main__":
    main()
