"""Simulated days on which the product calls back, judged as they go: never more calls than free agents allow, one at a
time for a customer, within the hours, nobody while a live caller waits too long; and the plans are the recount's.
"""

from __future__ import annotations

import pytest

from streams import comparison
from streams.simulation.day import DATE
from tests.called_back import Day, lived, unequal
from tests.month import month_of, report


@pytest.fixture(scope="module")
def morning() -> Day:
    return lived(7, (9, 13))


def test_customers_are_recovered_and_their_plans_equal_the_recount(morning: Day) -> None:
    """By calls that were answered, and agents who took them."""
    assert unequal(morning) == {}
    assert morning.states()["recovered"] > 5
    assert morning.outcomes()["answered"] > 5


def test_never_more_calls_are_out_than_free_agents_allow(morning: Day) -> None:
    """Counted after every decision that released anything; and it was tried."""
    assert morning.too_many == []
    assert morning.most_in_flight > 0
    assert morning.decisions > 10


def test_one_customer_has_one_job_at_a_time(morning: Day) -> None:
    """From the release until the job is reported, cancelled or past its time."""
    ends: dict[str, str] = {}
    results = {
        event["data"]["visit"]: event["time"]
        for event in morning.told.plan_facts
        if event["type"] == "callback.signal.attempted" and event["data"]["by"] != "queue"
    }
    for event in morning.told.all_jobs:
        data = event["data"]
        customer = data["plan_id"].partition(".")[0]
        if event["type"] == "callback.dial":
            assert ends.get(customer, "") <= data["not_before"], data["job_id"]
            ends[customer] = min(data["expires"], results.get(data["job_id"], data["expires"]))
    assert len(ends) > 10


def test_the_first_call_waits_for_the_lateness_bound_and_no_longer(morning: Day) -> None:
    """With another bound it comes sooner; a recount by a longer one finds the calls that came too soon."""
    prompt = lived(7, (9, 10), lateness_seconds=5)
    assert unequal(prompt, lateness_seconds=5) == {}
    assert set(unequal(prompt, lateness_seconds=60)) == {comparison.JOBS}
    assert set(unequal(morning, lateness_seconds=3600)) == {comparison.JOBS}


def test_nobody_is_called_before_nine_or_on_the_wrong_clock() -> None:
    """Plans of the night wait for the morning."""
    day = lived(11, (7, 10))
    releases = [event["time"] for event in day.told.all_jobs if event["type"] == "callback.dial"]
    assert releases
    assert min(releases) >= f"{DATE.isoformat()}T12:00:00.000Z"
    assert unequal(day) == {}


def test_no_free_agent_no_call() -> None:
    """Everybody of the two teams who call back has left: not one job in that time."""
    away = ("agents-leave team=cartoes at=10:00 for=60m", "agents-leave team=banco at=10:00 for=60m")
    day = lived(5, (9, 12), *away)
    releases = sorted(event["time"] for event in day.told.all_jobs if event["type"] == "callback.dial")
    gone_from, gone_until = f"{DATE.isoformat()}T13:12", f"{DATE.isoformat()}T13:58"
    assert [time for time in releases if gone_from < time < gone_until] == []
    assert any(time < gone_from for time in releases)
    assert any(time > gone_until for time in releases)
    assert unequal(day) == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disorder_changes_when_but_not_what(seed: int) -> None:
    """Events up to ten minutes late: the plans still are those of the recount, and no job is out in vain."""
    day = lived(seed, (9, 12), disorder_seconds=(20, 120, 600)[seed - 1])
    assert unequal(day) == {}
    assert day.too_many == []


def test_the_report_of_a_month_adds_up(morning: Day) -> None:
    """Every plan in one state, every called one with its wait, none below the lateness bound."""
    month = month_of(morning)
    assert sum(month.states.values()) == month.plans > 0
    assert month.attempts == morning.outcomes()
    assert 0 < len(month.first_calls_seconds) <= month.plans
    assert month.first_calls_seconds[0] >= 60
    assert month.recovered == month.states["recovered"] / month.plans
    assert month.refused > 0
    assert "recovered: " in report(month)
