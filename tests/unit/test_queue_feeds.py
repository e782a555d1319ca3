"""Which clock a fact is judged by: history by its own feed, live facts by the partition's now; and what walls show."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from tests.builders import Fact, abandoned, answered, ended, fact, message, offered, wrapped_up
from tests.callback_records import directory, policy
from tests.queue_bench import Bench, centre

VISIT = "acme/sac/1/c1"
HOUR, DAY = 3600.0, 86_400.0
MONTH_AGO = -30 * DAY


def past(kind: str, seconds: float, **changes: Any) -> Fact:
    """A fact of a month ago that is in Kafka at nine today."""
    return fact(kind, MONTH_AGO + seconds, **{"delay": -MONTH_AGO - seconds} | changes)


# -- history ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delay", "is_live"), [(900.0, True), (900.001, False)])
def test_a_visit_that_begins_late_is_a_matter_of_history(delay: float, *, is_live: bool) -> None:
    """More than a quarter of an hour after its first event, by the Kafka timestamp."""
    bench = Bench()
    bench.take(offered(0, delay=delay))
    live = bench.figures().live
    assert live is not None
    assert (live.waiting_contacts, bench.figures().counters.offered) == (is_live, is_live)
    assert bench.core.stage_figures().historic == ({} if is_live else {"call-events": 1})


def test_history_touches_no_live_figure() -> None:
    """Outcomes, intervals and findings are told as ever; no gauge, no counter, no freshness, no callback moves."""
    bench = Bench()
    bench.take(
        past("offered", 0, customer={"address": "+5585997465553"}),
        past("abandoned", 70),
        past("offered", 10, contact="c2"),
        past("answered", 15, contact="c2"),
        past("ended", 100, contact="c2", talk_seconds=85),
        past("offered", 300, contact="c3"),
        now=0,
    )
    bench.flush()
    assert {visit: data["outcome"] for visit, data in bench.outcomes().items()} == {
        VISIT: "abandoned_late",
        "acme/sac/1/c2": "answered_in_target",
    }
    assert {visit: data["state"] for visit, data in bench.findings().items()} == {VISIT: "confirmed"}
    assert bench.signals == {}
    figures = bench.figures()
    assert figures.live is not None
    assert (figures.live.waiting_contacts, figures.live.longest_wait_seconds) == (0, 0.0)
    assert (figures.counters.offered, set(figures.counters.exits.values())) == (0, {0})
    assert figures.counters.breaches == {"target": 0, "max": 0}
    assert (figures.counters.handle.sum_seconds, figures.counters.wait_answered.sum_seconds) == (0.0, 0.0)
    assert figures.day_base == 0
    stage = bench.core.stage_figures()
    assert (stage.last_event_ms, stage.delay, stage.skewed) == ({}, {}, {})


def test_history_waits_in_no_line_after_a_restart_either() -> None:
    """A successor knows who is a matter of history."""
    bench = Bench()
    bench.take(past("offered", 0), offered(0, contact="c2"), now=0)
    bench.restart()
    bench.tick(5)
    assert shown(bench) == (1, 5.0)


def test_days_nobody_can_change_are_forgotten_whole() -> None:
    """With their intervals, of which the day is the sum; the last three stay."""
    bench = Bench()
    for day in range(6):
        bench.take(past("offered", day * DAY, contact=f"c{day}"), past("abandoned", day * DAY + 9, contact=f"c{day}"))
        bench.flush()
    queue = bench.core.book.queues["acme/sac", "voice"]
    assert len(queue.days) == len(queue.intervals) == len([key for key in bench.rows if key.startswith(b"i/")]) == 3
    assert sum(data["abandoned"] for data in bench.intervals().values()) == 6


def test_history_of_today_counts_in_the_day() -> None:
    """An hour late, but the day is right."""
    bench = Bench()
    bench.take(offered(0, delay=HOUR), answered(5, delay=HOUR), offered(9, contact="c2", delay=HOUR))
    figures = bench.figures()
    assert (figures.day_base, figures.day_met, figures.day_waiting_contacts) == (1, 1, 1)


def test_history_ages_by_its_feed_alone() -> None:
    """A replay that stands still makes nobody wait longer; when it goes on, what has waited too long is recorded."""
    bench = Bench()
    bench.take(past("offered", 0), now=0)
    assert bench.tick(10 * HOUR) == []
    bench.close(10 * HOUR)
    assert bench.findings() == {}
    bench.take(past("offered", 60, contact="c2"))
    assert bench.findings() == {}
    bench.take(past("offered", 60.001, contact="c3"))
    assert {visit: data["state"] for visit, data in bench.findings().items()} == {VISIT: "open"}
    assert bench.figures().counters.breaches == {"target": 0, "max": 0}
    bench.take(past("offered", 4 * HOUR + 0.001, contact="c4"))
    bench.flush()
    assert bench.outcomes()[VISIT]["outcome"] == "unknown_exit"


def test_each_feed_has_its_own_time() -> None:
    """Another source's history, or another topic's, ages nobody here."""
    bench = Bench()
    bench.take(past("offered", 0), now=0)
    bench.take(past("offered", 2 * HOUR, contact="c2", source="pbx-2"))
    bench.take(past("offered", 2 * HOUR, contact="c3", queue="vendas", channel="chat"))
    assert bench.findings() == {}


def test_a_fact_moves_the_time_of_the_feed_it_came_by() -> None:
    """Also where its visit began on another."""
    bench = Bench()
    bench.take(past("offered", 0), past("offered", 0, contact="c2", source="pbx-2"), now=0)
    bench.take(past("ended", 2 * HOUR, source="pbx-2"))
    assert set(bench.findings()) == {"acme/sac/1/c2"}


def test_what_comes_in_time_does_not_move_the_time_of_history() -> None:
    """A late word of today on a contact of last month makes the rest of last month no later than it is."""
    bench = Bench()
    bench.take(past("offered", 0), answered(1), now=1)
    bench.take(past("offered", 0, contact="c2"))
    assert bench.letters == []


def test_by_event_time_nothing_is_historic() -> None:
    """A simulation of last month at speed is live to itself."""
    bench = Bench(clock=ClockRules("event"))
    bench.take(past("offered", 0), now=MONTH_AGO)
    live = bench.figures().live
    assert live is not None
    assert live.waiting_contacts == 1


# -- too late ---------------------------------------------------------------------------------------------------------

TOO_LATE = [
    # the clock's age against the fact in seconds, the channel, whether it is too late to begin a visit
    (DAY - 0.001, "voice", False),
    (DAY, "voice", True),
    (DAY, "email", False),
    (7 * DAY - 0.001, "email", False),
    (7 * DAY, "email", True),
]


@pytest.mark.parametrize(("age", "channel", "rejected"), TOO_LATE)
def test_a_live_fact_is_judged_by_the_partitions_now(age: float, channel: str, *, rejected: bool) -> None:
    """It reached Kafka in time and is read late: older than the visits still kept, it could be a repeat."""
    bench = Bench()
    queue = "correio" if channel == "email" else "sac"
    bench.take(offered(0, queue=queue, channel=channel), now=age)
    assert [reason for _, _, reason in bench.letters] == ["too_late"] * rejected
    assert bench.core.inputs.ledger.rejected == rejected


@pytest.mark.parametrize(("age", "rejected"), [(DAY - 0.001, False), (DAY, True)])
def test_a_historic_fact_is_judged_by_its_feed(age: float, *, rejected: bool) -> None:
    """Not by the wall, or no replay could be read; and not by what another source has replayed."""
    bench = Bench()
    bench.take(past("offered", age, contact="c2"), now=0)
    bench.take(past("offered", 0), past("offered", 0, contact="c3", source="pbx-2"))
    assert bench.letters == [("call-events", 1, "too_late")] * rejected


def test_a_fact_of_a_retained_visit_is_never_too_late() -> None:
    """However old: a wrap-up that comes days after the call, while the visit is kept for a later fact."""
    bench = Bench()
    bench.take(offered(0), answered(5), message(20 * HOUR, "customer", queue="sac", channel="voice"))
    bench.take(wrapped_up(60, wrap_up_seconds=9, delay=DAY + 2 * HOUR))
    bench.flush()
    assert (bench.letters, bench.outcomes()[VISIT]["wrap_up_seconds"]) == ([], 9.0)


def test_a_visit_ends_at_the_instant_from_which_its_last_fact_is_too_late() -> None:
    """No repeat at the very end of the retention counts a contact twice."""
    bench = Bench()
    tied = [offered(0), abandoned(0)]
    bench.take(*tied)
    bench.take(*tied, now=DAY)
    bench.flush()
    assert bench.core.inputs.ledger.rejected == 2
    assert [data["offered"] for data in bench.intervals().values()] == [1]


def test_what_grows_old_within_a_batch_is_forgotten_after_it() -> None:
    """A batch of a replay may span days: its facts are all taken before anything is dropped."""
    bench = Bench()
    bench.take(past("offered", 0), past("offered", 2 * DAY, contact="c2"), past("answered", 5), now=0)
    bench.flush()
    assert (bench.letters, bench.outcomes()[VISIT]["outcome"]) == ([], "answered_in_target")
    assert [key for key in bench.rows if key.startswith(b"v/")] == [b"v/acme/sac/1/c2"]


def test_a_contact_that_comes_again_after_its_retention_is_a_new_visit() -> None:
    """Its row is written anew in the flush that forgot it."""
    bench = Bench()
    bench.take(offered(0), answered(5))
    bench.flush()
    bench.take(offered(2 * DAY))
    bench.flush()
    assert bench.core.book.visits[VISIT].is_waiting
    assert dict(bench.core.snapshot())[b"v/acme/sac/1/c1"] == bench.rows[b"v/acme/sac/1/c1"]


# -- who waits, as the wall sees it -----------------------------------------------------------------------------------


def test_the_longest_wait_is_that_of_the_oldest_contact() -> None:
    """By the clock of its topic, whoever came first; nobody waits, no wait."""
    bench = Bench()
    bench.take(offered(30, contact="late"), offered(0), offered(10, contact="c2"), now=40)
    assert shown(bench) == (3, 40.0)
    bench.take(answered(41))
    assert shown(bench) == (2, 31.5)
    bench.take(answered(42, contact="c2"), abandoned(42, contact="late"))
    assert shown(bench) == (0, 0.0)


def shown(bench: Bench) -> tuple[int, float]:
    live = bench.figures().live
    assert live is not None
    return live.waiting_contacts, live.longest_wait_seconds


def test_while_stale_only_the_day_is_shown() -> None:
    """What was counted is still true; what is live cannot be known."""
    bench = Bench()
    bench.take(offered(0), answered(5))
    figures = bench.core.figures(
        wall_ms=bench.now_ms["call-events"], stale={"call-events": True, "email-events": False}
    )
    live = {(each.queue, each.channel): each.live is not None for each in figures}
    assert live[("sac", "voice")] is False
    assert live[("correio", "email")] is True
    assert live[("vendas", "chat")] is False, "of whose topic nothing is known"
    assert [each.day_base for each in figures if each.queue == "sac"] == [1]


def test_a_wall_of_tomorrow_starts_from_nothing() -> None:
    """Day counts are those of the site's local date."""
    bench = Bench()
    bench.take(offered(0), answered(5))
    figures = bench.core.figures(wall_ms=offered(DAY).time_ms, stale={})
    assert {each.day_base for each in figures} == {0}


