"""Local days and quarters of an hour, in zones that move their clocks at midnight, by half an hour, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from streams.domain.time import INTERVAL_MS, MOST_REMEMBERED, SiteCalendar

ZONES = (
    "UTC",
    "America/Fortaleza",
    "America/Sao_Paulo",  # moved its clocks at midnight, until 2019
    "America/Havana",  # moves them back from one o'clock to midnight
    "Asia/Kolkata",  # five hours and a half
    "Asia/Kathmandu",  # five hours and three quarters
    "Australia/Lord_Howe",  # moves them by half an hour
    "Pacific/Apia",  # went without 30 December 2011
    "America/St_Johns",
)


def at(text: str) -> int:
    """Milliseconds of an instant written with its offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def local(instant_ms: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant_ms)).astimezone(ZoneInfo(zone))


DAYS = [
    # zone, instant, local date
    ("America/Fortaleza", "2026-11-24T02:59:59.999Z", "2026-11-23"),
    ("America/Fortaleza", "2026-11-24T03:00:00.000Z", "2026-11-24"),
    # Sao Paulo, 4 November 2018: midnight does not exist, the day begins at one
    ("America/Sao_Paulo", "2018-11-04T02:59:59.999Z", "2018-11-03"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00.000Z", "2018-11-04"),
    # Sao Paulo, 17 February 2018: the hour before midnight comes twice
    ("America/Sao_Paulo", "2018-02-18T01:59:59.999Z", "2018-02-17"),
    ("America/Sao_Paulo", "2018-02-18T02:59:59.999Z", "2018-02-17"),
    ("America/Sao_Paulo", "2018-02-18T03:00:00.000Z", "2018-02-18"),
    ("Asia/Kolkata", "2026-11-23T18:29:59.999Z", "2026-11-23"),
    ("Asia/Kolkata", "2026-11-23T18:30:00.000Z", "2026-11-24"),
    # Apia skipped a whole day
    ("Pacific/Apia", "2011-12-30T09:59:59.999Z", "2011-12-29"),
    ("Pacific/Apia", "2011-12-30T10:00:00.000Z", "2011-12-31"),
]


@pytest.mark.parametrize(("zone", "instant", "expected"), DAYS)
def test_the_day_is_the_local_date(zone: str, instant: str, expected: str) -> None:
    """To the millisecond around midnight, also where midnight moves."""
    assert date.fromordinal(SiteCalendar(zone).day(at(instant))).isoformat() == expected


INTERVALS = [
    # zone, instant, start of its quarter of an hour in local time
    ("America/Fortaleza", "2026-11-23T12:14:59.999Z", "2026-11-23T09:00:00-03:00"),
    ("America/Fortaleza", "2026-11-23T12:15:00.000Z", "2026-11-23T09:15:00-03:00"),
    ("America/Sao_Paulo", "2018-11-04T03:07:00.000Z", "2018-11-04T01:00:00-02:00"),
    ("America/Sao_Paulo", "2018-02-18T01:50:00.000Z", "2018-02-17T23:45:00-02:00"),
    ("America/Sao_Paulo", "2018-02-18T02:50:00.000Z", "2018-02-17T23:45:00-03:00"),  # the second time
    ("Asia/Kolkata", "2026-11-23T18:44:59.999Z", "2026-11-24T00:00:00+05:30"),
    ("Asia/Kathmandu", "2026-11-23T18:20:00.000Z", "2026-11-24T00:00:00+05:45"),
    # Lord Howe, 5 October 2025 at two: half an hour forward; 5 April 2026 at two: half an hour back
    ("Australia/Lord_Howe", "2025-10-04T15:29:00.000Z", "2025-10-05T01:45:00+10:30"),
    ("Australia/Lord_Howe", "2025-10-04T15:30:00.000Z", "2025-10-05T02:30:00+11:00"),
    ("Australia/Lord_Howe", "2026-04-04T14:59:00.000Z", "2026-04-05T01:45:00+11:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00.000Z", "2026-04-05T01:30:00+10:30"),
]


@pytest.mark.parametrize(("zone", "instant", "expected"), INTERVALS)
def test_an_interval_starts_on_a_local_quarter(zone: str, instant: str, expected: str) -> None:
    """An hour that comes twice has twice its intervals."""
    assert local(SiteCalendar(zone).interval_start_ms(at(instant)), zone).isoformat() == expected


STARTS = [
    # zone, local date, its first instant
    ("America/Fortaleza", "2026-11-23", "2026-11-23T00:00:00-03:00"),
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),
    ("America/Sao_Paulo", "2018-02-18", "2018-02-18T00:00:00-03:00"),
    ("America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"),  # the first of two midnights
    ("Asia/Kolkata", "2026-11-23", "2026-11-23T00:00:00+05:30"),
    ("Australia/Lord_Howe", "2025-10-05", "2025-10-05T00:00:00+10:30"),
]


@pytest.mark.parametrize(("zone", "day", "expected"), STARTS)
def test_a_day_starts_at_its_first_instant(zone: str, day: str, expected: str) -> None:
    """Midnight, or whatever comes first."""
    calendar = SiteCalendar(zone)
    ordinal = date.fromisoformat(day).toordinal()
    start_ms = calendar.day_start_ms(ordinal)
    assert local(start_ms, zone).isoformat() == expected
    assert (calendar.day(start_ms - 1), calendar.day(start_ms)) == (ordinal - 1, ordinal)


instants = st.one_of(
    st.integers(at("1980-01-01T00:00:00Z"), at("2037-12-31T00:00:00Z")),
    st.sampled_from([at(instant) for _, instant, _ in (*DAYS, *INTERVALS)]).flatmap(
        lambda instant_ms: st.integers(instant_ms - 2 * 3_600_000, instant_ms + 2 * 3_600_000)
    ),
)


@given(st.sampled_from(ZONES), instants)
def test_days_and_intervals_agree_with_the_calendar_on_the_wall(zone: str, instant_ms: int) -> None:
    """Against a plain conversion: date and quarter of the local time, and an interval lies in one day."""
    calendar, wall = SiteCalendar(zone), local(instant_ms, zone)
    start_ms = calendar.interval_start_ms(instant_ms)
    start = local(start_ms, zone)
    assert date.fromordinal(calendar.day(instant_ms)) == wall.date()
    assert start_ms <= instant_ms < start_ms + INTERVAL_MS
    assert (start.minute % 15, start.second, start.microsecond) == (0, 0, 0)
    assert (start.utcoffset(), start.date(), start.hour) == (wall.utcoffset(), wall.date(), wall.hour)
    assert calendar.day(start_ms) == calendar.day(instant_ms)
    assert calendar.interval_and_day(instant_ms) == (start_ms, calendar.day(instant_ms))


def test_a_replay_of_years_gives_the_same_days_again() -> None:
    """What is remembered of a zone is bounded; forgetting it changes no answer."""
    calendar, start_ms = SiteCalendar("America/Sao_Paulo"), at("2017-01-01T00:00:00Z")
    quarters = range(start_ms, start_ms + 3 * 366 * 24 * 4 * INTERVAL_MS, INTERVAL_MS)
    assert len(quarters) > MOST_REMEMBERED
    days = [calendar.day(instant_ms) for instant_ms in quarters]
    assert days[:200] == [calendar.day(instant_ms) for instant_ms in quarters[:200]]
    assert len(calendar._offsets) <= MOST_REMEMBERED
