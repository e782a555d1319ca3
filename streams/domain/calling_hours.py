"""When a customer may be called: hours by purpose and state, in the customer's zone, holidays, calls a day and month.

Sources, as far as they could be read (secondary ones where not said otherwise): the telecom companies' code of conduct
of 2019 (OUT-H1: hours, two calls a day and fifteen a month); Lei 7.853/2018 of Rio de Janeiro on telemarketing
(OUT-H2); state laws on collections (OUT-H3: SP 15.426/2014, RJ 7.868/2018, ES 10.626/2017, AM 306/2016, AL 7.782/2016),
elsewhere the hours of SP as a default; Não Me Perturbe (OUT-N1); short calls by ANATEL's Despachos 160/2022 and 22/2024
(OUT-R1).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from streams.domain.calendars import HolidayTable

Purpose = Literal["callback", "telemarketing", "collections"]
Hours = tuple[time, time]
"""From the first instant, before the second."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SATURDAY: Final = 5
NO_OFFERS_AFTER_DAYS: Final = 30
SHORT_CALLS_FROM: Final = 100_000
BLOCK_RISK_SHARE: Final = 0.85
WARNING_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class CallingHours:
    """``weekdays`` Monday to Friday, ``saturday``; None for no calls. Never on Sundays and holidays, but where the
    customer asked for the call and ``asked`` has hours for it."""

    weekdays: Hours | None
    saturday: Hours | None
    asked: Hours | None = None


def _hours(first: int, last: int) -> Hours:
    return time(first), time(last)


CONDUCT: Final = CallingHours(_hours(9, 21), _hours(10, 16), asked=_hours(10, 16))
_TELEMARKETING: Final[Mapping[str, CallingHours]] = {"RJ": CallingHours(_hours(9, 18), None)}
_COLLECTIONS: Final[Mapping[str, CallingHours]] = {
    "SP": CallingHours(_hours(8, 20), _hours(8, 14)),
    "RJ": CallingHours(_hours(9, 19), None),
    "ES": CallingHours(_hours(8, 19), None),
    "AM": CallingHours(_hours(8, 19), None),
    "AL": CallingHours(_hours(8, 20), _hours(8, 14)),
}


def hours_of(purpose: Purpose, uf: str | None) -> CallingHours:
    """The hours for a customer of this federative unit; unknown is like any that has no law of its own. Where the law
    of Rio allows more than the code of conduct, the code stands."""
    if purpose == "collections":
        return _COLLECTIONS.get(uf or "", _COLLECTIONS["SP"])
    if purpose == "telemarketing":
        return _TELEMARKETING.get(uf or "", CONDUCT)
    return CONDUCT


@dataclass(frozen=True, slots=True)
class Place:
    """Where a customer is as far as the number tells; ``holidays`` None knows of none."""

    zone: str
    uf: str | None
    holidays: HolidayTable | None

    def is_holiday(self, day: date) -> bool:
        """A national holiday, or one of the federative unit."""
        table = self.holidays
        return table is not None and (day in table.national or day in table.states.get(self.uf or "", ()))


def may_call(instant_ms: int, place: Place, hours: CallingHours, *, is_asked: bool) -> bool:
    """Whether a call at this instant is within the hours on the customer's own clock."""
    local = local_time(instant_ms, place.zone)
    is_rest_day = local.weekday() > _SATURDAY or place.is_holiday(local.date())
    if is_rest_day:
        span = hours.asked if is_asked else None
    else:
        span = hours.saturday if local.weekday() == _SATURDAY else hours.weekdays
    return span is not None and span[0] <= local.time() < span[1]


def local_time(instant_ms: int, zone: str) -> datetime:
    return (_EPOCH + timedelta(milliseconds=instant_ms)).astimezone(_zone(zone))


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def rested_ms(calls_ms: Collection[int], from_ms: int, zone: str, *, per_day: int, per_month: int) -> int:
    """The earliest instant from ``from_ms`` on at which one more call is within the calls of a local day and month."""
    days = [local_time(call_ms, zone).date() for call_ms in calls_ms]
    day = local_time(from_ms, zone).date()
    first = day
    while True:
        if sum((one.year, one.month) == (day.year, day.month) for one in days) >= per_month:
            day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        elif days.count(day) >= per_day:
            day += timedelta(days=1)
        else:
            break
    return from_ms if day == first else round(datetime.combine(day, time(), _zone(zone)).timestamp() * 1000)


def may_offer(registered: date, day: date) -> bool:
    """Whether a customer on the do-not-call list since ``registered`` may still be called with an offer: until thirty
    calendar days have passed, and that day included. Callbacks are no offers: an opt-out from them counts at once."""
    return day <= registered + timedelta(days=NO_OFFERS_AFTER_DAYS)


def short_call_risk(calls: int, short_calls: int) -> Literal["none", "warning", "block"]:
    """What a caller's (CNPJ's) day of calls amounts to: above 100,000 with 85 % short it may be blocked, from 80 % on
    it should know."""
    if calls <= SHORT_CALLS_FROM:
        return "none"
    share = short_calls / calls
    return "block" if share >= BLOCK_RISK_SHARE else "warning" if share >= WARNING_SHARE else "none"
