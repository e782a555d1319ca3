"""What a worker's page would show that holds some partitions of a centre whose cores run in this process.

The worker's own runtime puts the figures together and its own renderer writes them: only Faust and Kafka are not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from streams.health import Readiness
from streams.metrics import render
from streams.runtime import Runtime
from streams.settings import Settings
from streams.topics import full_name
from tests.core_chain import CoreChain

_BROKER: Any = SimpleNamespace(readiness=lambda: Readiness.READY, recovery_seconds=lambda: 0.0, assigned=list)


def page(settings: Settings, chain: CoreChain, partitions: Collection[int]) -> str:
    """The text that Prometheus would read. Every clock is live and stands where the centre's newest event is."""
    stages: Any = {stage.name: _held(settings, chain, stage, partitions) for stage in chain.stages}
    runtime = Runtime(settings, chain.directory, stages, _BROKER, started_ms=0)
    return render(asyncio.run(runtime.figures()), "")[0].decode()


def _held(settings: Settings, chain: CoreChain, stage: Any, partitions: Collection[int]) -> Any:
    now_ms = max(chain.newest_ms(each.name) for each in chain.stages)
    clock = SimpleNamespace(now=lambda _: now_ms, is_stale=lambda _: False, lag_messages=0)
    owners = {
        partition: SimpleNamespace(core=core, partition=partition, clocks=dict.fromkeys(stage.inputs, clock))
        for partition, core in chain.owned(stage).items()
        if partition in partitions
    }
    return SimpleNamespace(
        name=stage.name, spec=stage, owners=owners, full_name=lambda topic: full_name(settings.kafka.prefix, topic)
    )
