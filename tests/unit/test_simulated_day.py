"""The simulated day: the same from the same seed, well formed, and of everything a little."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
import yaml

from streams.domain.events import AGENT_STATES
from streams.domain.recount import OUTCOMES, Recount, Skipped, read_events, recount
from streams.routing import Route, route
from streams.settings import parse_settings
from streams.simulation.centre import QUEUES, TENANT, sections
from streams.simulation.day import DATE, arrivals, day
from streams.simulation.telling import CASES_SOURCE, DIALER_SOURCE

SEED = 7
AFTER_MIDNIGHT_MS = 1_795_489_200_000
"""The end of the day in Brazil."""


@cache
def events(seed: int = SEED) -> list[dict[str, Any]]:
    return day(seed)


@cache
def contacts() -> list[dict[str, Any]]:
    return [event for event in events() if event["type"].startswith("contact.")]


@cache
def recounted() -> Recount:
    skipped = Skipped()
    result = recount(
        read_events((json.dumps(event) for event in contacts()), skipped),
        threshold_seconds=lambda _, queue: QUEUES[queue].answer_target_seconds,
        short_abandon_seconds=lambda _, queue: QUEUES[queue].short_abandon_seconds,
        zone="America/Fortaleza",
        now_ms=AFTER_MIDNIGHT_MS,
    )
    assert skipped.by_reason == {}
    return result


def test_the_same_seed_gives_the_same_day() -> None:
    """To the byte; another seed gives another."""
    assert json.dumps(day(SEED)) == json.dumps(events())
    assert json.dumps(events(SEED + 1)) != json.dumps(events())


def test_the_recount_skips_nothing() -> None:
    """Every contact event is valid, and every exit belongs to an offer."""
    result = recounted()
    offered = sum(event["type"] == "contact.offered" for event in contacts())
    assert len(result.visits) + len(result.unfinished) == offered > 2000


def test_every_outcome_of_the_closed_list_happens() -> None:
    """On one day, whatever the luck."""
    outcomes = recounted().figures()[()].outcomes
    assert set(outcomes) == set(OUTCOMES)
    assert all(outcomes.values()), outcomes


def test_the_day_holds_what_a_centre_lives_through() -> None:
    """Re-entries, transfers, callbacks dialled, bots, callers cut off, queues that still wait at the end."""
    result = recounted()
    data = [event["data"] for event in contacts()]
    assert any(visit.entry > 1 for visit in result.visits)
    assert any(visit.callback_job_id for visit in result.visits)
    assert any(fields.get("transferred_from") for fields in data)
    assert any(fields.get("author") == "bot" for fields in data)
    assert any(fields.get("completed") is False for fields in data)
    assert any(result.standing(visit) == "waiting" for visit in result.unfinished)
    assert set(result.figures("queue")) == {(TENANT, queue.queue, queue.channel) for queue in QUEUES.values()}


def test_some_lost_customers_are_served_later_and_some_never() -> None:
    """So that plans are cancelled, and plans stay."""
    queues = {(TENANT, queue.queue) for queue in QUEUES.values() if queue.calls_back}
    plans = recounted().callback_reasons(queues=queues)
    assert any(plan.ended_ms is None for plan in plans)
    assert any(plan.ended_ms is not None for plan in plans)


def test_agents_come_work_and_go() -> None:
    """Every state occurs, the first word of a shift is available, the last one offline."""
    states: dict[str, list[str]] = {}
    for event in events():
        if event["type"] == "agent.state":
            states.setdefault(event["data"]["agent_id"], []).append(event["data"]["state"])
    assert {state for of_agent in states.values() for state in of_agent} == set(AGENT_STATES)
    assert {of_agent[0] for of_agent in states.values()} == {"available"}
    finals = Counter(of_agent[-1] for of_agent in states.values())
    assert finals["offline"] > len(states) / 2  # the late shift is still there at the end


def test_no_telephone_number_can_be_real() -> None:
    """A local number never begins with 0 or 1 in Brazil; mail is at a domain kept for examples."""
    customers = [event["data"].get("customer") for event in contacts()]
    addresses = {customer["address"] for customer in customers if customer}
    assert len(addresses) > 1000
    assert all(re.fullmatch(r"\+55[1-9][0-9][01][0-9]{8}|[a-z0-9]+@example\.com", address) for address in addresses)


def test_some_customers_come_from_two_numbers_on_one_day() -> None:
    """Under the same customer id: being served at the one is to end the callback to the other."""
    numbers: dict[str, set[str]] = {}
    for event in contacts():
        customer = event["data"].get("customer") or {}
        if "id" in customer:
            numbers.setdefault(customer["id"], set()).add(customer["address"])
    assert sum(len(of_customer) == 2 for of_customer in numbers.values()) > 20


def test_events_have_names_of_their_own_and_one_local_day() -> None:
    """No event id twice, times in order, all of the same date at the sites, and each with a topic to go to."""
    times = [event["time"] for event in events()]
    assert len({(event["source"], event["id"]) for event in events()}) == len(times)
    assert times == sorted(times)
    assert {time[:10] for time in times} == {DATE.isoformat()}
    assert {time[-6:] for time in times} == {"-03:00"}
    assert all(isinstance(route(event), Route) for event in events())


def test_the_centre_is_a_sound_configuration() -> None:
    """With a broker and two keys added, it is accepted whole."""
    keys = {"token_key_env": "TOKEN_KEY", "seal_key_env": "SEAL_KEY"}
    document = {"kafka": {"brokers": ["127.0.0.1:9092"]}, "privacy": {"tenants": {TENANT: keys}}, **sections()}
    settings = parse_settings(yaml.safe_dump(document), environment={"TOKEN_KEY": "0a" * 32, "SEAL_KEY": "0b" * 32})
    assert {queue.queue for queue in settings.queues} == set(QUEUES)
    named = {source.source for source in settings.sources}
    assert {event["source"] for event in events()} <= named | {DIALER_SOURCE, CASES_SOURCE}


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_arrivals_are_the_events_out_of_order_with_some_repeated(share: float) -> None:
    """Nothing is lost or altered; a share of the events comes twice; the same seed gives the same arrivals."""
    arrived = arrivals(events(), disorder_seconds=60, repeat_share=share, seed=SEED)
    copies = Counter(f"{event['source']} {event['id']}" for event in arrived)
    assert set(copies) == {f"{event['source']} {event['id']}" for event in events()}
    repeats = sum(copies.values()) - len(copies)
    assert abs(repeats - share * len(copies)) <= 0.2 * share * len(copies)
    times = [event["time"] for event in arrived]
    assert times != sorted(times)
    assert arrived == arrivals(events(), disorder_seconds=60, repeat_share=share, seed=SEED)


def test_without_disorder_events_arrive_as_they_happen() -> None:
    """Events of one instant keep their order."""
    assert arrivals(events(), disorder_seconds=0, repeat_share=0, seed=SEED) == events()
