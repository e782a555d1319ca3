"""Who waits and who talks in Asterisk's queues, as contact events: for the queue log and the manager interface. Pure.

A call is named by the unique id of its channel. It may change while the call lives (an attended transfer puts another
channel into the place of the one that entered the queue), so a word about a call that never entered is taken for one
that did if queue, position and time of entry fit. Where none does, the entry was not seen, and the word itself says
when it was: it tells how long the caller has waited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Final

import msgspec

from streams.sources.canonical import EventWriter, Stay
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event

REMEMBERED_MS: Final = 2 * 3_600_000
"""A call that is in no queue any more is known for so long: it may come back into one, as a further entry."""
LOST_MS: Final = 24 * 3_600_000
"""A call of which nothing is heard for so long has ended unseen."""
_SWEEP_MS: Final = 600_000
_SAME_ENTRY_MS: Final = 1000
"""How far two times of one entry may be apart: both are written in whole seconds, one after the other."""


class Leg(msgspec.Struct, array_like=True):
    """A call in one queue: waiting, or talking to ``agent`` since ``since_ms``."""

    contact: str
    entry: int
    since_ms: int
    position: int | None = None
    agent: str = ""


class Known(msgspec.Struct, array_like=True):
    """A call that is or was in queues: the contact it is, its entries by queue, the queue of ours it was in last."""

    contact: str
    last_ms: int
    entries: dict[str, int] = {}
    queue: str | None = None


_Key = tuple[str, str]
"""Call and the vendor's name of the queue."""


class CallSnapshot(msgspec.Struct, array_like=True):
    """What of a book survives a restart."""

    newest_ms: int
    waiting: list[tuple[str, str, Leg]]
    talking: list[tuple[str, str, Leg]]
    known: dict[str, Known]
    lost: list[tuple[str, str, Leg]] = []


