"""The availability stage: what a site's sources tell in, their freshness for every queue they feed and findings out."""

from __future__ import annotations

from streams.domain.availability import AvailabilityCore
from streams.domain.directory import Directory
from streams.engine.stage import StageSpec
from streams.settings import Settings
from streams.topics import STAGE_INPUTS

NAME = "availability"


def availability_stage(settings: Settings, directory: Directory) -> StageSpec:
    rules = settings.site_rules()
    return StageSpec(
        name=NAME,
        inputs=STAGE_INPUTS[NAME],
        make_core=lambda partition: AvailabilityCore(partition, directory, clock=settings.clock.mode, rules=rules),
    )
