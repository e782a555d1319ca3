"""The callbacks stage: signals of every queue in, one open plan per customer out."""

from __future__ import annotations

from streams.domain.callbacks import CallbacksCore
from streams.domain.directory import Directory
from streams.engine.stage import StageSpec
from streams.topics import STAGE_INPUTS

NAME = "callbacks"


def callbacks_stage(directory: Directory) -> StageSpec:
    return StageSpec(
        name=NAME,
        inputs=STAGE_INPUTS[NAME],
        make_core=lambda partition: CallbacksCore(partition, directory),
    )
