"""The conformance kit: every golden scenario played by every vendor gives the same events and the same counts.

python -m pytest tests/conformance -s      prints the table of scenarios and vendors
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from streams.event_lines import event_time_ms
from streams.routing import Route, route
from tests.callback_records import KafkaRecord
from tests.conformance.players import PLAYERS, Player, told_of
from tests.conformance.scenarios import SCENARIOS, Scenario, Told
from tests.queue_bench import Bench

HOUR = 3600.0
SKEWS = (0.0, 600.0, -600.0)
"""Seconds by which Kafka's clock is ahead of the vendor's."""

each_vendor = pytest.mark.parametrize("player", PLAYERS, ids=[player.name for player in PLAYERS])
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])


@dataclass(frozen=True)
class Delivered:
    """An event as the bench takes it."""

    event: dict[str, Any]
    delay: float

    @property
    def topic(self) -> str:
        target = route(self.event)
        assert isinstance(target, Route)
        return target.topic

    @property
    def kafka_ms(self) -> int:
        time_ms = event_time_ms(self.event["time"])
        assert time_ms is not None
        return time_ms + round(self.delay * 1000)

    def record(self, offset: int = 0) -> KafkaRecord:
        target = route(self.event)
        assert isinstance(target, Route)
        value = msgspec.json.encode(self.event)
        return KafkaRecord(value, target.key.encode(), offset=offset, timestamp=self.kafka_ms)


def outcomes(player: Player, events: Sequence[dict[str, Any]], delay: float = 0.5) -> dict[tuple[str, str, int], str]:
    """How the queues core counts them. Nothing of them is rejected."""
    bench = Bench()
    bench.take(*(Delivered(event, delay) for event in events if event["type"].startswith("contact.")))
    bench.close(5 * HOUR)
    assert bench.letters == []
    told = bench.outcomes().values()
    return {(player.caller(each["contact_id"]), each["queue"], each["entry"]): each["outcome"] for each in told}


def expected_outcomes(player: Player, scenario: Scenario) -> dict[tuple[str, str, int], str]:
    return scenario.outcomes | player.differs.get(scenario.name, {})


def in_order(told: Iterable[Told]) -> list[Any]:
    return sorted((*each[:5], sorted(each.data.items())) for each in told)


@each_vendor
@each_scenario
def test_a_scenario_is_told_alike_by_every_vendor(player: Player, scenario: Scenario) -> None:
    """Event by event, in whatever order those of one instant come; but for visits that this vendor cannot tell as they
    were, whose outcomes are compared below."""
    unlike = player.differs.get(scenario.name, {})

    def alike(told: Iterable[Told]) -> list[Told]:
        return [each for each in told if (each.caller, each.queue, each.entry) not in unlike]

    said = told_of(player, player.play(scenario))
    assert in_order(alike(said)) == in_order(alike(scenario.told))


@each_vendor
@each_scenario
def test_a_scenario_counts_as_it_should(player: Player, scenario: Scenario) -> None:
    """Whatever the vendor's clock says: nobody's wait depends on Kafka's."""
    events = player.play(scenario)
    for skew in SKEWS:
        assert outcomes(player, events, 0.5 + skew) == expected_outcomes(player, scenario)


@each_vendor
@each_scenario
def test_disorder_and_repeats_change_nothing(player: Player, scenario: Scenario) -> None:
    """Each event up to three times, in any order."""
    events = player.play(scenario)
    for seed in range(5):
        chance = random.Random(seed)
        mixed = [event for event in events for _ in range(chance.randint(1, 3))]
        chance.shuffle(mixed)
        assert outcomes(player, mixed) == expected_outcomes(player, scenario)


def test_the_table_of_scenarios_and_vendors() -> None:
    """For the eye; every field is judged above."""
    width = max(len(scenario.name) for scenario in SCENARIOS)
    print(f"\n{'scenario':{width}} {' '.join(f'{player.name:15}' for player in PLAYERS)}")
    for scenario in SCENARIOS:
        cells = []
        for player in PLAYERS:
            is_alike = outcomes(player, player.play(scenario)) == scenario.outcomes
            is_expected = is_alike or scenario.name in player.differs
            cells.append("alike" if is_alike else "as known" if is_expected else "WRONG")
        print(f"{scenario.name:{width}} {' '.join(f'{cell:15}' for cell in cells)}")
        assert "WRONG" not in cells
