"""What a running worker does beside its agents: watch the ends of its topics, tick, flush, and show its figures."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, TypeVar

from streams.agents import availability, callbacks, cases, dialling, queues, staffing
from streams.domain.availability import AvailabilityCore
from streams.domain.callbacks import CallbacksCore
from streams.domain.cases import CasesCore
from streams.domain.decisions import Core
from streams.domain.dialling import DiallingCore
from streams.domain.directory import Directory
from streams.domain.figures import CallbackFigures, QueueFigures, ServiceFigures, SiteFigures, StageFigures
from streams.domain.queues import QueuesCore
from streams.domain.staffing import StaffingCore
from streams.domain.time import SiteCalendar
from streams.engine.owner import Owner
from streams.engine.stage import Stage
from streams.errors import Unavailable
from streams.health import Readiness
from streams.metrics import BuildInfo, WorkerFigures, total_of
from streams.partition_clock import Instant
from streams.settings import Settings

GIVE_WAY_SECONDS = 0.005
"""Not between any two partitions: while there is much to apply, a turn is given back only after some milliseconds, and
sixty of them would make ticks late."""

C = TypeVar("C", bound=Core)


def instant_now() -> Instant:
    """The present on both clocks, in milliseconds."""
    return Instant(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000)


class Broker(Protocol):
    """What the runtime asks of the consumer."""

    async def end_offsets(self, places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Where topic-partitions end; raises Unavailable without an answer."""
        ...

    def readiness(self) -> Readiness: ...
    def recovery_seconds(self) -> float: ...
    def assigned(self) -> Iterable[tuple[str, int]]: ...


