"""Where Faust itself loses or doubles, shown on Faust as it is, and what ours does in its place.

Each test runs the same steps on Faust's own transport and on ours. One that fails for Faust's own says that upstream
has mended it: then our guard can go. What Faust does to a record whose agent raises needs a broker: see
``integration/test_faust_agent.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from faust.tables.manager import TableManager as FaustTableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from streams.embedded.broker import EmbeddedBroker
from streams.engine import stage
from streams.engine.batches import Batch
from streams.engine.changelog import ChangelogStore
from streams.engine.recovery import TableManager
from streams.engine.stage import Stage, StageSpec, StageSurroundings
from streams.engine.transport import ConsumerThread, Transport, stopped

TOPIC = "t-numbers"
PLACE = TP(TOPIC, 0)
READER = "sums"


class BrokenState(Exception):
    """What a restored state could be found to be."""


@contextmanager
def app_with(transport: type[driver.Transport]) -> Iterator[faust.App]:
    """An app that never connects; the loop that Faust makes for the consumer's thread is closed again."""
    app = faust.App("wiring", broker="aiokafka://127.0.0.1:1", store="memory://")
    app.transport = transport(app.conf.broker_consumer, app)
    if isinstance(app.transport, Transport):
        app.transport.readers[TOPIC] = frozenset({READER})
    consumer: Any = app.consumer
    try:
        yield app
    finally:
        consumer._thread.thread_loop.close()


def fetched_record(offset: int) -> Any:
    """As aiokafka has it."""
    return SimpleNamespace(
        topic=TOPIC,
        partition=0,
        offset=offset,
        timestamp=1000,
        timestamp_type=0,
        headers=(),
        key=b"k",
        value=b"1",
        checksum=0,
        serialized_key_size=1,
        serialized_value_size=1,
    )


def batch(first: int, last: int, *, seek_number: int = 0) -> Batch:
    records = [fetched_record(offset) for offset in range(first, last + 1)]
    return Batch(PLACE, records, readers=frozenset({READER}), seek_number=seek_number)


def delivered(consumer: Any, each: Batch) -> None:
    consumer._deliver(consumer._to_message(PLACE, each)).close()


# -- faust-streaming #606: the commit passes over one record that nobody has acknowledged -----------------------------


def test_faust_commits_past_a_record_that_is_not_done() -> None:
    """Committed means "next": 10 is not acknowledged, 11 and 12 are, and 13 is committed."""

    async def committable() -> int | None:
        with app_with(driver.Transport) as app:
            consumer: Any = app.consumer
            consumer._committed_offset[PLACE] = 10
            consumer._acked[PLACE] = [11, 12]
            offset: int | None = consumer._new_offset(PLACE)
            return offset

    assert asyncio.run(committable()) == 13


def test_ours_commits_what_is_done_from_the_front_whatever_faust_has_acknowledged() -> None:
    """Not even a later batch that is done lets the commit pass."""

    async def committable() -> list[int | None]:
        with app_with(Transport) as app:
            consumer: Any = app.consumer
            consumer._committed_offset[PLACE] = 10
            consumer._acked[PLACE] = [10, 12]
            first, second = batch(10, 10), batch(11, 12)
            for each in (first, second):
                delivered(consumer, each)
            second.done(READER)
            before = consumer._new_offset(PLACE)
            first.done(READER)
            return [before, consumer._new_offset(PLACE)]

    assert asyncio.run(committable()) == [None, 13]


# -- a commit that failed is taken for done: the next one with the same offsets is not even tried ---------------------


@pytest.mark.parametrize(("transport", "believed"), [(driver.Transport, 20), (Transport, 10)])
def test_a_failed_commit_is_taken_for_done_by_faust_only(transport: type[driver.Transport], believed: int) -> None:
    """The broker refuses 20; what is believed afterwards decides whether 20 is tried again."""

    async def refuse(offsets: object) -> bool:
        return False

    async def flushed() -> int:
        return 0

    async def commit() -> tuple[bool, int]:
        with app_with(transport) as app:
            consumer: Any = app.consumer
            consumer._commit, consumer.assignment = refuse, lambda: {PLACE}
            app.producer.flush = flushed
            consumer._committed_offset[PLACE] = 10
            return await consumer._commit_offsets({PLACE: 20}), consumer._committed_offset[PLACE]

    assert asyncio.run(commit()) == (False, believed)


