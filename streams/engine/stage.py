"""A stage of the worker: its table, its agent, and an Owner for every partition it holds now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import faust
from faust.types import TP

from streams.dead_letters import DEAD_LETTERS, dead_letter_record
from streams.delivery import Appended, Outbox, RecordToSend, end_process, is_own_cancellation
from streams.domain.decisions import Core, DeadLetter
from streams.engine import garbage
from streams.engine.batches import Batch
from streams.engine.changelog import OFFSETS_KEY, ChangelogStore, RecoveredPartition, newest_epoch
from streams.engine.owner import Hold, Owner
from streams.engine.transport import Consumer, Producer, Transport
from streams.errors import Unavailable
from streams.partition_clock import Instant, PartitionClock

logger = logging.getLogger(__name__)

QUEUED_BATCHES = 16
RECOVERY_BATCHES = 2
"""How many fetched batches of a changelog wait before they are applied. Faust's 1,000 would be the whole changelog in
memory beside the state, and with 1 it goes on reading changelogs after the recovery."""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What makes a stage: its name (also its table's), its input topics (bare names), and how to make a core."""

    name: str
    inputs: tuple[str, ...]
    make_core: Callable[[int], Core]


@dataclass(frozen=True, slots=True)
class StageSurroundings:
    """What all stages of a worker share."""

    app: faust.App
    prefix: str
    partitions: int
    instant: Callable[[], Instant]
    make_clock: Callable[[int | None], PartitionClock]
    """A partition clock from the clock flushed with its state, None without state."""


