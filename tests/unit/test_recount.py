"""The recount itself, by histories small enough to count by hand."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from streams.domain import recount as recount_module
from streams.domain.recount import Closing, Plan, Recount, Skipped, VisitId, read_events, read_records, recount

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
HOUR = 3600
PHONE, OTHER_PHONE = "+5585997465553", "+5585911112222"
FORMULAS = (
    "answered_of_offered",
    "excluding_short_abandons",
    "excluding_abandons_in_target",
    "abandons_in_target_count_as_met",
    "short_abandons_count_as_met",
    "answered_only",
    "amazon_sl_x",
)


def fact(
    kind: str, second: float, *, contact: str = "c1", event_id: str | None = None, **fields: Any
) -> dict[str, Any]:
    """One event of a contact, so many seconds after the start; fields that are None are left out."""
    data = {"tenant": "acme", "site": "fortaleza", "queue": "sac", "channel": "voice", "contact_id": contact, **fields}
    return {
        "specversion": "1.0",
        "id": event_id or f"{contact}/{kind}/{second}",
        "source": "pbx-1",
        "type": f"contact.{kind}",
        "time": (START + timedelta(seconds=second)).isoformat(),
        "data": {name: value for name, value in data.items() if value is not None},
    }


def message(second: float, author: str, **fields: Any) -> dict[str, Any]:
    direction = "in" if author == "customer" else "out"
    return fact("message", second, **{"channel": "chat", "author": author, "direction": direction, **fields})


def of_customer(address: str | None = PHONE, customer_id: str | None = None) -> dict[str, Any]:
    given_parts = {"address": address, "id": customer_id}
    return {"customer": {name: value for name, value in given_parts.items() if value is not None}}


def visit_facts(exit_kind: str | None, wait: float, *, number: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """A whole visit: offered at the start and left so many seconds later."""
    contact = f"{exit_kind}-{wait}-{number}"
    offered = fact("offered", 0, contact=contact)
    return [offered] if exit_kind is None else [offered, fact(exit_kind, wait, contact=contact, **fields)]


def lines(facts: Iterable[dict[str, Any]]) -> list[str]:
    return [json.dumps(each) for each in facts]


def counted(facts: Iterable[dict[str, Any]], **options: Any) -> Recount:
    skipped = Skipped()
    result = recount(read_events(lines(facts), skipped), **options)
    assert skipped.by_reason == {}
    return result


def at_ms(second: float) -> int:
    return START_MS + round(second * 1000)


OFFERED = fact("offered", 0)
CHAT_OFFERED = fact("offered", 0, channel="chat")

HISTORIES: list[tuple[str, list[dict[str, Any]], list[tuple[str, float]]]] = [
    # what it shows, the facts, the finished visits as (exit, wait in seconds)
    ("answered", [OFFERED, fact("answered", 12)], [("answered", 12)]),
    ("milliseconds count", [OFFERED, fact("answered", 0.001)], [("answered", 0.001)]),
    ("still waiting", [OFFERED], []),
    ("never offered", [fact("answered", 12)], []),
    ("exit arrives before its offer", [fact("abandoned", 9), OFFERED], [("abandoned", 9)]),
    ("exit by its own time before the offer", [fact("offered", 5), fact("answered", 3)], [("answered", 0)]),
    ("of two offers the earliest", [fact("offered", 4), fact("offered", 1), fact("answered", 10)], [("answered", 9)]),
    ("of two exits the earliest", [OFFERED, fact("answered", 30), fact("abandoned", 20)], [("abandoned", 20)]),
    ("a tie is answered", [OFFERED, fact("abandoned", 5), fact("answered", 5)], [("answered", 5)]),
    (
        "a tie without an answer is a callback request",
        [OFFERED, fact("abandoned", 5), fact("flowed_out", 5, reason="key"), fact("callback_requested", 5)],
        [("callback_requested", 5)],
    ),
    (
        "a tie of flow-out and abandon is a flow-out",
        [OFFERED, fact("abandoned", 5, event_id="a"), fact("flowed_out", 5, reason="closed", event_id="z")],
        [("flowed_out", 5)],
    ),
    (
        "a second stay is a second visit",
        [OFFERED, fact("abandoned", 5), fact("offered", 60, entry=2), fact("answered", 70, entry=2)],
        [("abandoned", 5), ("answered", 10)],
    ),
    (
        "entry 1 said or unsaid is the same visit",
        [OFFERED, fact("offered", 0, entry=1), fact("answered", 7, entry=1)],
        [("answered", 7)],
    ),
    (
        "another queue is another visit",
        [
            OFFERED,
            fact("flowed_out", 30, reason="transfer"),
            fact("offered", 30, queue="vip"),
            fact("answered", 31, queue="vip"),
        ],
        [("flowed_out", 30), ("answered", 1)],
    ),
    ("a message is no answer on the phone", [OFFERED, message(3, "agent", channel="voice")], []),
    ("written, assignment is no answer", [CHAT_OFFERED, fact("answered", 5, channel="chat")], []),
    ("written, the agent's message answers", [CHAT_OFFERED, message(90, "agent")], [("answered", 90)]),
    (
        "written, neither customer nor bot answers",
        [CHAT_OFFERED, message(1, "customer"), message(2, "bot"), message(30, "agent"), message(31, "agent")],
        [("answered", 30)],
    ),
    (
        "an agent's note coming in is no answer",
        [CHAT_OFFERED, message(5, "agent", direction="in")],
        [],
    ),
    (
        "an e-mail is answered days later",
        [fact("offered", 0, channel="email"), message(70 * HOUR, "agent", channel="email")],
        [("answered", 70 * HOUR)],
    ),
    ("an end is no exit", [OFFERED, fact("ended", 40)], []),
]


@pytest.mark.parametrize(("facts", "expected"), [pytest.param(*rest, id=name) for name, *rest in HISTORIES])
def test_a_history_gives_these_visits(facts: list[dict[str, Any]], expected: list[tuple[str, float]]):
    """Every rule of what is a visit, how it ended and how long it waited; the file's order never matters."""
    for order in (facts, facts[::-1], facts + facts):
        visits = [(visit.exit_kind, visit.wait_ms) for visit in counted(order).visits]
        assert visits == [(kind, round(seconds * 1000)) for kind, seconds in expected]


