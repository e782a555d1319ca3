"""Live traffic with a ledger: every send the broker has acknowledged, and where it lies.

Events are stamped when they are due and sent at once by an idempotent producer that waits for the broker as long as it
takes, so that a producer's own lateness never explains a wrong figure.
"""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from confluent_kafka import KafkaError, Message, Producer

from streams.connections import KEEPS_EVERY_RECORD
from streams.domain.events import INTAKE_OF_CHANNEL
from streams.partitioning import partition_of
from streams.topics import full_name
from tests.deadlines import wait_until
from tests.faults.visits import Moment, PlannedVisit

PRODUCER: Final = {
    **KEEPS_EVERY_RECORD,
    "compression.type": "lz4",
    "linger.ms": 5,
    "message.timeout.ms": 600_000,
    "reconnect.backoff.max.ms": 500,
    "socket.keepalive.enable": True,
    "log_level": 0,
}
Place = tuple[str, int, int]
"""Topic without prefix, partition, offset."""
Due = tuple[float, int, PlannedVisit, Moment, str]


def now_text(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds")


class Outgoing(NamedTuple):
    """A record to send; ``topic`` is without prefix, ``name`` is what the ledger calls it."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    name: str
    headers: Sequence[tuple[str, bytes | None]] = ()


class Ledger:
    """Of every acknowledged send its place and event id; of every refused one the reason."""

    def __init__(self) -> None:
        self.acknowledged: dict[Place, str] = {}
        self.acknowledged_at: dict[Place, float] = {}
        """When each was seen to be acknowledged, in epoch seconds: from then on at the latest it can be read."""
        self.refused: Counter[str] = Counter()
        self.sent = 0
        self._lock = threading.Lock()

    def hand_over(self) -> None:
        """Count one more; several threads may send."""
        with self._lock:
            self.sent += 1

    def acknowledge(self, place: Place, name: str) -> None:
        self.acknowledged[place] = name
        self.acknowledged_at[place] = time.time()

    @property
    def unanswered(self) -> int:
        return self.sent - len(self.acknowledged) - self.refused.total()


class Sender:
    """Sends events of one installation and keeps the ledger; any thread may be the only one to use it."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int, ledger: Ledger) -> None:
        self._producer = Producer({**PRODUCER, "bootstrap.servers": bootstrap})
        self._prefix = prefix
        self._partitions = partitions
        self._ledger = ledger

    def send(self, event: dict[str, Any], *, name: str | None = None) -> None:
        """Hand over one contact event, keyed and placed as sources must; the ledger calls it by its id, or ``name``."""
        data = event["data"]
        key = f"{data['tenant']}/{data['queue']}"
        topic = INTAKE_OF_CHANNEL[data["channel"]]
        value = json.dumps(event).encode()
        self.send_raw(Outgoing(topic, partition_of(key, self._partitions), key.encode(), value, name or event["id"]))

    def send_raw(self, record: Outgoing) -> None:
        """Hand over anything, to any place."""

        def told(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._ledger.refused[error.name()] += 1
            else:
                self._ledger.acknowledge((record.topic, record.partition, message.offset() or 0), record.name)

        self._ledger.hand_over()
        options = {"partition": record.partition, "headers": list(record.headers), "on_delivery": told}
        while not self._is_taken(full_name(self._prefix, record.topic), record.value, record.key, options):
            self._producer.poll(0.1)
        self._producer.poll(0)

    def _is_taken(self, topic: str, value: bytes | None, key: bytes | None, options: dict[str, Any]) -> bool:
        """False while the buffer is full."""
        try:
            self._producer.produce(topic, value, key, **options)
        except BufferError:
            return False
        return True

    def poll(self, seconds: float) -> None:
        self._producer.poll(seconds)

    def flush(self, seconds: float) -> None:
        self._producer.flush(seconds)


class Load:
    """Visits begun at a steady rate from ``start`` on, on a thread of its own, until ``finish``."""

    def __init__(self, sender: Sender, ledger: Ledger, plan: Iterator[PlannedVisit], *, per_second: float) -> None:
        self.ledger = ledger
        self.begun = 0
        self._sender = sender
        self._plan = plan
        self._every = 1.0 / per_second
        self._due: list[Due] = []
        self._numbers = count()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def wait_sent(self, events: int, seconds: float) -> None:
        """Return once so many are handed over."""
        wait_until(lambda: self._is_past(events), f"{events:,} events are sent", seconds=seconds)

    def wait_told(self, seconds: float) -> None:
        """Return once a plan that has an end is told to its end."""
        self._thread.join(seconds)
        self.finish(seconds)

    def finish(self, seconds: float = 120.0) -> None:
        """Begin no more visits, let those under way end, and wait for every acknowledgement."""
        self._is_ending.set()
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the load did not end"
        if self._failure:
            raise self._failure
        self._sender.flush(seconds)
        assert self.ledger.unanswered == 0, f"{self.ledger.unanswered} sends were never answered"

    def _is_past(self, events: int) -> bool:
        if self._failure:
            raise self._failure
        return self.ledger.sent >= events

    def _run(self) -> None:
        try:
            self._send_all()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._failure = error

    def _send_all(self) -> None:
        next_offer = time.time()
        while self._due or not self._is_ending.is_set():
            now = time.time()
            while next_offer <= now and not self._is_ending.is_set():
                self._begin_next(next_offer)
                next_offer += self._every
            while self._due and self._due[0][0] <= now:
                self._tell(heapq.heappop(self._due))
            self._sender.poll(min(0.02, self._every))

    def _begin_next(self, at: float) -> None:
        visit = next(self._plan, None)
        if visit is None:
            self._is_ending.set()
            return
        self.begun += 1
        for moment in visit.moments:
            heapq.heappush(self._due, (at + moment.after_seconds, next(self._numbers), visit, moment, ""))

    def _tell(self, due: Due) -> None:
        """Stamp an event that is due; send it, or hold it back for a while."""
        _, _, visit, moment, stamp = due
        now = time.time()
        if not stamp and moment.held_seconds:
            heapq.heappush(
                self._due,
                (now + moment.held_seconds, next(self._numbers), visit, moment, now_text(now + moment.skew_seconds)),
            )
            return
        event = visit.event(moment, stamp or now_text(now + moment.skew_seconds))
        for _ in range(1 + moment.copies):
            self._sender.send(event)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_ending.set()
        if kind is not None:
            self._due.clear()
        self._thread.join(10)
