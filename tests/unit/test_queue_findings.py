"""Waits over the limit: when a finding opens, what confirms or retracts it, and what never opens one."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.queues import ClockRules
from tests.builders import Fact, abandoned, answered, message, offered
from tests.queue_bench import Bench, centre

VISIT = "acme/sac/1/c1"
HOUR = 3600.0


def strict(**changes: Any) -> Bench:
    """A bench whose limit is 45 s, the grace of a tick 2 s."""
    return Bench(centre(max_wait_ms=45_000, **changes))


def state(bench: Bench, visit: str = VISIT) -> str | None:
    told = bench.findings().get(visit)
    return None if told is None else told["state"]


# -- the limit --------------------------------------------------------------------------------------------------------

AT_THE_LIMIT = [
    # the exit and its wait, the finding: the limit itself complies
    (answered, 45.0, None),
    (answered, 45.001, "confirmed"),
    (abandoned, 45.0, None),
    (abandoned, 45.001, "confirmed"),
]


@pytest.mark.parametrize(("leave", "wait", "expected"), AT_THE_LIMIT)
def test_a_millisecond_over_the_limit_is_a_breach(leave: Any, wait: float, expected: str | None) -> None:
    """However the contact left; visit, interval and day agree."""
    bench = strict()
    bench.take(offered(0), leave(wait, delay=0))
    bench.flush()
    assert state(bench) == expected
    breaches = int(expected is not None)
    assert bench.outcomes()[VISIT].get("is_breach", False) == bool(breaches)
    assert [data["breaches"] for data in bench.intervals().values()] == [breaches]
    assert bench.figures().day_breaches == {"MAX-WAIT": breaches}


def test_a_finding_names_its_rule_limit_and_instant() -> None:
    """Visit, rule and policy version make its id; the breach is at the exact limit, whatever the grace."""
    bench = strict()
    bench.take(offered(0), answered(50))
    assert bench.findings()[VISIT] == {
        "finding_id": f"{VISIT}:MAX-WAIT:plain-1",
        "state": "confirmed",
        "revision": 10,
        "rule": "MAX-WAIT",
        "policy_version": "plain-1",
        "tenant": "acme",
        "site": "fortaleza",
        "queue": "sac",
        "channel": "voice",
        "visit_id": VISIT,
        "offered_at": "2026-11-23T12:00:00.000Z",
        "limit_seconds": 45.0,
        "breached_at": "2026-11-23T12:00:45.000Z",
        "wait_seconds": 50.0,
    }


# -- ticks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "opens"), [(45.0, 0), (45.001, 0), (47.0, 0), (47.001, 1)])
def test_a_tick_waits_for_an_answer_in_flight(now: float, opens: int) -> None:
    """The grace only delays the word: the breach it tells is at the limit."""
    bench = strict()
    bench.take(offered(0))
    told = bench.tick(now)
    assert [finding["breached_at"] for finding in told] == ["2026-11-23T12:00:45.000Z"] * opens


def test_a_finding_opens_once() -> None:
    """Neither later ticks nor the apply that records it say so again; a successor may, in the same words."""
    bench = strict()
    bench.take(offered(0))
    [first] = bench.tick(60)
    assert bench.tick(61) == []
    bench.restart()
    assert bench.tick(62) == [first]
    bench.close(63)
    assert bench.tick(64) == []
    bench.restart()
    assert bench.tick(65) == []
    assert len(bench.told) == 2 + 1, "one finding, and the interval before and after it"


def test_the_figures_know_of_a_breach_before_it_is_recorded() -> None:
    """The day counts of a wall follow the tick; the state follows the next apply."""
    bench = strict()
    bench.take(offered(0))
    bench.flush()
    bench.tick(30)
    bench.tick(60)
    figures = bench.figures()
    assert figures.live is not None
    assert (figures.day_breaches, figures.live.over_limit_contacts) == ({"MAX-WAIT": 1}, 1)
    assert figures.counters.breaches == {"target": 1, "max": 1}
    bench.close(61)
    assert bench.figures().day_breaches == {"MAX-WAIT": 1}
    assert [data["breaches"] for data in bench.intervals().values()] == [1]


def test_a_successor_counts_no_crossing_again_that_is_recorded() -> None:
    """A restart is no breach; who waited over the limit still does."""
    bench = strict()
    bench.take(offered(0))
    bench.close(60)
    bench.restart()
    bench.tick(70)
    figures = bench.figures()
    assert figures.live is not None
    assert (figures.counters.breaches, figures.live.over_limit_contacts) == ({"target": 0, "max": 0}, 1)


def test_what_a_tick_opened_is_recorded_with_whatever_comes_next() -> None:
    """Also with a fact of the same visit that is no exit: the wait goes on and stays a breach."""
    bench = strict()
    begun = offered(0, queue="vendas", channel="chat")
    bench.take(begun)
    bench.tick(60)
    bench.take(message(61, "customer"))
    bench.flush()
    assert [data["breaches"] for data in bench.intervals().values()] == [1]
    assert state(bench, begun.visit_id) == "open"


def test_an_open_finding_follows_an_earlier_offer() -> None:
    """What a tick has told is told again where the facts say it better."""
    bench = strict()
    bench.take(offered(10))
    bench.tick(60)
    bench.take(offered(0), now=60)
    assert (state(bench), bench.findings()[VISIT]["offered_at"]) == ("open", "2026-11-23T12:00:00.000Z")


# -- exits around the limit -------------------------------------------------------------------------------------------

EXITS = [
    # seconds of the exit and of its way to Kafka, whether a tick at 50 s came before, the finding
    (40.0, 0.5, False, None),
    (40.0, 5.0, False, None),  # in Kafka at the limit itself
    (40.0, 5.001, False, "retracted"),  # an owner before this one may have said so
    (40.0, 11.0, True, "retracted"),
    (46.0, 0.5, False, "confirmed"),
    (46.0, 5.0, True, "confirmed"),
]


@pytest.mark.parametrize(("exit_at", "delay", "ticks", "expected"), EXITS)
def test_the_exit_decides_however_late_it_is_seen(
    exit_at: float, delay: float, expected: str | None, *, ticks: bool
) -> None:
    """Inside the limit nothing stays open: seen past the limit it is retracted, whoever opened it."""
    bench = strict()
    bench.take(offered(0))
    if ticks:
        bench.tick(50)
    bench.take(answered(exit_at, delay=delay))
    assert state(bench) == expected


@pytest.mark.parametrize("ticks", [True, False])
def test_a_successor_retracts_what_it_never_opened(*, ticks: bool) -> None:
    """The finding a tick told is not in the rows; the late word of the exit is enough."""
    bench = strict()
    bench.take(offered(0))
    if ticks:
        bench.tick(50)
    bench.restart()
    bench.take(answered(44, delay=7))
    assert state(bench) == "retracted"


def test_by_event_time_the_clock_stands_for_kafkas() -> None:
    """An answer inside the limit that comes when the clock is past it retracts."""
    bench = Bench(centre(max_wait_ms=45_000), ClockRules("event"))
    bench.take(offered(0), now=0)
    bench.take(answered(44), now=45.001)
    assert state(bench) == "retracted"


def test_an_earlier_exit_retracts_what_a_later_one_confirmed() -> None:
    """And gives back the breach it was counted for."""
    bench = strict()
    bench.take(offered(0), answered(50))
    assert state(bench) == "confirmed"
    bench.take(abandoned(30))
    bench.flush()
    assert state(bench) == "retracted"
    assert [data["breaches"] for data in bench.intervals().values()] == [0]


def test_only_the_exit_that_stands_can_come_late() -> None:
    """The second message of an agent, long after the limit, is no news of the finding."""
    bench = strict()
    bench.take(offered(0, queue="vendas", channel="chat"), message(10))
    bench.take(message(300))
    assert bench.findings() == {}


def test_an_exit_in_time_of_a_later_offer_says_nothing() -> None:
    """Nobody can have waited who was offered when the exit was known."""
    bench = strict()
    bench.take(answered(40, delay=100), now=140)
    bench.take(offered(0), now=140)
    assert bench.findings() == {}


# -- doubt ------------------------------------------------------------------------------------------------------------

SKEWS = [
    # seconds from event to Kafka of the offer, whether a tick may open its finding
    (120.0, True),
    (120.001, False),
    (-120.0, True),
    (-120.001, False),
]


@pytest.mark.parametrize(("delay", "opens"), SKEWS)
def test_a_source_whose_clock_is_wrong_opens_nothing(delay: float, *, opens: bool) -> None:
    """No finding, no age, no crossing by a tick; the contact itself counts, and its source is named."""
    bench = strict()
    bench.take(offered(0, delay=delay), now=0)
    told = bench.tick(300)
    figures = bench.figures()
    assert figures.live is not None
    assert (len(told), figures.counters.breaches["max"], figures.live.over_limit_contacts) == (opens, opens, opens)
    assert (figures.live.waiting_contacts, figures.live.longest_wait_seconds) == (1, 300.0 if opens else 0.0)
    skewed = bench.core.stage_figures().skewed
    assert skewed == ({} if opens else {("acme", "fortaleza", "pbx-1"): 1})


def test_a_doubtful_exit_over_the_limit_is_a_breach_all_the_same() -> None:
    """Only what waiting alone would say is doubted."""
    bench = strict()
    bench.take(offered(0, delay=200), answered(50, delay=200))
    assert state(bench) == "confirmed"
    assert bench.figures().counters.breaches == {"target": 1, "max": 1}


def test_doubt_that_comes_later_ends_the_shown_wait() -> None:
    """A fact out of time makes the visit doubtful from then on."""
    bench = strict()
    bench.take(offered(0, queue="vendas", channel="chat"))
    bench.tick(60)
    bench.take(message(61, "customer", delay=300), now=61)
    live = bench.figures("vendas", "chat").live
    assert live is not None
    assert (live.waiting_contacts, live.longest_wait_seconds, live.over_limit_contacts) == (1, 0.0, 0)


@pytest.mark.parametrize("again", [offered(0, delay=400), message(0, "customer", queue="sac", channel="voice")])
def test_a_late_repeat_casts_no_doubt(again: Fact) -> None:
    """A producer that sends again what is known has no wrong clock; its source is counted all the same."""
    bench = strict()
    bench.take(offered(0))
    bench.take(again.again(delay=400), now=1)
    assert len(bench.tick(60)) == 1
    assert bench.core.stage_figures().skewed == {("acme", "fortaleza", "pbx-1"): 1}


def test_by_event_time_no_source_is_doubtful() -> None:
    """A simulation at speed and a paced replay have no Kafka timestamps to compare with."""
    bench = Bench(centre(max_wait_ms=45_000), ClockRules("event"))
    bench.take(offered(0, delay=9000), now=0)
    assert len(bench.tick(60)) == 1


# -- who never leaves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "lost"), [(4 * HOUR, False), (4 * HOUR + 0.001, True)])
def test_a_contact_that_never_leaves_is_given_up_after_its_time(now: float, *, lost: bool) -> None:
    """On the phone after four hours; the figures say so with the tick, the record with the next flush."""
    bench = Bench()
    bench.take(offered(0))
    bench.tick(now)
    figures = bench.figures()
    assert figures.live is not None
    assert figures.live.waiting_contacts == figures.day_waiting_contacts == (not lost)
    assert figures.day_outcomes["unknown_exit"] == lost
    bench.close(now)
    assert (VISIT in bench.outcomes()) == lost
    assert bench.figures().day_outcomes["unknown_exit"] == lost


def test_a_later_exit_revises_an_unknown_one() -> None:
    """The record of the highest revision says how the contact left; the breach of its wait is confirmed."""
    bench = Bench()
    bench.take(offered(0))
    bench.close(5 * HOUR)
    first = bench.outcomes()[VISIT]
    assert (first["outcome"], first["is_breach"], first.get("wait_seconds")) == ("unknown_exit", True, None)
    bench.take(abandoned(90, delay=5 * HOUR))
    bench.flush()
    told = bench.outcomes()[VISIT]
    assert (told["outcome"], told["wait_seconds"]) == ("abandoned_late", 90.0)
    assert told["revision"] > first["revision"]
    assert state(bench) == "confirmed"


def test_what_is_said_of_a_contact_given_up_does_not_bring_it_back() -> None:
    """A customer's message is no exit: it stays an unknown one."""
    bench = Bench(centre(unknown_exit_ms={"chat": 600_000}))
    begun = offered(0, queue="vendas", channel="chat")
    bench.take(begun)
    bench.tick(700)
    bench.take(message(701, "customer"))
    bench.flush()
    live = bench.figures("vendas", "chat").live
    assert live is not None
    assert live.waiting_contacts == 0
    assert bench.outcomes()[begun.visit_id]["outcome"] == "unknown_exit"


