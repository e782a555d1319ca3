"""What a vendor calls a queue, and which queue of ours that is. Pure.

The configuration lists it (``vendor_queues``). A name that is not listed is collected, and what belongs to it is left
out: ``filaviva ingest discover`` shows what was met and is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from streams.domain.events import Channel

MOST_UNMAPPED: Final = 1000
"""How many names that are not in the dictionary are told apart."""
LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A queue of ours as a source feeds it. ``callback_keys``: what a caller presses to ask for a callback instead of
    waiting; any other key is a key exit."""

    tenant: str
    site: str
    queue: str
    channel: Channel
    callback_keys: frozenset[str] = frozenset()


class QueueDictionary:
    """The names of one source. ``unmapped`` counts how often each name was looked up in vain."""

    def __init__(self, source: str, places: Mapping[str, Place]) -> None:
        self.source = source
        self.unmapped: Counter[str] = Counter()
        self._places = dict(places)

    @property
    def places(self) -> Collection[Place]:
        """Every queue of ours that the source feeds."""
        return self._places.values()

    def place(self, name: str) -> Place | None:
        """The queue behind a vendor's name; None, and remembered, where the dictionary has none."""
        found = self._places.get(name)
        if found is None and name and (name in self.unmapped or len(self.unmapped) < MOST_UNMAPPED):
            self.unmapped[name[:LONGEST_NAME]] += 1
        return found
