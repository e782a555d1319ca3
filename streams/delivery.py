"""The one discipline of what a stage writes: outputs acknowledged, then the flush acknowledged, then done.

Nothing here retries on its own: aiokafka retries until the request timeout. What still fails then ends the process
before anything later is marked done, and the next owner starts from the last flush.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

logger = logging.getLogger(__name__)

MOST_WAITING_BYTES = 8 * 1024 * 1024
OUTPUT_BATCH_BYTES = 900_000
"""Below Kafka's default ``max.message.bytes``, which output topics keep."""

RecordToSend = tuple[bytes, bytes | None, Sequence[tuple[str, bytes | None]]]
Place = tuple[str, int]


def is_own_cancellation(error: BaseException) -> bool:
    """Whether the task that runs is itself being cancelled. A client may let out the cancellation of one of its own
    tasks, and mode ends a loop of the worker on it without a word."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


class Appended(NamedTuple):
    """Where records came to lie: the offset of the first, and the one after the last."""

    first_offset: int
    next_offset: int


class BatchSender(Protocol):
    """Appends records in record batches and returns once all are acknowledged."""

    async def put_batch(
        self, topic: str, partition: int, records: Iterable[RecordToSend], *, max_bytes: int
    ) -> Appended: ...


class Outbox:
    """Outputs on their way: sent at once when nothing is under way, else together with whatever comes meanwhile."""

    def __init__(self, sender: BatchSender) -> None:
        self._sender = sender
        self._waiting: dict[Place, list[RecordToSend]] = {}
        self._sending = asyncio.Lock()
        self._pump: asyncio.Task[None] | None = None
        self.waiting_bytes = 0

    def put(self, place: Place, record: RecordToSend) -> None:
        self._waiting.setdefault(place, []).append(record)
        self.waiting_bytes += len(record[0]) + len(record[1] or b"")

    def start(self) -> None:
        """Begin sending what waits, without waiting for it."""
        if self._waiting and (self._pump is None or self._pump.done()):
            self._pump = asyncio.create_task(self._send_or_end())

    async def drained(self) -> None:
        """Return when everything put so far is acknowledged; raises when something could not be delivered.

        What is put meanwhile is left for the next call: a flush must not wait for outputs that come after it.
        """
        async with self._sending:
            waiting, self._waiting = self._waiting, {}
            self.waiting_bytes = 0
            await asyncio.gather(*(self._send(place, records) for place, records in waiting.items()))

    async def _send(self, place: Place, records: list[RecordToSend]) -> None:
        topic, partition = place
        await self._sender.put_batch(topic, partition, records, max_bytes=OUTPUT_BATCH_BYTES)

    async def _send_or_end(self) -> None:
        try:
            while self._waiting:
                await self.drained()
        except Exception as error:  # noqa: BLE001 - the one place where an unexpected error ends the process
            end_process("outputs could not be delivered", error)


def end_process(what: str, error: BaseException) -> NoReturn:
    """End now, without a flush or a commit: what is not durable will be read again by the next owner."""
    logger.critical("%s; the worker ends here and loses nothing: %r", what, error, exc_info=error)
    for handler in logging.getLogger().handlers:
        handler.flush()
    sys.stderr.flush()
    os._exit(1)


def header(name: str, value: Any) -> tuple[str, bytes]:
    """A record header with a text value."""
    return name, str(value).encode()