# -- records read again after a seek back are dropped up to the last one that was under way ---------------------------


class Drained(Service):
    """A fetcher that stops once everything was handed out."""


def drained(transport: type[driver.Transport], fetched: list[Any], note: Callable[[Any], object]) -> None:
    """Runs Faust's own drain loop over what was fetched."""

    async def callback(message: Any) -> None:
        note(message)

    async def drain() -> None:
        with app_with(transport) as app:
            consumer: Any = app.consumer
            fetcher = Drained()

            async def getmany(timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - Faust's signature
                for record in fetched:
                    yield PLACE, consumer._to_message(PLACE, record)
                fetcher._stopped.set()

            consumer.getmany, consumer.callback = getmany, callback
            await consumer._drain_messages(fetcher)

    asyncio.run(asyncio.wait_for(drain(), 30))


def test_faust_drops_what_is_read_again_after_a_seek_back() -> None:
    """Offset 100 was still under way when the consumer went back to 10: 10 to 12 never arrive."""
    seen: list[int] = []
    drained(
        driver.Transport, [fetched_record(offset) for offset in (100, 10, 11, 12, 101)], lambda m: seen.append(m.offset)
    )
    assert seen == [100, 101]


def test_ours_delivers_what_is_read_again_after_a_seek_back() -> None:
    """Every batch arrives; the owner knows by its positions what is a repeat."""
    seen: list[int] = []
    batches = [batch(90, 100), batch(10, 12), batch(101, 101)]
    drained(Transport, batches, lambda m: seen.append(m.value.first))
    assert seen == [90, 10, 101]


# -- an error while the state is restored is swallowed ----------------------------------------------------------------


async def recover(app: faust.App) -> None:
    """The end of a recovery, as Faust runs it."""

    async def current() -> None:
        """No partitions to go on with."""

    recovery: Any = app.tables.recovery
    consumer: Any = app.consumer
    consumer.assignment = set
    recovery._resume_streams = lambda generation_id=0: current()
    recovery.app.flow_control.resume = lambda: None
    await recovery.on_recovery_completed(app.consumer_generation_id)


def test_faust_hides_an_error_of_the_restored_state() -> None:
    """``on_recover`` raises and the worker goes on with whatever state it has."""
    called: list[str] = []

    async def play() -> None:
        with app_with(driver.Transport) as app:

            async def restored() -> None:
                called.append("restored")
                raise BrokenState

            app.Table("sums", partitions=1, on_recover=restored)
            await recover(app)

    asyncio.run(play())
    assert called == ["restored"]


def test_ours_ends_on_an_error_of_the_restored_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any record is read."""
    ended: list[tuple[str, BaseException]] = []
    monkeypatch.setattr(stage, "end_process", lambda what, error: ended.append((what, error)))

    async def play() -> None:
        with app_with(Transport) as app:
            ours = Stage(StageSpec(READER, ("numbers",), _no_core), _surroundings(app))

            async def broken() -> None:
                raise BrokenState

            ours._build_owners = broken  # type: ignore[method-assign]
            await recover(app)

    asyncio.run(play())
    assert [(what, type(error)) for what, error in ended] == [(f"{READER} could not be restored", BrokenState)]


# -- a recovery that a rebalance has overtaken -----------------------------------------------------------------------


@contextmanager
def app_with_table(manager: type[FaustTableManager]) -> Iterator[tuple[faust.App, list[str]]]:
    """An app with one of our tables, in generation 7 of its group; what its recovery reports completed is listed."""
    completed: list[str] = []

    async def restored() -> None:
        completed.append("restored")

    with app_with(Transport) as app:
        app.conf.TableManager = manager
        table: Any = app.Table("sums", partitions=1, on_recover=restored)
        table._data = ChangelogStore("memory://", app, table)
        consumer: Any = app.consumer
        consumer.assignment = set
        app.consumer_generation_id = 7
        yield app, completed


@pytest.mark.parametrize(("manager", "believed"), [(FaustTableManager, ["restored"]), (TableManager, [])])
def test_faust_completes_a_recovery_after_the_next_has_been_asked_for(
    manager: type[FaustTableManager], believed: list[str]
) -> None:
    """Generation 6 comes to its end when 7 has begun, of which nothing was read."""

    async def play() -> list[str]:
        with app_with_table(manager) as (app, completed):
            recovery: Any = app.tables.recovery
            recovery.signal_recovery_start.set()
            await recovery.on_recovery_completed(6)
            return completed

    assert asyncio.run(play()) == believed


@pytest.mark.parametrize(("manager", "begins_at"), [(FaustTableManager, 41), (TableManager, None)])
def test_faust_begins_where_late_events_of_the_recovery_before_have_left_it(
    manager: type[FaustTableManager], begins_at: int | None
) -> None:
    """An event of the old recovery is taken between revocation and assignment: all before it would never be read."""
    changelog = TP("wiring-sums-changelog", 0)

    async def play() -> int | None:
        with app_with_table(manager) as (app, _):
            recovery: Any = app.tables.recovery
            assignor: Any = app.assignor
            assignor.assigned_actives = lambda: {changelog}
            recovery.active_offsets[changelog] = 41
            await recovery.on_rebalance({changelog}, set(), set(), 7)
            offset: int | None = recovery.active_offsets[changelog]
            return offset

    assert asyncio.run(play()) == begins_at


# -- an empty fetch blocks its connection for a second and a half -----------------------------------------------------


@pytest.mark.parametrize(("thread", "longest_ms"), [(driver.AIOKafkaConsumerThread, 1500), (ConsumerThread, 250)])
def test_an_idle_broker_holds_faust_up_for_longer(thread: type[Any], longest_ms: int) -> None:
    """Questions about ends of topics queue up behind the fetch."""

    async def wait_ms() -> int:
        with app_with(Transport) as app:
            made = thread(app.consumer)
            client = made._create_worker_consumer(app.transport)
            await client.stop()
            made.thread_loop.close()
            return int(client._fetch_max_wait_ms)

    assert asyncio.run(wait_ms()) == longest_ms


# -- the cancellation of a fetch that had not begun comes out of the client that stops ---------------------------------


def _own_stop(client: AIOKafkaConsumer) -> Awaitable[None]:
    return client.stop()


@pytest.mark.parametrize(("stop", "ends"), [(_own_stop, ("cancelled", True)), (stopped, ("stopped", False))])
def test_a_client_stops_beside_a_fetch_that_has_not_begun(
    stop: Callable[[AIOKafkaConsumer], Awaitable[None]], ends: tuple[str, bool], embedded_broker: EmbeddedBroker
) -> None:
    """aiokafka raises what is not its caller's, and its client lives on; ours does neither."""

    async def play() -> tuple[str, bool]:
        client = AIOKafkaConsumer(bootstrap_servers=embedded_broker.bootstrap)
        await client.start()
        client._fetcher._pending_tasks.add(asyncio.ensure_future(asyncio.sleep(60)))
        try:
            await stop(client)
            ended = "stopped"
        except asyncio.CancelledError:
            ended = "cancelled"
        lives_on = client._client._sync_task is not None
        await client._client.close()
        return ended, lives_on

    assert asyncio.run(play()) == ends


def _no_core(partition: int) -> Any:
    raise NotImplementedError


def _surroundings(app: faust.App) -> StageSurroundings:
    def nothing(*_: Any) -> Any:
        raise NotImplementedError

    return StageSurroundings(app=app, prefix="t", partitions=1, instant=nothing, make_clock=nothing)
