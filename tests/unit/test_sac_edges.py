"""Edges of the Brazilian rules, worked out by hand: whole months day by day, midnights, leap days, local holidays."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from streams.domain.deadlines import after_months, due, end_of_day_ms
from streams.domain.limits import is_breach
from streams.domain.policy import Term
from tests.policy_cases import SAO_PAULO, TABLE, dates, day, due_of, in_words, instant, national, wait_limit

BANK_MONTHS = {
    # Month to the days of 90 s; the others have 45 s. Mondays, the day before and after a holiday, 5th business day.
    "2008-12": [1, 5, 8, 15, 22, 24, 26, 29, 31],
    "2012-02": [6, 7, 13, 20, 27],  # leap year; Carnival (20, 21) is no holiday
    "2018-11": [1, 3, 5, 8, 12, 14, 16, 19, 26],  # summer time from the 4th
    "2019-02": [4, 7, 11, 18, 25],  # summer time until the 17th
    "2021-10": [4, 7, 11, 13, 18, 25],
    "2021-11": [1, 3, 8, 14, 15, 16, 22, 29],  # the 15th is a holiday and a Monday
    "2022-03": [7, 14, 21, 28],
    "2022-04": [4, 7, 11, 14, 16, 18, 20, 22, 25, 30],  # 1 May is a Sunday
    "2022-09": [5, 6, 8, 12, 19, 26],
    "2022-10": [3, 7, 10, 11, 13, 17, 24, 31],
    "2023-11": [1, 3, 6, 8, 13, 14, 16, 20, 27],  # the 20th is not national yet
    "2024-02": [5, 7, 12, 19, 26],  # leap year
    "2024-11": [1, 3, 4, 7, 11, 14, 16, 18, 19, 21, 25],
}


def days_of(month: str) -> list[date]:
    first = day(f"{month}-01")
    following = (first + timedelta(days=number) for number in range(31))
    return [each for each in following if each.month == first.month]


BANK_DAYS = [(each, each.day in high) for month, high in BANK_MONTHS.items() for each in days_of(month)]


@pytest.mark.parametrize(("each", "is_high"), BANK_DAYS, ids=[str(each) for each, _ in BANK_DAYS])
def test_a_bank_from_the_first_to_the_last_millisecond_of_each_day(each: date, is_high: bool) -> None:  # noqa: FBT001
    """Law until 2 October 2022, a reference after it; a millisecond over is a breach."""
    expected = f"{90 if is_high else 45} {'law' if each <= day('2022-10-02') else 'adv'}"
    first_ms, last_ms = instant(f"{each}T00:00:00"), end_of_day_ms(each, SAO_PAULO)
    for at_ms in (first_ms, last_ms):
        limit = wait_limit(f"{each}T12:00")
        assert limit.local_date == each
        assert in_words(limit) == expected
        assert limit == wait_limit_at(at_ms)
        assert limit.limit_ms is not None
        assert [is_breach(limit.limit_ms + over, limit) for over in (-1, 0, 1)] == [False, False, True]
    assert [wait_limit_at(first_ms - 1).local_date, wait_limit_at(last_ms + 1).local_date] == [
        each - timedelta(days=1),
        each + timedelta(days=1),
    ]


def wait_limit_at(at_ms: int):
    seconds, milliseconds = divmod(at_ms, 1000)
    moment = timedelta(seconds=seconds, milliseconds=milliseconds)
    return wait_limit(f"{date(1970, 1, 1) + timedelta(days=moment.days)}T{clock_of(moment)}+00:00")


def clock_of(moment: timedelta) -> str:
    minutes, seconds = divmod(moment.seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{moment.microseconds // 1000:03}"


SUSPENSIONS = [
    # the last day before, the first and the last of each, the first after
    ("2020-04-01", "45 law", ()),
    ("2020-04-02", "none", ()),
    ("2020-05-31", "none", ()),
    ("2020-06-01", "90 law", ("suspension_end",)),
    ("2020-06-02", "45 law", ()),
    ("2020-07-23", "45 law", ()),
    ("2020-07-24", "none", ()),
    ("2020-11-20", "none", ()),
    ("2020-11-21", "45 law", ("suspension_end",)),
    ("2020-11-22", "45 law", ()),
    ("2021-04-13", "45 law", ()),
    ("2021-04-14", "none", ()),
    ("2021-08-11", "none", ()),
    ("2021-08-12", "45 law", ("suspension_end",)),
    ("2021-08-13", "45 law", ()),
]


@pytest.mark.parametrize(("each", "expected", "tolerated"), SUSPENSIONS)
def test_the_edges_of_the_suspensions(each: str, expected: str, tolerated: tuple[str, ...]) -> None:
    """The end of each is uncertain by a day: the day after is tolerated if it still belonged to it."""
    for at in ("00:00:00.000", "23:59:59.999"):
        limit = wait_limit(f"{each}T{at}")
        assert in_words(limit) == expected
        assert tuple(flag for flag in limit.tolerated_if if flag == "suspension_end") == tolerated


SECTORS = [
    ("bank", "2021-10-05", "45 law", "WAIT-FIN"),
    ("card", "2021-10-05", "45 law", "WAIT-FIN"),
    ("finance", "2021-10-05", "45 law", "WAIT-FIN"),
    ("telecom", "2021-10-05", "60 law", "WAIT-TEL"),
    ("telecom", "2021-10-04", "60 law", "WAIT-TEL"),
    ("energy", "2021-10-04", "60 law", "WAIT-ENE"),
    ("health", "2021-10-04", "60 law", "WAIT-GEN"),
    ("insurance", "2021-10-13", "60 law", "WAIT-GEN"),
    ("air", "2021-10-11", "60 law", "WAIT-GEN"),
    ("transport", "2021-10-07", "60 law", "WAIT-GEN"),
    ("retail", "2021-10-07", "60 op", "WAIT-GEN"),
    ("retail", "2026-10-07", "60 op", "WAIT-GEN"),
    (None, "2021-10-07", "60 op", "WAIT-GEN"),
    ("bank", "2022-10-03", "90 adv", "WAIT-FIN"),
    ("card", "2026-11-24", "45 adv", "WAIT-FIN"),
    ("energy", "2022-10-02", "60 law", "WAIT-ENE"),
    ("energy", "2022-10-03", "60 adv", "WAIT-ENE"),
    ("telecom", "2022-10-03", "60 adv", "WAIT-TEL"),
    ("telecom", "2025-08-31", "60 adv", "WAIT-TEL"),
    ("telecom", "2025-09-01", "60 adv", "WAIT-TEL"),
    ("health", "2022-10-02", "60 law", "WAIT-GEN"),
    ("health", "2022-10-03", "60 adv", "WAIT-GEN"),
]


@pytest.mark.parametrize(("sector", "each", "expected", "rule"), SECTORS)
def test_the_rule_of_each_sector(sector: str | None, each: str, expected: str, rule: str) -> None:
    """Law or reference by date; a sector that is not bound follows by choice."""
    limit = wait_limit(f"{each}T10:00", sector)
    assert (in_words(limit), limit.rule) == (expected, rule)


TRANSFERS = [
    ("bank", "2021-10-04", "60 adv", "WAIT-XFER"),
    ("bank", "2022-10-03", "60 adv", "WAIT-XFER"),
    ("health", "2019-01-02", "60 adv", "WAIT-XFER"),
    ("telecom", "2021-10-04", "60 law", "WAIT-TEL"),
    ("bank", "2008-11-30", "none", "WAIT-XFER"),
    ("retail", "2021-10-04", "60 op", "WAIT-GEN"),
]


@pytest.mark.parametrize(("sector", "each", "expected", "rule"), TRANSFERS)
def test_a_transferred_contact_has_a_rule_of_its_own(sector: str, each: str, expected: str, rule: str) -> None:
    limit = wait_limit(f"{each}T10:00", sector, transferred=True)
    assert (in_words(limit), limit.rule) == (expected, rule)


LOCAL_HOLIDAYS = [
    # instant, place, the flags; 45 s in any case, because the holiday is not national
    ("2022-07-08", {"state": "SP"}, ("calendar=SP",)),  # eve of 9 July
    ("2022-07-08", {"state": "RJ"}, ()),
    ("2022-07-10", {"state": "SP"}, ("calendar=SP",)),
    ("2022-04-23", {"state": "RJ"}, ()),  # the holiday itself
    ("2022-04-24", {"state": "RJ"}, ("calendar=RJ",)),
    ("2022-04-24", {"state": "SP"}, ()),
    ("2022-01-26", {"state": "SP", "city": "sao-paulo"}, ("calendar=sao-paulo",)),  # the day after 25 January
    ("2022-01-26", {"state": "SP"}, ()),
    ("2022-06-15", {"state": "SP", "city": "sao-paulo"}, ("calendar=bank", "calendar=sao-paulo")),
    ("2022-06-17", {}, ("calendar=bank",)),  # the day after Corpus Christi
    ("2022-03-02", {}, ("calendar=bank",)),  # Ash Wednesday
    ("2022-10-28", {}, ()),  # an optional day is no holiday
    ("2022-12-23", {}, ("adjacency=business",)),  # Friday before Sunday the 25th
    ("2021-12-24", {}, None),
    ("2022-04-29", {}, ("adjacency=business",)),  # Friday before Sunday 1 May
    ("2022-09-09", {}, ()),
]


@pytest.mark.parametrize(("each", "place", "flags"), LOCAL_HOLIDAYS)
def test_other_peoples_holidays_only_tolerate(each: str, place: dict[str, str], flags: tuple[str, ...] | None) -> None:
    """``None``: the eve of a national holiday, where nothing is left to tolerate."""
    limit = wait_limit(f"{each}T10:00", **place)
    assert limit.limit_ms == (45_000 if flags is not None else 90_000)
    assert limit.tolerated_if == (flags or ())


MIDNIGHTS = [
    # instants in UTC around midnight in São Paulo: -02:00 in summer time, -03:00 otherwise; the local date
    ("2018-11-04T02:59:59.999Z", "2018-11-03"),  # clocks go forward at this midnight
    ("2018-11-04T03:00:00.000Z", "2018-11-04"),
    ("2018-11-05T01:59:59.999Z", "2018-11-04"),
    ("2018-11-05T02:00:00.000Z", "2018-11-05"),
    ("2019-02-17T01:59:59.999Z", "2019-02-16"),  # clocks go back at this midnight: 23:00 comes twice
    ("2019-02-17T02:00:00.000Z", "2019-02-16"),
    ("2019-02-17T02:59:59.999Z", "2019-02-16"),
    ("2019-02-17T03:00:00.000Z", "2019-02-17"),
    ("2019-11-04T02:59:59.999Z", "2019-11-03"),  # no summer time any more
    ("2019-11-04T03:00:00.000Z", "2019-11-04"),
    ("2012-02-29T01:59:59.999Z", "2012-02-28"),
    ("2012-02-29T03:00:00.000Z", "2012-02-29"),
    ("2012-03-01T02:59:59.999Z", "2012-02-29"),
    ("2012-03-01T03:00:00.000Z", "2012-03-01"),
    ("2024-02-29T02:59:59.999Z", "2024-02-28"),
    ("2024-02-29T03:00:00.000Z", "2024-02-29"),
    ("2022-10-03T02:59:59.999Z", "2022-10-02"),
    ("2022-10-03T03:00:00.000Z", "2022-10-03"),
    ("2008-12-01T01:59:59.999Z", "2008-11-30"),
    ("2008-12-01T02:00:00.000Z", "2008-12-01"),
]


@pytest.mark.parametrize(("when", "expected"), MIDNIGHTS)
def test_the_local_date_of_instants_around_midnight(when: str, expected: str) -> None:
    assert wait_limit(when).local_date == day(expected)


DAY_COUNTS = [
    # first day, term, strict, rolled
    ("2024-02-28", Term(days=1), "2024-02-29", "2024-02-29"),
    ("2023-02-28", Term(days=1), "2023-03-01", "2023-03-01"),
    ("2024-02-29", Term(days=365), "2025-02-28", "2025-02-28"),
    ("2024-02-29", Term(years=1), "2025-03-01", "2025-03-03"),  # a Saturday: rolls to Monday 3
    ("2024-02-29", Term(years=4), "2028-02-29", "2028-02-29"),
    ("2024-02-29", Term(months=1), "2024-03-29", "2024-04-01"),  # Good Friday
    ("2024-01-31", Term(months=1), "2024-03-01", "2024-03-01"),
    ("2023-01-31", Term(months=1), "2023-03-01", "2023-03-01"),
    ("2024-03-31", Term(months=1), "2024-05-01", "2024-05-02"),
    ("2024-12-31", Term(months=2), "2025-03-01", "2025-03-03"),
    ("2024-11-30", Term(months=3), "2025-03-01", "2025-03-03"),
    ("2024-08-31", Term(months=6), "2025-03-01", "2025-03-03"),
    ("2026-03-02", Term(days=0), "2026-03-02", "2026-03-02"),
    ("2026-04-20", Term(days=1), "2026-04-21", "2026-04-22"),
    ("2026-04-02", Term(days=1), "2026-04-03", "2026-04-06"),  # Good Friday, then the weekend
    ("2026-12-24", Term(days=1), "2026-12-25", "2026-12-28"),
    ("2026-12-31", Term(days=1), "2027-01-01", "2027-01-04"),
    ("2026-11-13", Term(business_days=1), "2026-11-16", "2026-11-16"),
    ("2026-11-14", Term(business_days=1), "2026-11-16", "2026-11-16"),
    ("2026-11-19", Term(business_days=1), "2026-11-23", "2026-11-23"),  # the 20th is a holiday
    ("2023-11-17", Term(business_days=1), "2023-11-20", "2023-11-20"),  # not in 2023
    ("2024-11-19", Term(business_days=1), "2024-11-21", "2024-11-21"),
    ("2026-12-30", Term(business_days=2), "2027-01-04", "2027-01-04"),
    ("2022-09-06", Term(business_days=1), "2022-09-08", "2022-09-08"),
    ("2022-04-14", Term(business_days=1), "2022-04-18", "2022-04-18"),
    ("2022-04-20", Term(business_days=1), "2022-04-22", "2022-04-22"),
]


@pytest.mark.parametrize(("first", "term", "strict", "rolled"), DAY_COUNTS)
def test_terms_of_days_months_and_years(first: str, term: Term, strict: str, rolled: str) -> None:
    """From the first as from the last millisecond of the starting day."""
    for at in ("00:00:00.000", "23:59:59.999"):
        assert dates(due(instant(f"{first}T{at}"), term, SAO_PAULO, national())) == (strict, rolled)


@pytest.mark.parametrize(
    ("last", "utc"),
    [
        ("2018-11-03", "2018-11-04T02:59:59.999Z"),  # the next midnight does not exist: clocks go forward
        ("2018-11-04", "2018-11-05T01:59:59.999Z"),
        ("2019-02-16", "2019-02-17T02:59:59.999Z"),  # a day of 25 hours
        ("2026-03-07", "2026-03-08T02:59:59.999Z"),
    ],
)
def test_a_day_ends_with_its_last_local_millisecond(last: str, utc: str) -> None:
    assert end_of_day_ms(day(last), SAO_PAULO) == instant(utc)


REGIMES = [
    # the regime in force on the day of registration counts
    ("DEM-1", "2022-10-02T23:59:59.999", "2022-10-07"),  # five business days
    ("DEM-1", "2022-10-03T00:00:00.000", "2022-10-10"),  # seven days
    ("HIST-1", "2022-10-02T23:59:59.999", "2022-10-05"),  # 72 h
    ("HIST-1", "2022-10-03T00:00:00.000", "2022-10-08"),  # five days
]


@pytest.mark.parametrize(("rule", "when", "strict"), REGIMES)
def test_the_regime_of_the_day_it_began(rule: str, when: str, strict: str) -> None:
    assert dates(due_of(rule, when))[0] == strict


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(24, "2018-11-04T16:00-02:00"), (72, "2018-11-06T16:00-02:00"), (1, "2018-11-03T16:00-03:00")],
)
def test_hours_run_through_a_change_of_clocks(hours: int, expected: str) -> None:
    """A day of 23 hours takes none away."""
    found = due(instant("2018-11-03T15:00"), Term(hours=hours), SAO_PAULO, national())
    assert found.strict_ms == found.rolled_ms == instant(expected)


@pytest.mark.parametrize("months", range(1, 49))
def test_months_end_on_the_same_number_or_the_first_after(months: int) -> None:
    """By counting the months one by one from the first of the month."""
    first = day("2024-01-31")
    year, month = first.year, first.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    has_31 = month in (1, 3, 5, 7, 8, 10, 12)
    following = date(year, month + 1, 1) if month < 12 else date(year + 1, 1, 1)
    assert after_months(first, months) == (date(year, month, 31) if has_31 else following)


def test_outside_the_table_the_finding_says_so() -> None:
    """Only weekends are known there: what might be the eve of a holiday is tolerated."""
    limit = wait_limit("2061-03-02T10:00")
    assert (limit.limit_ms, limit.tolerated_if[-1]) == (45_000, "calendar_table")
    assert TABLE.last_year == 2060
