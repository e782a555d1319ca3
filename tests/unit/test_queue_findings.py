"""Waits over the limit: when a finding opens, what confirms or retracts it, and what never opens one."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.queues import ClockRules
from tests.builders import abandoned, answered, message, offered
from tests.queue_bench import Bench, centre, strict

VISIT = "acme/sac/1/c1"
HOUR = 3600.0


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
    assert bench.finding(VISIT) == expected
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
        "force": "op",
        "confidence": "configured",
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
    assert bench.figures().counters.breaches == {"target": 1, "max": opens}


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
    findings = [told for told in bench.heard if "MAX-WAIT" in told]
    assert findings == [f"{VISIT}:MAX-WAIT:plain-1#5"] * 2


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
    assert bench.finding(begun.visit_id) == "open"


def test_an_open_finding_follows_an_earlier_offer() -> None:
    """What a tick has told is told again where the facts say it better."""
    bench = strict()
    bench.take(offered(10))
    bench.tick(60)
    bench.take(offered(0), now=60)
    assert (bench.finding(VISIT), bench.findings()[VISIT]["offered_at"]) == ("open", "2026-11-23T12:00:00.000Z")


def test_an_earlier_offer_brings_its_instants_forward() -> None:
    """The limit of the offer that stands, once; the later instant of the one displaced comes up for nothing."""
    bench = strict()
    bench.take(offered(30))
    bench.take(offered(0), now=31)
    assert len(bench.tick(50)) == 1
    assert bench.tick(200) == []


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
    assert bench.finding(VISIT) == expected


@pytest.mark.parametrize("ticks", [True, False])
def test_a_successor_retracts_what_it_never_opened(*, ticks: bool) -> None:
    """The finding a tick told is not in the rows; the late word of the exit is enough."""
    bench = strict()
    bench.take(offered(0))
    if ticks:
        bench.tick(50)
    bench.restart()
    bench.take(answered(44, delay=7))
    assert bench.finding(VISIT) == "retracted"


@pytest.mark.parametrize("exit_at", [44.0, 46.0])
def test_what_a_tick_told_leaves_no_trace_in_a_visit_that_left(exit_at: float) -> None:
    """The rows are the same whether this owner or one before it was there in time to say so."""
    told, silent = strict(), strict()
    told.take(offered(0))
    told.tick(50)
    told.take(answered(exit_at, delay=7))
    silent.take(offered(0))
    silent.take(answered(exit_at, delay=7))
    for bench in (told, silent):
        bench.flush()
    assert told.rows == silent.rows


def test_by_event_time_the_clock_stands_for_kafkas() -> None:
    """An answer inside the limit that comes when the clock is past it retracts."""
    bench = Bench(centre(max_wait_ms=45_000), ClockRules("event"))
    bench.take(offered(0), now=0)
    bench.take(answered(44), now=45.001)
    assert bench.finding(VISIT) == "retracted"


def test_an_earlier_exit_retracts_what_a_later_one_confirmed() -> None:
    """And gives back the breach it was counted for."""
    bench = strict()
    bench.take(offered(0), answered(50))
    assert bench.finding(VISIT) == "confirmed"
    bench.take(abandoned(30))
    bench.flush()
    assert bench.finding(VISIT) == "retracted"
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
