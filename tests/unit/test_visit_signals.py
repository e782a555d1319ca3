"""What the callbacks stage hears of a visit, told by the plans that come of it and by the recount's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.domain.recount import read_events
from streams.event_lines import event_time_ms
from tests.core_chain import CoreChain, centre_settings

HERE, ELSEWHERE = "+5585012345678", "+5585087654321"
Events = list[dict[str, Any]]


def fact(kind: str, minute: int, *, contact: str = "c1", **fields: Any) -> dict[str, Any]:
    data = {"tenant": "acme", "site": "fortaleza", "queue": "sac-banco", "channel": "voice", "contact_id": contact}
    return {
        "specversion": "1.0",
        "id": f"{contact}/{kind}",
        "source": "pbx-fortaleza-1",
        "type": f"contact.{kind}",
        "time": f"2026-11-23T09:{minute:02d}:00-03:00",
        "data": {**data, **fields},
    }


def of_customer(address: str | None = HERE, customer_id: str | None = None) -> dict[str, Any]:
    parts = {"address": address, "id": customer_id}
    return {"customer": {name: value for name, value in parts.items() if value is not None}}


def played(events: Events, **callback: Any) -> tuple[comparison.Facts, comparison.Facts]:
    """What the recount expects, and what the cores tell."""
    settings = centre_settings(**callback)
    chain, rules = CoreChain(settings, batch_records=1), rules_of(settings)
    chain.send(events, [event_time_ms(event["time"]) or 0 for event in events])
    chain.run()
    expected = comparison.expected_facts(read_events(map(json.dumps, events)), rules, chain.told.plan_facts)
    return expected, comparison.told_facts(chain.told, rules)


def plans(events: Events, **callback: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Plans with their reasons and states."""
    expected, told = played(events, **callback)
    return expected[comparison.PLANS], told[comparison.PLANS]


@pytest.mark.parametrize("customer", [of_customer(None, "C-1"), of_customer(None), of_customer(ELSEWHERE)])
def test_a_callback_goes_where_the_request_says_else_where_the_offer_did(customer: dict[str, Any]) -> None:
    """A request that names no number, only the customer's id or nothing, is no less a request."""
    expected, told = plans([fact("offered", 0, **of_customer(HERE, "C-1")), fact("callback_requested", 2, **customer)])
    assert told == expected
    assert len(told) == 1


def test_a_request_that_does_not_stand_does_not_name_the_customer() -> None:
    """The customer was answered first: it is the number of the offer that is served, and its plan that ends."""
    lost = [fact("offered", 0, contact="c0", **of_customer()), fact("abandoned", 1, contact="c0")]
    answered = [fact("offered", 2, **of_customer()), fact("answered", 3)]
    expected, told = plans([*lost, *answered, fact("callback_requested", 4, **of_customer(ELSEWHERE))])
    assert told == expected
    assert [state.split()[0] for state in told.values()] == ["ended"]


@pytest.mark.parametrize(("job_id", "count"), [("", 1), (None, 1), ("p.1", 0)])
def test_only_a_named_job_makes_an_abandon_an_attempt(job_id: str | None, count: int) -> None:
    """An empty job id is none: the caller is owed a callback like any other."""
    expected, told = plans([fact("offered", 0, **of_customer(), callback_job_id=job_id), fact("abandoned", 2)])
    assert told == expected
    assert len(told) == count


def lost_and_served(lost: dict[str, Any], served: dict[str, Any], *, served_minute: int = 3) -> Events:
    """Somebody gives up, and somebody is answered in another contact."""
    gave_up = [fact("offered", 0, contact="c0", **lost), fact("abandoned", 1, contact="c0")]
    return [*gave_up, fact("offered", served_minute - 1, **served), fact("answered", served_minute)]


@pytest.mark.parametrize("turned", [False, True])
def test_whoever_is_served_from_another_number_is_called_on_neither(*, turned: bool) -> None:
    """The customer's id is known at both: the plan of the first number ends, whichever is heard of first."""
    events = lost_and_served(of_customer(HERE, "C-1"), of_customer(ELSEWHERE, "C-1"))
    expected, told = plans(list(reversed(events)) if turned else events)
    assert told == expected
    assert [state.split()[0] for state in told.values()] == ["ended"]


@pytest.mark.parametrize(
    ("lost", "served", "ends"),
    [
        (of_customer(HERE, "C-1"), of_customer(None, "C-1"), True),  # a withheld number
        (of_customer(HERE, "C-1"), of_customer("ana@example.com", "C-1"), True),
        (of_customer(HERE, "C-1"), of_customer(HERE), True),
        (of_customer(HERE), of_customer(ELSEWHERE, "C-1"), False),  # nothing says that it is the same customer
        (of_customer(HERE, "C-1"), of_customer(ELSEWHERE, "C-2"), False),
    ],
)
def test_a_plan_ends_by_any_identifier_that_its_reasons_gave(
    lost: dict[str, Any], served: dict[str, Any], *, ends: bool
) -> None:
    expected, told = plans(lost_and_served(lost, served))
    assert told == expected
    assert [state.split()[0] for state in told.values()] == ["ended" if ends else "open"]


def test_an_identifier_given_only_later_ends_nothing_before() -> None:
    """Being served under an id at three does not end what was lost without it; the reason that names it came after."""
    events = lost_and_served(of_customer(HERE), of_customer(ELSEWHERE, "C-1"))
    again = [fact("offered", 4, contact="c2", **of_customer(HERE, "C-1")), fact("abandoned", 5, contact="c2")]
    expected, told = plans([*events, *again])
    assert told == expected
    assert [state.split()[0] for state in told.values()] == ["open"]


