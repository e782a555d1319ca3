"""Breaches of the last hour, counted from counters that restart, move and fall silent."""

from __future__ import annotations

from dataclasses import replace

from streams.wallboard.history import HOUR_SECONDS, History, QueueKey
from streams.wallboard.pages import Failure, Page
from tests.wallboard_pages import NINE, OTHER_URL, URL, Queue, page, worker

SAC = Queue("sac", "SAC")
KEY = QueueKey("acme", "fortaleza", "sac", "voice")
HOUR = HOUR_SECONDS


def counted(breaches: int, url: str = URL) -> Page:
    """A worker whose counter of the queue is there."""
    return page(worker([replace(SAC, breaches=breaches)]), url)


def without(url: str = URL) -> Page:
    """A worker that does not own the queue."""
    return page(worker([], [SAC]), url)


def history(*looks: tuple[float, Page | tuple[Page, ...]]) -> History:
    """One that was told these looks, in seconds after nine."""
    told = History()
    for seconds, pages in looks:
        told.observe(pages if isinstance(pages, tuple) else (pages,), NINE + seconds)
    return told


def test_what_was_there_before_the_wall_is_no_breach_of_this_hour() -> None:
    """After one look nothing is known; from the second on the increase is."""
    assert history((0, counted(7))).breaches_last_hour(KEY) is None
    assert history((0, counted(7)), (2, counted(7))).breaches_last_hour(KEY) == 0
    assert history((0, counted(7)), (2, counted(9)), (4, counted(10))).breaches_last_hour(KEY) == 3


def test_a_breach_leaves_the_hour_after_an_hour() -> None:
    """Each increase by its own age."""
    looks = [(0, counted(0)), (600, counted(2)), (1200, counted(3))]
    assert history(*looks, (HOUR, counted(3))).breaches_last_hour(KEY) == 3
    assert history(*looks, (HOUR + 1, counted(3))).breaches_last_hour(KEY) == 1
    assert history(*looks, (HOUR + 601, counted(3))).breaches_last_hour(KEY) == 0


def test_a_counter_that_fell_counts_from_nothing() -> None:
    """The worker started again between two looks."""
    assert history((0, counted(7)), (2, counted(9)), (4, counted(1)), (6, counted(2))).breaches_last_hour(KEY) == 4


def test_what_a_new_owner_shows_first_is_no_increase() -> None:
    """The queue moves to the other worker, which has counted it before; only what it adds counts."""
    moved = [
        (0, (counted(3), without(OTHER_URL))),
        (2, (counted(4), without(OTHER_URL))),
        (4, (without(), counted(5, OTHER_URL))),
        (6, (without(), counted(6, OTHER_URL))),
    ]
    assert history(*moved).breaches_last_hour(KEY) == 2


def test_a_worker_that_does_not_answer_for_a_while_loses_nothing() -> None:
    """Its counter is compared with what it was before."""
    away = Page(URL, failure=Failure.TOO_SLOW)
    assert history((0, counted(1)), (2, away), (4, counted(5))).breaches_last_hour(KEY) == 4


def test_the_wall_says_how_much_of_the_hour_it_has_seen() -> None:
    """Up to the hour, and from its first look."""
    assert history().watched_seconds() == 0
    told = history((0, counted(0)), (720, counted(0)))
    assert (told.since_seconds, told.watched_seconds()) == (NINE, 720)
    assert history((0, counted(0)), (HOUR, counted(0)), (HOUR + 9, counted(0))).watched_seconds() == HOUR


def test_a_wall_that_slept_for_longer_than_an_hour_begins_anew() -> None:
    """When the breaches of the meantime happened nobody knows."""
    told = history((0, counted(0)), (2, counted(1)), (2 * HOUR, counted(9)), (2 * HOUR + 2, counted(10)))
    assert told.since_seconds == NINE + 2 * HOUR
    assert told.breaches_last_hour(KEY) == 1


def test_a_clock_that_steps_back_stands_still() -> None:
    """No increase is lost or counted twice."""
    told = history((10, counted(0)), (5, counted(2)), (20, counted(3)))
    assert told.breaches_last_hour(KEY) == 3
