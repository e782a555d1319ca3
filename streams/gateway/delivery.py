"""Records on their way from requests to Kafka: a request learns when all replicas have its records, or why not.

No request waits for another's records.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import KafkaError

from streams.errors import Unavailable
from streams.gateway.messages import Accepted
from streams.publisher import Publisher

logger = logging.getLogger(__name__)

DELIVERY_SECONDS: Final = 10
POLL_SECONDS: Final = 0.1
ANSWER_SECONDS: Final = 2.0
"""How often a broker is asked for a sign of life, and how long that may take."""
AWAY_AFTER_SECONDS: Final = 5.0


class _Request:
    """The records of one request that are not acknowledged yet."""

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.open = count
        self.failure: str | None = None
        self._done = done

    def settle(self, failure: str | None) -> None:
        """One record's fate. The answer waits for all of them, so that none comes in after it."""
        self.open -= 1
        self.failure = self.failure or failure
        if self.open or self._done.done():
            return
        if self.failure:
            self._done.set_exception(Unavailable(self.failure))
        else:
            self._done.set_result(None)


class Delivery:
    """Hands records to a publisher that answers for each; from `start` to `stop`, on the loop of `start`."""

    def __init__(self, publisher: Publisher, *, on_broken: Callable[[], None]) -> None:
        """``on_broken`` is called on the loop when the producer cannot go on: the process should be started again."""
        self._publisher = publisher
        self._on_broken = on_broken
        self._settled: deque[tuple[_Request, str | None]] = deque()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._tell, self._watch)]
        self._last_answer = time.monotonic()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    @property
    def is_available(self) -> bool:
        """Whether a broker has answered lately."""
        return time.monotonic() - self._last_answer <= AWAY_AFTER_SECONDS

    async def deliver(self, records: Sequence[Accepted]) -> None:
        """Return once all replicas have all of them. Raises Unavailable otherwise: some may have arrived even so."""
        if not records:
            return
        request = _Request(len(records), self._loop.create_future())
        done = request._done  # noqa: SLF001 - of this module
        for index, record in enumerate(records):
            refusal = self._refusal(record, request)
            if refusal is not None:
                for _ in records[index:]:
                    request.settle(refusal)
                break
        await done

    def stop(self) -> None:
        """Wait for what is on its way, at most until it would be given up, and end the threads."""
        try:
            self._publisher.close()
        except Unavailable as error:
            logger.warning("at the end: %s", error)
        self._stopping.set()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS + POLL_SECONDS + 1)

    def _refusal(self, record: Accepted, request: _Request) -> str | None:
        """Hand one record over; why not, where it is not taken."""

        def told(error: KafkaError | None, _message: object) -> None:
            if error is not None and error.fatal():
                self._loop.call_soon_threadsafe(self._on_broken)
            self._settled.append((request, None if error is None else "Kafka has not acknowledged it"))

        try:
            return None if self._publisher.offer(record.route, record.value, told) else "the buffer is full"
        except Unavailable as error:
            logger.warning("%s", error)
            return f"Kafka does not take records of {record.route.topic}"

    def _tell(self) -> None:
        """Serves the producer, and brings what it says to the loop in as few steps as possible."""
        while not self._stopping.is_set():
            self._publisher.poll(POLL_SECONDS)
            if self._settled:
                self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        while self._settled:
            request, failure = self._settled.popleft()
            request.settle(failure)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            if self._publisher.answers(ANSWER_SECONDS):
                self._last_answer = time.monotonic()
            self._stopping.wait(ANSWER_SECONDS)
