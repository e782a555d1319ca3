"""The recount itself, by histories small enough to count by hand."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from streams.domain import recount as recount_module
from streams.domain.recount import VisitId
from tests.recount_histories import OFFERED, START, at_ms, counted, fact, message, visit_facts

HOUR = 3600
FORMULAS = (
    "answered_of_offered",
    "excluding_short_abandons",
    "excluding_abandons_in_target",
    "abandons_in_target_count_as_met",
    "short_abandons_count_as_met",
    "answered_only",
    "amazon_sl_x",
)

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
        "what is known of an exit stands before what is not, however late",
        [OFFERED, fact("flowed_out", 5, reason="unknown"), fact("answered", 300)],
        [("answered", 300)],
    ),
    (
        "where nobody knows, the earliest word that it is gone stands",
        [OFFERED, fact("flowed_out", 9, reason="unknown"), fact("flowed_out", 5, reason="unknown")],
        [("unknown_exit", 5)],
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
    ("flowed_out", 1, {"reason": "unknown"}, "unknown_exit"),
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


def test_the_recount_shares_no_code_with_what_it_judges():
    """Its modules import the standard library and each other, nothing else."""
    folder = Path(recount_module.__file__).parent
    for file in folder.glob("recount*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                top = (name or "").split(".")[0]
                assert top in sys.stdlib_module_names or (name or "").startswith("streams.domain.recount"), file.name
