"""What is fuzzed by the clock is sound to begin with, and bears a little chance without any guide."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import TARGETS

SPOILT = 40


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken_whole_and_spoilt(name: str) -> None:
    """Every source has some."""
    target, chance = TARGETS[name], random.Random(3)
    seeds = target.seeds()
    assert len(seeds) >= 18
    for seed in seeds:
        target.judge(seed)
    for _ in range(SPOILT):
        spoilt = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 5)):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        target.judge(bytes(spoilt))
