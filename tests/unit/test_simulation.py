"""The simulated centre as it goes on: in steps, over days, with incidents, and with jobs from outside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import Any

import pytest

from streams.domain.recount_cases import case_duties_of, read_cases
from streams.event_lines import event_time_ms
from streams.recount_terms import case_terms_of
from streams.simulation.centre import CALLBACK_QUEUE, QUEUES, SAC
from streams.simulation.clockwork import HOUR_MS, MINUTE_MS
from streams.simulation.day import day
from streams.simulation.incidents import AgentsLeave, Flood, Incident, SilentSource
from streams.simulation.large_centre import large_centre
from streams.simulation.layout import ALL_DAY, Centre
from streams.simulation.simulation import HEARTBEAT_MS, Simulation
from streams.simulation.telling import DIALER_SOURCE
from streams.simulation.traffic import arrival_times
from tests.core_chain import centre_settings

Event = dict[str, Any]
MONDAY = date(2026, 11, 23)
NINE = datetime(2026, 11, 23, 9)  # noqa: DTZ001  meant on the clock of the centre
SEED = 5


def simulation(*incidents: Incident, start: date | datetime = NINE, centre: Centre = SAC, **more: Any) -> Simulation:
    return Simulation(centre, SEED, start, incidents, **more)


def lived(simulated: Simulation, hours: float) -> list[Event]:
    return simulated.advance(simulated.start_ms + round(hours * HOUR_MS))


@cache
def calm() -> tuple[Event, ...]:
    """Two hours of a Monday morning in which nothing special happens."""
    return tuple(lived(simulation(), 2))


def told(events: Iterable[Event], kind: str, **fields: Any) -> list[Event]:
    return [
        event
        for event in events
        if event["type"] == kind and all(event["data"].get(name) == value for name, value in fields.items())
    ]


def clock(event: Event) -> str:
    return str(event["time"][11:19])


# -- going on ---------------------------------------------------------------------------------------------------------


def test_many_small_steps_tell_what_one_big_step_tells() -> None:
    """In the same order, whatever the steps."""
    simulated, steps = simulation(), Random(1)
    events, now_ms = [], simulated.start_ms
    end_ms = now_ms + 2 * HOUR_MS
    while now_ms < end_ms:
        now_ms = min(end_ms, now_ms + steps.randrange(1, 20_000))
        events += simulated.advance(now_ms)
    assert tuple(events) == calm()


def test_nothing_is_told_before_it_happens_nor_twice() -> None:
    """Each step tells what lies between its ends."""
    simulated = simulation()
    for minute in range(1, 120):
        until_ms = simulated.start_ms + minute * MINUTE_MS
        times = [event_time_ms(event["time"]) or 0 for event in simulated.advance(until_ms)]
        assert times == sorted(times)
        assert all(until_ms - MINUTE_MS <= time_ms < until_ms for time_ms in times)
    assert simulated.advance(simulated.now_ms) == []


def test_a_start_during_the_day_finds_the_centre_at_work() -> None:
    """Everybody on shift is told of at once; of contacts that came before nothing is told."""
    first = [event for event in calm() if event["time"] == calm()[0]["time"]]
    assert len(told(first, "agent.state")) > 20
    assert {event["data"]["state"] for event in told(first, "agent.state")} > {"available", "busy"}
    offered = {event["data"]["contact_id"] for event in told(calm(), "contact.offered")}
    assert {event["data"]["contact_id"] for event in calm() if event["type"].startswith("contact.")} == offered


def test_another_run_speaks_of_other_contacts() -> None:
    """Contact ids hold the start and the seed: two runs into one installation cannot clash."""

    def contacts(events: Iterable[Event]) -> set[str]:
        return {event["data"]["contact_id"] for event in told(events, "contact.offered")}

    later = contacts(lived(simulation(start=NINE + timedelta(minutes=1)), 0.5))
    other = contacts(Simulation(SAC, SEED + 1, NINE).advance(simulation().start_ms + HOUR_MS))
    assert later
    assert other
    assert contacts(calm()).isdisjoint(later | other)


def test_days_follow_each_other_with_the_same_agents() -> None:
    """Over a weekend: fewer contacts, fewer agents, and on Monday everybody is there again."""
    simulated = simulation(start=date(2026, 11, 20))
    days = [lived_until(simulated, date(2026, 11, 20 + n)) for n in range(1, 5)]
    offered = [len(told(events, "contact.offered")) for events in days]
    agents = [
        {event["data"]["agent_id"] for event in told(events, "agent.state", state="available")} for events in days
    ]
    friday, saturday, sunday, monday = range(4)
    assert offered[monday] > offered[friday] > offered[saturday] > offered[sunday] > 300
    assert len(agents[sunday]) < len(agents[friday])
    assert agents[monday] == {f"{team.name}-{n:02d}" for team in SAC.teams for n in numbers(team.shifts)}


def lived_until(simulated: Simulation, midnight: date) -> list[Event]:
    end = datetime.combine(midnight, time.min, simulated.start.tzinfo)
    return simulated.advance(round(end.timestamp() * 1000))


def numbers(shifts: Iterable[tuple[int, int]]) -> range:
    return range(1, sum(agents for _, agents in shifts) + 1)


def test_each_site_lives_by_its_own_clock() -> None:
    """Manaus is an hour behind: its shifts and hours are too, and its events bear its offset."""
    sites = tuple(replace(each, zone="America/Manaus") if each.site == "sao-paulo" else each for each in SAC.sites)
    events = lived(simulation(start=MONDAY, centre=replace(SAC, sites=sites)), 24)
    offsets = {event["data"]["site"]: event["time"][-6:] for event in events}
    assert offsets == {"fortaleza": "-03:00", "sao-paulo": "-04:00"}
    closed = [clock(event) for event in told(events, "contact.flowed_out", queue="sac-telecom", reason="closed")]
    assert closed
    assert all(not "06:00" <= moment < "22:00" for moment in closed)


# -- who comes --------------------------------------------------------------------------------------------------------


def test_contacts_come_by_the_hours_of_the_day() -> None:
    """Each hour within four standard deviations of its weight."""
    queue = replace(QUEUES["sac-banco"], contacts=20_000)
    times = arrival_times(queue, 1.0, 0, Random(SEED))
    by_hour = Counter(time_ms // HOUR_MS for time_ms in times)
    for hour, weight in enumerate(ALL_DAY):
        expected = 20_000 * weight / sum(ALL_DAY)
        assert abs(by_hour[hour] - expected) < 4 * expected**0.5 + 0.03 * expected
    assert times == sorted(times)


@pytest.mark.parametrize(("weekday", "share"), [(0, 1.0), (4, 0.92), (5, 0.5), (6, 0.3)])
def test_contacts_come_by_the_days_of_the_week(weekday: int, share: float) -> None:
    """Mondays are the heaviest, weekends light."""
    assert SAC.contacts_by_weekday[weekday] == share
    times = arrival_times(replace(QUEUES["sac-banco"], contacts=10_000), share, 0, Random(SEED))
    assert abs(len(times) - 10_000 * share) < 4 * (10_000 * share) ** 0.5


# -- what happens to them ---------------------------------------------------------------------------------------------


@cache
def whole_day() -> list[Event]:
    return day(SEED)


@pytest.mark.parametrize(
    ("what", "kind", "fields"),
    [
        ("a bot first", "contact.offered", {"handled_by": "bot"}),
        ("a word of a bot", "contact.message", {"author": "bot"}),
        ("a word of an agent", "contact.message", {"author": "agent"}),
        ("a key exit", "contact.flowed_out", {"reason": "key"}),
        ("an overflow", "contact.flowed_out", {"reason": "overflow"}),
        ("a timeout", "contact.flowed_out", {"reason": "timeout"}),
        ("a transfer while waiting", "contact.flowed_out", {"reason": "transfer"}),
        ("a transfer after an answer", "contact.offered", {"transferred_from": "sac-telecom"}),
        ("a re-entry", "contact.offered", {"entry": 2}),
        ("a callback request", "contact.callback_requested", {}),
        ("a call of the dialer", "contact.offered", {"queue": CALLBACK_QUEUE}),
        ("a call cut off by the network", "contact.ended", {"ended_by": "network", "completed": False}),
        ("an attempt that nobody answered", "dial.attempted", {"outcome": "no_answer"}),
        ("a heartbeat", "source.heartbeat", {}),
        ("a channel that is up", "channel.up", {"channel": "whatsapp"}),
        ("people on the telephone", "human_voice.open", {"site": "sao-paulo"}),
        ("a first menu", "ivr.menu_presented", {"level": 1}),
        ("a complaint", "case.registered", {"demand": "complaint"}),
        ("a demand to the ombudsman", "case.registered", {"demand": "ombudsman", "sector": "bank"}),
        ("a protocol", "case.protocol_issued", {}),
        ("a cancellation", "case.cancel_requested", {}),
        ("a customer who stays", "case.retention_closed", {"outcome": "retained"}),
        ("a leader told", "case.leader_alerted", {}),
        ("a history asked for", "case.history_requested", {}),
        ("a first word", "case.answered", {"conclusive": False}),
    ],
)
def test_a_day_has_everything_a_centre_lives_through(what: str, kind: str, fields: dict[str, Any]) -> None:
    """Each kind of event that is promised happens on one Monday."""
    assert told(whole_day(), kind, **fields), what


def test_who_is_won_back_in_time_takes_the_cancellation_back() -> None:
    """It never takes effect then, and only then; whoever stays after it had took out a new contract."""
    effective = {event["data"]["case_id"] for event in told(whole_day(), "case.cancel_effective")}
    closings = told(whole_day(), "case.retention_closed")
    stay = {event["data"]["case_id"] for event in closings if event["data"]["outcome"] == "retained"}
    leave = {event["data"]["case_id"] for event in closings} - stay
    assert len(stay - effective) > 3
    assert len(stay & effective) > 3
    answered = {event["data"]["case_id"] for event in told(whole_day(), "case.answered")}
    assert leave & answered <= effective


def test_a_bot_speaks_before_any_agent_does() -> None:
    """In every chat, and the queue counts from the offer to the bot."""
    first: dict[str, str] = {}
    for event in told(whole_day(), "contact.message", channel="chat"):
        if event["data"]["direction"] == "out":
            first.setdefault(event["data"]["contact_id"], event["data"]["author"])
    assert set(first.values()) == {"bot"}


def test_every_source_is_heard_every_half_minute() -> None:
    """Of every platform in the configuration, whatever its contacts."""
    beats = Counter(event["source"] for event in told(calm(), "source.heartbeat"))
    assert set(beats) == {section["source"] for section in SAC.sections()["sources"]}
    assert set(beats.values()) == {2 * HOUR_MS // HEARTBEAT_MS}
    beat = told(calm(), "source.heartbeat", site="fortaleza")[0]
    assert beat["data"] == {"tenant": "acme", "site": "fortaleza"}


def test_the_dialer_calls_those_who_gave_up() -> None:
    """Every call of the dialer was reported answered first, under the same job; its customer had waited in vain."""
    events = whole_day()
    answered = {event["data"]["job_id"] for event in told(events, "dial.attempted", outcome="answered")}
    calls = told(events, "contact.offered", queue=CALLBACK_QUEUE)
    assert {event["data"]["callback_job_id"] for event in calls} == answered
    offered = told(events, "contact.offered")
    before = {event["data"]["customer"]["address"] for event in offered if "customer" in event["data"]}
    assert {event["data"]["customer"]["address"] for event in calls} <= before


# -- incidents --------------------------------------------------------------------------------------------------------


def test_when_agents_leave_nobody_answers_their_queue() -> None:
    """From the last contact in hand to their return; then they work again."""
    away = AgentsLeave(queue="sac-cartoes", at=time(9, 30), minutes=30)
    events = lived(simulation(away), 2)
    answers = [clock(event) for event in told(events, "contact.answered", queue="sac-cartoes")]
    assert any(moment < "09:30:00" for moment in answers)
    assert not any("09:30:05" < moment < "10:00:00" for moment in answers)  # a telephone may still be ringing
    assert sum(moment >= "10:00:00" for moment in answers) > 20
    calm_answers = [clock(event) for event in told(calm(), "contact.answered", queue="sac-cartoes")]
    assert any("09:30:05" < moment < "10:00:00" for moment in calm_answers)


def test_a_team_can_leave_while_others_go_on() -> None:
    """The banco team serves the callback queue too, but not that of cards."""
    events = lived(simulation(AgentsLeave(team="banco", at=timedelta(minutes=10), minutes=20)), 0.5)
    states = [event for event in told(events, "agent.state", state="available") if clock(event) > "09:10:00"]
    assert not [event for event in states if event["data"]["agent_id"].startswith("banco")]
    assert [event for event in states if event["data"]["agent_id"].startswith("cartoes")]


def test_a_flood_brings_its_contacts_on_top() -> None:
    """All of them, within its time."""
    events = lived(simulation(Flood(queue="sac-telecom", at=time(10, 15), minutes=20, contacts=300)), 2)

    def during(events: Iterable[Event]) -> int:
        offered = told(events, "contact.offered", queue="sac-telecom", entry=1)
        return sum("10:15:00" <= clock(event) < "10:35:00" for event in offered)

    assert 300 <= during(events) <= 300 + 2 * during(calm())


SOURCE = "pbx-fortaleza-1"


def test_a_silent_source_tells_everything_in_the_end() -> None:
    """Nothing while it is silent; then what it kept, with the times at which it happened; no late heartbeats."""
    silent = SilentSource(source=SOURCE, at=time(10), minutes=15)
    simulated = simulation(silent)
    before = lived(simulated, 1)
    during = lived(simulated, 1.25)
    after = lived(simulated, 2)
    assert not [event for event in during if event["source"] == SOURCE]
    kept = [event for event in after if event["source"] == SOURCE and clock(event) < "10:15:00"]
    assert kept == after[: len(kept)]
    expected = [event for event in calm() if event["type"] != "source.heartbeat" or event["source"] != SOURCE]
    beats = told((*before, *after), "source.heartbeat")
    assert {clock(event)[:2] for event in beats} == {"09", "10"}
    assert not [event for event in beats if event["source"] == SOURCE and "10:00:00" <= clock(event) < "10:15:00"]
    others = [event for event in (*before, *during, *after) if event not in beats or event["source"] != SOURCE]
    assert sorted(others, key=str) == sorted(expected, key=str)


def test_a_source_may_lose_what_it_did_not_tell() -> None:
    """Then it is missing for good."""
    events = lived(simulation(SilentSource(source=SOURCE, at=time(10), minutes=15, drops=True)), 2)
    missing = [event for event in calm() if event not in events]
    assert len(missing) > 100
    assert {event["source"] for event in missing} == {SOURCE}
    assert all("10:00:00" <= clock(event) < "10:15:00" for event in missing)


def test_an_hour_that_is_over_means_tomorrow() -> None:
    """A flood at eight, asked for at nine, comes the next morning."""
    simulated = simulation(Flood(queue="sac-chat", at=time(8), minutes=5, contacts=200))
    assert len(told(lived(simulated, 22), "contact.offered", queue="sac-chat")) < 400
    assert len(told(lived(simulated, 23.5), "contact.offered", queue="sac-chat")) > 200


# -- jobs from outside ------------------------------------------------------------------------------------------------


def job(number: int, **changes: Any) -> Event:
    data = {
        "job_id": f"plan-{number}.1",
        "tenant": "acme",
        "callback_queue": CALLBACK_QUEUE,
        "address": f"+5585097{number:06d}",
        "not_before": "2026-11-23T12:00:00.000Z",
        "expires": "2026-11-23T20:00:00.000Z",
        "priority": 1,
    }
    return {"type": "callback.dial", "data": data | changes}


def test_without_imitation_only_given_jobs_are_worked() -> None:
    """Each is reported once under its id; whoever picks up stands in the callback queue with it."""
    simulated = simulation(imitates_plans=False)
    assert not told(lived(simulated, 0.5), "dial.attempted")
    for number in range(40):
        simulated.dial(job(number))
    simulated.dial(job(99, callback_queue="of-somebody-else"))
    events = lived(simulated, 2)
    results = {event["data"]["job_id"]: event for event in told(events, "dial.attempted")}
    assert set(results) == {f"plan-{number}.1" for number in range(40)}
    assert len(told(events, "dial.attempted")) == 40
    calls = told(events, "contact.offered", queue=CALLBACK_QUEUE)
    reached = {job_id for job_id, event in results.items() if event["data"]["outcome"] == "answered"}
    assert {event["data"]["callback_job_id"] for event in calls} == reached != set()
    assert all(event["data"]["customer"]["address"].startswith("+5585097") for event in calls)
    one = results["plan-7.1"]
    assert one["source"] == DIALER_SOURCE
    assert {name: one["data"][name] for name in ("tenant", "callback_queue", "kind")} == {
        "tenant": "acme",
        "callback_queue": CALLBACK_QUEUE,
        "kind": "callback",
    }


def test_whom_another_dialer_reaches_stands_in_the_callback_queue() -> None:
    """Once, with the job; the centre's own dialer has no part in it, and other centres' callback queues neither."""
    simulated = simulation(imitates_plans=False)
    lived(simulated, 0.5)
    simulated.picked_up(job(1))
    simulated.picked_up(job(2, callback_queue="of-somebody-else"))
    events = lived(simulated, 2)
    calls = told(events, "contact.offered", queue=CALLBACK_QUEUE)
    assert [event["data"]["callback_job_id"] for event in calls] == ["plan-1.1"]
    assert told(events, "dial.attempted") == []


# -- a big one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("queues", "agents"), [(8, 8), (40, 800), (61, 997)])
def test_a_large_centre_has_what_was_asked_for(queues: int, agents: int) -> None:
    """To the agent; every queue is served by somebody."""
    centre = large_centre(queues=queues, agents=agents)
    assert len(centre.queues) == len(centre.queue_named) == queues
    assert sum(count for team in centre.teams for _, count in team.shifts) == agents
    assert {queue for team in centre.teams for queue in team.queues} == set(centre.queue_named)


def test_a_large_centre_cannot_be_small() -> None:
    """What was expected is said."""
    with pytest.raises(ValueError, match="at least 8 queues"):
        large_centre(queues=7, agents=100)


# -- cases ------------------------------------------------------------------------------------------------------------


def test_contacts_are_the_same_without_cases() -> None:
    """What demands become is drawn from a source of chance of its own."""
    silent = replace(SAC, queues=tuple(replace(queue, demands={}) for queue in SAC.queues))
    without = lived(simulation(centre=silent), 2)
    assert not [event for event in without if event["type"].startswith("case.")]
    assert [event for event in calm() if not event["type"].startswith("case.")] == without
    assert "cases" not in silent.sections()


def test_a_case_is_told_in_order_and_of_a_contact_that_was_told() -> None:
    """Registered first, each protocol number once, and no case of before anybody listened."""
    cases: dict[str, list[Event]] = {}
    for event in calm():
        if event["type"].startswith("case."):
            cases.setdefault(event["data"]["case_id"], []).append(event)
    offered = {event["data"]["contact_id"] for event in told(calm(), "contact.offered")}
    assert len(cases) > 20
    assert {events[0]["type"] for events in cases.values()} == {"case.registered"}
    assert {events[0]["data"]["contact_id"] for events in cases.values()} <= offered
    numbers = [event["data"]["protocol"] for event in told(calm(), "case.protocol_issued")]
    assert len(numbers) == len(set(numbers)) > 20
    assert {len(number) for number in numbers} == {13}


def test_some_deadlines_are_missed_and_most_are_met() -> None:
    """Cancellations of a day, by the packs that the centre's configuration names: so alerts and panels have something
    to show, and compliance a case of each kind."""
    settings = centre_settings()
    moments = read_cases(json.dumps(event) for event in whole_day() if event["type"].startswith("case."))
    duties = case_duties_of(moments, case_terms_of(settings), now_ms=round(END_OF_DAY.timestamp() * 1000))
    counted = Counter((key.split(":")[1], each.state) for key, each in duties.items())
    for rule in ("CAN-2", "RET-LEADER", "RET-QUEUE"):
        assert counted[rule, "met"] > 3 * counted[rule, "confirmed"] > 0, counted
    assert counted["PROT-1", "met"] > 100
    assert counted["DEM-1", "pending"] + counted["TEL-2", "pending"] > 50


END_OF_DAY = datetime(2026, 11, 24, 3, tzinfo=UTC)
