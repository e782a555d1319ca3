"""Due dates: a term after an instant, strict and rolled.

Day-counts leave out the starting day, include the last and end at 23:59:59.999 local time; hours and minutes run;
months and years end on the same day number, or on the next day where that number does not exist (29 Feb + 2 y = 1 Mar).
Source: Brazilian Civil Code art. 132. Whether an end on a Saturday or Sunday rolls to the next business day is
unsettled, so both dates are computed: ``strict`` drives warnings, ``rolled`` says when the breach is certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import asdict

from streams.domain.calendars import Calendar
from streams.domain.limits import local_date
from streams.domain.opening_hours import OpeningHours
from streams.domain.policy import DeadlinePeriod, DeadlineRule, Pack, Term

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_MONTHS: Final = 12


class Due(NamedTuple):
    """The last instants at which something is still in time, in milliseconds since the Unix epoch."""

    strict_ms: int
    rolled_ms: int


@dataclass(frozen=True, slots=True)
class Promises:
    """What a tenant promises by its configuration: milliseconds by setting, of opening hours where it has some."""

    lengths_ms: Mapping[str, int] = field(default_factory=dict)
    hours: OpeningHours | None = None

    def due(self, start_ms: int, setting: str) -> Due | None:
        """None where nothing is promised, or the desk never opens."""
        length_ms = self.lengths_ms.get(setting)
        if length_ms is None:
            return None
        end_ms = start_ms + length_ms if self.hours is None else self.hours.after(start_ms, length_ms)
        return None if end_ms is None else Due(end_ms, end_ms)


NO_PROMISES: Final = Promises()


def due(start_ms: int, term: Term, zone: ZoneInfo, calendar: Calendar, *, rolls: bool = True) -> Due:
    """When a term that starts then is over. ``rolls`` False for what is kept: a retention does not roll."""
    if term.hours is not None or term.minutes is not None:
        end_ms = start_ms + (term.hours or 0) * _HOUR_MS + (term.minutes or 0) * _MINUTE_MS
        return Due(end_ms, end_ms)
    last = _last_day(local_date(start_ms, zone), term, calendar)
    rolled = calendar.rolled(last) if rolls else last
    return Due(end_of_day_ms(last, zone), end_of_day_ms(rolled, zone))


def _last_day(first: date, term: Term, calendar: Calendar) -> date:
    if term.business_days is not None:
        return calendar.after_business_days(first, term.business_days)
    if term.days is not None:
        return first + timedelta(days=term.days)
    return after_months(first, (term.months or 0) + _MONTHS * (term.years or 0))


def after_months(first: date, months: int) -> date:
    """The same day number so many months later, or the day after the end of a month that does not have it."""
    years, month = divmod(first.month - 1 + months, _MONTHS)
    try:
        return first.replace(year=first.year + years, month=month + 1)
    except ValueError:  # the month is too short
        years, month = divmod(first.month + months, _MONTHS)
        return date(first.year + years, month + 1, 1)


@lru_cache(maxsize=4096)
def end_of_day_ms(day: date, zone: ZoneInfo) -> int:
    """The last millisecond of a local date."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
    return round(midnight.timestamp() * 1000) - 1


class Duty(NamedTuple):
    """A deadline rule with what it says of one beginning."""

    rule: DeadlineRule
    period: DeadlinePeriod
    due: Due
    is_extended: bool = False


class Beginning(NamedTuple):
    """Something of a case that may begin a deadline. ``regime_ms`` is when its demand was registered: the rules in
    force then count."""

    moment: str
    at_ms: int
    regime_ms: int
    sector: str | None = None
    demand: str | None = None
    extended_ms: tuple[int, ...] = ()
    """When the customer was told that it takes longer."""


def duties(
    pack: Pack, begun: Beginning, *, base: Calendar, bank: Calendar, promises: Promises = NO_PROMISES
) -> Iterator[Duty]:
    """What is due after it, by the rules in force on the local date of its regime."""
    zone = ZoneInfo(pack.zone)
    day = local_date(begun.regime_ms, zone)
    fitting = [
        (rule, period)
        for rule in pack.deadlines
        if rule.starts == begun.moment and _fits(rule, begun.sector, begun.demand)
        for period in rule.periods
        if period.since <= day and (period.until is None or day <= period.until)
    ]
    replaced = {rule_id for rule, _ in fitting for rule_id in rule.replaces}
    for rule, period in fitting:
        if rule.id not in replaced:
            calendar = bank if rule.calendar == "bank" else base
            if period.within.setting is not None:
                promised = promises.due(begun.at_ms, period.within.setting)
                if promised is not None:
                    yield Duty(rule, period, promised)
            else:
                yield _duty(rule, period, begun, zone, calendar)


def _duty(rule: DeadlineRule, period: DeadlinePeriod, begun: Beginning, zone: ZoneInfo, calendar: Calendar) -> Duty:
    """With its term made longer where the customer was told so before it was over."""
    first = due(begun.at_ms, period.within, zone, calendar, rolls=rule.kind != "keep")
    is_extended = any(begun.at_ms <= told_ms <= first.rolled_ms for told_ms in begun.extended_ms)
    if period.extended_by is None or not is_extended:
        return Duty(rule, period, first)
    return Duty(rule, period, due(begun.at_ms, _sum(period.within, period.extended_by), zone, calendar), True)


def _sum(one: Term, other: Term) -> Term:
    """Two lengths in the same unit as one."""
    lengths = {name: value + getattr(other, name) for name, value in asdict(one).items() if value is not None}
    return Term(**lengths)


def _fits(rule: DeadlineRule, sector: str | None, demand: str | None) -> bool:
    return (not rule.sectors or sector in rule.sectors) and (not rule.demands or demand in rule.demands)
