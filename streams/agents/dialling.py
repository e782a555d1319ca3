"""The dialling stage: the log of one callback queue in, jobs for its dialer out. Nothing else writes jobs."""

from __future__ import annotations

from streams.domain.dialling import DiallingCore
from streams.domain.directory import Directory
from streams.engine.stage import StageSpec
from streams.sealing import Sealer
from streams.topics import STAGE_INPUTS

NAME = "dialling"


def dialling_stage(directory: Directory, sealer: Sealer) -> StageSpec:
    return StageSpec(
        name=NAME,
        inputs=STAGE_INPUTS[NAME],
        make_core=lambda partition: DiallingCore(partition, directory, sealer),
    )
