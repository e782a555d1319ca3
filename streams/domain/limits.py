"""The limit of one wait: which rule binds it, on its own date, and why.

The limit is chosen once, by the local date (in the pack's zone) on which the wait started, even if the wait crosses
midnight. Exceptions are read in the consumer's favour: where another reading of the calendar would give a higher limit,
the pack's own reading stands, and the finding says under which reading the wait would be tolerated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from streams.domain.calendars import Calendar, HolidayTable
from streams.domain.policy import Pack, Suspension, WaitPeriod, WaitRule

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIFTH: Final = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contact waits, as far as rules ask. ``state`` is a UF, ``city`` a name of the holiday table, ``own`` are
    further holidays of the site."""

    sector: str | None
    channel: str = "voice"
    state: str | None = None
    city: str | None = None
    own: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class WaitLimit:
    """The limit of one wait. ``limit_ms`` None: the rule sets no limit then; ``why`` says so in words."""

    policy_version: str
    rule: str
    title: str
    limit_ms: int | None
    force: str
    confidence: str
    source: str
    local_date: date | None
    """The date in the rule's zone that decides; None for a limit that is the same on every day."""
    why: tuple[str, ...]
    tolerated_if: tuple[str, ...] = ()
    note: str | None = None
    is_setting: bool = False
    """The number is the queue's own."""

    def __hash__(self) -> int:
        """Of what tells limits of one day apart: they are looked up for every contact."""
        return hash((self.rule, self.limit_ms, self.local_date))


@dataclass(frozen=True, slots=True)
class _Days:
    """One reading of what the days of the law are."""

    holidays: Calendar
    fifth: Calendar
    business_adjacency: bool = False

    def kinds(self, day: date) -> Iterator[str]:
        """Every kind of busy day that the day is."""
        if day.weekday() == 0:
            yield "monday"
        if self.holidays.is_eve(day) or (self.business_adjacency and self.holidays.is_business_eve(day)):
            yield "holiday_eve"
        if self.holidays.is_day_after(day) or (self.business_adjacency and self.holidays.is_business_day_after(day)):
            yield "holiday_after"
        if self.fifth.business_day_of_month(day) == _FIFTH:
            yield "fifth_business_day"


def local_date(instant_ms: int, zone: ZoneInfo) -> date:
    """The date of an instant in a zone, by its history of summer time."""
    return (_EPOCH + timedelta(milliseconds=instant_ms)).astimezone(zone).date()


def is_breach(wait_ms: int, limit: WaitLimit) -> bool:
    """The limit itself complies, one millisecond more does not."""
    return limit.limit_ms is not None and wait_ms > limit.limit_ms


