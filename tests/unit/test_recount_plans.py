"""Callback plans as the recount sees them, by histories of one customer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from streams.domain.recount import Attempt, Bar, Beside, Closing, Plan, closings_of, read_events
from tests.recount_histories import OTHER_PHONE, PHONE, START_MS, at_ms, counted, fact, lines, message, of_customer


def given_up(second: float, contact: str, *, kind: str = "abandoned", **fields: Any) -> list[dict[str, Any]]:
    """A visit of 30 s that ends at this second, by default of the customer with PHONE."""
    customer = fields.pop("customer", of_customer()["customer"])
    offered = fact("offered", second - 30, contact=contact, customer=customer, **fields)
    place = {name: fields[name] for name in ("queue", "tenant", "channel") if name in fields}
    return [offered, fact(kind, second, contact=contact, **place)]


def served(second: float, contact: str, **fields: Any) -> list[dict[str, Any]]:
    return given_up(second, contact, kind="answered", **fields)


def plans(
    *facts: list[dict[str, Any]], closings: Iterable[Closing] = (), bars: Iterable[Bar] = ()
) -> list[tuple[str, set[str], float | None]]:
    """Address, contacts that are its reasons, and the second it ended (None: open) of every plan of sac and vip."""
    result = counted([each for some in facts for each in some])
    found: list[Plan] = result.callback_reasons(
        queues={("acme", "sac"), ("acme", "vip")}, beside=Beside(tuple(closings), tuple(bars))
    )
    return [
        (
            plan.address,
            {reason.contact_id for reason in plan.reasons},
            None if plan.ended_ms is None else (plan.ended_ms - START_MS) / 1000,
        )
        for plan in found
    ]


def test_abandons_and_requests_join_one_open_plan():
    """Of one customer, in whatever queue with callbacks."""
    requested = given_up(200, "c2", kind="callback_requested", queue="vip")
    assert plans(given_up(100, "c1"), requested) == [(PHONE, {"c1", "c2"}, None)]


def test_being_served_ends_the_plan_and_a_later_abandon_opens_another():
    """Judged by event time, not by the file's order."""
    history = [given_up(300, "c3"), served(200, "c2", queue="other"), given_up(100, "c1")]
    assert plans(*history) == [(PHONE, {"c1"}, 200), (PHONE, {"c3"}, None)]


def test_served_at_the_instant_of_the_abandon_ends_the_plan():
    """A tie goes to not calling."""
    assert plans(given_up(100, "c1"), served(100, "c2")) == [(PHONE, {"c1"}, 100)]


def test_being_served_before_the_abandon_ends_nothing():
    """The customer came back and gave up after that."""
    assert plans(given_up(100, "c1"), served(99, "c2")) == [(PHONE, {"c1"}, None)]


@pytest.mark.parametrize(
    ("served_as", "ends"),
    [
        (of_customer(PHONE, None), True),
        (of_customer("+55 (85) 99746-5553", None), True),
        (of_customer(None, "C-42"), True),
        (of_customer(OTHER_PHONE, "C-42"), True),
        (of_customer(OTHER_PHONE, "C-43"), False),
        ({"customer": None}, False),
    ],
)
def test_any_identifier_of_the_customer_serves(served_as: dict[str, Any], *, ends: bool):
    """The number in any spelling, or the customer's id from another number."""
    reason = given_up(100, "c1", **of_customer(PHONE, "C-42"))
    assert plans(reason, served(200, "c2", **served_as)) == [(PHONE, {"c1"}, 200 if ends else None)]


@pytest.mark.parametrize(
    ("written", "other", "same"),
    [
        ("Ana@Example.org", "ana@example.ORG ", True),
        ("+55 85 3333.4444", "005585 33334444", True),
        ("Ana", "ana", False),
    ],
)
def test_an_address_is_the_same_in_any_spelling(written: str, other: str, *, same: bool):
    """Mailboxes in any case, phones with or without separators and +; a handle is taken as it stands. Whoever asked to
    be called elsewhere is served under it."""
    asked = [
        fact("offered", 0, **of_customer(written, None)),
        fact("callback_requested", 50, **of_customer(OTHER_PHONE, None)),
    ]
    [(_, _, ended)] = plans(asked, served(200, "c2", **of_customer(other, None)))
    assert (ended == 200) == same


