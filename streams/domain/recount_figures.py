"""Figures of a group of visits, each written out as its definition says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

OUTCOMES: Final = (
    "answered_in_target",
    "answered_late",
    "abandoned_short",
    "abandoned_in_target",
    "abandoned_late",
    "callback_in_target",
    "callback_late",
    "transferred",
    "overflowed",
    "timed_out",
    "closed",
    "key_exit",
    "unknown_exit",
)
"""How a visit left its queue: the closed list."""

FLOW_OUT_OUTCOMES: Final = {
    "transfer": "transferred",
    "overflow": "overflowed",
    "timeout": "timed_out",
    "closed": "closed",
    "key": "key_exit",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """What a figure needs of one visit. ``kind`` is its exit, or waiting (with wait 0), or unknown_exit."""

    kind: str
    reason: str | None
    wait_ms: int
    threshold_ms: int
    short_abandon_ms: int

    @property
    def in_target(self) -> bool:
        return self.wait_ms <= self.threshold_ms

    @property
    def is_short(self) -> bool:
        return self.wait_ms <= self.short_abandon_ms

    @property
    def outcome(self) -> str | None:
        """One of OUTCOMES; None while it waits."""
        match self.kind:
            case "answered":
                return "answered_in_target" if self.in_target else "answered_late"
            case "abandoned" if self.is_short:
                return "abandoned_short"
            case "abandoned":
                return "abandoned_in_target" if self.in_target else "abandoned_late"
            case "callback_requested":
                return "callback_in_target" if self.in_target else "callback_late"
            case "flowed_out":
                return FLOW_OUT_OUTCOMES[self.reason or ""]
            case _:
                return "unknown_exit" if self.kind == "unknown_exit" else None


@dataclass(frozen=True, slots=True)
class Waits:
    """Mean and nearest-rank percentiles of some waits; None where there are none."""

    mean_seconds: float | None
    median_seconds: float | None
    p90_seconds: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything counted of a group. ``abandoned`` includes the short ones."""

    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    flowed_out: int
    callback_requested: int
    waiting: int
    unknown_exit: int
    outcomes: Mapping[str, int]
    longest_wait_seconds: float | None
    """Of the visits answered or abandoned."""
    wait_answered: Waits
    wait_abandoned: Waits
    service_level_parts: Mapping[str, tuple[int, int]]
    """Formula name to numerator and denominator."""

    @property
    def service_level(self) -> dict[str, float | None]:
        """Formula name to ratio; None where nothing was counted."""
        return {name: met / base if base else None for name, (met, base) in self.service_level_parts.items()}


def figures_of(visits: Sequence[Counted]) -> Figures:
    by_kind: dict[str, list[Counted]] = {}
    outcomes = dict.fromkeys(OUTCOMES, 0)
    for visit in visits:
        by_kind.setdefault(visit.kind, []).append(visit)
        if visit.outcome is not None:
            outcomes[visit.outcome] += 1
    answered, abandoned = by_kind.get("answered", []), by_kind.get("abandoned", [])
    longest_ms = max((visit.wait_ms for visit in answered + abandoned), default=None)
    return Figures(
        offered=len(visits),
        answered=len(answered),
        abandoned=len(abandoned),
        short_abandoned=sum(visit.is_short for visit in abandoned),
        flowed_out=len(by_kind.get("flowed_out", [])),
        callback_requested=len(by_kind.get("callback_requested", [])),
        waiting=len(by_kind.get("waiting", [])),
        unknown_exit=len(by_kind.get("unknown_exit", [])),
        outcomes=outcomes,
        longest_wait_seconds=None if longest_ms is None else longest_ms / 1000,
        wait_answered=waits_of(visit.wait_ms for visit in answered),
        wait_abandoned=waits_of(visit.wait_ms for visit in abandoned),
        service_level_parts=service_level_parts(by_kind),
    )


def waits_of(waits_ms: Iterable[int]) -> Waits:
    ordered = sorted(waits_ms)
    if not ordered:
        return Waits(None, None, None)
    return Waits(sum(ordered) / len(ordered) / 1000, nearest_rank(ordered, 50) / 1000, nearest_rank(ordered, 90) / 1000)


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """The smallest value with at least ``percent`` of all values at or below it."""
    rank = -(-percent * len(ordered) // 100)
    return ordered[rank - 1]


def service_level_parts(by_kind: Mapping[str, Sequence[Counted]]) -> dict[str, tuple[int, int]]:
    """Numerator and denominator of every formula, in the letters of their definitions: A answered, B abandoned,
    C callback requested, F flowed out; T within the target, S short."""
    a, b, c, f = (by_kind.get(kind, ()) for kind in ("answered", "abandoned", "callback_requested", "flowed_out"))
    a_t, b_t, c_t = (sum(visit.in_target for visit in visits) for visits in (a, b, c))
    b_s = sum(visit.is_short for visit in b)
    b_over_t = sum(not visit.in_target for visit in b)
    both = len(a) + len(b)
    return {
        "answered_of_offered": (a_t, both),
        "excluding_short_abandons": (a_t, both - b_s),
        "excluding_abandons_in_target": (a_t, len(a) + b_over_t),
        "abandons_in_target_count_as_met": (a_t + b_t, both),
        "short_abandons_count_as_met": (a_t + b_s, both),
        "answered_only": (a_t, len(a)),
        "amazon_sl_x": (a_t + b_t + c_t, both + len(c) + len(f)),
    }
