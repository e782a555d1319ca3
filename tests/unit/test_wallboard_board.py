"""The model of the wallboard: the numbers of the pages, merged, in order, and never invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from streams.domain.events import AGENT_STATES
from streams.domain.figures import OUTCOMES, CallbackFigures, SiteFigures, StageFigures
from streams.metrics import WorkerFigures
from streams.wallboard.board import board_of, utc_offset_seconds
from streams.wallboard.figures import Board, QueueLine, State
from streams.wallboard.history import History
from streams.wallboard.pages import Failure, Page, newest_event_seconds
from tests.wallboard_pages import (
    MONDAY,
    NINE,
    OTHER_URL,
    PBX,
    PLACE,
    UNOWNED,
    URL,
    Queue,
    monday,
    page,
    text_of,
    worker,
)

SAC = Queue("sac", "SAC", waiting=3, longest=30.0)
SALES = Queue("vendas", "Vendas")


def board(*pages: Page, now: float = NINE, history: History | None = None) -> Board:
    """The board of one look at these pages."""
    remembered = history or History()
    remembered.observe(pages, now)
    return board_of(pages, remembered, now)


def line(shown: Board, queue: str) -> QueueLine:
    (found,) = (each for each in shown.queues if each.queue == queue)
    return found


def two_workers(first: WorkerFigures, second: WorkerFigures) -> tuple[Page, Page]:
    return page(first), page(second, OTHER_URL)


def test_every_number_of_a_queue_is_the_worker_s() -> None:
    """Live figures, the day, limits and names of each queue are those the page was made of."""
    shown = board(page(monday()))
    for queue in MONDAY:
        told, told_line = queue.figures, line(shown, queue.queue)
        if told.live is None:
            assert told_line.live is None
        else:
            assert told_line.live is not None
            assert told_line.live.waiting_contacts == told.live.waiting_contacts
            assert told_line.live.longest_wait_seconds == told.live.longest_wait_seconds
            assert told_line.live.wait_limit_used_ratio == told.live.wait_limit_used_ratio
            assert told_line.live.over_limit_contacts == told.live.over_limit_contacts
            assert told_line.live.agents == {state: told.live.agents.get(state, 0) for state in AGENT_STATES}
        assert told_line.today is not None
        assert told_line.today.outcomes == {outcome: told.day_outcomes.get(outcome, 0) for outcome in OUTCOMES}
        assert told_line.today.breaches == told.day_breaches
        assert (told_line.today.formula, told_line.today.met, told_line.today.base) == (
            told.formula,
            told.day_met,
            told.day_base,
        )
        assert told_line.display_name == queue.name
        assert told_line.max_wait_seconds == queue.max_wait
        assert told_line.answer_target_seconds == queue.answer_target
        assert told_line.service_level_target == queue.policy.service_level_target


def test_every_total_is_the_worker_s() -> None:
    """Waiting and over the limit by queue, agents by site (each once), callbacks, lag, the newest event."""
    shown = board(page(worker([SAC, SALES])))
    assert shown.waiting_contacts == 3
    assert shown.over_limit_contacts == 0
    assert shown.agents("available") == 9
    assert shown.callbacks_pending == 12
    assert shown.lag_messages == 12
    assert [source.age_seconds for source in shown.sources] == [3.0]
    assert not shown.parts_missing
    assert not shown.live_missing


def test_shares_of_the_day_come_from_its_counts() -> None:
    """Service level by the worker's own numerator and denominator, abandonment B/(A+B); of nothing, none."""
    day = replace(SAC, outcomes={"answered_in_target": 6, "abandoned_short": 1, "abandoned_late": 1, "transferred": 9})
    today = line(board(page(worker([replace(day, met=6, base=8)]))), "sac").today
    assert today is not None
    assert (today.service_level, today.abandonment) == (0.75, 0.25)
    empty = line(board(page(worker([replace(SAC, outcomes={}, met=0, base=0)]))), "sac").today
    assert empty is not None
    assert (empty.service_level, empty.abandonment) == (None, None)