def test_live_counters_count_once_and_never_go_back() -> None:
    """One entry, one exit, one ending a visit, whatever later facts make of it."""
    bench = Bench()
    bench.take(offered(0), answered(30), ended(90, talk_seconds=60))
    bench.take(abandoned(10), ended(80, talk_seconds=50))
    counters = bench.figures().counters
    assert (counters.offered, {name: count for name, count in counters.exits.items() if count}) == (
        1,
        {"answered_late": 1},
    )
    assert (counters.wait_answered.sum_seconds, counters.handle.sum_seconds) == (30.0, 60.0)
    assert counters.breaches == {"target": 1, "max": 0}


def test_abandons_and_other_exits_are_counted_apart() -> None:
    """The waits of those who hung up, and nobody else's."""
    bench = Bench()
    bench.take(offered(0), abandoned(30), offered(0, contact="c2"), fact("flowed_out", 40, contact="c2", reason="key"))
    counters = bench.figures().counters
    assert {name: count for name, count in counters.exits.items() if count} == {"abandoned_late": 1, "key_exit": 1}
    assert (counters.wait_abandoned.sum_seconds, counters.wait_answered.sum_seconds) == (30.0, 0.0)


# -- configuration that changed ---------------------------------------------------------------------------------------


def test_rows_of_a_queue_no_longer_configured_are_left_alone() -> None:
    """Its visits and intervals are neither loaded nor deleted; a channel taken away likewise."""
    bench = Bench()
    bench.take(offered(0), offered(0, contact="c2", queue="vendas", channel="chat"))
    bench.flush()
    rows = dict(bench.rows)
    smaller = Bench(directory(policy("vendas", channels=frozenset({"voice"}))))
    smaller.core.restore(rows)
    assert set(smaller.core.book.visits) == set()
    assert smaller.core.changes().rows == []


