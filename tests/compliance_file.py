"""The file of ``filaviva compliance``, section by section, in the plain shape that a recount can be held against.

Each section says by a key in words what is said under it. Both sides are put into this shape and compared as any other
facts are (``streams.comparison``), so that a difference names itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from streams.comparison import Facts

WAITS: Final = "waits"
WORST: Final = "worst"
INDICATORS: Final = "indicators"
DEADLINES: Final = "deadlines"
PROTOCOLS: Final = "protocols"
AVAILABILITY: Final = "availability"
BLIND: Final = "blind"
CALLS: Final = "calls"

COUNTS_OF_WAITS: Final = (
    "visits", "answered", "abandoned", "met", "breached", "no_limit", "tolerated", "excused", "longest_judged_seconds",
)  # fmt: skip
WORDS_OF_WORST: Final = (
    "visit_id", "offered_at", "rule", "policy_version", "force", "limit_seconds", "judged_wait_seconds", "outcome",
    "excused_by",
)  # fmt: skip
COUNTS_OF_DEADLINES: Final = ("due", "met", "met_rolled", "missed", "open", "pending", "withdrawn", "extended")
STANDING: Final = ("open", "confirmed")
"""Findings that a recount knows: what is at risk, or was and is not any more, depends on when the clock was read."""

Line = Mapping[str, Any]


def sections_told(found: Line) -> Facts:
    """Of the file as JSON has it."""
    return {
        WAITS: {
            _key(each, "tenant queue channel date rule policy_version force"): tuple(
                each[name] for name in COUNTS_OF_WAITS
            )
            for each in found["waits"]
        },
        WORST: {
            str(place): tuple(each[name] for name in WORDS_OF_WORST)
            for place, each in enumerate(found["worst"], start=1)
        },
        INDICATORS: {
            _key(each, "tenant rule formula force confidence"): tuple(
                each[name] for name in ("full_percent", "full_passes", "net_percent", "net_passes")
            )
            for each in found["indicators"]
        },
        DEADLINES: dict(_deadlines(found["deadlines"])),
        PROTOCOLS: {
            _key(each, "tenant format"): tuple(each[name] for name in ("issued", "repeated", "malformed", "missing"))
            for each in found["protocols"]
        },
        AVAILABILITY: {
            _key(each, "tenant site rule policy_version"): (
                *(each[name] for name in ("met", "breached", "unknown")),
                {finding["finding_id"]: finding["state"] for finding in each["findings"]},
            )
            for each in found["availability"]
        },
        BLIND: {
            _key(each, "tenant site source"): (
                each["silent_seconds"],
                each["dates_unheard"],
                round(sum(_seconds(start, end) for start, end in each["silences"]), 3),
            )
            for each in found["blind"]
        },
        CALLS: {
            _key(each, "tenant date"): tuple(each[name] for name in ("calls", "short", "unknown_length", "risk"))
            for each in found["calls"]
        },
    }


def _deadlines(lines: Iterable[Line]) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """Without those of which nothing stands: a void deadline leaves a finding that was taken back."""
    for each in lines:
        states = {state: count for state, count in each["states"].items() if state in STANDING}
        if each["due"] or states:
            share = (each["extended_percent"], each["extensions_pass"] if each["due"] else None)
            counts = (each[name] for name in COUNTS_OF_DEADLINES)
            yield _key(each, "tenant rule policy_version force confidence"), (*counts, *share, states)


def _key(line: Line, names: str) -> str:
    return " ".join(str(line[name]) for name in names.split())


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
