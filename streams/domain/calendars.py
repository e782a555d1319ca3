"""Holidays frozen under a version, and the business days that follow from them.

A table is data: it was built once from a library of holidays and never changes under its version, so that a finding of
last year rests on the days it rested on then. Tables cover some years only; beyond them just weekends are known, which
``covers`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are holidays; everything else follows. ``name`` says whose days they are: national, SP, bank."""

    name: str
    holidays: frozenset[date]
    first_year: int
    last_year: int
    saturday_is_business: bool = False

    def covers(self, day: date) -> bool:
        return self.first_year <= day.year <= self.last_year

    def is_holiday(self, day: date) -> bool:
        return day in self.holidays

    def is_business_day(self, day: date) -> bool:
        """Neither holiday nor Sunday, nor Saturday unless Saturdays count."""
        last_working = _SATURDAY if self.saturday_is_business else _SATURDAY - 1
        return day.weekday() <= last_working and day not in self.holidays

    def rolled(self, day: date) -> date:
        """The day itself, or the next business day when it is none."""
        while not self.is_business_day(day):
            day += _DAY
        return day

    def after_business_days(self, day: date, count: int) -> date:
        """The last of so many business days after ``day``, which itself does not count."""
        for _ in range(count):
            day = self.rolled(day + _DAY)
        return day

    def business_day_of_month(self, day: date) -> int | None:
        """Which business day of its month the day is, from 1; None when it is none."""
        if not self.is_business_day(day):
            return None
        return sum(self.is_business_day(day.replace(day=number)) for number in range(1, day.day + 1))

    def is_eve(self, day: date) -> bool:
        """The next calendar day is a holiday, and this one is none."""
        return day not in self.holidays and day + _DAY in self.holidays

    def is_day_after(self, day: date) -> bool:
        """The calendar day before is a holiday, and this one is none."""
        return day not in self.holidays and day - _DAY in self.holidays

    def is_business_eve(self, day: date) -> bool:
        """The last business day before a holiday, such as the Friday before a holiday on Monday."""
        return self.is_business_day(day) and self._meets_holiday(day, _DAY)

    def is_business_day_after(self, day: date) -> bool:
        """The first business day after a holiday."""
        return self.is_business_day(day) and self._meets_holiday(day, -_DAY)

    def _meets_holiday(self, day: date, step: timedelta) -> bool:
        """Whether a holiday comes before the next business day in that direction."""
        day += step
        while not self.is_business_day(day):
            if day in self.holidays:
                return True
            day += step
        return False


@dataclass(frozen=True, slots=True)
class HolidayTable:
    """The holidays of one country, frozen. ``states`` and ``cities`` hold what they have beyond the national days (a
    city beyond its state's too), ``bank`` the days on which banks rest besides."""

    version: str
    """Name and version, such as br@2026.11.0."""
    built_from: str
    first_year: int
    last_year: int
    national: frozenset[date]
    bank: frozenset[date]
    states: Mapping[str, frozenset[date]]
    cities: Mapping[str, tuple[str, frozenset[date]]]
    """City to its state and its own days."""

    def named(self, name: str, own: frozenset[date] = frozenset()) -> Calendar:
        """The calendar called national, bank, or like a state or city of the table; ``own`` days are added.

        Raises KeyError for a name the table does not have.
        """
        return Calendar(name, self._days(name) | own, self.first_year, self.last_year)

    def _days(self, name: str) -> frozenset[date]:
        if name == "national":
            return self.national
        if name == "bank":
            return self.national | self.bank
        if name in self.cities:
            state, days = self.cities[name]
            return self.national | self.states[state] | days
        return self.national | self.states[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Every calendar of the table."""
        return ("national", "bank", *sorted(self.states), *sorted(self.cities))
