"""Python's collector of reference cycles, kept from walking through the state.

A full collection looks at every container that lives, at a moment of its own choosing, and nothing else runs meanwhile:
with 100,000 open visits it held up the events for a quarter of a second. What lives long is therefore set aside, and
collections look only at what is new. Nothing dead is set aside (who sets aside has collected just before), but what
dies afterwards as part of a cycle stays until everything is looked through again: when partitions are given up, whose
state is full of cycles, and whenever twice as much has been set aside as the last look found alive. So garbage is never
more than what lives, and looks become rare as the state grows. What dies without a cycle is freed at once, as ever.
"""

from __future__ import annotations

import gc
from typing import Final

_NEW_CONTAINERS: Final = 2_000
"""How many more containers there must be before the newest are looked at: a millisecond."""
_YOUNG_COLLECTIONS: Final = 5
_NEVER: Final = 1_000_000_000
"""Full collections do not come by themselves; `sweep` makes them, of what is new."""
_LEAST_ASIDE: Final = 500_000
"""With less than this set aside nothing is looked through again."""
_aside = {"alive": 0, "since": 0}
"""Containers alive when everything was looked through last, and those set aside since they were last counted. Counting
what is set aside walks through all of it, so that is done only once as many have come."""


def take_over() -> None:
    """From now on this process collects as described; everything that lives now is set aside."""
    gc.set_threshold(_NEW_CONTAINERS, _YOUNG_COLLECTIONS, _NEVER)
    _look_through()


def sweep() -> None:
    """Collect what has become garbage among the new, and set the rest aside. To be called a few times a second, so that
    the new is never much; does nothing where hardly anything is."""
    if not gc.get_count()[2]:
        return
    gc.collect()
    _aside["since"] += len(gc.get_objects())
    gc.freeze()
    if _aside["since"] > max(_LEAST_ASIDE, _aside["alive"]):
        _aside["since"] = 0
        if gc.get_freeze_count() > max(_LEAST_ASIDE, 2 * _aside["alive"]):
            _look_through()


def set_aside_restored() -> None:
    """Set aside what was just read back, unseen: looking through it would take as long as what this module prevents."""
    gc.freeze()
    _aside.update(alive=gc.get_freeze_count(), since=0)


def take_back() -> None:
    """Look through everything once, what was set aside included. Takes long where there was much state; it is for the
    moment at which that has been given up, and nothing is worked on."""
    _look_through()


def _look_through() -> None:
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _aside.update(alive=gc.get_freeze_count(), since=0)
