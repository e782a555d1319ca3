"""The canonical events as mappings write them, with ids that follow from what they say. Pure.

The id of a contact event is ``contact/queue/entry/kind``: a mapping that says it again says the same event. What
happens several times in one visit, such as a message, names itself (``told_as``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from streams.domain.encoding import iso_time
from streams.sources.dictionary import Place
from streams.sources.mapping import Event


class Stay(NamedTuple):
    """One contact's stay in one queue; ``entry`` numbers those of the same contact in the same queue from 1."""

    place: Place
    contact_id: str
    entry: int = 1


@dataclass(frozen=True, slots=True)
class EventWriter:
    """Writes the events of one source."""

    source: str

    def contact(self, kind: str, stay: Stay, time_ms: int, *, told_as: str | None = None, **data: Any) -> Event:
        """``contact.<kind>``; data that is None is left out."""
        place = stay.place
        given = {name: value for name, value in data.items() if value is not None}
        return {
            **self._event(f"contact.{kind}", time_ms, stay.contact_id),
            "id": f"{stay.contact_id}/{place.queue}/{stay.entry}/{told_as or kind}",
            "data": {
                "tenant": place.tenant,
                "site": place.site,
                "queue": place.queue,
                "channel": place.channel,
                "contact_id": stay.contact_id,
                "entry": stay.entry,
                **given,
            },
        }

    def agent(self, site: tuple[str, str], agent_id: str, time_ms: int, *, state: str, queues: Iterable[str]) -> Event:
        """``agent.state`` at a site (tenant, site). Of one agent tell no two of one millisecond."""
        data = {"tenant": site[0], "site": site[1], "agent_id": agent_id, "state": state, "queues": sorted(queues)}
        event_id = f"{site[0]}/{agent_id}/{time_ms}"
        return {**self._event("agent.state", time_ms, agent_id), "id": event_id, "data": data}

    def heartbeat(self, site: tuple[str, str], time_ms: int) -> Event:
        """``source.heartbeat`` at a site (tenant, site): the source lives, whether or not it has anything to tell."""
        data = {"tenant": site[0], "site": site[1]}
        event_id = f"{site[0]}/{site[1]}/{time_ms}"
        return {**self._event("source.heartbeat", time_ms, self.source), "id": event_id, "data": data}

    def _event(self, kind: str, time_ms: int, subject: str) -> Event:
        return {
            "specversion": "1.0",
            "id": "",
            "source": self.source,
            "type": kind,
            "time": iso_time(time_ms),
            "subject": subject,
        }
