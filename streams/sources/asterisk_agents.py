"""What Asterisk's queue members do, as ``agent.state``. Pure.

A member belongs to queues, in each of which he may be paused. Paused in all of them he is ``paused``; available, he
serves those in which he is not. Static members are announced by nobody: whoever is heard of in a queue belongs to it,
unless he was taken out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from streams.sources.canonical import EventWriter
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import Event

REFRESH_MS: Final = 60_000
"""An unchanged state is told again after so long, when the agent is heard of: readers believe it for a time only."""
FORGOTTEN_MS: Final = 7 * 24 * 3_600_000


class Member(msgspec.Struct, array_like=True):
    """``queues``: vendor's name of the queue to whether he is paused there, None where he was taken out. ``told``:
    tenant to the state and queues that were told last, and when."""

    queues: dict[str, bool | None] = {}
    told: dict[str, tuple[str, list[str], int]] = {}
    last_ms: int = 0


class _Served(NamedTuple):
    """What a member serves of one tenant: the site of the first queue, all queues, and those without a pause."""

    site: str
    queues: list[str]
    without_pause: list[str]


class MemberBook:
    """The agents of one source."""

    def __init__(self, dictionary: QueueDictionary, snapshot: dict[str, Member] | None = None) -> None:
        self._dictionary = dictionary
        self._writer = EventWriter(dictionary.source)
        self._members = snapshot or {}
        self._served: dict[str, dict[str, _Served]] = {}
        """By agent and tenant, as long as the agent's queues are as they are."""

    def snapshot(self) -> dict[str, Member]:
        return self._members

    def joined(self, agent: str, queue: str, *, paused: bool | None = None) -> None:
        """The agent is a member of the queue; ``paused`` None: as before, and out of it if taken out."""
        if self._dictionary.place(queue) is None:
            return
        queues = self._members.setdefault(agent, Member()).queues
        if queue not in queues or (paused is not None and queues[queue] is not paused):
            queues[queue] = bool(paused)
            self._served.pop(agent, None)

    def left(self, agent: str, queue: str) -> None:
        self._change(agent, lambda name, paused: None if name == queue else paused)

    def logged_off(self, agent: str) -> None:
        """Out of every queue."""
        self._change(agent, lambda _, __: None)

    def logged_in(self, agent: str) -> None:
        """Back in every queue that he was taken out of."""
        self._change(agent, lambda _, paused: paused or False)

    def paused_everywhere(self, agent: str, *, paused: bool) -> None:
        self._change(agent, lambda _, before: None if before is None else paused)

    def _change(self, agent: str, change: Callable[[str, bool | None], bool | None]) -> None:
        member = self._members.get(agent)
        if member is not None:
            member.queues = {queue: change(queue, paused) for queue, paused in member.queues.items()}
            self._served.pop(agent, None)

    def tell(self, agent: str, at_ms: int, *, is_busy: bool, doing: str | None = None) -> list[Event]:
        """The agent's state where it is new, or has not been told for a while. ``doing`` is what a free agent does
        besides being available, where that is known (ringing, wrap_up)."""
        member = self._members.get(agent)
        if member is None:
            return []
        member.last_ms = max(member.last_ms, at_ms)
        served = self._served_by(agent, member)
        events = []
        for tenant in served if served.keys() >= member.told.keys() else sorted({*served, *member.told}):
            ours = served.get(tenant) or _Served(self._last_site(tenant, member), [], [])
            state, queues = _state(ours, is_busy=is_busy, doing=doing)
            if not ours.site:
                continue  # the dictionary has nothing of this tenant any more
            before = member.told.get(tenant)
            time_ms = at_ms
            if before is not None:
                if (state, queues) == before[:2] and (at_ms - before[2] < REFRESH_MS or not queues):
                    continue
                if before[2] - REFRESH_MS < at_ms <= before[2]:
                    time_ms = before[2] + 1  # of one second the last word stands
            member.told[tenant] = (state, queues, time_ms)
            events.append(self._writer.agent((tenant, ours.site), agent, time_ms, state=state, queues=queues))
        return events

    def forget_older_than(self, at_ms: int) -> None:
        for name in [name for name, member in self._members.items() if member.last_ms < at_ms - FORGOTTEN_MS]:
            del self._members[name]
            self._served.pop(name, None)

    @property
    def names(self) -> list[str]:
        return list(self._members)

    def _served_by(self, agent: str, member: Member) -> dict[str, _Served]:
        found = self._served.get(agent)
        if found is None:
            places: dict[str, dict[Place, bool]] = {}
            for name, paused in member.queues.items():
                place = self._dictionary.place(name)
                if place is not None and paused is not None:
                    places.setdefault(place.tenant, {})[place] = paused
            found = self._served[agent] = {tenant: _served(places[tenant]) for tenant in sorted(places)}
        return found

    def _last_site(self, tenant: str, member: Member) -> str:
        """Where an agent who serves no queue any more was: at the site of a queue served before."""
        served = set(member.told[tenant][1])
        ours = [place for place in self._dictionary.places if place.tenant == tenant]
        sites = sorted(place.site for place in ours if place.queue in served) or [place.site for place in ours]
        return sites[0] if sites else ""


def _served(places: dict[Place, bool]) -> _Served:
    without_pause = {place.queue for place, paused in places.items() if not paused}
    first = min(places, key=lambda place: place.queue)
    return _Served(first.site, sorted({place.queue for place in places}), sorted(without_pause))


def _state(served: _Served, *, is_busy: bool, doing: str | None) -> tuple[str, list[str]]:
    if not served.queues:
        return "offline", []
    if is_busy:
        return "busy", served.queues
    if not served.without_pause:
        return "paused", served.queues
    return doing or "available", served.without_pause
