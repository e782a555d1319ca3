"""One Monday of the built-in centre, whole: for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from typing import Final

from streams.simulation.centre import SAC
from streams.simulation.clockwork import MINUTE_MS, next_midnight_ms
from streams.simulation.disorder import Disorder
from streams.simulation.incidents import Flood, Incident
from streams.simulation.simulation import Simulation
from streams.simulation.telling import Event

DATE: Final = date(2026, 11, 23)
"""The day: a Monday."""
INCIDENTS: Final = (Flood(queue="sac-telecom", at=time(10, 30), minutes=20, contacts=60),)


def day(seed: int, incidents: Iterable[Incident] = INCIDENTS) -> list[Event]:
    """The events of the day in order of their times, as CloudEvents in structured form. Nothing is told after one
    minute to midnight, so that all are of one local day."""
    end_ms = next_midnight_ms(DATE, SAC.sites[0].zone) - MINUTE_MS
    return Simulation(SAC, seed, DATE, incidents).advance(end_ms)


def arrivals(events: Iterable[Event], *, disorder_seconds: float, repeat_share: float, seed: int) -> list[Event]:
    """The events as they arrive through some ``Disorder``."""
    disorder = Disorder(seconds=disorder_seconds, repeat_share=repeat_share, seed=seed)
    disorder.take(events)
    return disorder.arrived()
