"""The availability stage: heartbeats of a site's sources in, their freshness for every queue they feed out."""

from __future__ import annotations

from streams.domain.availability import AvailabilityCore
from streams.domain.directory import Directory
from streams.engine.stage import StageSpec
from streams.settings import Settings
from streams.topics import STAGE_INPUTS

NAME = "availability"


def availability_stage(settings: Settings, directory: Directory) -> StageSpec:
    return StageSpec(
        name=NAME,
        inputs=STAGE_INPUTS[NAME],
        make_core=lambda partition: AvailabilityCore(partition, directory, clock=settings.clock.mode),
    )
