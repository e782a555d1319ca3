"""Simulated days on which the product calls back: centre, stages and dialer in one loop, judged as it goes.

What a recount cannot know (who is called when) is checked as it happens: never more calls than free agents allow, one
at a time for a customer, within the hours, nobody while a live caller waits too long. The plans are recounted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.domain.dialling import DiallingCore
from streams.domain.plans import OPEN_STATES
from streams.domain.recount import read_events
from streams.event_lines import event_time_ms
from streams.settings import Settings
from streams.simulation.centre import SAC
from streams.simulation.day import DATE
from streams.simulation.disorder import Disorder
from streams.simulation.incidents import parse_incidents
from streams.simulation.simulation import Simulation
from streams.simulation.telling import Event
from streams.topics import CALLBACK_PLANS
from tests.core_chain import CoreChain, ListeningTold, centre_settings, encode

STEP_MS = 20_000
HOUR_MS = 3_600_000
LOST_AFTER_SECONDS = 600
"""Platforms lose the ends of some calls; nobody waits for those for hours."""


@dataclass
class Day:
    """One day, or a part of it: what was sent, what was told, and every moment at which too much was out."""

    sent: list[Event] = field(default_factory=list)
    told: ListeningTold = field(default_factory=ListeningTold)
    too_many: list[str] = field(default_factory=list)
    in_flight: dict[str, int] = field(default_factory=dict)
    most_in_flight: int = 0
    decisions: int = 0

    def states(self) -> Counter[str]:
        plans = [plan for plan in self.told.newest[CALLBACK_PLANS].values() if plan["reasons"]]
        return Counter("open" if plan["state"] in OPEN_STATES else plan["state"] for plan in plans)

    def outcomes(self) -> Counter[str]:
        facts = [event["data"] for event in self.told.plan_facts if event["type"] == "callback.signal.attempted"]
        return Counter(data["outcome"] for data in facts if data["stands"])


def watched(day: Day, chain: CoreChain) -> None:
    """Where a decision has sent something out, compare what is out with the agents who are free."""
    now_ms = chain.newest_ms("dialling")
    for core in chain.cores("dialling"):
        assert isinstance(core, DiallingCore)
        for flights in core.flights(now_ms):
            before = day.in_flight.get(flights.queue, 0)
            day.in_flight[flights.queue] = flights.in_flight
            day.most_in_flight = max(day.most_in_flight, flights.in_flight)
            if flights.in_flight > before:
                day.decisions += 1
                if flights.in_flight > flights.free_agents:
                    day.too_many.append(f"{flights}")


def settings_of(lateness_seconds: float = 60) -> Settings:
    return centre_settings(lost_after_seconds=LOST_AFTER_SECONDS, lateness_seconds=lateness_seconds)


def lived(
    seed: int, hours: tuple[int, int], *script: str, disorder_seconds: float = 0, lateness_seconds: float = 60
) -> Day:
    """Part of a Monday by the clock of the centre: every step the events, then the stages, then the dialer's jobs."""
    zone = ZoneInfo(SAC.sites[0].zone)
    start = datetime(DATE.year, DATE.month, DATE.day, hours[0], tzinfo=zone)
    incidents = parse_incidents([(line, line) for line in script], SAC)
    simulation = Simulation(SAC, seed, start, incidents, imitates_plans=False)
    disorder = Disorder(seconds=disorder_seconds, repeat_share=0.02, seed=seed)
    day = Day()
    chain = CoreChain(settings_of(lateness_seconds), batch_records=200, told=day.told)
    now_ms = simulation.start_ms
    end_ms = now_ms + (hours[1] - hours[0]) * HOUR_MS
    while now_ms < end_ms:
        now_ms += STEP_MS
        jobs, day.told.new_jobs = day.told.new_jobs, []
        for job in jobs:
            simulation.dial(job)
        disorder.take(simulation.advance(now_ms))
        events = list(disorder.arrived(now_ms if now_ms < end_ms else float("inf")))
        day.sent += events
        chain.send(events, [event_time_ms(event["time"]) or 0 for event in events])
        chain.run(after_decision=lambda: watched(day, chain))
    chain.run()
    return day


def unequal(day: Day, *, lateness_seconds: float = 60) -> dict[str, tuple[str, ...]]:
    """What the recount of the same contacts says otherwise of plans and jobs."""
    rules = rules_of(settings_of(lateness_seconds))
    expected = comparison.expected_facts(read_events(map(encode, day.sent)), rules, day.told.plan_facts)
    expected[comparison.JOBS] = comparison.expected_jobs(day.told)
    wanted = {
        name: expected[name] for name in (comparison.PLANS, comparison.REFUSALS, comparison.JOBS, comparison.RECORDS)
    }
    checks = comparison.compare(wanted, comparison.told_facts(day.told, rules))
    return {check.name: check.differences[:3] for check in checks if not check.is_equal}


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