@given(st.data())
def test_repeats_and_order_change_nothing(data: st.DataObject):
    """All histories of the table at once, shuffled and with repeats, give the same visits and figures."""
    told_once = [
        {**each, "data": {**each["data"], "contact_id": f"{number}-{each['data']['contact_id']}"}}
        for number, (_, facts, _) in enumerate(HISTORIES)
        for each in facts
    ]
    repeats = data.draw(st.lists(st.sampled_from(told_once), max_size=20))
    shuffled = data.draw(st.permutations(told_once + repeats))
    expected, found = counted(told_once), counted(shuffled)
    assert set(map(repr, found.visits)) == set(map(repr, expected.visits))
    assert found.figures(("queue", "interval")) == expected.figures(("queue", "interval"))


def test_of_two_offers_at_one_instant_the_smaller_id_stands():
    """The loser's channel is not the visit's."""
    offers = [fact("offered", 0, event_id="b", channel="chat"), fact("offered", 0, event_id="a")]
    [visit] = counted([*offers, fact("answered", 1)]).visits
    assert visit.channel == "voice"


def test_a_visit_keeps_what_its_end_told():
    """Talk, hold and wrap-up come from the earliest end and wrap-up; what nobody told is None."""
    facts = [
        fact("wrapped_up", 260, wrap_up_seconds=45.5),
        fact("ended", 230, talk_seconds=9),
        fact("ended", 200, talk_seconds=180, hold_seconds=8),
        *visit_facts("answered", 3),
        OFFERED,
        fact("answered", 12),
    ]
    told, untold = sorted(counted(facts).visits, key=lambda visit: visit.wait_ms, reverse=True)
    assert (told.talk_seconds, told.hold_seconds, told.wrap_up_seconds) == (180, 8, 45.5)
    assert (untold.talk_seconds, untold.hold_seconds, untold.wrap_up_seconds) == (None, None, None)
    assert (told.offered_ms, told.exit_ms) == (at_ms(0), at_ms(12))