class WaitRules:
    """The wait rules of one pack at one place, with its calendars ready."""

    def __init__(
        self, pack: Pack, table: HolidayTable, place: Place, *, settings_ms: Mapping[str, int | None] | None = None
    ) -> None:
        """``settings_ms`` are the queue's own numbers for rules that leave the limit to a setting."""
        self.pack = pack
        self._table = table
        self._place = place
        self._settings_ms = settings_ms or {}
        self.zone = ZoneInfo(pack.zone)
        self._days = self._reading()
        self._others = dict(self._other_readings())

    def rule_for(self, *, transferred: bool = False) -> WaitRule | None:
        """The first rule of the pack for this sector and channel; None when the pack has none."""
        fitting = [
            rule
            for rule in self.pack.waits
            if self._place.channel in rule.channels and (transferred or rule.when == "any")
        ]
        binding = [rule for rule in fitting if not rule.sectors or self._place.sector in rule.sectors]
        adopted = [rule for rule in fitting if rule.adoptable]
        return next(iter(binding or adopted), None)

    def limit_at(self, start_ms: int, *, transferred: bool = False, declared: Collection[str] = ()) -> WaitLimit | None:
        """The limit of a wait that started then; None when the pack has no rule for this place.

        ``declared`` are kinds of exceptions in force at that instant. Adopted rules are ``op``.
        """
        rule = self.rule_for(transferred=transferred)
        if rule is None:
            return None
        day = local_date(start_ms, self.zone)
        limit = self._limit_on(rule, day, declared)
        if rule.sectors and self._place.sector not in rule.sectors and limit.force:
            why = f"sector {self._place.sector or 'not named'} is not bound by this rule; followed by choice"
            return replace(limit, force="op", why=(*limit.why, why))
        return limit

    def _limit_on(self, rule: WaitRule, day: date, declared: Collection[str]) -> WaitLimit:
        period = next((each for each in rule.periods if _holds(each, day)), None)
        if period is None:
            return self._no_limit(rule, day, f"no rule was in force on {day}")
        suspension = next((each for each in rule.suspended if each.since <= day <= each.until), None)
        if suspension is not None:
            why = f"suspended from {suspension.since} to {suspension.until}"
            return replace(self._no_limit(rule, day, why), force=period.force, source=suspension.source)
        released = [kind for kind in rule.released_by if kind in declared]
        if released:
            why = f"no fixed limit during a declared {released[0]}, for which there must be evidence"
            return replace(self._no_limit(rule, day, why), force=period.force, source=period.source)
        return self._limit_of(rule, period, day)

    def _limit_of(self, rule: WaitRule, period: WaitPeriod, day: date) -> WaitLimit:
        limit_ms, why = self._limit_under(self._days, period, day)
        tolerated = [
            name for name, days in self._others.items() if _more(self._limit_under(days, period, day)[0], limit_ms)
        ]
        if any(_may_last_until(each, day) for each in rule.suspended):
            tolerated.append("suspension_end")
        tolerated += rule.released_by
        if not self._days.holidays.covers(day) and period.exceptions:
            tolerated.append("calendar_table")
        return WaitLimit(
            policy_version=self.pack.cited_as,
            rule=rule.id,
            title=rule.title,
            limit_ms=limit_ms,
            force=period.force,
            confidence=period.confidence,
            source=period.source,
            local_date=day,
            why=(why,),
            tolerated_if=tuple(tolerated) if limit_ms is not None else (),
            note=period.note,
            is_setting=period.setting is not None,
        )

    def _no_limit(self, rule: WaitRule, day: date, why: str) -> WaitLimit:
        return WaitLimit(self.pack.cited_as, rule.id, rule.title, None, "", rule.periods[0].confidence, "", day, (why,))

    def _limit_under(self, days: _Days, period: WaitPeriod, day: date) -> tuple[int | None, str]:
        """The limit under one reading of the calendar, and why."""
        if period.setting is not None:
            return self._settings_ms.get(period.setting), f"{period.setting} of the queue"
        kinds = list(days.kinds(day))
        limit_ms = milliseconds(period.max_seconds)
        why = "the general limit"
        for exception in period.exceptions:
            met = [kind for kind in exception.days if kind in kinds]
            if met and milliseconds(exception.max_seconds) > limit_ms:
                limit_ms = milliseconds(exception.max_seconds)
                why = f"{day:%A} {day} is {' and '.join(_words(kind, days) for kind in met)}"
        return limit_ms, why

    # -- readings -----------------------------------------------------------------------------------------------------

    def _calendar(self, name: str) -> Calendar:
        saturday = self.pack.calendar.saturday_is_business
        return replace(self._table.named(name), saturday_is_business=saturday)

    def _base_name(self) -> str:
        base, place = self.pack.calendar.base, self._place
        names = {"state": place.state, "city": place.city or place.state}
        return names.get(base, base) or "national"

    def _reading(self) -> _Days:
        reading = self.pack.calendar
        base = self._calendar(self._base_name())
        fifth = base if reading.fifth_business_day == "base" else self._calendar(reading.fifth_business_day)
        return _Days(base, fifth, reading.adjacency == "business")

    def _other_readings(self) -> Iterator[tuple[str, _Days]]:
        """Every other reading of the calendar that somebody may hold."""
        days, place = self._days, self._place
        for name in ("bank", place.state, place.city):
            if name and name != days.holidays.name:
                calendar = self._calendar(name)
                yield f"calendar={name}", replace(days, holidays=calendar, fifth=calendar)
        if place.own:
            own = replace(days.holidays, name="own", holidays=days.holidays.holidays | place.own)
            yield "calendar=own", replace(days, holidays=own, fifth=own)
        if days.fifth.name != "bank":
            yield "fifth_bd_calendar=bank", replace(days, fifth=self._calendar("bank"))
        if not days.fifth.saturday_is_business:
            yield "saturday_business", replace(days, fifth=replace(days.fifth, saturday_is_business=True))
        if not days.business_adjacency:
            yield "adjacency=business", replace(days, business_adjacency=True)


def milliseconds(seconds: float | None) -> int:
    """Whole milliseconds; 0 for nothing."""
    return round((seconds or 0) * 1000)


def _holds(period: WaitPeriod, day: date) -> bool:
    return period.since <= day and (period.until is None or day <= period.until)


def _may_last_until(suspension: Suspension, day: date) -> bool:
    return suspension.end_is_uncertain and day == suspension.until + timedelta(days=1)


def _more(other_ms: int | None, limit_ms: int | None) -> bool:
    return other_ms is not None and limit_ms is not None and other_ms > limit_ms


def _words(kind: str, days: _Days) -> str:
    return {
        "monday": "a Monday",
        "holiday_eve": f"the day before a holiday ({days.holidays.name} calendar)",
        "holiday_after": f"the day after a holiday ({days.holidays.name} calendar)",
        "fifth_business_day": f"the 5th business day of the month ({days.fifth.name} calendar)",
    }[kind]
