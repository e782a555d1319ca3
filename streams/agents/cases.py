"""The cases stage: what happens to cases in, findings of their deadlines out."""

from __future__ import annotations

from streams.domain.cases import CasesCore
from streams.domain.directory import Directory
from streams.engine.stage import StageSpec
from streams.settings import Settings
from streams.topics import STAGE_INPUTS

NAME = "cases"


def cases_stage(settings: Settings, directory: Directory) -> StageSpec:
    rules = settings.case_rules()
    return StageSpec(
        name=NAME,
        inputs=STAGE_INPUTS[NAME],
        make_core=lambda partition: CasesCore(partition, directory, rules=rules, clock=settings.clock.mode),
    )
