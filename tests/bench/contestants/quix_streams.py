"""Quix Streams as its documentation would have it: a streaming dataframe per input topic, RocksDB state with changelog.

It runs in an environment of its own, because it wants an older confluent-kafka than ours; of ours it imports only what
needs no other package than that environment has. State is kept by message key
(the queue); a visit is one entry of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from quixstreams import Application, message_context
from quixstreams.models.serializers import Serializer

from streams.domain.decisions import Output
from streams.domain.events import CALL_EVENTS, CHAT_EVENTS
from streams.domain.outcomes import CONTACT_OUTCOMES, SLA_BREACHES
from streams.partitioning import partition_of
from streams.settings import load_settings
from tests.bench.contestants.progress import Assignment, Progress
from tests.bench.contestants.visit_job import VisitJob


class _Record(NamedTuple):
    """A message as the core wants its records."""

    value: bytes
    key: bytes
    offset: int
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class _OutputBytes(Serializer):
    def __call__(self, output: Output, ctx: Any) -> bytes:
        assert output.value is not None
        return output.value


def main() -> None:
    assignment = Assignment.from_arguments()
    settings = load_settings(assignment.config)
    job = VisitJob(settings.directory(partition_of))
    progress = Progress()

    def count(_topic: str, _partition: int, _offset: int) -> None:
        progress.add(1)
        if progress.done == assignment.events:
            progress.mark()
            app.stop()

    app = Application(
        broker_address=assignment.bootstrap,
        consumer_group=f"{assignment.prefix}-quix",
        auto_offset_reset="earliest",
        commit_interval=settings.worker.flush_seconds,
        state_dir=assignment.folder / "quix",
        producer_extra_config={"compression.type": "lz4", "linger.ms": 100},
        on_message_processed=count,
        loglevel="WARNING",
    )
    outputs = {
        name: app.topic(f"{assignment.prefix}-{name}", key_serializer="bytes", value_serializer=_OutputBytes())
        for name in (CONTACT_OUTCOMES, SLA_BREACHES)
    }

    def handler(topic: str) -> Any:
        def handle(value: bytes, key: bytes, timestamp: int, _headers: Any, state: Any) -> Iterator[Output]:
            at = message_context()
            event = job.event_of(topic, at.partition, _Record(value, key, at.offset, timestamp))
            visit_id = job.visit_id(event)
            step = job.take(event, visit_id, at.offset, state.get_bytes(visit_id))
            if step is None:
                return iter(())
            state.set_bytes(visit_id, step.row)
            return iter(step.outputs)

        return handle

    for topic in (CALL_EVENTS, CHAT_EVENTS):
        source = app.topic(f"{assignment.prefix}-{topic}", key_deserializer="bytes", value_deserializer="bytes")
        frame = app.dataframe(source).apply(handler(topic), stateful=True, expand=True, metadata=True)
        frame.to_topic(lambda output, *_: outputs[output.topic], key=lambda output: output.key)

    app.run()
    progress.write(assignment.report)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
