"""Calling hours, caps and lists: vectors 45 to 49 of the collected rules, and what they leave open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streams.calendar_tables import table
from streams.domain.calling_hours import Place, Purpose, hours_of, may_call, may_offer, rested_ms, short_call_risk

SAO_PAULO = "America/Sao_Paulo"


def at(text: str, zone: str = SAO_PAULO) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def allowed(text: str, *, purpose: Purpose = "telemarketing", uf: str | None = "SP", **changes: Any) -> bool:
    """Whether a call at a time of São Paulo is within the hours."""
    place = Place(changes.get("zone", SAO_PAULO), uf, table("br@2026.11.0"))
    return may_call(at(text), place, hours_of(purpose, uf), is_asked=changes.get("is_asked", False))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-07 15:59", True),  # vector 45: a Saturday
        ("2026-03-07 16:01", False),
        ("2026-04-21 11:00", False),  # a holiday
        ("2026-04-22 08:59", False),
        ("2026-04-22 09:00", True),
        ("2026-04-22 20:59:59.999", True),
        ("2026-04-22 21:00", False),
        ("2026-03-08 11:00", False),  # a Sunday
    ],
)
def test_the_code_of_conduct(text: str, *, expected: bool) -> None:
    assert allowed(text) == allowed(text, purpose="callback") == expected


def test_what_the_customer_asked_for_may_be_on_a_sunday_or_holiday() -> None:
    """Within the hours of a Saturday; on other days nothing changes."""
    for rest_day in ("2026-03-08", "2026-04-21"):
        assert allowed(f"{rest_day} 11:00", purpose="callback", is_asked=True)
        assert not allowed(f"{rest_day} 09:30", purpose="callback", is_asked=True)
    assert not allowed("2026-04-22 22:00", purpose="callback", is_asked=True)


def test_collections_in_the_customers_state_and_on_the_customers_clock() -> None:
    """Vector 47: 20:30 in São Paulo is 19:30 in Manaus, half an hour too late there."""
    manaus: dict[str, Any] = {"purpose": "collections", "uf": "AM", "zone": "America/Manaus"}
    assert not allowed("2026-03-05 20:30", **manaus)
    assert allowed("2026-03-05 19:59", **manaus)
    assert not allowed("2026-03-07 11:00", **manaus)  # no Saturdays there
    assert allowed("2026-03-07 11:00", purpose="collections", uf="SP")
    assert allowed("2026-03-05 19:30", purpose="collections", uf="CE", zone="America/Fortaleza")  # as in SP
    assert not allowed("2026-03-05 08:30", purpose="collections", uf="RJ")


def test_telemarketing_in_rio_ends_at_six_and_knows_no_saturday() -> None:
    assert allowed("2026-03-05 17:59", uf="RJ")
    assert not allowed("2026-03-05 18:00", uf="RJ")
    assert not allowed("2026-03-07 11:00", uf="RJ")
    assert allowed("2026-03-05 18:00", uf="RJ", purpose="callback")


def test_a_holiday_of_the_state_is_one() -> None:
    """9 July is a holiday in São Paulo alone."""
    assert not allowed("2026-07-09 11:00", uf="SP")
    assert allowed("2026-07-09 11:00", uf="CE")
    assert allowed("2026-07-09 11:00", uf=None)


def earliest(calls: list[str], text: str, **caps: int) -> str:
    known = {"per_day": 2, "per_month": 15} | caps
    instant_ms = rested_ms([at(call) for call in calls], at(text), SAO_PAULO, **known)
    return datetime.fromtimestamp(instant_ms / 1000, UTC).astimezone(ZoneInfo(SAO_PAULO)).strftime("%Y-%m-%d %H:%M")


def test_the_third_call_of_a_day_waits_for_the_next() -> None:
    """Vector 46: the local day, not the one of UTC."""
    assert earliest(["2026-03-05 10:00"], "2026-03-05 11:00") == "2026-03-05 11:00"
    assert earliest(["2026-03-05 10:00", "2026-03-05 23:30"], "2026-03-05 23:40") == "2026-03-06 00:00"
    full = ["2026-03-05 10:00", "2026-03-05 11:00", "2026-03-06 10:00", "2026-03-06 11:00"]
    assert earliest(full, "2026-03-05 12:00") == "2026-03-07 00:00"


def test_the_sixteenth_call_of_a_month_waits_for_the_next() -> None:
    """Vector 46, and over the end of a year."""
    calls = [f"2026-12-{day:02d} 10:00" for day in range(1, 16)]
    assert earliest(calls[:14], "2026-12-20 09:00") == "2026-12-20 09:00"
    assert earliest(calls, "2026-12-20 09:00") == "2027-01-01 00:00"


def test_offers_end_thirty_days_after_the_registration() -> None:
    """Vector 48."""
    assert may_offer(date(2026, 3, 1), date(2026, 3, 31))
    assert not may_offer(date(2026, 3, 1), date(2026, 4, 1))


@pytest.mark.parametrize(
    ("calls", "short", "expected"),
    [(120_000, 103_200, "block"), (120_000, 96_000, "warning"), (90_000, 90_000, "none"), (120_000, 95_999, "none")],
)
def test_the_risk_of_too_many_short_calls(calls: int, short: int, expected: str) -> None:
    """Vector 49."""
    assert short_call_risk(calls, short) == expected
