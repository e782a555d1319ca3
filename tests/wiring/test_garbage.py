"""What lives long is not looked at again; what dies is freed all the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.engine import garbage


class Node:
    """Half of a cycle."""

    other: Node


def cycle() -> Node:
    one, two = Node(), Node()
    one.other, two.other = two, one
    return one


@pytest.fixture(autouse=True)
def taken_over() -> Iterator[None]:
    thresholds = gc.get_threshold()
    garbage.take_over()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    gc.collect()


def make_new_containers() -> list[list[int]]:
    """So many that a sweep is worth its while."""
    kept: list[list[int]] = []
    while not gc.get_count()[2]:
        kept.append([])
    return kept


def test_a_sweep_sets_aside_what_lives_and_frees_what_has_died() -> None:
    """Cycles that died since the last sweep are collected, and what is left is not looked at any more."""
    dead = weakref.ref(cycle())
    before = gc.get_freeze_count()
    kept = make_new_containers()
    garbage.sweep()
    assert dead() is None
    assert gc.get_freeze_count() - before >= len(kept)


def test_a_sweep_without_anything_new_does_nothing() -> None:
    """An idle worker spends no time on it."""
    before = gc.get_freeze_count()
    garbage.sweep()
    assert gc.get_freeze_count() == before


def test_a_sweep_does_not_count_what_was_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting walks through all of it: four times a second it would hold up the events as a collection does."""
    kept = make_new_containers()

    def count() -> int:
        raise AssertionError(f"counted, with {len(kept)} new")

    monkeypatch.setattr(gc, "get_freeze_count", count)
    garbage.sweep()
    garbage.sweep()
    monkeypatch.undo()


def test_full_collections_do_not_come_by_themselves() -> None:
    """However much is made: they would look through all of it at a moment of their own choosing."""
    full = gc.get_stats()[2]["collections"]
    kept = [[number] for number in range(500_000)]
    assert gc.get_stats()[2]["collections"] == full
    assert len(kept) == 500_000


def test_what_dies_after_it_was_set_aside_is_freed_when_all_is_taken_back() -> None:
    """State that is given up is full of cycles: without this it would stay for ever, once per rebalance."""
    state = cycle()
    dead = weakref.ref(state)
    garbage.set_aside_restored()
    del state
    make_new_containers()
    garbage.sweep()
    assert dead() is not None
    garbage.take_back()
    assert dead() is None


def test_garbage_that_was_set_aside_is_never_more_than_what_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without any rebalance, for as long as a worker runs."""
    monkeypatch.setattr(garbage, "_LEAST_ASIDE", 0)
    lived, state = gc.get_freeze_count(), cycle()
    dead = weakref.ref(state)
    make_new_containers()
    garbage.sweep()
    del state
    kept = []
    while dead() is not None and gc.get_freeze_count() <= 3 * lived:
        kept.append(make_new_containers())
        garbage.sweep()
    assert dead() is None
