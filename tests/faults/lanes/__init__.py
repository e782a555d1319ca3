"""The lanes of the fault bench by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.faults.bench import Run
from tests.faults.lanes import (
    away,
    callbacks,
    cases,
    clocks,
    disk,
    disorder,
    kill9,
    mistakes,
    outage,
    poison,
    replay,
    rolling,
    silence,
    storm,
    traps,
    zombie,
)
from tests.faults.report import Report

_IN_ORDER: Final = (
    *(kill9, zombie, storm, rolling, outage),
    *(away, replay, silence, poison, traps),
    *(disorder, clocks, disk, callbacks, cases, mistakes),
)
LANES: Final[Mapping[str, Callable[[Run], Report]]] = {lane.LANE: lane.run for lane in _IN_ORDER}
ONLY_FULL: Final = frozenset({mistakes.LANE})
"""Lanes without a short form."""
