"""Calls that dialers made, by day: how many, how many of them short, and whether that many may get the caller blocked.

Pure. Short is a call that nobody answered, that a machine answered, or that was over within seconds (OUT-R1). The rule
counts all calls of a company; what its dialers did not report here is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.domain.calling_hours import short_call_risk

Data = Mapping[str, Any]
SHORT_SECONDS: Final = 6.0
SHORT_SECONDS_BEFORE: Final = 3.0
SIX_SECONDS_FROM: Final = date(2024, 6, 1)


@dataclass(frozen=True, slots=True)
class Called:
    """What a dialer reported of one job."""

    tenant: str
    job_id: str
    outcome: str
    at_ms: int


@dataclass(slots=True)
class CallLine:
    """One tenant's calls of one local day. ``unknown_length`` were answered, and nothing tells how long they were: they
    are counted as long. ``risk`` is none, warning (80 % short of over 100,000) or block (85 %)."""

    tenant: str
    date: str
    calls: int = 0
    short: int = 0
    unknown_length: int = 0
    rule: str = "OUT-R1"
    force: str = "law"
    confidence: str = "VS"
    short_share: float = 0.0
    risk: str = "none"


def call_lines(month: str, calls: Iterable[Called], outcomes: Iterable[Data], zone: ZoneInfo) -> list[CallLine]:
    """The lines of a month such as ``2026-10``. ``outcomes`` are records of visits: those that a job led to say how
    long the call was. Of several reports of one job the earliest counts."""
    seconds_of = {
        (each["tenant"], each["callback_job_id"]): (each.get("wait_seconds") or 0.0) + (each.get("talk_seconds") or 0.0)
        for each in outcomes
        if each.get("callback_job_id") and _is_over(each)
    }
    earliest: dict[tuple[str, str], Called] = {}
    for call in sorted(calls, key=lambda one: (one.at_ms, one.outcome)):
        earliest.setdefault((call.tenant, call.job_id), call)
    lines: dict[tuple[str, date], CallLine] = {}
    for key, call in earliest.items():
        day = datetime.fromtimestamp(call.at_ms / 1000, zone).date()
        if f"{day:%Y-%m}" != month:
            continue
        line = lines.setdefault((call.tenant, day), CallLine(call.tenant, day.isoformat()))
        line.calls += 1
        if call.outcome != "answered":
            line.short += 1
        elif key not in seconds_of:
            line.unknown_length += 1
        elif seconds_of[key] <= (SHORT_SECONDS if day >= SIX_SECONDS_FROM else SHORT_SECONDS_BEFORE):
            line.short += 1
    for line in lines.values():
        line.short_share = line.short / line.calls
        line.risk = short_call_risk(line.calls, line.short)
    return [lines[key] for key in sorted(lines)]


def _is_over(outcome: Data) -> bool:
    """Whether the length of the call is known: whoever was answered has also hung up."""
    return not outcome["outcome"].startswith("answered") or outcome.get("talk_seconds") is not None
