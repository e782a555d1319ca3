"""Visits of the queues core: which facts stand, what they add up to, and what a later one takes away again."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from streams.domain.decisions import Ledger
from tests.builders import (
    Fact,
    abandoned,
    answered,
    callback_requested,
    ended,
    fact,
    flowed_out,
    message,
    offered,
    wrapped_up,
)
from tests.queue_bench import Bench

VISIT = "acme/sac/1/c1"
CHAT = "acme/vendas/1/c1"


def after(*facts: Fact, bench: Bench | None = None) -> Bench:
    """A bench that has taken these and flushed."""
    bench = bench or Bench()
    bench.take(*facts)
    bench.flush()
    return bench


def outcome(*facts: Fact, visit: str = VISIT) -> str | None:
    """What became of the visit, None while it waits."""
    told = after(*facts).outcomes().get(visit)
    return None if told is None else told["outcome"]


def interval(bench: Bench, queue: str = "sac", channel: str = "voice") -> dict[str, Any]:
    """The one interval of a queue that has counted somebody."""
    [told] = [
        data
        for data in bench.intervals().values()
        if (data["queue"], data["channel"]) == (queue, channel) and data["offered"]
    ]
    return told


# -- how a visit left -------------------------------------------------------------------------------------------------

BOUNDARIES = [
    # exit and its wait in seconds, the outcome; S is 5 s, T is 20 s, both inclusive
    (answered, 0.0, "answered_in_target"),
    (answered, 20.0, "answered_in_target"),
    (answered, 20.001, "answered_late"),
    (abandoned, 0.0, "abandoned_short"),
    (abandoned, 5.0, "abandoned_short"),
    (abandoned, 5.001, "abandoned_in_target"),
    (abandoned, 20.0, "abandoned_in_target"),
    (abandoned, 20.001, "abandoned_late"),
    (callback_requested, 1.0, "callback_in_target"),
    (callback_requested, 20.0, "callback_in_target"),
    (callback_requested, 20.001, "callback_late"),
]


@pytest.mark.parametrize(("leave", "wait", "expected"), BOUNDARIES)
def test_limits_are_inclusive_to_the_millisecond(leave: Any, wait: float, expected: str) -> None:
    """The short-abandon bound and the answer target themselves still comply."""
    bench = after(offered(100), leave(100 + wait))
    told = bench.outcomes()[VISIT]
    assert (told["outcome"], told["wait_seconds"]) == (expected, wait)
    assert bench.figures().counters.breaches == {"target": wait > 20, "max": 0}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("transfer", "transferred"),
        ("overflow", "overflowed"),
        ("timeout", "timed_out"),
        ("closed", "closed"),
        ("key", "key_exit"),
        ("unknown", "unknown_exit"),
    ],
)
def test_a_contact_that_flows_out_does_so_for_its_reason(reason: str, expected: str) -> None:
    """However long it waited."""
    told = after(offered(0), flowed_out(300, reason=reason)).outcomes()[VISIT]
    assert (told["outcome"], told["exit_reason"]) == (expected, reason)


BY_RANK = [answered(9), callback_requested(9), flowed_out(9, reason="key"), abandoned(9)]
"""Exits of one instant in the order in which they win."""


@pytest.mark.parametrize("exits", list(permutations(BY_RANK, 2)))
def test_of_two_exits_at_one_instant_the_better_stands(exits: tuple[Fact, Fact]) -> None:
    """Answered, callback requested, flowed out, abandoned: in this order, whichever came first."""
    winner = min(exits, key=BY_RANK.index)
    assert outcome(offered(0), *exits) == outcome(offered(0), winner)


@pytest.mark.parametrize("exits", list(permutations([abandoned(8), answered(9), abandoned(10)])))
def test_of_several_exits_the_earliest_stands(exits: tuple[Fact, ...]) -> None:
    """By event time, to the millisecond, in any order of arrival."""
    assert after(offered(0), *exits).outcomes()[VISIT]["wait_seconds"] == 8.0


@pytest.mark.parametrize("exits", list(permutations([flowed_out(8, reason="unknown"), answered(9), abandoned(30)])))
def test_what_is_known_of_an_exit_stands_before_what_is_not(exits: tuple[Fact, ...]) -> None:
    """A contact that was only said to be gone, and of which more is heard, whenever."""
    assert after(offered(0), *exits).outcomes()[VISIT]["outcome"] == "answered_in_target"


def test_a_contact_that_is_gone_waits_no_longer() -> None:
    """Nobody knows how it left: it is no abandon, and neither for nor against the service level."""
    bench = after(offered(0), flowed_out(9, reason="unknown"))
    figures = bench.figures()
    assert figures.live is not None
    assert figures.live.waiting_contacts == 0
    told = interval(bench)
    assert (told["outcomes"]["unknown_exit"], told["waiting"], told["flowed_out"], told["abandoned"]) == (1, 0, 0, 0)


def test_revisions_grow_however_often_a_source_does_not_know() -> None:
    """More exits than a visit keeps, and then the one that is known: readers keep the highest revision."""
    words = [flowed_out(8 + number, reason="unknown", event_id=f"gone-{number}") for number in range(20)]
    bench = after(offered(0), *words)
    before = bench.outcomes()[VISIT]
    now = after(answered(300), bench=bench).outcomes()[VISIT]
    assert (before["outcome"], now["outcome"]) == ("unknown_exit", "answered_late")
    assert now["revision"] > before["revision"] > 0


@pytest.mark.parametrize("ids", list(permutations(["a", "b"])))
def test_of_two_answers_at_one_instant_the_smaller_id_stands(ids: tuple[str, str]) -> None:
    """So that the agent told does not depend on the order."""
    twins = [answered(9, event_id=event_id, agent_id=event_id) for event_id in ids]
    assert after(offered(0), *twins).outcomes()[VISIT]["agent_id"] == "a"


@pytest.mark.parametrize("sources", list(permutations(["pbx-1", "pbx-2"])))
def test_an_id_names_an_event_within_its_source_only(sources: tuple[str, str]) -> None:
    """Two sources may use the same id: two events, of which that of the smaller source stands."""
    twins = [answered(9, event_id="7", source=source, agent_id=source) for source in sources]
    bench = after(offered(0), *twins)
    assert bench.outcomes()[VISIT]["agent_id"] == "pbx-1"
    assert bench.core.inputs.ledger.duplicate == 0


def test_a_wait_is_never_negative() -> None:
    """An exit that bears the earlier time leaves a wait of nothing, and no breach."""
    told = after(abandoned(-30), offered(0)).outcomes()[VISIT]
    assert (told["wait_seconds"], told["outcome"], told.get("is_breach")) == (0.0, "abandoned_short", None)


def test_what_was_never_offered_is_told_nowhere_until_it_is() -> None:
    """An exit may come first; it is kept, and counts with the offer."""
    bench = after(answered(9), ended(60, talk_seconds=51))
    assert (bench.outcomes(), bench.intervals(), bench.signals) == ({}, {}, {})
    bench.restart()
    after(offered(0), bench=bench)
    assert bench.outcomes()[VISIT]["talk_seconds"] == 51.0


def test_the_record_of_a_visit_says_all_that_is_known_of_it() -> None:
    """Durations in seconds, instants in UTC, date and interval of the site."""
    told = after(
        offered(0, requested_at="2026-11-23T08:59:00-03:00", priority=3, reason="fraude", handled_by="human"),
        answered(12.5, agent_id="ana"),
        ended(100, talk_seconds=80, hold_seconds=7.5, ended_by="customer", completed=True),
        wrapped_up(130, wrap_up_seconds=30),
    ).outcomes()[VISIT]
    assert told == {
        "visit_id": VISIT,
        "revision": 16,
        "tenant": "acme",
        "site": "fortaleza",
        "queue": "sac",
        "channel": "voice",
        "contact_id": "c1",
        "entry": 1,
        "offered_at": "2026-11-23T12:00:00.000Z",
        "outcome": "answered_in_target",
        "date": "2026-11-23",
        "interval_start": "2026-11-23T12:00:00.000Z",
        "left_at": "2026-11-23T12:00:12.500Z",
        "wait_seconds": 12.5,
        "requested_at": "2026-11-23T11:59:00.000Z",
        "agent_id": "ana",
        "talk_seconds": 80.0,
        "hold_seconds": 7.5,
        "wrap_up_seconds": 30.0,
        "handle_seconds": 117.5,
        "ended_by": "customer",
        "completed": True,
        "priority": 3,
        "reason": "fraude",
        "handled_by": "human",
        "answer_target_seconds": 20.0,
        "max_wait_seconds": 60.0,
        "rule": "MAX-WAIT",
        "policy_version": "plain-1",
        "force": "op",
        "confidence": "configured",
        "verdict": "met",
    }


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([offered(0), abandoned(9)], "2026-11-23T12:00:09.000Z"),
        ([offered(0), fact("ended", 5 * 3600)], "2026-11-23T12:00:00.000Z"),  # never left: its offer is all there is
    ],
)
def test_the_event_of_a_record_bears_the_time_of_the_exit(facts: list[Fact], expected: str) -> None:
    """An event time, as everywhere."""
    bench = after(*facts)
    bench.close(5 * 3600)
    [value] = bench.records("contact-outcomes").values()
    assert msgspec.json.decode(value)["time"] == expected


# -- offers -----------------------------------------------------------------------------------------------------------


def test_the_earliest_offer_stands_and_an_earlier_one_displaces_it() -> None:
    """The one displaced is dead-lettered by its coordinates, and leaves its class of the ledger."""
    bench = after(offered(10), answered(30))
    assert bench.core.inputs.ledger == Ledger(applied=2)
    after(offered(0), bench=bench)
    assert bench.outcomes()[VISIT]["wait_seconds"] == 30.0
    assert bench.letters == [("call-events", 0, "entry_required")]
    assert bench.core.inputs.ledger == Ledger(applied=2, rejected=1)


def test_a_later_offer_is_rejected_with_its_bytes() -> None:
    """A re-entry must carry its number."""
    bench = Bench()
    bench.take(offered(0))
    [decisions] = bench.take(offered(10))
    [letter] = decisions.dead_letters
    assert (letter.rejection.reason, letter.record) == ("entry_required", offered(10).record(1))
    assert bench.core.inputs.ledger == Ledger(applied=1, rejected=1)


@pytest.mark.parametrize("offers", list(permutations([offered(0), offered(1), offered(2)])))
def test_repeats_of_any_offer_are_duplicates(offers: tuple[Fact, ...]) -> None:
    """Of the one that stands and of those that lost; the sum of the ledger is every record."""
    bench = after(*offers)
    after(*offers, bench=bench)
    assert bench.core.inputs.ledger == Ledger(applied=1, rejected=2, duplicate=3)
    assert len(bench.letters) == 2


def test_each_entry_is_a_visit_of_its_own() -> None:
    """The first needs no number: without one it is the same."""
    bench = after(offered(0), abandoned(10), offered(60, entry=2), answered(65, entry=2), offered(0, entry=1))
    assert {visit: data["outcome"] for visit, data in bench.outcomes().items()} == {
        VISIT: "abandoned_in_target",
        "acme/sac/2/c1": "answered_in_target",
    }
    assert bench.core.inputs.ledger == Ledger(applied=4, duplicate=1)


def test_a_visit_counts_where_its_offer_that_stands_has_it() -> None:
    """Interval, day and channel: an earlier offer takes it from one quarter of an hour to another."""
    bench = after(offered(901, queue="vendas"), answered(905, queue="vendas"))
    after(offered(899, queue="vendas", channel="chat"), bench=bench)
    assert [
        (data["interval_start"][11:16], data["channel"], data["offered"]) for data in bench.intervals().values()
    ] == [
        ("12:15", "voice", 0),
        ("12:00", "chat", 1),
    ]
    assert bench.letters == [("call-events", 0, "entry_required")]
    assert (bench.figures("vendas", "voice").day_base, bench.figures("vendas", "chat").day_base) == (0, 1)


@pytest.mark.parametrize("offers", [[offered(0), offered(1)], [offered(1), offered(0)]])
def test_an_interval_rests_on_a_visit_once(offers: list[Fact]) -> None:
    """However many offers of it lie there, in one batch or two."""
    together = interval(after(*offers))
    assert together["revision"] == 8
    assert interval(after(offers[1], bench=after(offers[0]))) == together


# -- written channels -------------------------------------------------------------------------------------------------

BEGUN = offered(0, queue="vendas", channel="chat")

WRITTEN = [
    # what is said in the chat, the outcome
    ([message(10)], "answered_in_target"),
    ([message(10, "bot")], None),
    ([message(10, "customer")], None),
    ([message(10, direction="in")], None),
    ([answered(10, queue="vendas", channel="chat")], None),
    ([message(5, "bot"), message(30)], "answered_late"),
    ([answered(5, queue="vendas", channel="chat"), message(30)], "answered_late"),
    ([message(30), message(12)], "answered_in_target"),
    ([abandoned(10, queue="vendas", channel="chat"), message(12)], "abandoned_in_target"),
]


@pytest.mark.parametrize(("said", "expected"), WRITTEN)
def test_off_voice_the_first_message_of_an_agent_answers(said: list[Fact], expected: str | None) -> None:
    """A bot's does not, the customer's own does not, and assignment is no answer."""
    assert outcome(BEGUN, *said, visit=CHAT) == expected


def test_assignment_is_told_beside_the_answer() -> None:
    """When somebody took the chat, and when somebody wrote."""
    told = after(BEGUN, answered(5, queue="vendas", channel="chat", agent_id="ana"), message(30)).outcomes()[CHAT]
    assert (told["assigned_at"], told["left_at"]) == ("2026-11-23T12:00:05.000Z", "2026-11-23T12:00:30.000Z")


def test_on_the_phone_a_message_answers_nothing() -> None:
    """A text sent beside the call is no connection."""
    assert outcome(offered(0), message(5, queue="sac", channel="voice")) is None


def test_the_messages_of_a_burst_count_once() -> None:
    """The first is the answer; the same counts are told however many follow."""
    bench = after(BEGUN, *(message(10 + second, event_id=f"m{second}") for second in range(40)))
    told = interval(bench, "vendas", "chat")
    assert (told["answered"], told["wait_answered_seconds_sum"]) == (1, 10.0)


def test_a_chat_that_goes_on_is_kept_however_many_messages_it_has() -> None:
    """Its end is known as its end days after it began."""
    day = 86_400
    bench = Bench()
    bench.take(BEGUN)
    for hour in range(60):
        bench.take(message(hour * 3600, event_id=f"m{hour}"), now=hour * 3600)
    bench.take(ended(2.5 * day, queue="vendas", channel="chat", talk_seconds=9), now=2.5 * day)
    bench.flush()
    assert bench.outcomes()[CHAT]["talk_seconds"] == 9.0


def test_a_repeated_message_is_a_duplicate_kept_or_not() -> None:
    """What is not kept is known by its time, which is no news."""
    said = [message(second, "customer", event_id=f"c{second}") for second in range(1, 4)]
    kept = [message(10 + second, event_id=f"a{second}") for second in range(20)]
    bench = after(BEGUN, *said, *kept)
    assert bench.core.inputs.ledger == Ledger(applied=24)
    after(*kept, *said, bench=bench)
    assert bench.core.inputs.ledger == Ledger(applied=24, duplicate=23)


# -- later facts ------------------------------------------------------------------------------------------------------


def test_a_late_fact_subtracts_what_its_visit_added() -> None:
    """A call that seemed answered late was abandoned before: the answer, its wait and its handling go."""
    bench = after(offered(0), answered(30), ended(90, talk_seconds=60), wrapped_up(100, wrap_up_seconds=10))
    before = interval(bench)
    assert (before["answered"], before["handled"], before["talk_seconds_sum"]) == (1, 1, 60.0)
    after(abandoned(15), bench=bench)
    told = interval(bench)
    assert {name: told[name] for name in ("offered", "answered", "abandoned", "handled", "talk_seconds_sum")} == {
        "offered": 1,
        "answered": 0,
        "abandoned": 1,
        "handled": 0,
        "talk_seconds_sum": 0.0,
    }
    assert (told["wait_answered_seconds_sum"], told["wait_abandoned_seconds_sum"]) == (0.0, 15.0)
    assert (sum(told["answered_by_wait"]), sum(told["abandoned_by_wait"])) == (0, 1)
    assert told["revision"] > before["revision"]
    assert bench.figures().day_outcomes["abandoned_in_target"] == 1


def test_buckets_of_nobody_are_zeros() -> None:
    """Any formula can be added up from any interval, and one that lost its visit reads like one that had none."""
    told = interval(after(offered(0)))
    assert told["answered_by_wait"] == told["abandoned_by_wait"] == [0] * 18


def test_what_tells_nothing_new_of_the_counts_leaves_the_interval_alone() -> None:
    """A customer's next message is no reason to tell the interval again."""
    bench = after(BEGUN)
    bench.take(message(5, "customer"))
    changes = bench.core.changes()
    assert [key.decode()[:2] for key, _ in changes.rows] == ["v/", "le"]
    assert changes.outputs == []
    bench.take(message(10))
    bench.flush()
    heard = list(bench.heard)
    bench.take(message(15, "customer"))
    bench.flush()
    assert bench.heard == heard


def test_an_answer_that_ends_is_handled_once() -> None:
    """Talk, hold and wrap-up of the earliest ending; what is unknown counts nothing."""
    bench = after(offered(0), answered(5), ended(60, talk_seconds=50))
    after(ended(70, talk_seconds=99, hold_seconds=9), bench=bench)
    told = interval(bench)
    assert (told["handled"], told["talk_seconds_sum"], told["hold_seconds_sum"]) == (1, 50.0, 0.0)
    assert bench.figures().counters.handle.sum_seconds == 50.0
