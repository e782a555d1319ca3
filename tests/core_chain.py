"""All cores of an installation without broker or worker: records in, what the output topics hold out.

Every input partition is read in batches; what a stage writes for another is read there in the order it was written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import chain
from typing import Any, Final

import msgspec
import yaml

from streams.agents.availability import availability_stage
from streams.agents.callbacks import callbacks_stage
from streams.agents.cases import cases_stage
from streams.agents.dialling import dialling_stage
from streams.agents.queues import queues_stage
from streams.agents.results import results_stage
from streams.agents.staffing import staffing_stage
from streams.domain.decisions import OWN_PARTITION, Core, Decider, Decisions, Output
from streams.engine.stage import StageSpec
from streams.partitioning import partition_of
from streams.routing import Route, route
from streams.sealing import Sealer
from streams.settings import Settings, milliseconds, parse_settings
from streams.simulation.centre import SAC
from streams.simulation.layout import Centre
from streams.told import TOPICS_TOLD, Told
from streams.topics import STAGE_INPUTS
from tests.callback_records import NINE_MS, KafkaRecord

Place = tuple[str, str, int]
"""Stage, topic and partition."""
encode: Final = msgspec.json.Encoder().encode
partition_of_key: Final = cache(partition_of)
READ: Final = frozenset(chain.from_iterable(STAGE_INPUTS.values()))


def centre_settings(
    centre: Centre = SAC,
    *,
    policy: str | None = None,
    lateness_seconds: float = 60,
    lost_after_seconds: float | None = None,
    **callback: Any,
) -> Settings:
    """The configuration of a simulated centre, with the event clock and keys of no worth. Its voice queues are those of
    a bank under ``policy``, if one is given; ``callback`` says which visits are called back."""
    keys = {"token_key_env": "TOKEN_KEY", "seal_key_env": "SEAL_KEY"}
    document: dict[str, Any] = {
        "kafka": {"brokers": ["127.0.0.1:9092"]},
        "clock": {"mode": "event", "lateness_seconds": lateness_seconds},
        "privacy": {"tenants": {centre.tenant: keys}},
        **centre.sections(),
    }
    for queue in document["queues"]:
        if queue["channels"] == ["voice"] and lost_after_seconds is not None:
            queue["unknown_exit_seconds"] = lost_after_seconds
        if "callback" in queue:
            queue["callback"] = {**queue["callback"], **callback}
    if policy is not None:
        for queue in document["queues"]:
            if queue["channels"] == ["voice"]:
                queue |= {"policy": policy, "sector": "bank"}
                del queue["max_wait_seconds"]
    return parse_settings(yaml.safe_dump(document), environment={"TOKEN_KEY": "0a" * 32, "SEAL_KEY": "0b" * 32})


class CoreChain:
    """The stages of one configuration, with the event clock."""

    def __init__(self, settings: Settings, *, batch_records: int, told: Told | None = None) -> None:
        self.told = told or Told()
        self.directory = settings.directory(partition_of_key)
        self._batch_records = batch_records
        self._partitions = settings.kafka.partitions
        self._lateness_ms = milliseconds(settings.clock.lateness_seconds)
        sealer = Sealer({tenant: keys.seal_key for tenant, keys in settings.tenant_keys.items()})
        self.stages: list[StageSpec] = [
            queues_stage(settings, self.directory, sealer),
            staffing_stage(settings, self.directory),
            availability_stage(settings, self.directory),
            cases_stage(settings, self.directory),
            callbacks_stage(self.directory),
            dialling_stage(self.directory, sealer),
            results_stage(self.directory),
        ]
        self._cores: dict[tuple[str, int], Core] = {}
        self._deciders: dict[tuple[str, int], Decider] = {}
        self._inputs: dict[Place, list[KafkaRecord]] = defaultdict(list)
        self._now_ms: dict[Place, int] = defaultdict(int)
        self._sent_ms = NINE_MS
        """What the stages write is stamped with the newest time of an input record."""

    def send(self, events: Iterable[Mapping[str, Any]], time_ms: Iterable[int]) -> None:
        """Append events to their input topics, each stamped with its time. What no stage reads goes nowhere."""
        for event, stamp_ms in zip(events, time_ms, strict=True):
            target = route(event)
            assert isinstance(target, Route), target
            if target.topic in READ:
                partition = partition_of_key(target.key, self._partitions)
                self._sent_ms = max(self._sent_ms, stamp_ms)
                self._append(target.topic, partition, encode(event), target.key.encode(), stamp_ms)
                if target.topic in TOPICS_TOLD:
                    self.told.take(target.topic, encode(event))

    def cores(self, name: str) -> list[Core]:
        """Those of one stage."""
        return [core for (stage, _), core in self._cores.items() if stage == name]

    def owned(self, stage: StageSpec) -> dict[int, Core]:
        """The core of every partition, also of those that no record has reached yet."""
        return {partition: self._core(stage, partition) for partition in range(self._partitions)}

    def newest_ms(self, name: str) -> int:
        """The latest clock of any partition of a stage."""
        return max((now_ms for (stage, _, _), now_ms in self._now_ms.items() if stage == name), default=0)

    def run(self, after_decision: Callable[[], object] = lambda: None) -> None:
        """Let every stage read its topics to the end, stage by stage, decide what is decided there, and time pass to
        the last event seen."""
        while any(self._inputs.values()):
            while any(self._inputs.values()):
                for stage in self.stages:
                    for topic in stage.inputs:
                        for partition in range(self._partitions):
                            self._read(stage, topic, partition)
            self._decide()
            after_decision()
        for (name, partition), core in self._cores.items():
            self._write(core.tick(self._clocks(name, partition)), partition)
            self._write(core.changes().outputs, partition)

    def _decide(self) -> None:
        for (name, partition), core in self._deciders.items():
            self._write(core.decide(self._clocks(name, partition), 1), partition)

    def _clocks(self, name: str, partition: int) -> dict[str, int]:
        stage = next(stage for stage in self.stages if stage.name == name)
        return {topic: self._now_ms[name, topic, partition] for topic in stage.inputs}

    def _read(self, stage: StageSpec, topic: str, partition: int) -> None:
        place = (stage.name, topic, partition)
        if not self._inputs[place]:
            return
        records, self._inputs[place] = self._inputs[place], []
        for start in range(0, len(records), self._batch_records):
            core = self._core(stage, partition)
            batch = records[start : start + self._batch_records]
            decisions: Decisions = core.apply(topic, batch, self._now_ms[place], batch[-1].timestamp)
            if decisions.newest_event_ms is not None:
                self._now_ms[place] = max(self._now_ms[place], decisions.newest_event_ms - self._lateness_ms)
            assert decisions.dead_letters == []
            self._write(decisions.outputs, partition)
            self._write(core.tick({topic: self._now_ms[place]}), partition)
            self._write(core.changes().outputs, partition)

    def _core(self, stage: StageSpec, partition: int) -> Core:
        place = (stage.name, partition)
        if place not in self._cores:
            core = self._cores[place] = stage.make_core(partition)
            if isinstance(core, Decider):
                self._deciders[place] = core
        return self._cores[place]

    def _write(self, outputs: Iterable[Output], own_partition: int) -> None:
        for output in outputs:
            partition = own_partition if output.partition == OWN_PARTITION else output.partition
            if output.topic in TOPICS_TOLD:
                self.told.take(output.topic, output.value)
            if output.topic in READ:
                self._append(output.topic, partition, output.value, output.key, self._sent_ms)

    def _append(self, topic: str, partition: int, value: bytes | None, key: bytes, stamp_ms: int) -> None:
        """One record, for every stage that reads the topic."""
        for stage in self.stages:
            if topic in stage.inputs:
                place = (stage.name, topic, partition)
                self._inputs[place].append(KafkaRecord(value, key, len(self._inputs[place]), stamp_ms))