@pytest.mark.parametrize("address", [None, "ana@example.org", "190", "3333-4444"])
def test_where_nobody_can_be_called_there_is_no_plan_but_a_refusal(address: str | None):
    """Of the queues that call back alone."""
    result = counted([*given_up(100, "c1", **of_customer(address)), *given_up(200, "c2", queue="other")])
    calling: Any = {"queues": {("acme", "sac")}}
    assert result.callback_reasons(**calling) == []
    assert {visit.contact_id for visit in result.callback_refusals(**calling)} == {"c1"}


def test_an_identifier_serves_from_the_visit_on_that_names_it():
    """What the plan did not yet rest on when the customer was served does not end it afterwards."""
    known, later = of_customer(PHONE, None), of_customer(PHONE, "C-42")
    answered = served(200, "c2", **of_customer(None, "C-42"))
    history = [given_up(100, "c1", **known), answered, given_up(300, "c3", **later)]
    assert plans(*history) == [(PHONE, {"c1", "c3"}, None)]


def test_an_answer_in_writing_serves():
    """A chat's agent message, in a queue without callbacks."""
    chat = [fact("offered", 150, contact="c2", channel="chat", queue="web", **of_customer())]
    answer = message(200, "agent", contact="c2", queue="web")
    assert plans(given_up(100, "c1"), [*chat, answer]) == [(PHONE, {"c1"}, 200)]


def test_another_tenants_answer_serves_nobody_here():
    """Customers are apart by tenant, and so are their plans."""
    assert plans(given_up(100, "c1"), served(200, "c2", tenant="other")) == [(PHONE, {"c1"}, None)]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([fact("offered", 0, **of_customer()), fact("abandoned", 5)], id="a short abandon"),
        pytest.param(given_up(100, "c1", queue="other"), id="a queue without callbacks"),
        pytest.param(given_up(100, "c1", callback_job_id="t.1"), id="a callback attempt"),
        pytest.param(given_up(100, "c1", customer=None), id="nobody known"),
        pytest.param(given_up(100, "c1", customer={"id": "C-42"}), id="no address to call"),
        pytest.param([fact("offered", 0, **of_customer()), fact("flowed_out", 90, reason="closed")], id="a flow-out"),
        pytest.param([fact("offered", 0, **of_customer())], id="still waiting"),
    ],
)
def test_this_is_no_reason_to_call(facts: list[dict[str, Any]]):
    """No plan comes of it."""
    assert plans(facts) == []


def test_the_request_names_the_number_to_call():
    """It wins over the caller's own number, and being served under either ends the plan."""
    asked = [
        fact("offered", 0, **of_customer()),
        fact("callback_requested", 50, **of_customer(OTHER_PHONE)),
    ]
    assert plans(asked) == [(OTHER_PHONE, {"c1"}, None)]
    assert plans(asked, served(200, "c2")) == [(OTHER_PHONE, {"c1"}, 200)]


def test_a_contact_cut_off_before_it_was_complete_is_owed_a_callback():
    """Unless the customer ended it; its own answer does not settle what was cut off after."""
    answered = [fact("offered", 0, **of_customer()), fact("answered", 10)]
    assert plans(answered, [fact("ended", 70, completed=False, ended_by="network")]) == [(PHONE, {"c1"}, None)]
    for odd_second in (10, 5):
        assert plans(answered, [fact("ended", odd_second, completed=False)]) == [(PHONE, {"c1"}, None)]
    assert plans(answered, [fact("ended", 70, completed=False, ended_by="customer")]) == []
    assert plans(answered, [fact("ended", 70, completed=True, ended_by="agent")]) == []