def test_an_answer_taken_back_under_one_number_reopens_the_plan_of_the_other() -> None:
    """The caller had hung up just before: the served notice is withdrawn wherever it went."""
    events = lost_and_served(of_customer(HERE, "C-1"), of_customer(ELSEWHERE, "C-1"))
    earlier = {**fact("abandoned", 2), "id": "earlier", "time": "2026-11-23T09:02:50-03:00"}
    expected, told = plans([*events, earlier])
    assert told == expected
    assert sorted(state.split()[0] for state in told.values()) == ["open", "open"]


def test_whoever_is_cut_off_by_the_supplier_is_owed_a_call() -> None:
    """Since the moment of the cut-off, although the answer had ended what was open before."""
    events = lost_and_served(of_customer(), of_customer())
    expected, told = plans([*events, fact("ended", 5, completed=False, ended_by="network")])
    assert told == expected
    assert sorted(state.split()[0] for state in told.values()) == ["ended", "open"]


@pytest.mark.parametrize(
    ("callback", "opened"),
    [
        ({}, {"late", "asked", "owed"}),
        ({"short_abandons": True}, {"short", "late", "asked", "owed"}),
        ({"abandons": False}, {"asked", "owed"}),
        ({"requests": False}, {"late", "owed"}),
        ({"minimum_wait_seconds": 61}, {"asked", "owed"}),
        ({"minimum_wait_seconds": 60}, {"late", "asked", "owed"}),
        ({"excluded_reasons": ["promo"]}, {"asked", "owed"}),
        ({"excluded_reasons": ["other"]}, {"late", "asked", "owed"}),
        ({"channels": []}, {"owed"}),
        ({"channels": ["voice"]}, {"late", "asked", "owed"}),
    ],
)
def test_a_queue_says_whom_it_calls_back(callback: dict[str, Any], opened: set[str]) -> None:
    """What the law owes is called in any case; the recount goes by the same policy."""
    numbers = {name: f"+558501111111{n}" for n, name in enumerate(["short", "late", "asked", "owed"])}
    events: Events = []
    for name, number in numbers.items():
        events.append(fact("offered", 0, contact=name, reason="promo", **of_customer(number)))
    short = {**fact("abandoned", 0, contact="short"), "time": "2026-11-23T09:00:05-03:00"}
    events += [short, fact("abandoned", 1, contact="late"), fact("callback_requested", 1, contact="asked")]
    events += [fact("answered", 1, contact="owed"), fact("ended", 2, contact="owed", completed=False)]
    expected, told = plans(events, **callback)
    assert told == expected
    assert {key.rpartition("/")[2] for key in told} == opened


@pytest.mark.parametrize(
    ("customer", "refusal"),
    [
        (of_customer(HERE), None),
        (of_customer(None, "C-1"), "no_address"),
        ({}, "no_address"),
        (of_customer("ana@example.com"), "not_a_phone"),
        (of_customer("99746-5553"), "no_area_code"),
        (of_customer("+55 85 3333"), "impossible_number"),
    ],
)
@pytest.mark.parametrize("left", ["abandoned", "callback_requested", "cut_off", "short", "served"])
def test_who_cannot_be_called_is_refused_with_a_reason_and_opens_no_plan(
    customer: dict[str, Any], refusal: str | None, left: str
) -> None:
    """On the outcome of the visit that would have been called back, and on no other; the recount finds the same."""
    exits = {
        "abandoned": [fact("abandoned", 1)],
        "callback_requested": [fact("callback_requested", 1)],
        "cut_off": [fact("answered", 1), fact("ended", 2, completed=False, ended_by="network")],
        "short": [{**fact("abandoned", 0), "time": "2026-11-23T09:00:03-03:00"}],
        "served": [fact("answered", 1), fact("ended", 2, completed=True)],
    }
    is_to_be_called = left not in ("short", "served")
    expected, told = played([fact("offered", 0, **customer), *exits[left]])
    visit = "acme/sac-banco/1/c1"
    assert told[comparison.REFUSALS] == ({visit: refusal} if refusal and is_to_be_called else {})
    assert told[comparison.REFUSALS] == expected[comparison.REFUSALS]
    assert told[comparison.PLANS] == expected[comparison.PLANS]
    assert len(told[comparison.PLANS]) == (1 if is_to_be_called and refusal is None else 0)


def test_a_later_fact_takes_a_refusal_back() -> None:
    """The caller was answered just before: nobody has to be called, so nobody is refused."""
    answered = {**fact("answered", 0), "time": "2026-11-23T09:00:59-03:00"}
    expected, told = played([fact("offered", 0, **of_customer("190")), fact("abandoned", 1), answered])
    assert told[comparison.REFUSALS] == expected[comparison.REFUSALS] == {}


def test_the_request_is_refused_whose_own_number_is_none() -> None:
    """What was asked for is a call to that number: the one of the offer is somebody else's perhaps."""
    events = [fact("offered", 0, **of_customer(HERE)), fact("callback_requested", 1, **of_customer("190"))]
    expected, told = played(events)
    assert told[comparison.REFUSALS] == expected[comparison.REFUSALS]
    assert list(told[comparison.REFUSALS].values()) == ["impossible_number"]
    assert told[comparison.PLANS] == expected[comparison.PLANS] == {}
