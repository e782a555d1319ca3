"""Whose wait is doubtful, and who never leaves: what waiting alone may and may not say."""

from __future__ import annotations

import pytest

from streams.domain.queues import MOST_DUE_AT_ONCE, ClockRules
from tests.builders import Fact, abandoned, answered, message, offered
from tests.queue_bench import Bench, centre, strict

VISIT = "acme/sac/1/c1"
HOUR = 3600.0


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
    assert bench.finding(VISIT) == "confirmed"
    assert bench.figures().counters.breaches == {"target": 1, "max": 1}


def test_a_doubtful_contact_is_given_up_without_a_breach() -> None:
    """Its age is not to be trusted for a limit; that it never left is believed in the end."""
    bench = strict()
    bench.take(offered(0, delay=200), now=0)
    bench.close(5 * HOUR)
    assert (bench.findings(), bench.outcomes()[VISIT].get("is_breach")) == ({}, None)
    assert bench.figures().counters.breaches == {"target": 0, "max": 0}


def test_a_repeat_takes_no_doubt_away() -> None:
    """Nor does a fact in time: the visit began with a wrong clock."""
    bench = strict()
    begun = offered(0, queue="vendas", channel="chat", delay=200)
    bench.take(begun, begun, message(5, "customer"), now=5)
    assert bench.tick(300) == []


def test_doubtful_contacts_do_not_keep_others_from_their_turn() -> None:
    """However many there are: time has nothing to say of them until they are given up."""
    bench = strict()
    doubtful = [offered(0, contact=f"c{number}", delay=200) for number in range(MOST_DUE_AT_ONCE)]
    bench.take(*doubtful, now=0)
    bench.take(offered(10, contact="late"), now=10)
    told = [finding["visit_id"] for now in (60, 61, 62) for finding in bench.tick(now)]
    assert told == ["acme/sac/1/late"]


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
    assert bench.finding(VISIT) == "confirmed"


@pytest.mark.parametrize(("hours", "kept"), [(27.9, True), (28.1, False)])
def test_a_contact_given_up_is_kept_for_its_exit(hours: float, *, kept: bool) -> None:
    """A day from when it was given up, not from its offer."""
    bench = Bench()
    bench.take(offered(0))
    bench.close(5 * HOUR)
    bench.close(hours * HOUR)
    assert (VISIT in bench.core.book.visits) == kept


def test_patience_is_that_of_the_channel_of_the_offer() -> None:
    """Of the one that stands, whichever fact came first: a chat may wait a day, a call four hours."""
    bench = Bench()
    bench.take(offered(10, queue="vendas"))
    bench.take(offered(0, queue="vendas", channel="chat"))
    bench.close(5 * HOUR)
    assert bench.outcomes() == {}
    bench.close(25 * HOUR)
    assert [told["outcome"] for told in bench.outcomes().values()] == ["unknown_exit"]


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
    assert (bench.finding(VISIT), bench.outcomes()[VISIT]["is_breach"]) == ("open", True)


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