def test_queues_of_other_partitions_are_not_shown() -> None:
    """A core knows the queues it owns."""
    core = QueuesCore(1, centre(), facts=Facts(None, None), clock=ClockRules())
    assert core.figures(wall_ms=0, stale={}) == []


# -- how well a source tells ------------------------------------------------------------------------------------------


def odd_events(bench: Bench) -> dict[str, int]:
    odd = bench.core.stage_figures().odd
    assert {key[:3] for key in odd} <= {("acme", "fortaleza", "pbx-1")}
    return {key[3]: count for key, count in odd.items()}


def test_a_source_that_tells_as_it_should_has_no_odd_events() -> None:
    """In order, once, from the offer on; whole seconds of one moment are no disorder."""
    bench = Bench()
    bench.take(offered(0))
    bench.take(answered(5), offered(4.5, contact="c2"))
    bench.take(offered(4.5, contact="c3"))
    assert odd_events(bench) == {}


def test_repeats_disorder_and_missing_offers_are_counted_by_source() -> None:
    """Each once, whatever becomes of the visit; a repeat is no disorder."""
    bench = Bench()
    bench.take(offered(0), offered(60, contact="c2"))
    bench.take(offered(0).again(delay=90))
    assert odd_events(bench) == {"duplicate": 1}
    bench.take(answered(30))
    assert odd_events(bench) == {"duplicate": 1, "disordered": 1}
    bench.take(fact("abandoned", 70, contact="c3"))
    assert odd_events(bench) == {"duplicate": 1, "disordered": 1, "before_offer": 1}
    bench.take(offered(65, contact="c3"))
    assert odd_events(bench) == {"duplicate": 1, "disordered": 2, "before_offer": 1}