OUTCOMES = [
    ("answered", 20, {}, "answered_in_target"),
    ("answered", 20.001, {}, "answered_late"),
    ("abandoned", 5, {}, "abandoned_short"),
    ("abandoned", 5.001, {}, "abandoned_in_target"),
    ("abandoned", 20, {}, "abandoned_in_target"),
    ("abandoned", 20.001, {}, "abandoned_late"),
    ("callback_requested", 20, {}, "callback_in_target"),
    ("callback_requested", 20.001, {}, "callback_late"),
    ("flowed_out", 1, {"reason": "transfer"}, "transferred"),
    ("flowed_out", 1, {"reason": "overflow"}, "overflowed"),
    ("flowed_out", 1, {"reason": "timeout"}, "timed_out"),
    ("flowed_out", 1, {"reason": "closed"}, "closed"),
    ("flowed_out", 1, {"reason": "key"}, "key_exit"),
]


@pytest.mark.parametrize(("kind", "wait", "fields", "outcome"), OUTCOMES)
def test_an_exit_has_this_outcome(kind: str, wait: float, fields: dict[str, Any], outcome: str):
    """Target 20 s and short abandon 5 s, both inclusive and to the millisecond."""
    result = counted(visit_facts(kind, wait, **fields), threshold_seconds=20, short_abandon_seconds=5)
    assert list(result.outcomes().values()) == [outcome]
    assert {name: count for name, count in result.figures()[()].outcomes.items() if count} == {outcome: 1}


@pytest.mark.parametrize(
    ("channel", "hours"),
    [("voice", 4), ("chat", 24), ("app", 24), ("sms", 72), ("whatsapp", 72), ("email", 720), ("form", 720)],
)
def test_what_never_ends_is_an_unknown_exit_from_its_channels_age_on(channel: str, hours: int):
    """A millisecond before that it waits, and without a now it waits for ever."""
    offered = [fact("offered", 0, channel=channel)]
    just_before, at_last = (counted(offered, now_ms=at_ms(hours * HOUR) - early_ms) for early_ms in (1, 0))
    for result, outcomes in ((counted(offered), {}), (just_before, {}), (at_last, {"unknown_exit"})):
        assert set(result.outcomes().values()) == set(outcomes)
        figures = result.figures()[()]
        assert (figures.offered, figures.waiting, figures.unknown_exit) == (1, 1 - len(outcomes), len(outcomes))


def test_other_ages_than_the_usual_can_be_set():
    """The field takes any rule of a visit."""
    usual = counted([OFFERED], now_ms=at_ms(60))
    strict = replace(usual, unknown_exit_seconds=lambda visit: 60)
    assert set(strict.outcomes().values()) == {"unknown_exit"}
    assert usual.outcomes() == {}


def one_of_each() -> list[dict[str, Any]]:
    """By hand: A 2 in 20 s and 1 late; B 2 short, 1 in 20 s, 3 late; C 1 in and 1 late; F 2; 1 waits."""
    visits = [
        *(("answered", wait) for wait in (0, 20, 21)),
        *(("abandoned", wait) for wait in (1, 5, 20, 30, 40, 50)),
        *(("callback_requested", wait) for wait in (10, 40)),
        (None, 0),
    ]
    facts = [each for kind, wait in visits for each in visit_facts(kind, wait)]
    return facts + [
        each
        for reason in ("timeout", "key")
        for each in visit_facts("flowed_out", 9, number=len(reason), reason=reason)
    ]


def test_figures_are_those_counted_by_hand():
    """Counts, waits and all seven formulas of one small set."""
    figures = counted(one_of_each()).figures()[()]
    assert (figures.offered, figures.answered, figures.abandoned, figures.short_abandoned) == (14, 3, 6, 2)
    assert (figures.flowed_out, figures.callback_requested, figures.waiting) == (2, 2, 1)
    assert figures.longest_wait_seconds == 50
    assert figures.service_level_parts == {
        "answered_of_offered": (2, 9),
        "excluding_short_abandons": (2, 7),
        "excluding_abandons_in_target": (2, 6),
        "abandons_in_target_count_as_met": (5, 9),
        "short_abandons_count_as_met": (4, 9),
        "answered_only": (2, 3),
        "amazon_sl_x": (6, 13),
    }
    assert figures.service_level["answered_of_offered"] == 2 / 9


