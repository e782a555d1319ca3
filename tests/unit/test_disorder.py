"""The way to the topics: late, out of order, some twice, and within its bounds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from streams.event_lines import event_time_ms
from streams.simulation.centre import SAC
from streams.simulation.clockwork import HOUR_MS, MINUTE_MS
from streams.simulation.disorder import Disorder
from streams.simulation.simulation import Simulation

SECONDS = 30


def nine() -> Simulation:
    return Simulation(SAC, 3, datetime.fromisoformat("2026-11-23T09:00"))


@cache
def hour() -> tuple[dict[str, Any], ...]:
    simulated = nine()
    return tuple(simulated.advance(simulated.start_ms + HOUR_MS))


def disorder() -> Disorder:
    return Disorder(seconds=SECONDS, repeat_share=0.2, seed=1)


def arriving(minutes: int) -> list[tuple[int, dict[str, Any]]]:
    """Every event of the hour as it arrives, with the end of the step it arrived in."""
    simulated, way, arrived = nine(), disorder(), []
    for until_ms in range(
        simulated.start_ms + minutes * MINUTE_MS, simulated.start_ms + 3 * HOUR_MS, minutes * MINUTE_MS
    ):
        if until_ms <= simulated.start_ms + HOUR_MS:
            way.take(simulated.advance(until_ms))
        arrived += [(until_ms, event) for event in way.arrived(until_ms)]
    return arrived


@pytest.mark.parametrize("minutes", [1, 5])
def test_the_steps_make_no_difference(minutes: int) -> None:
    """The same events in the same order as in one go."""
    way = disorder()
    way.take(hour())
    assert [event for _, event in arriving(minutes)] == way.arrived()
    assert way.arrived() == []


def test_nothing_is_lost_and_a_share_comes_twice() -> None:
    """Never three times."""
    copies = Counter(event["id"] for _, event in arriving(1))
    assert set(copies) == {event["id"] for event in hour()}
    assert max(copies.values()) == 2
    repeats = sum(copies.values()) - len(copies)
    assert abs(repeats - 0.2 * len(copies)) < 4 * (0.2 * len(copies)) ** 0.5


def test_lateness_has_its_bounds() -> None:
    """The first copy comes within the seconds asked for, any within ten times as many, none before its time."""
    first: dict[str, int] = {}
    for until_ms, event in arriving(1):
        late_ms = until_ms - (event_time_ms(event["time"]) or 0)
        assert 0 < late_ms <= 10 * SECONDS * 1000 + MINUTE_MS
        first.setdefault(event["id"], late_ms)
    assert max(first.values()) <= SECONDS * 1000 + MINUTE_MS


def test_without_disorder_everything_comes_as_it_was_told() -> None:
    """Late events of a source that was silent keep their place behind what was told before them."""
    way = Disorder(seconds=0, repeat_share=0, seed=1)
    told = [*hour()[100:200], *hour()[:100]]
    way.take(told)
    assert way.arrived() == told
