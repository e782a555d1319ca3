"""Holiday tables: built once from the ``holidays`` library, kept as files, read back as values.

A file never changes under its version. Building again with the same release of the library gives the same text; a
newer release may know better, and then a new version is made for new policies to name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib.metadata import version as release
from importlib.resources import files
from typing import Final

import msgspec

from streams.domain.calendars import HolidayTable

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2060
CITIES: Final = {"sao-paulo": ("SP", "São Paulo Capital")}
"""Cities the library has: our name to state and its name. Other cities list their own days in the configuration."""
BANK_DAYS: Final = ("Carnaval", "Corpus Christi")
FOLDER: Final = files("streams") / "policies" / "calendars"
FILE_NAME: Final = re.compile(r"([a-z]+)-(\d[\d.]*)\.json")

Years = dict[str, str]
"""Year to its days, as ``01-01 04-21``."""


class TableFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table as its file has it."""

    calendar: str
    version: str
    built_from: str
    first_year: int
    last_year: int
    national: Years
    bank: Years
    states: dict[str, Years]
    cities: dict[str, tuple[str, Years]]


def table_names() -> tuple[str, ...]:
    """Every table that comes with the package, as name@version."""
    found = (FILE_NAME.fullmatch(file.name) for file in FOLDER.iterdir())
    return tuple(sorted(f"{match[1]}@{match[2]}" for match in found if match))


@cache
def table(name: str) -> HolidayTable:
    """The table called name@version. Raises KeyError when there is none."""
    if name not in table_names():
        raise KeyError(name)
    written = (FOLDER / f"{name.replace('@', '-')}.json").read_bytes()
    return value_of(msgspec.json.decode(written, type=TableFile))


def value_of(written: TableFile) -> HolidayTable:
    """The table a file stands for."""
    return HolidayTable(
        version=f"{written.calendar}@{written.version}",
        built_from=written.built_from,
        first_year=written.first_year,
        last_year=written.last_year,
        national=_days(written.national),
        bank=_days(written.bank),
        states={state: _days(years) for state, years in written.states.items()},
        cities={city: (state, _days(years)) for city, (state, years) in written.cities.items()},
    )


def _days(years: Mapping[str, str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(f"{year}-{day}") for year, days in years.items() for day in days.split())


def built_table(version: str) -> TableFile:
    """The Brazilian table as the installed library has it."""
    from holidays import country_holidays  # noqa: PLC0415 - slow to import, and nothing but this needs it

    span = range(FIRST_YEAR, LAST_YEAR + 1)

    def days_of(subdivision: str | None = None) -> set[date]:
        return set(country_holidays("BR", subdiv=subdivision, years=span))

    national = days_of()
    # Names follow the machine's locale unless the language is fixed.
    optional = country_holidays("BR", years=span, categories=("optional",), language="pt_BR")
    states = {name: days_of(name) for name in optional.subdivisions if len(name) == 2}
    return TableFile(
        calendar="br",
        version=version,
        built_from=f"holidays {release('holidays')}",
        first_year=FIRST_YEAR,
        last_year=LAST_YEAR,
        national=_years(national),
        bank=_years({day for day, name in optional.items() if name in BANK_DAYS} - national),
        states={state: _years(days - national) for state, days in states.items()},
        cities={city: (state, _years(days_of(name) - states[state])) for city, (state, name) in CITIES.items()},
    )


def _years(days: Iterable[date]) -> Years:
    years: Years = {}
    for day in sorted(days):
        years.setdefault(str(day.year), "")
        years[str(day.year)] = f"{years[str(day.year)]} {day:%m-%d}".strip()
    return years


def text_of(written: TableFile) -> str:
    """The text of a table's file, the same for the same table."""
    return msgspec.json.format(msgspec.json.encode(written, order="deterministic"), indent=1).decode() + "\n"