class Stage:
    """Wires one stage into Faust: the agent feeds batches to owners, recovery makes owners, revocation drops them."""

    def __init__(self, spec: StageSpec, around: StageSurroundings) -> None:
        self.spec = spec
        self.name = spec.name
        self.owners: dict[int, Owner] = {}
        self._revocations = 0
        self._is_given_up = True
        """Between a revocation and the next assignment: what recovery holds then is of nobody's partitions."""
        self.generation = -1
        """The group generation whose partitions are held and restored."""
        self.gave_up: Callable[[Iterable[Owner]], object] = list
        """Told which owners are dropped."""
        self.changelog = f"{around.prefix}-{spec.name}-changelog"
        self._around = around
        self._app = around.app
        self._bare = {self.full_name(topic): topic for topic in spec.inputs}
        self._table = self._declare_table()
        self._store = cast(ChangelogStore, self._table._data)
        self._declare_agent()
        self._app.on_partitions_revoked.connect(self._revoked, weak=False)
        self._app.on_partitions_assigned.connect(self._assigned, weak=False)

    # -- wiring -------------------------------------------------------------------------------------------------------

    def _declare_table(self) -> Any:
        app = self._app
        table = app.Table(
            self.name,
            key_type=bytes,
            value_type=bytes,
            partitions=self._around.partitions,
            recovery_buffer_size=RECOVERY_BATCHES,
            on_recover=self._recovered,
        )
        table._data = ChangelogStore("memory://", app, table)
        self._transport.changelogs.add(self.changelog)
        return table

    def _declare_agent(self) -> None:
        names = tuple(self._bare)
        for name in names:
            readers = self._transport.readers.get(name, frozenset())
            self._transport.readers[name] = readers | {self.name}
        topic = self._app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        topic.maxsize = QUEUED_BATCHES  # app.topic(maxsize=) is dropped by Faust 0.15.3
        self._app.agent(topic, name=self.name)(self._run)

    @property
    def _transport(self) -> Transport:
        return cast(Transport, self._app.transport)

    @property
    def _consumer(self) -> Consumer:
        return cast(Consumer, self._app.consumer)

    # -- the agent ----------------------------------------------------------------------------------------------------

    async def _run(self, stream: AsyncIterable[Batch]) -> None:
        async for batch in stream:
            try:
                await self._take(batch)
            except (Exception, asyncio.CancelledError) as error:  # a bug: the process ends before it is acknowledged
                if is_own_cancellation(error):
                    raise
                last = f"{batch.tp.topic}/{batch.tp.partition} at offsets {batch.first} to {batch.last}"
                end_process(f"{self.name} failed on {last}", error)

    async def _take(self, batch: Batch) -> None:
        """Hand a batch to its owner, everything else in the worker having its turn between two slices of it.

        Faust gives what has been fetched without a pause, and a pause is where a partition may be given up: then the
        rest of the batch is its next owner's.
        """
        owner = self.owners.get(batch.tp.partition)
        if owner is None or not self._is_held(owner, batch):
            return
        for _ in owner.take_in_slices(self._bare[batch.tp.topic], batch):
            await self._give_way(owner)
            if not self._is_held(owner, batch):
                return
        await self._give_way(owner)

    async def _give_way(self, owner: Owner) -> None:
        if owner.is_full:
            await owner.flush()
        await asyncio.sleep(0)

    def _is_held(self, owner: Owner, batch: Batch) -> bool:
        return self.owners.get(owner.partition) is owner and batch.seek_number == self._consumer.seek_number

    # -- coming and going ---------------------------------------------------------------------------------------------

    async def _recovered(self) -> None:
        """All rows are read and no event flows: build the owners anew. Faust hides errors raised here, so end."""
        try:
            await self._build_owners()
        except Exception as error:  # noqa: BLE001 - see above
            end_process(f"{self.name} could not be restored", error)

    async def _build_owners(self) -> None:
        if self._is_given_up:
            return  # a recovery that a rebalance cut short: Faust declares it complete although it read nothing
        revocations = self._revocations
        recovered, self._store.recovered = self._store.recovered, {}
        owned = {tp.partition for tp in self._app.assignor.assigned_actives() if tp.topic in self._bare}
        changelogs = [TP(self.changelog, partition) for partition in sorted(owned)]
        ends = await self._consumer.highwaters(*changelogs) if changelogs else {}
        rows = sum(len(partition.rows) for partition in recovered.values())
        owners = []
        for tp in changelogs:
            owners.append(self._make_owner(tp.partition, recovered.pop(tp.partition, None), ends[tp]))
            await asyncio.sleep(0)  # whoever asks for health has a turn between two partitions
        if self._revocations == revocations:
            await asyncio.gather(*(owner.claim() for owner in owners))
        if self._revocations != revocations:
            return  # these partitions may be somebody else's by now; the next recovery builds anew
        self.owners = {owner.partition: owner for owner in owners}
        self.generation = self._app.consumer_generation_id
        garbage.set_aside_restored()
        logger.info("%s: %d partitions restored from %d rows", self.name, len(self.owners), rows)

    def _make_owner(self, partition: int, recovered: RecoveredPartition | None, end_offset: int) -> Owner:
        if recovered is None and end_offset > 0:
            raise Unavailable(f"{self.changelog}/{partition} has {end_offset} records and none was read back")
        recovered = recovered or RecoveredPartition()
        core = self.spec.make_core(partition)
        positions = recovered.positions()
        core.restore({key: value for key, value in recovered.rows.items() if key != OFFSETS_KEY})
        hold = Hold(
            partition,
            epoch=max(self._app.consumer_generation_id, recovered.epoch + 1),
            expected_offset=end_offset if recovered.next_offset is None else recovered.next_offset,
            skips=recovered.skips,
        )
        clocks = {
            topic: self._around.make_clock(positions[topic].now_ms if topic in positions else None)
            for topic in self.spec.inputs
        }
        producer = cast(Producer, self._app.producer)
        owner = Owner(self, core, hold, outbox=Outbox(producer), clocks=clocks, instant=self._around.instant)
        owner.start_at(positions)
        return owner

    async def _revoked(self, app: Any, revoked: Iterable[TP], **_: Any) -> None:
        """Drop every owner, also of partitions that stay: the next recovery reads every changelog from its start."""
        del app
        self._revocations += 1
        self._is_given_up = True
        dropped, self.owners = self.owners, {}
        self.gave_up(dropped.values())
        self._store.forget()
        logger.info("%s: gave up its partitions (%d revoked)", self.name, len(list(revoked)))

    async def _assigned(self, app: Any, assigned: Iterable[TP], **_: Any) -> None:
        """New partitions are ours: the recovery that follows reads their changelogs from the start."""
        del app, assigned
        self._is_given_up = False

    # -- what owners need ---------------------------------------------------------------------------------------------

    def full_name(self, topic: str) -> str:
        return f"{self._around.prefix}-{topic}"

    def dead_letter(self, partition: int, letter: DeadLetter) -> tuple[str, RecordToSend]:
        record = dead_letter_record(self.name, self.full_name(letter.topic), partition, letter)
        return self.full_name(DEAD_LETTERS), record

    async def append(self, partition: int, records: Iterable[RecordToSend], *, max_bytes: int) -> Appended:
        producer = cast(Producer, self._app.producer)
        return await producer.put_batch(self.changelog, partition, records, max_bytes=max_bytes)

    async def newest_epoch(self, partition: int, begin: int, end: int) -> int:
        return newest_epoch(await self._consumer.read_apart(TP(self.changelog, partition), begin, end))

    # -- for the worker -----------------------------------------------------------------------------------------------

    def wanted_positions(self) -> Mapping[TP, int]:
        """Where each input topic-partition should be read from; the beginning where there is no state."""
        return {
            TP(self.full_name(topic), owner.partition): owner.positions.get(topic, 0)
            for owner in self.owners.values()
            for topic in self.spec.inputs
        }

    def positioned(self, positions: Mapping[TP, int]) -> None:
        """The consumer has been positioned."""
        for tp, offset in positions.items():
            owner = self.owners.get(tp.partition)
            topic = self._bare.get(tp.topic)
            if owner is not None and topic is not None:
                owner.position_at(topic, offset)

    async def flush(self) -> None:
        """Flush every partition held, one after the other; each only when it has something to say."""
        for owner in list(self.owners.values()):
            try:
                await owner.flush()
            except Exception as error:  # noqa: BLE001 - what is not durable must not be acknowledged
                end_process(f"{self.name} failed to flush partition {owner.partition} at {owner.positions}", error)
