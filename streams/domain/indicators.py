"""Monthly figures of an electricity distributor's telephone service (ANEEL): INS, IAb, ICO.

A wait starts at the entry into human service here, versus the selection in the menu for the limit of a single wait.
Nothing to divide by gives None, never 0 or 100. Results are not rounded: what is compared with a limit is the fraction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from streams.domain.policy import IndicatorRule

IN_TIME_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class ServiceCounts:
    """CR ``routed``, A30 ``answered_in_time``, AB30in ``abandoned_in_time``, AB30over ``abandoned_late``; ``offered``
    and ``busy`` are the carrier's counts, None where nobody gives them."""

    routed: int = 0
    answered_in_time: int = 0
    abandoned_in_time: int = 0
    abandoned_late: int = 0
    offered: int | None = None
    busy: int | None = None


def service_counts(waits: Iterable[tuple[str, int]]) -> ServiceCounts:
    """The counts of some visits, each as (answered, abandoned, unknown or anything else; wait in milliseconds).

    Routed to human service are those answered, abandoned, or queued still as far as anyone knows (unknown); whoever
    flowed out is counted where the contact went.
    """
    routed = answered = abandoned_in = abandoned_over = 0
    for kind, wait_ms in waits:
        routed += kind in ("answered", "abandoned", "unknown")
        answered += kind == "answered" and wait_ms <= IN_TIME_MS
        abandoned_in += kind == "abandoned" and wait_ms <= IN_TIME_MS
        abandoned_over += kind == "abandoned" and wait_ms > IN_TIME_MS
    return ServiceCounts(routed, answered, abandoned_in, abandoned_over)


def percent(formula: str, counts: ServiceCounts) -> Fraction | None:
    """INS, IAb or ICO in percent; None where there is nothing to divide by or the counts are unknown."""
    base = counts.routed - counts.abandoned_in_time
    part: int | None
    match formula:
        case "INS":
            part = counts.answered_in_time
        case "IAb":
            part = counts.abandoned_late
        case _:
            part, base = counts.busy, counts.offered or 0
    return None if part is None or base <= 0 else Fraction(100 * part, base)


def passes(rule: IndicatorRule, value: Fraction | None) -> bool | None:
    """Whether the unrounded figure meets the rule; None where there is no figure."""
    if value is None:
        return None
    is_enough = rule.at_least_percent is None or value >= Fraction(str(rule.at_least_percent))
    return is_enough and (rule.at_most_percent is None or value <= Fraction(str(rule.at_most_percent)))
