"""Deadlines of a month by rule: due, met, missed, extended, and the findings of those that were near or broken. Pure.

A deadline is of the month of its strict date, in the zone of the report. The call that is owed to whoever was cut off
(CALL-2) is a deadline like any other here; it is known from callback plans, where it never expires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.domain.case_duties import CONFIRMED, MET, PENDING, standing
from streams.domain.deadlines import Due

Data = Mapping[str, Any]
OWED_CALL: Final = "CALL-2"
_OF_OWED_CALLS: Final = ("configuration", "op", "configured")
"""Policy version, force and confidence: the decree has no term, the callback queue's ``owed_due_seconds`` is one."""


@dataclass(slots=True)
class DeadlineLine:
    """Deadlines of one rule and policy version. ``due`` are all of the month: met (``met_rolled`` of them after the
    strict date, by the rolled one), missed, open (between both dates) and pending. ``states`` are their findings."""

    tenant: str
    rule: str
    policy_version: str
    force: str
    confidence: str
    due: int = 0
    met: int = 0
    met_rolled: int = 0
    missed: int = 0
    open: int = 0
    pending: int = 0
    withdrawn: int = 0
    """Ended, in time or not, because the customer took the cancellation back."""
    extended: int = 0
    extended_percent: float | None = None
    """Of those due; None where nothing may be extended, or nothing was due."""
    extensions_pass: bool | None = None
    states: dict[str, int] = field(default_factory=dict)


Lines = dict[tuple[str, ...], DeadlineLine]
_KEY: Final = ("tenant", "rule", "policy_version", "force", "confidence")


def deadline_lines(
    month: str,
    *,
    deadlines: Iterable[Data],
    findings: Iterable[Data],
    plans: Iterable[Data],
    owed_within_ms: Callable[[str, str], int],
    zone: ZoneInfo,
    now_ms: int,
) -> list[DeadlineLine]:
    """The lines of a month such as ``2026-10``, as of now, from the newest record of each deadline, finding and plan.

    ``owed_within_ms`` says by tenant and callback queue within how long an owed call is due.
    """
    lines: Lines = {}

    def is_of_month(due_ms: int) -> bool:
        return f"{datetime.fromtimestamp(due_ms / 1000, zone):%Y-%m}" == month

    of_month = [each for each in deadlines if is_of_month(_milliseconds(each["due_strict"]))]
    for each in of_month:
        if not each.get("is_void"):
            _count(_line(lines, [each[name] for name in _KEY]), each, now_ms)
    for each in findings:
        if "case_id" in each and is_of_month(_milliseconds(each["due_strict"])):
            states = _line(lines, [each[name] for name in _KEY]).states
            states[each["state"]] = states.get(each["state"], 0) + 1
    for plan, due_ms in _owed(plans, owed_within_ms):
        if is_of_month(due_ms):
            line = _line(lines, [plan["tenant"], OWED_CALL, *_OF_OWED_CALLS])
            _add(line, _standing_of_plan(plan, due_ms, now_ms))
    for line in lines.values():
        if line.extensions_pass is not None and line.due:
            line.extended_percent = round(100 * line.extended / line.due, 3)
    return [lines[key] for key in sorted(lines)]


def _owed(plans: Iterable[Data], within_ms: Callable[[str, str], int]) -> Iterator[tuple[Data, int]]:
    """The calls that are owed, with when they are due; whoever wants no calls is owed none."""
    for plan in plans:
        if plan["is_owed"] and plan["cause"] != "opt_out":
            yield plan, _milliseconds(plan["opened_at"]) + within_ms(plan["tenant"], plan["callback_queue"])


def _line(lines: Lines, key: list[str]) -> DeadlineLine:
    tenant, rule, version, force, confidence = key
    return lines.setdefault(tuple(key), DeadlineLine(tenant, rule, version, force, confidence))


def _count(line: DeadlineLine, deadline: Data, now_ms: int) -> None:
    ended_ms = None if deadline.get("ended_at") is None else _milliseconds(deadline["ended_at"])
    due = Due(_milliseconds(deadline["due_strict"]), _milliseconds(deadline["due_rolled"]))
    state = standing(deadline["kind"], ended_ms=ended_ms, due=due, now_ms=now_ms)
    _add(line, state)
    is_within = deadline["kind"] == "within"
    line.met_rolled += is_within and state == MET and ended_ms is not None and ended_ms > due.strict_ms
    line.withdrawn += bool(deadline.get("is_withdrawn"))
    line.extended += bool(deadline.get("is_extended"))
    most_percent = deadline.get("extensions_at_most_percent")
    if most_percent is not None:
        line.extensions_pass = 100 * line.extended <= most_percent * line.due


def _add(line: DeadlineLine, state: str) -> None:
    line.due += 1
    match state:
        case "met":
            line.met += 1
        case "confirmed":
            line.missed += 1
        case "open":
            line.open += 1
        case _:
            line.pending += 1


def _standing_of_plan(plan: Data, due_ms: int, now_ms: int) -> str:
    """Met when an agent had the customer in time, in whatever call; an operator's word does not meet it."""
    was_served = plan["state"] == "recovered" or plan["cause"] == "served"
    if plan["ended_at"] is not None:
        return MET if was_served and _milliseconds(plan["ended_at"]) <= due_ms else CONFIRMED
    return CONFIRMED if now_ms > due_ms else PENDING


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
