"""Builds the Faust app of one worker: the only place that does. Nothing connects before the worker starts."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.types import TP
from mode import CrashingSupervisor, Service

from streams.agents.availability import availability_stage
from streams.agents.callbacks import callbacks_stage
from streams.agents.cases import cases_stage
from streams.agents.dialling import dialling_stage
from streams.agents.queues import queues_stage
from streams.agents.results import results_stage
from streams.agents.staffing import staffing_stage
from streams.connections import tls_context
from streams.delivery import end_process, is_own_cancellation
from streams.domain.directory import Directory
from streams.engine import garbage
from streams.engine.hearing import Hearing
from streams.engine.owner import Owner
from streams.engine.pulse import Pulse
from streams.engine.recovery import TableManager
from streams.engine.stage import Stage, StageSpec, StageSurroundings
from streams.engine.tolerant_records import read_tolerantly
from streams.engine.transport import Consumer, Producer, Transport
from streams.errors import Unavailable
from streams.health import HealthServer, Readiness
from streams.partition_clock import PartitionClock
from streams.partitioning import partition_of
from streams.runtime import Runtime, instant_now
from streams.sealing import Sealer
from streams.settings import Settings, milliseconds

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
WATCH_SECONDS = 1.0
SWEEP_SECONDS = 0.25
CHANGELOG_CHECK_SECONDS = 600.0
BROKER_ANSWER_SECONDS = 5.0
STUCK_SECONDS = 180.0
"""How long a worker may be joining or recovering without any progress before it ends, to be started again."""
OUTAGE_SECONDS = 300.0
"""How long a worker lives on with what it could not write while the broker is away; then it ends and loses nothing."""
MAX_RECORD_BATCH_BYTES = 4_000_000


def build_worker(settings: Settings) -> tuple[faust.App, WorkerService]:
    """The app with all its stages wired, and the service that runs beside it. Opens no connection."""
    directory = settings.directory(partition_of)
    app = _build_app(settings)
    around = StageSurroundings(
        app=app,
        prefix=settings.kafka.prefix,
        partitions=settings.kafka.partitions,
        instant=instant_now,
        make_clock=lambda restored_now_ms: _clock(settings, restored_now_ms),
    )
    stages = {spec.name: Stage(spec, around) for spec in _stages(settings, directory)}
    pulse = Pulse(settings.worker.session_timeout_seconds)
    service = WorkerService(app, settings, directory, stages, pulse=pulse)
    transport = cast(Transport, app.transport)
    transport.check_awake = pulse.check
    _wire_transport(transport, stages)
    return app, service


def _stages(settings: Settings, directory: Directory) -> list[StageSpec]:
    sealer = Sealer({tenant: keys.seal_key for tenant, keys in settings.tenant_keys.items()})
    return [
        queues_stage(settings, directory, sealer),
        staffing_stage(settings, directory),
        availability_stage(settings, directory),
        cases_stage(settings, directory),
        callbacks_stage(directory),
        dialling_stage(directory, sealer),
        results_stage(directory),
    ]


def _clock(settings: Settings, restored_now_ms: int | None) -> PartitionClock:
    return PartitionClock(
        settings.clock.mode,
        lateness_ms=milliseconds(settings.clock.lateness_seconds),
        restored_now_ms=restored_now_ms,
        started=instant_now(),
    )


def _wire_transport(transport: Transport, stages: Mapping[str, Stage]) -> None:
    def wanted_positions() -> dict[TP, int]:
        """The lowest position of all stages that read a partition; each skips what its state already has."""
        wanted: dict[TP, int] = {}
        for stage in stages.values():
            for tp, offset in stage.wanted_positions().items():
                wanted[tp] = min(offset, wanted.get(tp, offset))
        return wanted

    def positioned(positions: Mapping[TP, int]) -> None:
        for stage in stages.values():
            stage.positioned(positions)

    transport.wanted_positions = wanted_positions
    transport.positioned = positioned
    transport.before_giving_up = [stage.flush for stage in stages.values()]


def _build_app(settings: Settings) -> faust.App:
    kafka, worker = settings.kafka, settings.worker
    session_seconds = worker.session_timeout_seconds
    app = faust.App(
        kafka.prefix,
        broker=[f"kafka://{address}" for address in kafka.brokers],
        broker_credentials=_credentials(settings),
        TableManager=TableManager,
        store="memory://",
        datadir=Path(tempfile.gettempdir())
        / f"{kafka.prefix}-faust",  # Faust insists on a folder; nothing is kept there
        processing_guarantee="at_least_once",
        agent_supervisor=CrashingSupervisor,
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication,
        table_standby_replicas=0,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=max(0.3, session_seconds / 5),
        broker_rebalance_timeout=max(30.0, session_seconds * 2),
        broker_request_timeout=max(40.0, session_seconds * 2),
        broker_max_poll_records=worker.max_poll_records,
        broker_commit_interval=1.0,
        stream_recovery_delay=min(3.0, session_seconds / 5),
        stream_wait_empty=True,
        consumer_max_fetch_size=4 * 1024 * 1024,
        producer_acks=-1,
        producer_linger=0,
        producer_compression_type="lz4",
        producer_max_batch_size=MAX_RECORD_BATCH_BYTES,
        producer_max_request_size=MAX_RECORD_BATCH_BYTES,
        producer_request_timeout=OUTAGE_SECONDS,
        cython_optimizations=False,
        web_enabled=False,
        web_bind="127.0.0.1",
        debug=False,
    )
    read_tolerantly()
    app.transport = Transport(app.conf.broker_consumer, app)
    return app


def _credentials(settings: Settings) -> Any:
    security = settings.kafka.security
    context = tls_context(security)
    if context is None:
        return None
    if security.protocol == "ssl":
        return faust.SSLCredentials(context)
    password = settings.kafka_password
    return faust.SASLCredentials(
        username=security.username,
        password=password.reveal() if password else None,
        mechanism=security.mechanism,
        ssl_context=context,
    )


class FaustBroker:
    """What the runtime asks of Faust's consumer."""

    def __init__(self, app: faust.App, stages: Mapping[str, Stage]) -> None:
        self._app = app
        self._stages = stages
        self._hearing = Hearing()

    async def end_offsets(self, places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Raises Unavailable when the broker does not answer within 5 s, or answers with an error."""
        partitions = [TP(topic, partition) for topic, partition in places]
        try:
            async with asyncio.timeout(BROKER_ANSWER_SECONDS):
                ends = await self._app.consumer.highwaters(*partitions)
        except (TimeoutError, OSError, KafkaError) as error:
            raise Unavailable(f"the broker does not say where topics end: {error!r}") from error
        return {(tp.topic, tp.partition): offset for tp, offset in ends.items()}

    def assigned(self) -> list[tuple[str, int]]:
        if self._app.assignor is None:
            return []
        return [(tp.topic, tp.partition) for tp in self._app.assignor.assigned_actives()]

    def readiness(self) -> Readiness:
        """Ready once the group's current generation has been joined and its state read back, while the broker answers.

        Membership decides, not whether the process lives. A worker that got no partitions, because there are fewer than
        workers, is ready.
        """
        app = self._app
        if app.in_recovery:
            return Readiness.RECOVERING
        generation = app.consumer_generation_id
        if app.rebalancing or any(stage.generation != generation for stage in self._stages.values()):
            return Readiness.JOINING
        return Readiness.BROKER_AWAY if self._is_standing_still() else Readiness.READY

    def _is_standing_still(self) -> bool:
        """Whether time waits for the broker in some partition held."""
        instant = instant_now()
        owners = [owner for stage in self._stages.values() for owner in stage.owners.values()]
        return any(clock.is_standing_still(instant) for owner in owners for clock in owner.clocks.values())

    def membership_error(self) -> BaseException | None:
        return cast(Consumer, self._app.consumer).membership_error()

    def has_lost_group(self) -> bool:
        """Whether the group cannot hear of this worker although the broker answers; to be asked regularly."""
        return self._hearing.is_lost(
            knows_coordinator=cast(Consumer, self._app.consumer).knows_coordinator(),
            acknowledged_at=cast(Producer, self._app.producer).acknowledged_at,
            now=time.monotonic(),
        )

    def recovery_progress(self) -> tuple[int, int]:
        """Changes while the worker is getting anywhere: the generation, and how far changelogs are read."""
        offsets = self._app.tables.recovery.active_offsets.values()
        return self._app.consumer_generation_id, sum(offset or 0 for offset in offsets)

    def recovery_seconds(self) -> float:
        recovery = self._app.tables.recovery
        started, ended = recovery._recovery_started_at, recovery._recovery_ended_at
        if started is None:
            return 0.0
        return float((ended or time.monotonic()) - started)


class WorkerService(Service):
    """Runs beside the app: the HTTP listener from the start, the loops while there is something to do."""

    def __init__(
        self, app: faust.App, settings: Settings, directory: Directory, stages: Mapping[str, Stage], *, pulse: Pulse
    ) -> None:
        self._app = app
        self._pulse = pulse
        self._settings = settings
        self._stages = stages
        self.broker = FaustBroker(app, stages)
        self.runtime = Runtime(settings, directory, stages, self.broker)
        for stage in stages.values():
            stage.gave_up = self._gave_up
        self._has_given_up = False
        app.on_partitions_assigned.connect(self._take_back_garbage, weak=False)
        worker = settings.worker
        self.health = HealthServer(
            self.runtime.figures, self.broker.readiness, host=worker.metrics_host, port=worker.metrics_port
        )
        super().__init__()

    def _gave_up(self, owners: Iterable[Owner]) -> None:
        dropped = list(owners)
        self._has_given_up = self._has_given_up or bool(dropped)
        self.runtime.gave_up(dropped)

    async def _take_back_garbage(self, app: Any, assigned: Iterable[TP], **_: Any) -> None:
        """Every stage has given up its state, and none has begun to read it back. Not where there was none, as at the
        start: not even the thread that tells the broker of us gets a turn meanwhile."""
        del app, assigned
        if self._has_given_up:
            self._has_given_up = False
            garbage.take_back()

    async def on_start(self) -> None:
        garbage.take_over()
        self._pulse.start()
        await self.health.start()
        logger.info("metrics at http://%s:%d/metrics", self._settings.worker.metrics_host, self.health.port)

    async def on_stop(self) -> None:
        self._pulse.stop()
        await self.health.stop()

    @Service.task
    async def _flush_loop(self) -> None:
        await self._every(self._settings.worker.flush_seconds, self.runtime.flush)

    @Service.task
    async def _tick_loop(self) -> None:
        await self._every(TICK_SECONDS, self.runtime.tick)

    @Service.task
    async def _garbage_loop(self) -> None:
        async for _ in self._beats(SWEEP_SECONDS):
            garbage.sweep()

    @Service.task
    async def _watch_loop(self) -> None:
        await self._every(WATCH_SECONDS, self.runtime.watch_ends)

    @Service.task
    async def _membership_loop(self) -> None:
        """End a worker that has stopped getting anywhere: it may hold its partitions without reading them."""
        progress, since = self.broker.recovery_progress(), time.monotonic()
        async for _ in self._beats(WATCH_SECONDS):
            error = self.broker.membership_error()
            if error is not None:
                end_process("the worker has fallen out of its group", error)
            if self.broker.has_lost_group():
                end_process(
                    "the worker has lost its group", TimeoutError("its coordinator is not found, the broker is")
                )
            seen = self.broker.recovery_progress()
            if seen != progress or self.broker.readiness() in {Readiness.READY, Readiness.BROKER_AWAY}:
                progress, since = seen, time.monotonic()
            elif time.monotonic() - since > STUCK_SECONDS:
                end_process("the worker", TimeoutError(f"is {self.broker.readiness()} for {STUCK_SECONDS:g} s"))

    @Service.task
    async def _changelog_loop(self) -> None:
        await self._every(CHANGELOG_CHECK_SECONDS, self.runtime.check_changelogs)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work again and again; anything unexpected ends the process before more is acknowledged."""
        async for _ in self._beats(seconds):
            try:
                await work()
            except (Exception, asyncio.CancelledError) as error:  # else it would stop time or flushes in silence
                if is_own_cancellation(error):
                    raise
                if self._is_stopping:
                    return  # the consumer it asked is gone; the last flush is the consumer's own
                end_process(f"{getattr(work, '__name__', 'a loop')} failed", error)

    async def _beats(self, seconds: float) -> AsyncIterator[None]:
        while not self._is_stopping:
            await self.sleep(seconds)
            if not self._is_stopping:
                yield

    @property
    def _is_stopping(self) -> bool:
        """From the first moment of an orderly stop. The app stops before this service does, and in between its clients
        answer with errors that are no bug."""
        return bool(self.should_stop or self._app.should_stop)
