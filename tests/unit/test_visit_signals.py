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


def plans(events: Events) -> tuple[dict[str, str], dict[str, str]]:
    """Plans with their reasons and states: those the recount expects, and those the cores tell."""
    settings = centre_settings()
    chain, rules = CoreChain(settings, batch_records=1), rules_of(settings)
    chain.send(events, [event_time_ms(event["time"]) or 0 for event in events])
    chain.run()
    expected = comparison.expected_facts(read_events(json.dumps(event) for event in events), rules)
    return expected[comparison.PLANS], comparison.told_facts(chain.told, rules)[comparison.PLANS]


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
    assert [state.split()[0] for state in told.values()] == ["cancelled"]


@pytest.mark.parametrize(("job_id", "count"), [("", 1), (None, 1), ("p.1", 0)])
def test_only_a_named_job_makes_an_abandon_an_attempt(job_id: str | None, count: int) -> None:
    """An empty job id is none: the caller is owed a callback like any other."""
    expected, told = plans([fact("offered", 0, **of_customer(), callback_job_id=job_id), fact("abandoned", 2)])
    assert told == expected
    assert len(told) == count