EDGES: list[tuple[str, list[dict[str, Any]], dict[str, float | None]]] = [
    ("nothing at all", [], dict.fromkeys(FORMULAS)),
    ("only waiting", visit_facts(None, 0), dict.fromkeys(FORMULAS)),
    ("only flowed out", visit_facts("flowed_out", 3, reason="closed"), {**dict.fromkeys(FORMULAS), "amazon_sl_x": 0.0}),
    (
        "only short abandons",
        visit_facts("abandoned", 3),
        {
            **dict.fromkeys(FORMULAS, 0.0),
            "excluding_short_abandons": None,
            "excluding_abandons_in_target": None,
            "abandons_in_target_count_as_met": 1.0,
            "short_abandons_count_as_met": 1.0,
            "answered_only": None,
            "amazon_sl_x": 1.0,
        },
    ),
    ("only late abandons", visit_facts("abandoned", 21), {**dict.fromkeys(FORMULAS, 0.0), "answered_only": None}),
    ("only answered in time", visit_facts("answered", 20), dict.fromkeys(FORMULAS, 1.0)),
]


@pytest.mark.parametrize(("facts", "ratios"), [pytest.param(*rest, id=name) for name, *rest in EDGES])
def test_a_ratio_of_nothing_is_null(facts: list[dict[str, Any]], ratios: dict[str, float | None]):
    """Never 0 % and never 100 % where the denominator is zero."""
    assert counted(facts).figures()[()].service_level == ratios


def test_there_are_figures_of_nothing():
    """All of no visits is one group of zeros; by queue there is no group."""
    nothing = counted([])
    assert nothing.figures()[()].offered == 0
    assert nothing.figures()[()].longest_wait_seconds is None
    assert nothing.figures("queue") == {}


@pytest.mark.parametrize(
    ("waits", "median", "p90"),
    [([7], 7, 7), ([1, 2], 1, 2), ([3, 1, 2], 2, 3), (range(1, 11), 5, 9), (range(1, 12), 6, 10), ([], None, None)],
)
def test_percentiles_are_by_nearest_rank(waits: Iterable[int], median: int | None, p90: int | None):
    """No value is made up between two waits."""
    figures = counted(each for wait in waits for each in visit_facts("answered", wait)).figures()[()]
    assert (figures.wait_answered.median_seconds, figures.wait_answered.p90_seconds) == (median, p90)
    assert figures.wait_abandoned.mean_seconds is None


def test_each_queue_has_its_own_threshold_and_short_abandon():
    """Thresholds may be a rule of (tenant, queue)."""
    facts = [
        each
        for queue in ("sac", "vip")
        for kind in ("answered", "abandoned")
        for each in (
            fact("offered", 0, contact=f"{kind}-{queue}", queue=queue),
            fact(kind, 15, contact=f"{kind}-{queue}", queue=queue),
        )
    ]
    seconds_of = {("acme", "sac"): 20, ("acme", "vip"): 10}
    result = counted(
        facts,
        threshold_seconds=lambda *queue: seconds_of[queue],
        short_abandon_seconds=lambda *queue: 25 - seconds_of[queue],
    )
    outcomes = {visit.contact_id: outcome for visit, outcome in result.outcomes().items()}
    assert outcomes == {
        "answered-sac": "answered_in_target",
        "abandoned-sac": "abandoned_in_target",
        "answered-vip": "answered_late",
        "abandoned-vip": "abandoned_short",
    }


def test_a_visit_counts_where_and_when_it_was_offered():
    """By the local day and quarter of an hour of the offer, however long it waits; a zone may depend on the site."""
    facts = [
        fact("offered", 14.5 * HOUR + 899, site="fortaleza"),
        fact("answered", 17 * HOUR, site="fortaleza"),
        fact("offered", 14.5 * HOUR + 899, contact="c2", queue="porto", site="lisboa"),
    ]
    zones = {"fortaleza": "America/Fortaleza", "lisboa": "Europe/Lisbon"}
    result = counted(facts, zone=lambda tenant, site: zones[site])
    assert list(result.figures(("queue", "day"))) == [
        ("acme", "porto", "voice", "2026-11-24"),
        ("acme", "sac", "voice", "2026-11-23"),
    ]
    assert list(result.figures("interval")) == [("2026-11-23T23:30:00-03:00",), ("2026-11-24T02:30:00+00:00",)]
    assert list(counted(facts, zone="America/Fortaleza").figures("day")) == [("2026-11-23",)]


