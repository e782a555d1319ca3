"""The formulas of service level on counts small enough to work out by hand."""

from __future__ import annotations

import pytest

from streams.domain.counts import Counts
from streams.domain.figures import OUTCOMES
from streams.domain.service_level import FORMULAS, Share, tally_of


def counts(**outcomes: int) -> Counts:
    """So many visits of each outcome."""
    return Counts(offered=sum(outcomes.values()), outcomes=[outcomes.get(name, 0) for name in OUTCOMES])


A_MORNING = counts(
    answered_in_target=40,
    answered_late=30,
    abandoned_short=7,
    abandoned_in_target=5,
    abandoned_late=8,
    callback_in_target=2,
    callback_late=1,
    transferred=1,
    overflowed=1,
    timed_out=1,
    closed=1,
    key_exit=1,
    unknown_exit=2,
)
"""A 70 of which 40 in target, B 20 of which 7 short and 12 in target, C 3 of which 2 in target, F 5; 2 unknown."""

BY_HAND = [
    ("answered_of_offered", 40, 90),  # A<=T / (A+B)
    ("excluding_short_abandons", 40, 83),  # A<=T / (A+B - B<=S)
    ("excluding_abandons_in_target", 40, 78),  # A<=T / (A + B>T)
    ("abandons_in_target_count_as_met", 52, 90),  # (A<=T + B<=T) / (A+B)
    ("short_abandons_count_as_met", 47, 90),  # (A<=T + B<=S) / (A+B)
    ("answered_only", 40, 70),  # A<=T / A
    ("amazon_sl_x", 54, 98),  # (A<=T + B<=T + C<=T) / (A+B+C+F)
]


@pytest.mark.parametrize(("formula", "met", "base"), BY_HAND)
def test_each_formula_is_what_its_name_says(formula: str, met: int, base: int) -> None:
    """Seven shares of the same morning, from 40 % to 58 %."""
    assert FORMULAS[formula](tally_of(A_MORNING)) == Share(met, base)


def test_every_formula_is_worked_out_here() -> None:
    """None is added without its example."""
    assert [name for name, _, _ in BY_HAND] == list(FORMULAS)


@pytest.mark.parametrize("formula", FORMULAS)
def test_without_visits_there_is_no_share(formula: str) -> None:
    """Neither 0 nor 100 %: nothing to divide by, also where contacts wait or were given up."""
    waiting = Counts(offered=3)
    for nobody_left in (Counts(), waiting, counts(unknown_exit=2)):
        assert FORMULAS[formula](tally_of(nobody_left)) == Share(0, 0)


def test_the_bank_reference_numbers() -> None:
    """Six of the formulas on one count, numbered f1 to f6 in the reference: f3 is the plain one."""
    tally = tally_of(
        counts(answered_in_target=60, answered_late=20, abandoned_short=5, abandoned_in_target=5, abandoned_late=10)
    )
    numbered = {"f3": 0, "f6": 1, "f4": 2, "f1": 3, "f5": 4, "f2": 5}
    shares = {number: list(FORMULAS.values())[place](tally) for number, place in numbered.items()}
    assert shares == {
        "f1": (70, 100),
        "f2": (60, 80),
        "f3": (60, 100),
        "f4": (60, 90),
        "f5": (65, 100),
        "f6": (60, 95),
    }