def test_two_workers_make_one_board() -> None:
    """Each queue from its owner; what both hold in parts is added up; the lag of a partition counts once."""
    mine = worker([SAC], [SAC, SALES], lag_messages={("g", "call-events", 0): 7, ("g", "call-events", 1): 1})
    other = worker(
        [SALES],
        [SAC, SALES],
        callbacks=[CallbackFigures(*PLACE, "retorno-sac", 5, 0.0)],
        sites=[SiteFigures(*PLACE, {"available": 2})],
        lag_messages={("g", "call-events", 1): 4},
    )
    shown = board(*two_workers(mine, other))
    assert [each.live is not None for each in shown.queues] == [True, True]
    assert shown.callbacks_pending == 17
    assert shown.agents("available") == 11
    assert shown.lag_messages == 11
    assert (shown.workers, shown.workers_answering) == (2, 2)


def test_a_queue_with_two_owners_for_a_moment_shows_the_higher_numbers() -> None:
    """As the recording rules do."""
    shown = board(*two_workers(worker([SAC]), worker([replace(SAC, waiting=5, met=91)])))
    live, today = line(shown, "sac").live, line(shown, "sac").today
    assert live is not None
    assert today is not None
    assert (live.waiting_contacts, today.met) == (5, 91)


def test_a_queue_is_stale_as_soon_as_one_worker_says_so() -> None:
    """Whatever another still shows of it is not believed; the counts of the day stay."""
    shown = line(board(*two_workers(worker([SAC]), worker([replace(SAC, is_stale=True)]))), "sac")
    assert (shown.state, shown.live) == (State.STALE, None)
    assert shown.today is not None


def test_a_queue_read_back_is_stale_and_nothing_else_is_known() -> None:
    """While a worker recovers it exports the stale gauge only."""
    shown = line(board(page(worker([], [SAC], recovering_queues=[SAC.policy]))), "sac")
    assert (shown.state, shown.live, shown.today, shown.breaches_last_hour) == (State.STALE, None, None, None)


def test_a_queue_nobody_shows_is_without_data() -> None:
    """Not 0: it has neither live figures nor a day, and sums are known to lack it."""
    shown = board(page(monday()))
    lost = line(shown, UNOWNED.queue)
    assert (lost.state, lost.live, lost.today) == (State.MISSING, None, None)
    assert shown.parts_missing
    assert shown.live_missing


def test_the_queues_of_a_worker_that_fell_silent_are_without_data() -> None:
    """They stay on the board, also when nobody is left to name them, and the failure is told."""
    history = History()
    both = two_workers(worker([SAC], [SAC, SALES]), worker([SALES], [SAC, SALES]))
    board(*both, history=history)
    half = board(both[0], Page(OTHER_URL, failure=Failure.TOO_SLOW), now=NINE + 2, history=history)
    assert {each.queue: each.state for each in half.queues} == {"sac": State.OK, "vendas": State.MISSING}
    assert half.failures == {OTHER_URL: Failure.TOO_SLOW}
    assert half.parts_missing
    gone = [Page(url, failure=Failure.UNREACHABLE) for url in (URL, OTHER_URL)]
    dark = board(*gone, now=NINE + 4, history=history)
    assert [each.state for each in dark.queues] == [State.MISSING] * 2
    assert dark.waiting_contacts is None
    assert dark.agents("available") is None
    assert dark.callbacks_pending is None
    assert dark.workers_answering == 0


def test_the_worst_queue_comes_first() -> None:
    """Over by share of the limit, then near, then those nobody knows, then the well; never a blind one last."""
    assert [each.queue for each in board(page(monday())).queues] == [
        "sac-cartoes",
        "whats",
        "suporte",
        "perda-roubo",
        "cobranca",
        "ouvidoria",
        "vendas",
        "cancela",
        "retorno-sac",
        "corporativo",
        "noite",
    ]