def test_the_repeated_hour_of_a_clock_change_has_its_intervals_twice():
    """Lisbon's clocks went back on 25 October 2026 at 02:00: a quarter past one came twice."""
    first = (datetime(2026, 10, 25, 0, 20, tzinfo=UTC) - START).total_seconds()
    result = counted(
        [fact("offered", first), fact("offered", first + HOUR, contact="c2")],
        zone="Europe/Lisbon",
    )
    assert list(result.figures("interval")) == [("2026-10-25T01:15:00+00:00",), ("2026-10-25T01:15:00+01:00",)]


def test_a_finding_is_a_wait_over_the_limit_however_it_ended():
    """The limit itself complies, one millisecond more does not; what still waits is judged only against a now."""
    exits = [
        *((kind, wait, {}) for kind in ("answered", "abandoned", "callback_requested") for wait in (45, 45.001)),
        ("flowed_out", 45.001, {"reason": "timeout"}),
    ]
    facts = [each for kind, wait, fields in exits for each in visit_facts(kind, wait, **fields)] + visit_facts(None, 0)
    over = {VisitId("acme", "sac", f"{kind}-45.001-0", 1) for kind, wait, _ in exits if wait > 45}
    waits = VisitId("acme", "sac", "None-0-0", 1)
    result = counted(facts)
    assert result.findings(max_wait_seconds=45) == over
    assert result.findings(max_wait_seconds=lambda *queue: 45, now_ms=at_ms(45)) == over
    assert result.findings(max_wait_seconds=45, now_ms=at_ms(45.001)) == {*over, waits}
    assert counted(facts, now_ms=at_ms(45.001)).findings(max_wait_seconds=45) == {*over, waits}


def given_up(second: float, contact: str, *, kind: str = "abandoned", **fields: Any) -> list[dict[str, Any]]:
    """A visit of 30 s that ends at this second, by default of the customer with PHONE."""
    customer = fields.pop("customer", of_customer()["customer"])
    offered = fact("offered", second - 30, contact=contact, customer=customer, **fields)
    place = {name: fields[name] for name in ("queue", "tenant", "channel") if name in fields}
    return [offered, fact(kind, second, contact=contact, **place)]


def served(second: float, contact: str, **fields: Any) -> list[dict[str, Any]]:
    return given_up(second, contact, kind="answered", **fields)


def plans(*facts: list[dict[str, Any]], closings: Iterable[Closing] = ()) -> list[tuple[str, set[str], float | None]]:
    """Address, contacts that are its reasons, and the second it ended (None: open) of every plan of sac and vip."""
    result = counted([each for some in facts for each in some])
    found: list[Plan] = result.callback_reasons(queues={("acme", "sac"), ("acme", "vip")}, closings=closings)
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
    """Mailboxes in any case, phones with or without separators and +; a handle is taken as it stands."""
    found = plans(given_up(100, "c1", **of_customer(written)), given_up(200, "c2", **of_customer(other)))
    assert len(found) == (1 if same else 2)


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


def test_personal_data_is_not_shown():
    """Neither visits, events nor plans print an address or a customer id."""
    history = given_up(100, "c1", **of_customer(PHONE, "C-42"))
    result = counted(history)
    shown = repr([*read_events(lines(history)), *result.visits, *result.callback_reasons(queues={("acme", "sac")})])
    assert PHONE not in shown
    assert "C-42" not in shown


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in OFFERED.items() if key != name}