def test_what_became_of_a_plan_is_taken_as_a_fact():
    """After it expired, the next abandon is a plan of its own."""
    history = [given_up(100, "c1"), given_up(300, "c2")]
    closing = Closing("acme", PHONE, at_ms(200))
    assert plans(*history, closings=[closing]) == [(PHONE, {"c1"}, 200), (PHONE, {"c2"}, None)]


def test_a_fact_about_another_number_of_the_visit_ends_nothing_here():
    """The request named another number than the caller's: what became of the caller's plans is another matter."""
    asked = [fact("offered", 0, **of_customer()), fact("callback_requested", 50, **of_customer(OTHER_PHONE))]
    assert plans(asked, closings=[Closing("acme", PHONE, at_ms(200))]) == [(OTHER_PHONE, {"c1"}, None)]


def test_time_and_attempts_do_not_end_an_owed_callback():
    """Being served does, and so does a command."""
    cut = [fact("offered", 0, **of_customer()), fact("answered", 10), fact("ended", 70, completed=False)]
    expired = Closing("acme", PHONE, at_ms(200), spares_owed=True)
    assert plans(cut, closings=[expired]) == [(PHONE, {"c1"}, None)]
    assert plans(cut, closings=[expired, Closing("acme", PHONE, at_ms(300))]) == [(PHONE, {"c1"}, 300)]
    assert plans(cut, served(250, "c2"), closings=[expired]) == [(PHONE, {"c1"}, 250)]


@pytest.mark.parametrize(("kind", "expected"), [("block", set()), ("opt_out", {"c2"}), ("unblock", {"c1", "c2"})])
def test_after_a_block_nothing_is_a_reason_and_after_an_opt_out_only_what_is_asked_for(kind: str, expected: set[str]):
    """The abandon of 100 and the request of 150 come after the word of 50."""
    history = [given_up(100, "c1"), given_up(150, "c2", kind="callback_requested")]
    found = plans(*history, bars=[Bar("acme", PHONE, at_ms(50), kind)])
    assert set().union(*(reasons for _, reasons, _ in found)) == expected
    lifted = [Bar("acme", PHONE, at_ms(50), kind), Bar("acme", PHONE, at_ms(60), "unblock")]
    assert plans(*history, bars=lifted) == [(PHONE, {"c1", "c2"}, None)]


def tried(number: int, second: float, outcome: str, by: str = "dialer", plan_id: str = "t.p") -> Attempt:
    return Attempt("acme", PHONE, "retornos", plan_id, number, by, at_ms(second), outcome)


@pytest.mark.parametrize(
    ("attempts", "closed"),
    [
        ([tried(1, 10, "busy")], []),
        ([tried(1, 10, "busy"), tried(2, 20, "busy")], [20]),
        ([tried(2, 20, "busy"), tried(2, 20, "busy"), tried(1, 10, "no_answer")], [20]),
        ([tried(1, 10, "invalid_number")], [10]),
        ([tried(1, 10, "busy"), tried(2, 20, "answered")], []),
        ([tried(1, 10, "busy"), tried(2, 20, "answered"), tried(2, 25, "abandoned", "queue")], [25]),
        ([tried(1, 10, "busy"), tried(2, 30, "no_result", "lease"), tried(2, 40, "no_answer")], [40]),
        ([tried(1, 10, "busy"), tried(1, 20, "no_answer"), tried(2, 30, "busy", plan_id="t.q")], []),
    ],
)
def test_the_last_attempt_or_an_invalid_number_closes(attempts: list[Attempt], closed: list[float]):
    """Two are allowed; of several words on one attempt the callback queue's counts, then the dialer's first."""
    found = closings_of(attempts, lambda *_: 2)
    assert [closing.time_ms for closing in found] == [at_ms(second) for second in closed]


def test_personal_data_is_not_shown():
    """Neither visits, events nor plans print an address or a customer id."""
    history = given_up(100, "c1", **of_customer(PHONE, "C-42"))
    result = counted(history)
    shown = repr([*read_events(lines(history)), *result.visits, *result.callback_reasons(queues={("acme", "sac")})])
    assert PHONE not in shown
    assert "C-42" not in shown
