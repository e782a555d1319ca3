"""A lost coordinator beside a broker that answers is told from an outage and from a short search."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from streams.engine.hearing import LONGEST_SECONDS, Hearing

Look = tuple[float, bool, float]
"""Now, whether the coordinator is known, and when the broker last acknowledged something."""


def verdicts(looks: Iterable[Look]) -> list[bool]:
    hearing = Hearing()
    return [hearing.is_lost(knows_coordinator=knows, acknowledged_at=at, now=now) for now, knows, at in looks]


LOST = LONGEST_SECONDS + 1


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        pytest.param([(10, True, 9), (100, True, 99)], [False, False], id="known all along"),
        pytest.param(
            [(10, True, 9), (11, False, 10.5), (11 + LOST, False, 10.5 + LOST)], [False, False, True], id="lost"
        ),
        pytest.param([(10, True, 9), (11, False, 9), (131, False, 9)], [False, False, False], id="an outage"),
        pytest.param(
            [(10, True, 9), (131, False, 9), (132, False, 131.5), (136, False, 135.5), (137, True, 136)],
            [False] * 5,
            id="found again soon after an outage",
        ),
        pytest.param(
            [(10, True, 9), (131, False, 131), (132 + LOST, False, 131.5 + LOST)],
            [False, False, True],
            id="never found again after an outage",
        ),
        pytest.param([(5, False, 0), (300, False, 0)], [False, False], id="nothing written yet"),
    ],
)
def test_only_a_broker_that_goes_on_answering_makes_a_lost_group(looks: list[Look], found: list[bool]) -> None:
    """The time runs from the first acknowledgement after the coordinator was lost."""
    assert verdicts(looks) == found
