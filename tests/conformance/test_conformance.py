"""The conformance kit: every golden scenario played by every vendor gives the same events and the same counts."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from tests.conformance.kit import Player, acts_told_otherwise, expected, in_order, outcomes, told_of
from tests.conformance.players import PLAYERS
from tests.conformance.scenarios import SCENARIOS, Scenario
from tests.conformance.table import README, table

SKEWS = (0.0, 600.0, -600.0)
"""Seconds by which Kafka's clock is ahead of the vendor's."""

each_vendor = pytest.mark.parametrize("player", PLAYERS, ids=[player.name for player in PLAYERS])
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])


@each_vendor
@each_scenario
def test_a_scenario_is_told_alike_by_every_vendor(player: Player, scenario: Scenario) -> None:
    """Event by event, in whatever order those of one instant come; and what the platform cannot tell, exactly as the
    vendor says that it is told instead."""
    said = told_of(player, player.play(scenario))
    assert in_order(said) == in_order(expected(player, scenario)[0])


@each_vendor
@each_scenario
def test_a_scenario_counts_as_it_should(player: Player, scenario: Scenario) -> None:
    """Whatever the vendor's clock says: nobody's wait depends on Kafka's."""
    events = player.play(scenario)
    for skew in SKEWS:
        assert outcomes(player, events, 0.5 + skew) == expected(player, scenario)[1]


@each_vendor
@each_scenario
def test_disorder_and_repeats_change_nothing(player: Player, scenario: Scenario) -> None:
    """Each event up to three times, in any order."""
    events = player.play(scenario)
    for seed in range(3):
        chance = random.Random(seed)
        mixed = [event for event in events for _ in range(chance.randint(1, 3))]
        chance.shuffle(mixed)
        assert outcomes(player, mixed) == expected(player, scenario)[1]


@pytest.mark.parametrize("player", [each for each in PLAYERS if not each.repeats], ids=lambda player: player.name)
@each_scenario
def test_records_that_come_twice_say_the_same(player: Player, scenario: Scenario) -> None:
    """At once, or once more all of them after the last."""
    for twice in (lambda records: [each for each in records for _ in range(2)], lambda records: records * 2):
        assert in_order(told_of(player, player.play(scenario, twice))) == in_order(expected(player, scenario)[0])


@pytest.mark.parametrize("player", [each for each in PLAYERS if not each.shuffles], ids=lambda player: player.name)
@each_scenario
def test_records_in_any_order_count_the_same(player: Player, scenario: Scenario) -> None:
    """Which stay is the first of a caller may be told otherwise; how many of what there were may not."""
    for seed in range(4):

        def shuffled(records: list[Any], seed: int = seed) -> list[Any]:
            return random.Random(seed).sample(records, len(records))

        counted = outcomes(player, player.play(scenario, shuffled))
        assert Counter(counted.values()) == Counter(expected(player, scenario)[1].values())


@pytest.mark.parametrize("player", [each for each in PLAYERS if not each.restarts], ids=lambda player: player.name)
@each_scenario
def test_a_mapping_that_goes_on_from_its_snapshot_says_the_same(player: Player, scenario: Scenario) -> None:
    """Restarted before each record: in the middle of every call."""
    said = told_of(player, player.play(scenario, restarts=True))
    assert in_order(said) == in_order(expected(player, scenario)[0])


@each_vendor
def test_what_a_vendor_cannot_tell_is_told_otherwise(player: Player) -> None:
    """No excuse that no scenario needs, and none for what is told as it was."""
    used = {act for scenario in SCENARIOS for act in acts_told_otherwise(player, scenario)}
    assert used == set(player.instead)


def test_the_table_is_in_the_readme() -> None:
    """As it is played now; `python -m tests.conformance --write` puts it there."""
    told = table()
    assert "WRONG" not in told
    assert told in README.read_text()
