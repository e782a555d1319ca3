"""The named service-level formulas.

A answered, B abandoned, C callback requested, F flowed out; T the answer target, S the short-abandon bound, both
inclusive. Every formula gives its numerator and its denominator: where the latter is nothing there is no service level,
neither 0 nor 100 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from streams.domain.counts import (
    ABANDONED_IN_TARGET,
    ABANDONED_SHORT,
    ANSWERED_IN_TARGET,
    CALLBACK_IN_TARGET,
    Counts,
)


class Tally(NamedTuple):
    """The counts every formula is made of."""

    answered: int
    answered_in_target: int
    abandoned: int
    abandoned_in_target: int
    """Abandoned within T, short ones included (S is never above T)."""
    abandoned_short: int
    callback_requested: int
    callback_in_target: int
    flowed_out: int


class Share(NamedTuple):
    """A formula's numerator and denominator."""

    met: int
    base: int


def tally_of(counts: Counts) -> Tally:
    outcomes = counts.outcomes
    return Tally(
        answered=counts.answered,
        answered_in_target=outcomes[ANSWERED_IN_TARGET],
        abandoned=counts.abandoned,
        abandoned_in_target=outcomes[ABANDONED_SHORT] + outcomes[ABANDONED_IN_TARGET],
        abandoned_short=outcomes[ABANDONED_SHORT],
        callback_requested=counts.callback_requested,
        callback_in_target=outcomes[CALLBACK_IN_TARGET],
        flowed_out=counts.flowed_out,
    )


def _answered_of_offered(t: Tally) -> Share:
    return Share(t.answered_in_target, t.answered + t.abandoned)


def _excluding_short_abandons(t: Tally) -> Share:
    return Share(t.answered_in_target, t.answered + t.abandoned - t.abandoned_short)


def _excluding_abandons_in_target(t: Tally) -> Share:
    return Share(t.answered_in_target, t.answered + t.abandoned - t.abandoned_in_target)


def _abandons_in_target_count_as_met(t: Tally) -> Share:
    return Share(t.answered_in_target + t.abandoned_in_target, t.answered + t.abandoned)


def _short_abandons_count_as_met(t: Tally) -> Share:
    return Share(t.answered_in_target + t.abandoned_short, t.answered + t.abandoned)


def _answered_only(t: Tally) -> Share:
    return Share(t.answered_in_target, t.answered)


def _amazon_sl_x(t: Tally) -> Share:
    met = t.answered_in_target + t.abandoned_in_target + t.callback_in_target
    return Share(met, t.answered + t.abandoned + t.callback_requested + t.flowed_out)


FORMULAS: Final[dict[str, Callable[[Tally], Share]]] = {
    "answered_of_offered": _answered_of_offered,
    "excluding_short_abandons": _excluding_short_abandons,
    "excluding_abandons_in_target": _excluding_abandons_in_target,
    "abandons_in_target_count_as_met": _abandons_in_target_count_as_met,
    "short_abandons_count_as_met": _short_abandons_count_as_met,
    "answered_only": _answered_only,
    "amazon_sl_x": _amazon_sl_x,
}
"""``answered_only`` is reported but never a target: it rewards letting callers give up."""