def test_history_is_never_odd() -> None:
    """A replay comes as it comes."""
    bench = Bench()
    bench.take(past("abandoned", 70), past("offered", 0), now=0)
    bench.take(past("offered", 0), now=0)
    assert odd_events(bench) == {}


def unfinished_contacts(bench: Bench) -> dict[str, int]:
    unfinished = bench.core.stage_figures().unfinished
    assert {key[:3] for key in unfinished} <= {("acme", "fortaleza", "pbx-1")}
    return {key[3]: count for key, count in unfinished.items()}


def test_what_was_never_told_of_a_contact_is_counted_when_it_is_forgotten() -> None:
    """Once and not before: the last fact may come late. Whoever left and whoever was served to the end is whole."""
    bench = Bench()
    bench.take(
        *(offered(0, contact="whole"), answered(5, contact="whole"), fact("ended", 60, contact="whole")),
        *(offered(0, contact="gave up"), fact("abandoned", 9, contact="gave up")),
        *(offered(0, contact="late"), answered(5, contact="late")),
        offered(0, contact="waits for ever"),
        *(offered(0, contact="nobody knows"), fact("flowed_out", 9, contact="nobody knows", reason="unknown")),
        answered(5, contact="from nowhere"),
        *(offered(0, contact="talks for ever"), answered(5, contact="talks for ever")),
        *(offered(0, contact="only ends"), fact("ended", 60, contact="only ends")),
    )
    bench.close(23 * 3600)
    bench.take(fact("ended", 300, contact="late", delay=23 * 3600))
    assert unfinished_contacts(bench) == {}
    bench.close(49 * 3600)
    assert unfinished_contacts(bench) == {"never_offered": 1, "never_left": 2, "never_answered": 1, "never_ended": 1}


def test_history_is_never_unfinished() -> None:
    """An archive may begin and end anywhere."""
    bench = Bench()
    bench.take(past("offered", 0), now=0)
    bench.take(past("offered", 3 * 24 * 3600, contact="c2"), now=10)
    bench.close(49 * 3600)
    assert unfinished_contacts(bench) == {}
