"""The worked examples of the Brazilian rules for waits, deadlines, indicators and protocols, one row each.

Waits are by the local date on which a person was asked for; days are those of São Paulo, the calendar is national.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace as changed

from streams.domain.calendars import Calendar
from streams.domain.deadlines import due
from streams.domain.indicators import ServiceCounts, passes, percent
from streams.domain.limits import Place, WaitRules, is_breach
from streams.domain.policy import Term
from streams.domain.protocol_numbers import is_protocol_number, protocol_number
from tests.policy_cases import (
    ANEEL,
    CASES,
    SAC,
    SAO_PAULO,
    TABLE,
    dates,
    day,
    due_of,
    in_words,
    instant,
    local,
    national,
    wait_limit,
)

WAITS = [
    # number, sector, instant, limit in seconds and force
    (1, "bank", "2009-03-04T10:00", "45 law"),
    (2, "bank", "2021-10-04T10:00", "90 law"),  # Monday
    (3, "bank", "2021-10-06T10:00", "45 law"),  # 4th business day
    (4, "bank", "2021-10-07T10:00", "90 law"),  # 5th business day
    (5, "bank", "2021-10-12T10:00", "45 law"),  # the holiday itself
    (6, "bank", "2021-10-13T10:00", "90 law"),  # the day after
    (7, "telecom", "2021-10-11T10:00", "60 law"),  # eve and Monday: for banks only
    (8, "bank", "2021-10-31T10:00", "45 law"),  # Sunday, the holiday is Tuesday
    (9, "bank", "2021-12-31T10:00", "90 law"),
    (9, "bank", "2022-01-01T10:00", "45 law"),
    (9, "bank", "2022-01-02T10:00", "90 law"),
    (10, "bank", "2022-04-14T10:00", "90 law"),
    (10, "bank", "2022-04-15T10:00", "45 law"),  # Good Friday
    (10, "bank", "2022-04-16T10:00", "90 law"),
    (11, "bank", "2022-04-20T10:00", "90 law"),
    (11, "bank", "2022-04-21T10:00", "45 law"),
    (11, "bank", "2022-04-22T10:00", "90 law"),
    (12, "bank", "2022-07-08T10:00", "45 law"),  # eve of a holiday in São Paulo only
    (13, "bank", "2022-03-08T10:00", "45 law"),
    (14, "bank", "2022-03-07T10:00", "90 law"),
    (15, "bank", "2022-06-15T10:00", "45 law"),  # eve of Corpus Christi
    (16, "bank", "2022-07-07T02:30Z", "45 law"),  # Wednesday 23:30 in São Paulo
    (16, "bank", "2022-07-07T03:00Z", "90 law"),
    (17, "bank", "2018-11-15T02:30Z", "45 law"),  # summer time: 00:30 on the holiday
    (18, "bank", "2020-04-15T10:00", "none"),
    (18, "bank", "2020-06-15T10:00", "90 law"),
    (18, "bank", "2020-08-10T10:00", "none"),
    (19, "bank", "2021-05-10T10:00", "none"),
    (19, "bank", "2021-09-06T10:00", "90 law"),
    (20, "bank", "2022-10-02T10:00", "45 law"),
    (20, "bank", "2022-10-03T10:00", "90 adv"),
    (21, "bank", "2008-11-30T10:00", "none"),
    (21, "telecom", "2008-11-30T10:00", "none"),
    (21, "energy", "2008-11-30T10:00", "none"),
    (21, "health", "2008-11-30T10:00", "none"),
    (22, "energy", "2022-05-10T10:00", "60 law"),
]


@pytest.mark.parametrize(("number", "sector", "when", "expected"), WAITS)
def test_the_limit_of_a_wait(number: int, sector: str, when: str, expected: str) -> None:
    assert in_words(wait_limit(when, sector)) == expected, f"vector {number}"


OTHER_READINGS = [
    # number, instant, another reading of the calendar, its limit, the flags of the finding under the pack's own
    (
        3,
        "2021-10-06T10:00",
        {"saturday_is_business": True, "fifth_business_day": "base"},
        "90 law",
        "saturday_business",
    ),
    (12, "2022-07-08T10:00", {"base": "state"}, "90 law", "calendar=SP"),
    (13, "2022-03-08T10:00", {"base": "bank", "fifth_business_day": "base"}, "90 law", "fifth_bd_calendar=bank"),
    (15, "2022-06-15T10:00", {"base": "bank"}, "90 law", "calendar=bank"),
]


@pytest.mark.parametrize(("number", "when", "reading", "expected", "flag"), OTHER_READINGS)
def test_another_reading_of_the_calendar_is_only_tolerated(
    number: int, when: str, reading: dict[str, object], expected: str, flag: str
) -> None:
    """The lower limit applies, and the finding names the reading under which it would not."""
    other = changed(SAC, calendar=changed(SAC.calendar, **reading))
    assert in_words(wait_limit(when, pack=other, state="SP")) == expected, f"vector {number}"
    limit = wait_limit(when, state="SP")
    assert in_words(limit) == "45 law"
    assert flag in limit.tolerated_if


def test_vector_17_depends_on_summer_time() -> None:
    """A fixed -03:00 would put it on the eve of the holiday."""
    fixed = changed(SAC, zone="Etc/GMT+3")
    assert in_words(wait_limit("2018-11-15T02:30Z", pack=fixed)) == "90 law"


def test_vector_22_a_declared_outage_lifts_the_limit() -> None:
    """With evidence, which the reason asks for."""
    rules = WaitRules(SAC, TABLE, Place("energy"))
    limit = rules.limit_at(instant("2022-05-10T10:00"), declared=("systemic_outage",))
    assert limit is not None
    assert limit.limit_ms is None
    assert "evidence" in limit.why[0]
    assert rules.limit_at(instant("2022-05-10T10:00"), declared=("atypical_day",)) == wait_limit(
        "2022-05-10T10:00", "energy"
    )


@pytest.mark.parametrize(
    ("wait_ms", "expected"), [(45_000, False), (45_001, True), (30_000, False), (50_000, True), (44_000, False)]
)
def test_vectors_23_24_26_the_limit_itself_complies(wait_ms: int, expected: bool) -> None:  # noqa: FBT001
    """Answered, abandoned or waiting still: only the length counts."""
    assert is_breach(wait_ms, wait_limit("2009-03-04T10:00")) == expected


def test_vector_25_the_limit_is_that_of_the_day_it_started() -> None:
    """Asked for on Sunday, answered on Monday, 70 s."""
    limit = wait_limit("2021-10-31T23:59:30")
    assert limit.limit_ms == 45_000
    assert is_breach(instant("2021-11-01T00:00:40") - instant("2021-10-31T23:59:30"), limit)


DUE = [
    # number, rule, instant, sector and demand, strict and rolled
    (27, "HIST-1", "2026-03-02T10:00", (None, None), ("2026-03-07", "2026-03-09")),
    (28, "DEM-1", "2026-04-14T10:00", (None, "complaint"), ("2026-04-21", "2026-04-22")),
    (29, "DEM-1", "2026-02-28T01:30Z", (None, "complaint"), ("2026-03-06", "2026-03-06")),
    (30, "DEM-1", "2022-09-29T10:00", (None, "complaint"), ("2022-10-06", "2022-10-06")),
    (31, "DEM-1", "2022-10-03T10:00", (None, "request"), ("2022-10-10", "2022-10-10")),
    (33, "REC-1", "2026-01-10T10:00", (None, None), ("2026-04-10", "2026-04-10")),
    (33, "REC-1", "2024-01-10T10:00", (None, None), ("2024-04-09", "2024-04-09")),
    (34, "REC-3", "2026-03-15T10:00", (None, None), ("2028-03-15", "2028-03-15")),
    (34, "REC-3", "2024-02-29T10:00", (None, None), ("2026-03-01", "2026-03-01")),
    (36, "TEL-2", "2025-09-10T10:00", ("telecom", "complaint"), ("2025-09-17", "2025-09-17")),
    (36, "TEL-2-REQUEST", "2025-09-10T10:00", ("telecom", "request"), ("2025-09-20", "2025-09-22")),
    (37, "TEL-4-CANCEL", "2026-04-17T10:00", ("telecom", "cancellation"), ("2026-04-22", "2026-04-22")),
    (38, "HLT-2-COVER", "2026-04-16T10:00", ("health", "other_cover"), ("2026-04-24", "2026-04-24")),
    (38, "HLT-2-OTHER", "2026-04-16T10:00", ("health", "non_care"), ("2026-04-28", "2026-04-28")),
    (38, "HLT-2-HIGH", "2026-04-16T10:00", ("health", "high_complexity"), ("2026-05-04", "2026-05-04")),
    (39, "FIN-1", "2026-02-10T10:00", ("bank", "ombudsman"), ("2026-02-26", "2026-02-26")),
]


@pytest.mark.parametrize(("number", "rule", "when", "what", "expected"), DUE)
def test_the_dates_something_is_due(
    number: int, rule: str, when: str, what: tuple[str | None, str | None], expected: tuple[str, str]
) -> None:
    assert dates(due_of(rule, when, sector=what[0], demand=what[1])) == expected, f"vector {number}"


def test_vector_32_hours_run_from_minute_to_minute() -> None:
    """72 h of the old regime: neither nights nor weekends stop them."""
    found = due_of("HIST-1", "2022-09-30T15:00")
    assert {local(found.strict_ms), local(found.rolled_ms)} == {"2022-10-03 15:00:00.000"}


def test_vector_35_an_effect_on_the_next_day_is_late() -> None:
    """A cancellation asked for at 14:00 and done at 09:00 the next day."""
    assert due_of("CAN-2", "2026-05-05T14:00").rolled_ms < instant("2026-05-06T09:00")


def test_vector_39_with_the_national_calendar() -> None:
    """Without the days of Carnival on which banks rest it would be two days earlier."""
    term = Term(business_days=10)
    assert dates(due(instant("2026-02-10T10:00"), term, SAO_PAULO, national()))[0] == "2026-02-24"


@pytest.mark.parametrize(("when", "expected"), [("2023-11-17", "2023-11-24"), ("2026-11-17", "2026-11-25")])
def test_vector_40_the_20th_of_november_is_national_from_2024(when: str, expected: str) -> None:
    assert national().after_business_days(day(when), 5) == day(expected)


def test_vectors_41_to_43_ins_and_iab() -> None:
    """Compared unrounded; nothing to divide by is no figure."""
    ins, iab, _ = ANEEL.indicators
    good = ServiceCounts(routed=1000, abandoned_in_time=40, abandoned_late=30, answered_in_time=830)
    bad = ServiceCounts(routed=500, abandoned_in_time=20, abandoned_late=22, answered_in_time=400)
    none = ServiceCounts(routed=3, abandoned_in_time=3)
    figures = {rule.formula: [percent(rule.formula, each) for each in (good, bad)] for rule in (ins, iab)}
    rounded = {name: [round(float(each or 0), 3) for each in values] for name, values in figures.items()}
    assert rounded == {"INS": [86.458, 83.333], "IAb": [3.125, 4.583]}
    assert [[passes(rule, each) for each in figures[rule.formula]] for rule in (ins, iab)] == [[True, False]] * 2
    assert [percent(name, none) for name in ("INS", "IAb")] == [None, None]
    assert passes(ins, None) is None


def test_vector_44_ico() -> None:
    """Unknown where nobody tells the busy calls."""
    assert percent("ICO", ServiceCounts(offered=1000, busy=35)) == Fraction("3.5")
    unknown, idle = ServiceCounts(offered=1000), ServiceCounts(offered=0, busy=0)
    assert [percent("ICO", each) for each in (unknown, idle)] == [None, None]


def test_vector_50_the_protocol_of_a_health_plan() -> None:
    [form] = [each for each in CASES.protocols if "health" in each.sectors]
    number = protocol_number(form, day=day("2026-03-05"), sequence=42, register="123456")
    assert number == "12345620260305000042"
    assert is_protocol_number(form, number)


# -- what surrounds them ----------------------------------------------------------------------------------------------


def test_nothing_unconfirmed_is_called_law() -> None:
    """In no pack and no period."""
    for pack in (SAC, CASES, ANEEL):
        for rule in (*pack.waits, *pack.deadlines):
            for period in rule.periods:
                assert period.force != "law" or period.confidence in ("VP", "VS"), (rule.id, period)
        for indicator in pack.indicators:
            assert indicator.force != "law" or indicator.confidence in ("VP", "VS")


def test_the_fifth_business_day_of_each_calendar() -> None:
    """March 2022: Monday 7 national, Tuesday 8 for banks, Saturday 5 where Saturdays count."""
    saturdays: Calendar = replace(national(), saturday_is_business=True)
    fifth = {
        name: [number for number in range(1, 32) if calendar.business_day_of_month(day(f"2022-03-{number:02}")) == 5]
        for name, calendar in (("national", national()), ("bank", TABLE.named("bank")), ("labour", saturdays))
    }
    assert fifth == {"national": [7], "bank": [8], "labour": [5]}


def test_a_zone_of_another_state_does_not_move_the_day_of_a_rule() -> None:
    """23:30 in Manaus is the next day in São Paulo, where the rule's dates are read."""
    manaus = "2022-07-06T23:30-04:00"
    assert wait_limit(manaus).local_date == day("2022-07-07")
    assert ZoneInfo(SAC.zone).key == "America/Sao_Paulo"
