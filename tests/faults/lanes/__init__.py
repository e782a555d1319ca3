"""The lanes of the fault bench by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.faults.bench import Run
from tests.faults.lanes import kill9
from tests.faults.report import Report

LANES: Final[Mapping[str, Callable[[Run], Report]]] = {lane.LANE: lane.run for lane in (kill9,)}