@pytest.mark.parametrize("ticks_between", [True, False])
def test_nobody_is_given_up_before_the_finding_is_open(*, ticks_between: bool) -> None:
    """A limit at the very end of all patience has no grace, so that both ways to get there say the same."""
    bench = Bench(centre(max_wait_ms=600_000, unknown_exit_ms={"voice": 600_000, "chat": 1, "whatsapp": 1, "email": 1}))
    bench.take(offered(0))
    if ticks_between:
        bench.close(600.001)
    bench.close(700)
    assert (state(bench), bench.outcomes()[VISIT]["is_breach"]) == ("open", True)


def test_an_answer_that_never_ends_is_closed_as_answered() -> None:
    """Talk unknown, handled by nobody; after its retention it is forgotten, its count stays."""
    bench = Bench()
    bench.take(offered(0), answered(10))
    bench.close(25 * HOUR)
    assert bench.outcomes()[VISIT].get("talk_seconds") is None
    [told] = bench.intervals().values()
    assert (told["answered"], told["handled"]) == (1, 0)
    assert not any(key.startswith(b"v/") for key in bench.rows)


def test_a_visit_past_its_retention_is_forgotten_with_the_next_apply() -> None:
    """Not by a tick, which changes no row."""
    bench = Bench()
    bench.take(offered(0), answered(10))
    bench.flush()
    bench.tick(25 * HOUR)
    assert VISIT in bench.core.book.visits
    bench.close(25 * HOUR)
    assert VISIT not in bench.core.book.visits
    assert not any(key.startswith(b"v/") for key in bench.rows)