@pytest.mark.parametrize(
    ("used", "state"),
    [(0.0, State.OK), (0.799, State.OK), (0.8, State.NEAR), (1.0, State.NEAR), (1.0001, State.OVER)],
)
def test_a_queue_is_judged_by_the_share_of_the_limit_its_longest_wait_has_used(used: float, state: State) -> None:
    """At the limit it is not yet over it."""
    assert line(board(page(worker([replace(SAC, waiting=1, used=used)]))), "sac").state is state


def sources(shown: Board) -> list[tuple[str, float | None, bool]]:
    return [(each.source, each.age_seconds, each.is_silent) for each in shown.sources]


def at_seconds_ago(**seconds: float) -> list[StageFigures]:
    newest = {(*PLACE, source): round((NINE - ago) * 1000) for source, ago in seconds.items()}
    return [StageFigures({}, {}, {}, {}, {}, newest, {}, 0)]


def test_the_source_most_beyond_its_silence_is_told_first() -> None:
    """Each against its own expectation; a little ahead of now is as fresh as can be."""
    stages = at_seconds_ago(pbx=100, mail=500, ahead=-5)
    silences = {(*PLACE, "pbx"): 60.0, (*PLACE, "mail"): 1000.0, (*PLACE, "ahead"): 10.0}
    shown = board(page(worker([SAC], stages=stages, expected_silence_seconds=silences)))
    assert sources(shown) == [("pbx", 100.0, True), ("mail", 500.0, False), ("ahead", 0.0, False)]


def test_a_source_far_ahead_of_now_has_no_age() -> None:
    """Its clock is wrong, or the wall's is another than the worker's: either way nobody knows how fresh it is."""
    assert sources(board(page(worker([SAC], stages=at_seconds_ago(pbx=-121), expected_silence_seconds={})))) == [
        ("unconfigured", None, False)
    ]


def test_a_closed_site_may_be_silent() -> None:
    """Nobody calls at night."""

    def closed(_policy: Any) -> bool:
        return False

    shown = board(page(worker([SAC], stages=at_seconds_ago(pbx=100), is_open=closed, expected_silence_seconds={})))
    silent = board(page(worker([SAC], is_open=closed)), now=NINE + 1000)
    assert not line(shown, "sac").is_open
    assert sources(silent) == [(PBX[2], 1003.0, False)]


@pytest.mark.parametrize(("day_start", "hours"), [(10_800, -3), (14_400, -4), (0, 0), (82_800, 1), (66_600, 5.5)])
def test_the_clock_of_a_site_follows_from_when_its_day_began(day_start: int, hours: float) -> None:
    """Midnight of Fortaleza is three in the morning, UTC."""
    assert utc_offset_seconds(day_start) == hours * 3600


def test_a_board_can_be_of_one_site() -> None:
    """Series of other sites are left out; those of no site stay."""
    there = replace(SALES, site="manaus")
    whole = page(worker([SAC, there], expected_silence_seconds={PBX: 60.0}))
    shown = board(whole.only(site="manaus"))
    assert [each.queue for each in shown.queues] == ["vendas"]
    assert shown.agents("available") is None
    assert not shown.sources
    assert shown.lag_messages == 12


def test_what_is_no_page_of_a_worker_is_a_failure() -> None:
    """A web page, another exporter, or text cut in the middle: never an empty board that looks healthy."""
    texts: Sequence[str] = ("<html>Not here</html>", "up 1\n", text_of(worker([SAC])).replace("} 1.0\n", "} one\n"))
    for text in texts:
        assert Page.read(URL, text).failure is Failure.NOT_A_WORKER


def test_the_newest_event_of_all_workers_is_the_present_of_a_simulation() -> None:
    """Nothing is known without a page."""
    pages = two_workers(worker([SAC], stages=at_seconds_ago(pbx=8)), worker([SAC], stages=at_seconds_ago(pbx=2)))
    assert newest_event_seconds(pages) == NINE - 2
    assert newest_event_seconds([Page(URL, failure=Failure.TOO_SLOW)]) is None