@dataclass(slots=True)
class Runtime:
    """The stages of one worker and what is known about them as a whole."""

    settings: Settings
    directory: Directory
    stages: Mapping[str, Stage]
    broker: Broker
    started_ms: int = field(default_factory=lambda: instant_now().wall_ms)
    past: list[StageFigures] = field(default_factory=list)
    """Figures of partitions this worker has given up: counters never go back."""

    # -- loops --------------------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Tick every partition held, events having their turn whenever that has taken a while."""
        since = time.monotonic()
        for stage in self.stages.values():
            for owner in list(stage.owners.values()):
                if stage.owners.get(owner.partition) is owner:
                    owner.tick()
                if time.monotonic() - since > GIVE_WAY_SECONDS:
                    await asyncio.sleep(0)
                    since = time.monotonic()

    async def flush(self) -> None:
        for stage in self.stages.values():
            await stage.flush()

    async def watch_ends(self) -> None:
        """Ask where the input topics end; every owner's clocks learn it.

        Without an answer they learn nothing, and find out for themselves that the broker is away.
        """
        owners = [(stage, owner) for stage in self.stages.values() for owner in list(stage.owners.values())]
        places = {(stage.full_name(topic), owner.partition) for stage, owner in owners for topic in owner.clocks}
        if not places:
            return
        asked_ms = instant_now().monotonic_ms
        try:
            ends = await self.broker.end_offsets(sorted(places))
        except Unavailable:
            return
        answered_ms = instant_now().monotonic_ms
        for stage, owner in owners:
            for topic, clock in owner.clocks.items():
                clock.observe_end(
                    ends[stage.full_name(topic), owner.partition], asked_ms=asked_ms, answered_ms=answered_ms
                )

    async def check_changelogs(self) -> None:
        """Look for rows a former owner has appended after us."""
        for stage in self.stages.values():
            places = [(stage.changelog, partition) for partition in sorted(stage.owners)]
            try:
                ends = await self.broker.end_offsets(places) if places else {}
            except Unavailable:
                return
            for (_, partition), end_offset in ends.items():
                owner = stage.owners.get(partition)
                if owner is not None:
                    await owner.check_end(end_offset)

    def gave_up(self, owners: Iterable[Owner]) -> None:
        self.past = [total_of([*self.past, *(owner.core.stage_figures() for owner in owners)])]

    def _all_owners(self) -> list[Owner]:
        return [owner for stage in self.stages.values() for owner in stage.owners.values()]

    def _cores(self, stage: str, core_type: type[C]) -> list[tuple[Owner, C]]:
        owners = self.stages[stage].owners.values()
        return [(owner, owner.core) for owner in owners if isinstance(owner.core, core_type)]

    # -- figures ------------------------------------------------------------------------------------------------------

    async def figures(self) -> WorkerFigures:
        """Everything one page of metrics shows, of partitions owned when it is done. Events have their turn between the
        queues of two partitions, which is where most of the work is; all are judged at one instant."""
        instant = instant_now()
        shown = await self._queue_figures(instant)
        return WorkerFigures(
            configured=list(self.directory.queues.values()),
            build=self._build(),
            started_ms=self.started_ms,
            built_ms=instant.wall_ms,
            is_open=lambda policy: policy.is_open(instant.wall_ms),
            queues=[figures for owner, held in shown if self._holds(owner) for figures in held],
            recovering_queues=[
                policy for partition in self._recovering() for policy in self.directory.queues_of_partition(partition)
            ],
            sites=self._site_figures(instant),
            callbacks=self._callback_figures(instant),
            cases=[figures for _, core in self._cores(cases.NAME, CasesCore) for figures in core.figures()],
            services=self._service_figures(instant),
            flights=[
                flights
                for owner, core in self._cores(dialling.NAME, DiallingCore)
                for flights in core.flights(self._today_ms(owner, instant))
            ],
            stages=[*self.past, *(owner.core.stage_figures() for owner in self._all_owners())],
            lag_messages=self._lag(),
            assigned_partitions=self._assigned(),
            table_keys={
                name: sum(owner.core.stage_figures().rows for owner in stage.owners.values())
                for name, stage in self.stages.items()
            },
            expected_silence_seconds={
                (source.tenant, source.site, source.source): source.expected_silence_seconds
                for source in self.settings.sources
            },
            site_day_start_ms=self._day_starts(instant),
            is_recovering=self.broker.readiness() is Readiness.RECOVERING,
            recovery_seconds=self.broker.recovery_seconds(),
        )

    def _build(self) -> BuildInfo:
        try:
            installed = version("filaviva")
        except PackageNotFoundError:
            installed = "unknown"
        return BuildInfo(installed, "unknown", platform.python_version(), self.settings.config_hash)

    async def _queue_figures(self, instant: Instant) -> list[tuple[Owner, list[QueueFigures]]]:
        shown: list[tuple[Owner, list[QueueFigures]]] = []
        for owner, core in self._cores(queues.NAME, QueuesCore):
            stale = {topic: clock.is_stale(instant) for topic, clock in owner.clocks.items()}
            shown.append((owner, core.figures(wall_ms=self._today_ms(owner, instant), stale=stale)))
            await asyncio.sleep(0)
        return shown

    def _holds(self, owner: Owner) -> bool:
        return self.stages[queues.NAME].owners.get(owner.partition) is owner

    def _today_ms(self, owner: Owner, instant: Instant) -> int:
        """The instant that decides which local day is today: event time where event time is the clock."""
        if self.settings.clock.mode == "wall":
            return instant.wall_ms
        return max((clock.now(instant) for clock in owner.clocks.values()), default=instant.wall_ms)

    def _site_figures(self, instant: Instant) -> list[SiteFigures]:
        return [
            figures
            for owner, core in self._cores(staffing.NAME, StaffingCore)
            if not any(clock.is_stale(instant) for clock in owner.clocks.values())
            for figures in core.figures(self._today_ms(owner, instant))
        ]

    def _service_figures(self, instant: Instant) -> list[ServiceFigures]:
        return [
            figures
            for owner, core in self._cores(availability.NAME, AvailabilityCore)
            if not any(clock.is_stale(instant) for clock in owner.clocks.values())
            for figures in core.figures(self._today_ms(owner, instant))
        ]

    def _callback_figures(self, instant: Instant) -> list[CallbackFigures]:
        cores = self._cores(callbacks.NAME, CallbacksCore)
        return [figures for owner, core in cores for figures in core.figures(self._today_ms(owner, instant))]

    def _recovering(self) -> set[int]:
        """Partitions assigned to this worker whose queues are not read back yet."""
        stage = self.stages[queues.NAME]
        topics = {stage.full_name(topic) for topic in stage.spec.inputs}
        return {partition for topic, partition in self.broker.assigned() if topic in topics} - set(stage.owners)

    def _lag(self) -> dict[tuple[str, str, int], int]:
        """Messages between each position and the end; of several stages on one topic, the one furthest behind."""
        group = self.settings.kafka.prefix
        lag: dict[tuple[str, str, int], int] = {}
        for owner in self._all_owners():
            for topic, clock in owner.clocks.items():
                if clock.lag_messages is not None:
                    place = (group, topic, owner.partition)
                    lag[place] = max(clock.lag_messages, lag.get(place, 0))
        return lag

    def _assigned(self) -> dict[str, int]:
        return {topic: len(stage.owners) for stage in self.stages.values() for topic in stage.spec.inputs}

    def _day_starts(self, instant: Instant) -> dict[tuple[str, str], int]:
        starts = {}
        for place, zone in self.directory.sites.items():
            calendar = SiteCalendar(zone)
            starts[place] = calendar.day_start_ms(calendar.day(instant.wall_ms))
        return starts
