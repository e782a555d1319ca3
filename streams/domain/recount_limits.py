"""The limit of a visit, worked out once more from the plain words of a policy.

It takes a pack as its YAML has it and days as plain sets, and shares nothing with the engine that it judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.domain.recount_visits import Offer

DAY: Final = timedelta(days=1)
MINUTE_MS: Final = 60_000
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TEN_YEARS: Final = 3650


@dataclass(frozen=True, slots=True)
class Limit:
    """Rule and policy as findings cite them, the limit (None: none) and how much of the wait was over at the offer."""

    rule: str
    policy_version: str
    limit_ms: int | None
    lead_ms: int

    def is_over(self, wait_ms: int) -> bool:
        """Whether so long a wait since the offer is over the limit."""
        return self.limit_ms is not None and wait_ms + self.lead_ms > self.limit_ms


NO_LIMIT: Final = Limit("", "", None, 0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one queue is held to. ``pack`` is the policy's YAML, ``holidays`` and ``fifth_holidays`` the days it reads
    by. ``hours`` (weekdays to times, as configured) and ``closed_days`` are given where the queue's own limit counts in
    opening hours of ``zone``."""

    max_wait_seconds: float | None
    zone: str
    sector: str | None = None
    pack: Mapping[str, Any] | None = None
    holidays: frozenset[date] = frozenset()
    fifth_holidays: frozenset[date] = frozenset()
    hours: Mapping[str, str] | None = None
    closed_days: frozenset[date] = field(default=frozenset())


def limit_of(terms: Terms, visit: Offer) -> Limit:
    """What binds a visit: its policy where that has a limit on its day, else its queue."""
    rule = rule_of(terms, visit)
    if terms.pack is None or rule is None:
        return own_limit(terms, visit, "MAX-WAIT", "plain-1")
    version = f"{terms.pack['policy']}@{terms.pack['version']}"
    asked_ms = visit.offered_ms if visit.requested_ms is None else min(visit.requested_ms, visit.offered_ms)
    start_ms = asked_ms if rule.get("clock") == "requested" else visit.offered_ms
    day = local(start_ms, terms.pack["zone"]).date()
    period = on_day(rule["periods"], day)
    if period is not None and period.get("setting"):
        return own_limit(terms, visit, rule["id"], version)
    if period is None or on_day(rule.get("suspended", ()), day):
        if terms.max_wait_seconds is not None:
            return own_limit(terms, visit, "MAX-WAIT", "plain-1")
        return Limit(rule["id"], version, None, visit.offered_ms - start_ms)
    seconds = period["max_seconds"]
    for exception in period.get("exceptions", ()):
        if any(is_kind(kind, day, terms) for kind in exception["days"]):
            seconds = max(seconds, exception["max_seconds"])
    return Limit(rule["id"], version, round(seconds * 1000), visit.offered_ms - start_ms)


def rule_of(terms: Terms, visit: Offer) -> Mapping[str, Any] | None:
    """The first rule of its sector, else one that others may adopt."""
    adopted = None
    for rule in (terms.pack or {}).get("waits", ()):
        is_fit = visit.channel in rule.get("channels", ["voice"])
        if not is_fit or (rule.get("when") == "transferred" and not visit.is_transfer):
            continue
        if not rule.get("sectors") or terms.sector in rule["sectors"]:
            return dict(rule)
        adopted = adopted or (dict(rule) if rule.get("adoptable") else None)
    return adopted


def on_day(periods: Sequence[Mapping[str, Any]], day: date) -> Mapping[str, Any] | None:
    for period in periods:
        if as_date(period["since"]) <= day <= as_date(period.get("until") or date.max):
            return period
    return None


def as_date(written: date | str) -> date:
    """YAML gives a date, or text where it is in quotes."""
    return date.fromisoformat(written) if isinstance(written, str) else written


def is_kind(kind: str, day: date, terms: Terms) -> bool:
    calendar = (terms.pack or {})["calendar"]
    saturday = bool(calendar.get("saturday_is_business"))
    is_loose = calendar.get("adjacency") == "business"
    match kind:
        case "monday":
            return day.isoweekday() == 1
        case "fifth_business_day":
            month = [date(day.year, day.month, 1) + number * DAY for number in range(day.day)]
            working = [each for each in month if is_working(each, terms.fifth_holidays, saturday=saturday)]
            return len(working) == 5 and working[-1] == day
        case _:
            step = DAY if kind == "holiday_eve" else -DAY
            return is_beside(day, step, terms.holidays, is_loose=is_loose, saturday=saturday)


def is_working(day: date, holidays: frozenset[date], *, saturday: bool) -> bool:
    return day not in holidays and day.isoweekday() <= (6 if saturday else 5)


def is_beside(day: date, step: timedelta, holidays: frozenset[date], *, is_loose: bool, saturday: bool) -> bool:
    """Beside a holiday in the direction of the step; loosely also across other days on which nobody works."""
    if day in holidays:
        return False
    if day + step in holidays:
        return True
    if not is_loose or not is_working(day, holidays, saturday=saturday):
        return False
    other = day + step
    while not is_working(other, holidays, saturday=saturday):
        if other in holidays:
            return True
        other += step
    return False


def own_limit(terms: Terms, visit: Offer, rule: str, version: str) -> Limit:
    """The queue's own longest wait, in its opening hours where it is counted so."""
    if terms.max_wait_seconds is None:
        return NO_LIMIT
    limit_ms: int | None = round(terms.max_wait_seconds * 1000)
    if terms.hours is not None and limit_ms is not None:
        limit_ms = open_limit_ms(terms, visit.offered_ms, limit_ms)
    return Limit(rule, version, limit_ms, 0)


def open_limit_ms(terms: Terms, offered_ms: int, limit_ms: int) -> int | None:
    """From the offer to the end of so much opening time."""
    zone, day, left_ms = ZoneInfo(terms.zone), local(offered_ms, terms.zone).date(), limit_ms
    for _ in range(TEN_YEARS):
        for first, last in () if day in terms.closed_days else hours_on(terms.hours or {}, day):
            starts_ms, ends_ms = instant_ms(day, first, zone), instant_ms(day, last, zone)
            usable_ms = ends_ms - max(starts_ms, offered_ms)
            if usable_ms >= left_ms:
                return ends_ms - (usable_ms - left_ms) - offered_ms
            left_ms -= max(usable_ms, 0)
        day += DAY
    return None


def hours_on(hours: Mapping[str, str], day: date) -> list[tuple[str, str]]:
    today = WEEKDAYS[day.weekday()]
    for days, text in hours.items():
        first, _, last = days.partition("-")
        wanted = WEEKDAYS if days == "daily" else WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last or first) + 1]
        if today in wanted:
            spans = [span.strip().split("-") for span in text.split(",")]
            return [(span[0], span[1]) for span in spans]
    return []


def instant_ms(day: date, clock: str, zone: ZoneInfo) -> int:
    if clock == "24:00":
        return instant_ms(day + DAY, "00:00", zone)
    return round(datetime.combine(day, time.fromisoformat(clock), zone).timestamp() * 1000)


def local(at_ms: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))
