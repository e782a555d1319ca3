"""The staffing stage: agent events in, one word per agent and queue served out."""

from __future__ import annotations

from streams.domain.directory import Directory
from streams.domain.staffing import StaffingCore
from streams.engine.stage import StageSpec
from streams.settings import Settings, milliseconds
from streams.topics import STAGE_INPUTS

NAME = "staffing"


def staffing_stage(settings: Settings, directory: Directory) -> StageSpec:
    ttl_ms = milliseconds(settings.worker.agent_ttl_seconds)
    return StageSpec(
        name=NAME,
        inputs=STAGE_INPUTS[NAME],
        make_core=lambda partition: StaffingCore(partition, directory, ttl_ms=ttl_ms),
    )