BAD_RECORDS: list[tuple[str | bytes, str]] = [
    (b"\xff\xfe", "not_utf8"),
    ("{", "not_json"),
    (json.dumps(OFFERED).replace('"c1"', "NaN"), "not_json"),
    ("[]", "wrong_type"),
    ("[" * 100_000, "too_deep"),
    (json.dumps({**OFFERED, "padding": "x" * 600_000}), "too_large"),
    *((json.dumps(without(name)), "missing_field") for name in ("specversion", "id", "source", "type", "time", "data")),
    *(
        (json.dumps({**OFFERED, "time": time}), "bad_time")
        for time in (
            "2026-11-23T09:00:00",
            "2026-11-23",
            "23/11/2026 09:00",
            "2026-13-01T00:00:00Z",
            "1969-12-31T00:00:00Z",
            1,
        )
    ),
    *((json.dumps({**OFFERED, "type": kind}), "ignored_type") for kind in ("agent.state", "contact.sighed", "offered")),
    (json.dumps({**OFFERED, "specversion": "0.3"}), "bad_value"),
    (json.dumps({**OFFERED, "source": "PBX 1"}), "bad_value"),
    (json.dumps({**OFFERED, "id": ""}), "bad_value"),
    (json.dumps({**OFFERED, "data": "text"}), "bad_value"),
    *(
        (json.dumps(fact("offered", 0, **{name: None})), "missing_field")
        for name in ("tenant", "site", "queue", "channel", "contact_id")
    ),
    *(
        (json.dumps(fact(kind, 0, **fields)), "bad_value")
        for kind, fields in (
            ("offered", {"entry": 0}),
            ("offered", {"entry": True}),
            ("offered", {"entry": "1"}),
            ("offered", {"channel": "fax"}),
            ("offered", {"tenant": "Acme Ltda"}),
            ("offered", {"queue": "q" * 41}),
            ("offered", {"contact_id": "c" * 201}),
            ("offered", {"customer": "C-42"}),
            ("offered", {"customer": {"address": 55}}),
            ("offered", {"customer": {"address": "5" * 321}}),
            ("offered", {"priority": 1.5}),
            ("offered", {"protocol": 5}),
            ("flowed_out", {"reason": "bored"}),
            ("message", {"direction": "up", "author": "agent"}),
            ("message", {"direction": "out", "author": "parrot"}),
            ("ended", {"talk_seconds": -1}),
            ("ended", {"completed": "no"}),
            ("ended", {"ended_by": "ghost"}),
        )
    ),
    (json.dumps({**OFFERED, "data": {**OFFERED["data"], "entry": None}}), "missing_field"),
    (json.dumps(fact("flowed_out", 0)), "missing_field"),
    (json.dumps(fact("offered", 0, requested_at="yesterday")), "bad_time"),
]


@pytest.mark.parametrize(("record", "reason"), BAD_RECORDS, ids=lambda value: str(value)[:60])
def test_a_record_that_is_not_valid_is_skipped_for_a_reason(record: str | bytes, reason: str):
    """The others are read all the same."""
    skipped = Skipped()
    events = list(read_events([record, json.dumps(OFFERED)], skipped))
    assert [event.kind for event in events] == ["offered"]
    assert skipped.by_reason == {reason: 1}
    assert skipped.total == 1


def test_blank_lines_and_unknown_fields_say_nothing():
    """And optional fields may be null."""
    spoken = {
        **OFFERED,
        "traceparent": "00",
        "data": {**OFFERED["data"], "mood": 1, "customer": None, "priority": None},
    }
    skipped = Skipped()
    assert len(list(read_events(["", "  \n", json.dumps(spoken)], skipped))) == 1
    assert skipped.total == 0


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        ("2026-11-23T12:00:00Z", 0),
        ("2026-11-23t09:00:00.120-03:00", 120),
        ("2026-11-23T12:00:00.0019999z", 1),
        ("2026-11-23T17:45:00.5+05:45", 500),
    ],
)
def test_times_are_read_to_the_millisecond_in_any_offset(time: str, milliseconds: int):
    """Finer digits are cut off, never rounded up."""
    [event] = read_events([json.dumps({**OFFERED, "time": time})])
    assert event.time_ms == START_MS + milliseconds


def test_records_may_carry_their_attributes_in_headers():
    """CloudEvents' binary mode gives the same event as the structured one; a record without a value is none."""
    headers = [(f"ce_{name}", value.encode()) for name, value in OFFERED.items() if name != "data"]
    data = json.dumps(OFFERED["data"]).encode()
    other_headers = [("content-type", b"application/cloudevents+json")]
    skipped = Skipped()
    records = [(headers, data), (other_headers, json.dumps(OFFERED).encode()), ((), None), ([("ce_id", b"\xff")], data)]
    binary, structured = read_records(records, skipped)
    assert binary == structured
    assert skipped.by_reason == {"no_value": 1, "not_utf8": 1}


def test_the_recount_shares_no_code_with_what_it_judges():
    """Its modules import the standard library and each other, nothing else."""
    folder = Path(recount_module.__file__).parent
    for file in folder.glob("recount*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                top = (name or "").split(".")[0]
                assert top in sys.stdlib_module_names or (name or "").startswith("streams.domain.recount"), file.name
