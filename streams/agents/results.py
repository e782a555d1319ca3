"""The results stage: reports of dialers in, signals for customers and entries for callback queues out."""

from __future__ import annotations

from streams.domain.directory import Directory
from streams.domain.results import ResultsCore
from streams.engine.stage import StageSpec
from streams.topics import STAGE_INPUTS

NAME = "results"


def results_stage(directory: Directory) -> StageSpec:
    return StageSpec(
        name=NAME,
        inputs=STAGE_INPUTS[NAME],
        make_core=lambda partition: ResultsCore(partition, directory),
    )
