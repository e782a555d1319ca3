"""How many records of a vendor become events in a second of processor time.

python -m tests.bench.mappings
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from streams.sources.queue_log import QueueLogMapping
from tests.conformance.kit import dictionary
from tests.queue_log_writer import START, queue_log

CALLS = 60_000


def rate(feed: Callable[[Any, int], Sequence[Any]], records: Sequence[Any]) -> tuple[float, int]:
    """Records a second of processor time, the events written as JSON as a mover does; and the number of events."""
    encode, events = msgspec.json.Encoder().encode, 0
    started = time.process_time()
    for record in records:
        for event in feed(record, (START + 86_400) * 1000):
            encode(event)
            events += 1
    return len(records) / (time.process_time() - started), events


def main() -> None:
    lines = [line.encode() for line in queue_log(CALLS, seed=1)]
    mapping = QueueLogMapping(dictionary())
    per_second, events = rate(mapping.feed, lines)
    state = len(msgspec.json.encode(mapping.snapshot()))
    print(f"queue_log: {len(lines):,} lines, {events:,} events: {per_second:,.0f} lines/s; state {state / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
