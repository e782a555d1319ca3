"""Faust's aiokafka transport, taught to deliver whole batches and to commit only what is durable.

Faust names the consumer and producer classes of a transport as class attributes, so this is a subclass, not a patch.
What changes, and why (numbers are upstream issues):

- a fetched list of records travels as one event (the cost of an event in Faust is 50 to 100 microseconds);
- committable is the longest prefix of batches declared done, whatever Faust has acknowledged (#606, #315);
- positions come from the state, never from the group's committed offsets; batches read before a seek are dropped;
- a commit that failed is not taken for done;
- before partitions are given up or the worker stops, whoever holds state is asked to flush.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

from aiokafka.errors import CorruptRecordException
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.delivery import Appended, RecordToSend, end_process, is_own_cancellation
from streams.engine.batches import Batch

Hook = Callable[[], Awaitable[None]]
RECORD_OVERHEAD_BYTES = 32
FETCH_WAIT_MS = 250


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Waits less for an idle broker.

    Faust fixes the wait of an empty fetch at 1.5 s. Every question asked on the same connection queues up behind it,
    among them where a topic ends, which decides what time it is.
    """

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"  # a source may write in transactions; an aborted fact is none
        return consumer


class Consumer(driver.Consumer):
    """Delivers `Batch` values for the batch topics; changelogs travel as batches too, but are only read."""

    def __init__(self, transport: Transport, callback: Callable[[Any], Any], *args: Any, **kwargs: Any) -> None:
        self._batches = transport
        self._forward = callback
        self._spans: dict[TP, deque[Batch]] = {}
        self._safe: dict[TP, int] = {}
        self._positioning = asyncio.Lock()
        self.seek_number = 0
        super().__init__(transport, self._deliver, *args, **kwargs)
        self._read_offset = _ReadOffsets(transport.readers)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- delivery -----------------------------------------------------------------------------------------------------

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, Any]:  # noqa: ASYNC109 - Faust's signature
        async with self._positioning:
            try:
                fetched = await super()._getmany(active_partitions, timeout)
            except CorruptRecordException as error:  # Faust would stop in order and say less
                end_process("a topic is damaged", error)
            return {tp: self._grouped(tp, records) for tp, records in fetched.items() if records}

    def _grouped(self, tp: TP, records: list[Any]) -> list[Any]:
        readers = self._batches.readers.get(tp.topic)
        if readers is None and tp.topic not in self._batches.changelogs:
            return records
        place = TP(tp.topic, tp.partition)
        return [Batch(place, records, readers=readers or frozenset(), seek_number=self.seek_number)]

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, Batch):
            return super()._to_message(tp, record)
        last, place = record.records[-1], record.tp
        return ConsumerMessage(
            place.topic,
            place.partition,
            record.last,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            record,
            None,
            0,
            0,
            place,
            generation_id=self.app.consumer_generation_id,
        )

    def _deliver(self, message: Any) -> Awaitable[None]:
        batch = message.value
        if isinstance(batch, Batch) and batch.tp.topic in self._batches.readers:
            if batch.seek_number != self.seek_number:
                return _nothing()
            self._spans.setdefault(batch.tp, deque()).append(batch)
        forwarded: Awaitable[None] = self._forward(message)
        return forwarded

    # -- what may be committed ----------------------------------------------------------------------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self._batches.readers:
            await super()._add_gap(tp, offset_from, offset_to)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from (tp for tp in super()._filter_tps_with_pending_acks(topics) if tp not in self._spans)
        yield from (tp for tp in list(self._spans) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self._batches.readers:
            offset: int | None = super()._new_offset(tp)
            return offset
        self._acked.pop(tp, None)
        self._acked_index.pop(tp, None)
        spans = self._spans.get(tp)
        while spans and spans[0].is_done:
            self._safe[tp] = spans.popleft().last + 1
        return self._safe.get(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - Faust's signature
        before = {tp: self._committed_offset[tp] for tp in offsets}
        committed: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not committed:
            self._committed_offset.update(before)
        return committed

    def membership_error(self) -> BaseException | None:
        """Why this consumer has stopped taking part in its group for good; None while it does.

        aiokafka says so only to whoever fetches next, and nobody fetches during a rebalance.
        """
        client = self._thread._consumer
        task = None if client is None else getattr(client._coordinator, "_coordination_task", None)
        if task is None or not task.done() or task.cancelled():
            return None
        error: BaseException | None = task.exception()
        return error

    def knows_coordinator(self) -> bool:
        """Whether this consumer knows which broker to tell that it lives; True before it has started."""
        client = self._thread._consumer
        return client is None or getattr(client._coordinator, "coordinator_id", None) is not None

    async def read_apart(self, tp: TP, begin: int, end: int) -> list[Any]:
        """The records of a partition at these offsets, read by a client of their own: what we read else goes on."""
        client = self._thread._create_client_consumer(self.transport)
        records: list[Any] = []
        async with asyncio.timeout(self.app.conf.broker_request_timeout / 2):
            await client.start()
            try:
                client.assign([tp])
                client.seek(tp, begin)
                while await client.position(tp) < end:
                    for fetched in (await client.getmany(tp, timeout_ms=FETCH_WAIT_MS)).values():
                        records += fetched
            finally:
                await stopped(client)
        return [record for record in records if record.offset < end]

    # -- positions and handing over -----------------------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to where the state stands; to the beginning where it says nothing.

        Nothing is fetched meanwhile, and whatever was fetched before belongs to an older ``seek_number``.
        """
        try:
            async with asyncio.timeout(self.app.conf.broker_request_timeout / 2):
                return await self._position()
        except TimeoutError as error:  # Faust would take its own timeout for a stop, and never recover again
            end_process("the consumer could not be positioned in time", error)

    async def _position(self) -> Mapping[TP, int]:
        async with self._positioning:
            self.seek_number += 1
            self._spans.clear()
            self._safe.clear()
            positions: dict[TP, int] = dict(await super().seek_to_committed())
            ours = [TP(tp.topic, tp.partition) for tp in self.assignment() if tp.topic in self._batches.readers]
            if ours:
                targets = await self._targets(ours)
                await self.seek_wait(targets)
                positions.update(targets)
                self._batches.positioned(targets)
            return positions

    async def _targets(self, places: list[TP]) -> dict[TP, int]:
        """The state's positions, moved up to the start of a log that no longer reaches back so far.

        A position beyond the end means that the topic was made anew or lost records: reading on would pass over new
        records in silence, so the process ends and a person decides.
        """
        wanted = self._batches.wanted_positions()
        earliest = await self.earliest_offsets(*places)
        ends = await self.highwaters(*places)
        for tp in places:
            if wanted.get(tp, 0) > ends[tp]:
                problem = f"{tp.topic}/{tp.partition} ends at {ends[tp]}, before the state's position {wanted[tp]}"
                end_process("an input topic was made anew or lost records", LookupError(problem))
        return {tp: max(wanted.get(tp, 0), earliest[tp]) for tp in places}

    async def commit_and_end_transactions(self) -> None:
        """The last commit before partitions are given up or the worker stops: flush first."""
        for flush in self._batches.before_giving_up:
            await flush()
        await super().commit_and_end_transactions()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._spans.pop(tp, None)
            self._safe.pop(tp, None)


async def stopped(client: Any) -> None:
    """Stop a client of our own. aiokafka waits for the fetches that it cancels, and the cancellation of one that had
    not begun yet comes out of its ``stop``, before the connections are closed."""
    try:
        await client.stop()
    except asyncio.CancelledError as error:
        if is_own_cancellation(error):
            raise
        await client._client.close()


class _ReadOffsets(defaultdict[TP, int | None]):
    """Faust drops events below the last offset it has seen. For batch topics it must not: after a seek back the offset
    it remembers may be that of a stale batch, and everything up to there would be lost. Owners skip repeats themselves.
    """

    def __init__(self, batch_topics: Mapping[str, object]) -> None:
        super().__init__(lambda: None)
        self._batch_topics = batch_topics

    def __getitem__(self, tp: TP) -> int | None:
        return None if tp.topic in self._batch_topics else super().__getitem__(tp)


class Producer(driver.Producer):
    """Adds ready-made record batches: one broker acknowledgement for many records.

    Idempotent, so that a late copy of a retried batch cannot come to lie behind a newer flush.
    """

    acknowledged_at = 0.0
    """Of the monotonic clock: when the broker last took what we wrote."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "acks": "all", "enable_idempotence": True}

    async def put_batch(
        self, topic: str, partition: int, records: Iterable[RecordToSend], *, max_bytes: int
    ) -> Appended:
        """Append records as few record batches, in order, each batch whole or not at all; returns once acknowledged."""
        first_offset = next_offset = -1
        for chunk in _chunks(records, max_bytes):
            offset = await self._append(topic, partition, chunk)
            first_offset = offset if first_offset < 0 else first_offset
            next_offset = offset + len(chunk)
        return Appended(first_offset, next_offset)

    async def _append(self, topic: str, partition: int, chunk: list[RecordToSend]) -> int:
        self.transport.check_awake()
        kafka = self._ensure_producer()
        builder = kafka.create_batch()
        for key, value, headers in chunk:
            if builder.append(timestamp=None, key=key, value=value, headers=headers) is None:
                raise ValueError(f"{topic}/{partition}: a chunk does not fit into one record batch")
        acknowledged = await kafka.send_batch(builder, topic, partition=partition)
        offset = int((await acknowledged).offset)
        self.acknowledged_at = time.monotonic()
        return offset


def size_of(record: RecordToSend) -> int:
    """Upper bound of what a record takes in an uncompressed record batch, in bytes."""
    key, value, headers = record
    extra = sum(len(name.encode()) + len(text or b"") + 10 for name, text in headers)
    return len(key) + len(value or b"") + extra + RECORD_OVERHEAD_BYTES


def _chunks(records: Iterable[RecordToSend], max_bytes: int) -> Iterator[list[RecordToSend]]:
    chunk: list[RecordToSend] = []
    size = 0
    for record in records:
        record_size = size_of(record)
        if chunk and size + record_size > max_bytes:
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += record_size
    if chunk:
        yield chunk


class Transport(driver.Transport):
    """``readers`` names, per batch topic, the stages that must be done with each of its batches."""

    Consumer = Consumer
    Producer = Producer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.readers: dict[str, frozenset[str]] = {}
        self.changelogs: set[str] = set()
        self.before_giving_up: list[Hook] = []
        self.check_awake: Callable[[], None] = _nothing_to_check
        """Asked before anything is written: does not return when the process stood still past its session."""
        self.wanted_positions: Callable[[], Mapping[TP, int]] = dict
        """Where the state wants input topics to be read from; missing ones are read from their beginning."""
        self.positioned: Callable[[Mapping[TP, int]], None] = _ignore


def _ignore(positions: Mapping[TP, int]) -> None:
    """Nobody wants to know."""
    del positions


def _nothing_to_check() -> None:
    """Nobody watches."""


async def _nothing() -> None:
    """Deliver nothing."""