class CallBook:
    """The calls of one source. Times are milliseconds; ``waited_ms`` is how long a caller has waited by the vendor's
    own count, None where it does not say. Queues that the dictionary does not have are left out."""

    def __init__(self, dictionary: QueueDictionary, snapshot: CallSnapshot | None = None) -> None:
        self._dictionary = dictionary
        self._writer = EventWriter(dictionary.source)
        self.newest_ms = 0
        """The time of the newest word."""
        self.orphans = 0
        """Words about calls whose entry was not seen."""
        self._swept_ms = 0
        self._waiting: dict[_Key, Leg] = {}
        self._talking: dict[_Key, Leg] = {}
        self._lost: dict[_Key, Leg] = {}
        """Said to be gone; whatever is heard of them after all is told of the same stay."""
        self._known: dict[str, Known] = {}
        self._busy: Counter[str] = Counter()
        if snapshot:
            self._restore(snapshot)

    # -- what happens to a call ---------------------------------------------------------------------------------------

    def enter(
        self, key: _Key, at_ms: int, *, position: int | None = None, about_ms: int = 0, **data: Any
    ) -> list[Event]:
        """The call has entered the queue; ``data`` goes into the offer. A call that waits there since then, give or
        take ``about_ms``, has been told before."""
        place = self._dictionary.place(key[1])
        if place is None:
            return []
        known = self._call(key[0], at_ms)
        before = self._waiting.get(key)
        if before is not None and abs(before.since_ms - at_ms) <= about_ms and position in (before.position, None):
            return []
        events = self.gone(key, at_ms)  # how it left before was never told
        self._lost.pop(key, None)
        came_from = known.queue if known.queue != place.queue else None
        leg = self._new_leg(key, known, place, at_ms)
        leg.position = position
        self._waiting[key] = leg
        stay = Stay(place, leg.contact, leg.entry)
        return [*events, self._writer.contact("offered", stay, at_ms, transferred_from=came_from, **data)]

    def leave(
        self,
        key: _Key,
        at_ms: int,
        kind: str,
        *,
        waited_ms: int | None = None,
        position: int | None = None,
        **data: Any,
    ) -> list[Event]:
        """The caller has left the queue unanswered: ``contact.<kind>`` with ``data``."""
        place = self._dictionary.place(key[1])
        if place is None:
            return []
        leg, events = self._taken(key, place, at_ms, waited_ms, position)
        if leg is None:
            return events
        return [*events, self._writer.contact(kind, Stay(place, leg.contact, leg.entry), at_ms, told_as="left", **data)]

    def connect(self, key: _Key, at_ms: int, agent: str, *, waited_ms: int | None = None) -> list[Event]:
        """An agent has the caller now."""
        place = self._dictionary.place(key[1])
        if place is None:
            return []
        leg, events = self._taken(key, place, at_ms, waited_ms, None)
        if leg is None:
            return events
        self._forget_talk(key)  # whose end was never told
        self._talking[key] = Leg(leg.contact, leg.entry, at_ms, agent=agent)
        self._busy[agent] += 1
        stay = Stay(place, leg.contact, leg.entry)
        return [*events, self._writer.contact("answered", stay, at_ms, agent_id=agent or None)]

    def complete(
        self, key: _Key, at_ms: int, agent: str, *, talk_ms: int, waited_ms: int | None, ended_by: str | None
    ) -> list[Event]:
        """The caller and the agent have parted: the one or the other hung up, or the call was passed on."""
        place = self._dictionary.place(key[1])
        if place is None:
            return []
        found = key if key in self._talking else self._talk_of(key[1], agent, at_ms - talk_ms)
        events: list[Event] = []
        if found is None:
            events = self.connect(key, at_ms - talk_ms, agent, waited_ms=waited_ms)
            if not events:
                return []
            found = key
        self._call(found[0], at_ms)
        leg = self._forget_talk(found)
        stay = Stay(place, leg.contact, leg.entry)
        ended = self._writer.contact(
            "ended", stay, at_ms, talk_seconds=talk_ms / 1000, ended_by=ended_by, agent_id=agent or None
        )
        return [*events, ended]

    def restart(self) -> list[Event]:
        """Asterisk was started anew: whoever waited is gone, whoever talked was cut off, at the newest time known."""
        events = [event for key in list(self._waiting) for event in self.gone(key, self.newest_ms)]
        for key in list(self._talking):
            leg, place = self._forget_talk(key), self._dictionary.place(key[1])
            if place is not None:
                stay = Stay(place, leg.contact, leg.entry)
                events.append(
                    self._writer.contact(
                        "ended", stay, max(self.newest_ms, leg.since_ms), ended_by="network", completed=False
                    )
                )
        return events

    def gone(self, key: _Key, at_ms: int) -> list[Event]:
        """The caller does not wait any more, and nobody knows how that came; ``at_ms`` is when he still did."""
        leg = self._waiting.pop(key, None)
        place = self._dictionary.place(key[1])
        if leg is None or place is None:
            return []
        self._lost[key] = leg
        stay = Stay(place, leg.contact, leg.entry)
        return [self._writer.contact("flowed_out", stay, max(at_ms, leg.since_ms), told_as="gone", reason="unknown")]

    # -- what is known ------------------------------------------------------------------------------------------------

    def is_busy(self, agent: str) -> bool:
        """Whether the agent talks to one of these callers."""
        return self._busy[agent] > 0

    def is_waiting(self, key: _Key) -> bool:
        return key in self._waiting

    def has_been(self, key: _Key) -> bool:
        """Whether the call is or was in this queue under this name."""
        known = self._known.get(key[0])
        return known is not None and key[1] in known.entries

    @property
    def waiting(self) -> dict[_Key, int]:
        """Who waits, and since when."""
        return {key: leg.since_ms for key, leg in self._waiting.items()}

    def renamed(self, key: _Key, entered_ms: int, but_not: Collection[_Key]) -> bool:
        """Whether a call that is heard of for the first time waits since then under another name; it bears the new one
        from now on."""
        other = self._entered_as(key[1], entered_ms, None, but_not)
        if other is not None:
            self._waiting[key] = self._waiting.pop(other)
            self._call(key[0], entered_ms).entries[key[1]] = self._waiting[key].entry
        return other is not None

    def forget_talk(self, key: _Key) -> None:
        """The talk is over, and more is not known of it."""
        self._forget_talk(key)

    @property
    def talking(self) -> dict[_Key, str]:
        """Who talks, and to which agent."""
        return {key: leg.agent for key, leg in self._talking.items()}

    def snapshot(self) -> CallSnapshot:
        waiting = [(call, queue, leg) for (call, queue), leg in self._waiting.items()]
        talking = [(call, queue, leg) for (call, queue), leg in self._talking.items()]
        lost = [(call, queue, leg) for (call, queue), leg in self._lost.items()]
        return CallSnapshot(self.newest_ms, waiting, talking, self._known, lost)

    def _restore(self, snapshot: CallSnapshot) -> None:
        self.newest_ms = self._swept_ms = snapshot.newest_ms
        self._waiting = {(call, queue): leg for call, queue, leg in snapshot.waiting}
        self._talking = {(call, queue): leg for call, queue, leg in snapshot.talking}
        self._lost = {(call, queue): leg for call, queue, leg in snapshot.lost}
        self._known = snapshot.known
        self._busy = Counter(leg.agent for leg in self._talking.values())

    # -- finding out which call is meant ------------------------------------------------------------------------------

    def _taken(
        self, key: _Key, place: Place, at_ms: int, waited_ms: int | None, position: int | None
    ) -> tuple[Leg | None, list[Event]]:
        """The waiting leg that is meant, which waits no longer, and the offer where it had not been told. None for a
        call that has left this queue before."""
        self._see(at_ms)
        leg = self._waiting.pop(key, None) or self._lost.pop(key, None)
        if leg is not None:
            self._call(key[0], at_ms)
            return leg, []
        if self.has_been(key) or waited_ms is None:
            return None, []
        entered_ms = at_ms - waited_ms
        other = self._entered_as(key[1], entered_ms, position)
        if other is not None:
            leg = self._waiting.pop(other)
            became = self._call(key[0], at_ms)
            became.entries[key[1]] = leg.entry
            became.queue = place.queue
            return leg, []
        self.orphans += 1
        leg = self._new_leg(key, self._call(key[0], at_ms), place, entered_ms)
        return leg, [self._writer.contact("offered", Stay(place, leg.contact, leg.entry), entered_ms)]

    def _entered_as(
        self, queue: str, entered_ms: int, position: int | None, but_not: Collection[_Key] = ()
    ) -> _Key | None:
        """The call that entered this queue then, under another name."""
        fitting = [
            (abs(leg.since_ms - entered_ms), leg.since_ms, key)
            for key, leg in self._waiting.items()
            if key[1] == queue
            and key not in but_not
            and abs(leg.since_ms - entered_ms) <= _SAME_ENTRY_MS
            and (position is None or leg.position in (None, position))
        ]
        return min(fitting)[2] if fitting else None

    def _talk_of(self, queue: str, agent: str, connected_ms: int) -> _Key | None:
        """The talk of this agent that began then, under another name of the call."""
        talks = [
            (abs(leg.since_ms - connected_ms), key)
            for key, leg in self._talking.items()
            if key[1] == queue and leg.agent == agent
        ]
        return min(talks)[1] if talks else None

    # -- the book -----------------------------------------------------------------------------------------------------

    def _new_leg(self, key: _Key, known: Known, place: Place, since_ms: int) -> Leg:
        entry = known.entries[key[1]] = known.entries.get(key[1], 0) + 1
        known.queue = place.queue
        return Leg(known.contact, entry, since_ms)

    def _call(self, call: str, at_ms: int) -> Known:
        self._see(at_ms)
        known = self._known.get(call)
        if known is None:
            known = self._known[call] = Known(f"{call}@{self._dictionary.source}", at_ms)
        known.last_ms = max(known.last_ms, at_ms)
        return known

    def _forget_talk(self, key: _Key) -> Leg:
        leg = self._talking.pop(key, None)
        if leg is None:
            return Leg("", 0, 0)
        self._busy[leg.agent] -= 1
        if not self._busy[leg.agent]:
            del self._busy[leg.agent]
        return leg

    def _see(self, at_ms: int) -> None:
        self.newest_ms = max(self.newest_ms, at_ms)
        if self.newest_ms - self._swept_ms >= _SWEEP_MS:
            self._sweep()

    def _sweep(self) -> None:
        """Forget what is long over."""
        self._swept_ms = self.newest_ms
        for legs in (self._waiting, self._talking, self._lost):
            for key in [key for key, leg in legs.items() if self.newest_ms - leg.since_ms > LOST_MS]:
                del legs[key]
        self._busy = Counter(leg.agent for leg in self._talking.values())
        live = {call for call, _ in (*self._waiting, *self._talking, *self._lost)}
        for call in [
            call
            for call, known in self._known.items()
            if self.newest_ms - known.last_ms > REMEMBERED_MS and call not in live
        ]:
            del self._known[call]
