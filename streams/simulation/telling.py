"""What the platforms of a simulated centre tell: canonical CloudEvents, as structured dicts, each when it happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.simulation.clockwork import SECOND_MS, Clockwork
from streams.simulation.contacts import Agent, Customer, Stay
from streams.simulation.dialer import DialJob
from streams.simulation.layout import Centre

Event = dict[str, Any]
DIALER_SOURCE: Final = "dialer"
CASES_SOURCE: Final = "crm"
"""The system that keeps the cases of all sites; it sends no heartbeats."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A source tells nothing from one instant to another: it keeps its events and tells them at the end, in order,
    unless it ``drops`` them. Heartbeats are never told afterwards."""

    source: str
    from_ms: int
    until_ms: int
    drops: bool

    def covers(self, source: str, time_ms: int) -> bool:
        return source == self.source and self.from_ms <= time_ms < self.until_ms


class Telling:
    """Collects what is told from ``from_ms`` on. Contacts that came before are never spoken of.

    ``run`` is part of every contact's id, so that two runs do not speak of the same contacts.
    """

    def __init__(
        self, centre: Centre, clockwork: Clockwork, *, from_ms: int, run: str, silences: Iterable[Silence] = ()
    ) -> None:
        self.from_ms = from_ms
        self._centre = centre
        self._clockwork = clockwork
        self.run = run
        self._silences = tuple(silences)
        self._contacts = 0
        self._number = 0
        self._held: list[tuple[int, int, Event]] = []
        self._clocks = {site.site: _SiteClock(site.zone) for site in centre.sites}
        self._sources = {(site.site, channel): name for site in centre.sites for channel, name in site.sources.items()}

    def new_contact_id(self) -> str:
        self._contacts += 1
        return f"{self.run}-{self._contacts:06d}"

    def told(self, until_ms: int) -> list[Event]:
        """Everything told before an instant and not returned yet, in the order it was told."""
        self._held.sort(key=lambda held: held[:2])
        ready = next((index for index, held in enumerate(self._held) if held[0] >= until_ms), len(self._held))
        events = [event for _, _, event in self._held[:ready]]
        del self._held[:ready]
        return events

    def contact(self, stay: Stay, kind: str, /, *, seconds_later: float = 0, **fields: Any) -> None:
        """A ``contact.*`` event of now, or of so many seconds later; fields that are None are left out."""
        if not stay.is_told:
            return
        queue, contact_id = stay.queue, stay.contact.contact_id
        data: Event = {
            "tenant": self._centre.tenant,
            "site": queue.site,
            "queue": queue.queue,
            "channel": queue.channel,
            "contact_id": contact_id,
            "entry": stay.entry,
        }
        for name, value in fields.items():
            if value is not None:
                data[name] = value
        number = ""
        if kind == "message":
            stay.messages += 1
            number = f"/{stay.messages}"
        event_id = f"{contact_id}/{queue.queue}/{stay.entry}/{kind}{number}"
        source = self._sources[queue.site, queue.channel]
        self._add(f"contact.{kind}", event_id, source, contact_id, data, seconds_later=seconds_later)

    def offered(self, stay: Stay, **fields: Any) -> None:
        stay.is_told = stay.since_ms >= self.from_ms
        self.contact(
            stay,
            "offered",
            customer=_customer(stay.contact.customer),
            transferred_from=stay.transferred_from,
            callback_job_id=stay.callback_job_id,
            **fields,
        )

    def callback_requested(self, stay: Stay) -> None:
        self.contact(stay, "callback_requested", customer=_customer(stay.contact.customer))

    def agent(self, agent: Agent) -> None:
        """The ``agent.state`` of now."""
        team = agent.team
        data = {
            "tenant": self._centre.tenant,
            "site": team.site,
            "agent_id": agent.agent_id,
            "state": agent.state,
            "queues": list(team.queues),
        }
        agent.states_told += 1
        event_id = f"{agent.agent_id}/{self.run}/{agent.states_told}"
        source = self._centre.site_named[team.site].agents_source
        self._add("agent.state", event_id, source, agent.agent_id, data)

    def heartbeat(self, source: str, site: str) -> None:
        """``source.heartbeat``: nothing to tell is not silence."""
        data = {"tenant": self._centre.tenant, "site": site}
        event_id = f"{source}/heartbeat/{self._clockwork.now_ms}"
        self._add("source.heartbeat", event_id, source, source, data)

    def site(self, kind: str, source: str, site: str, **fields: Any) -> None:
        """What a platform tells of its site: a channel up or down, people on the telephone or not, a menu."""
        data = {"tenant": self._centre.tenant, "site": site, **fields}
        named = "/".join(str(fields[name]) for name in ("channel", "menu") if name in fields)
        event_id = f"{source}/{kind}/{named}/{self._clockwork.now_ms}"
        self._add(kind, event_id, source, source, data)

    def case(self, stay: Stay, case_id: str, moment: str, fields: Event) -> None:
        """A ``case.*`` event of now, of the case that a contact left behind."""
        data = {
            "tenant": self._centre.tenant,
            "site": stay.queue.site,
            "case_id": case_id,
            "contact_id": stay.contact.contact_id,
            **{name: value for name, value in fields.items() if value is not None},
        }
        event_id = f"{case_id}/{moment}/{self._clockwork.now_ms}"
        self._add(f"case.{moment}", event_id, CASES_SOURCE, case_id, data)

    def year(self, site: str) -> int:
        """The year it is there."""
        return self._clocks[site].year(self._clockwork.now_ms)

    def attempted(self, job: DialJob, outcome: str, seconds: float) -> None:
        """``dial.attempted``: how one job of the dialer went."""
        site = self._centre.queue_named[job.callback_queue].site
        data = {
            "tenant": job.tenant,
            "site": site,
            "job_id": job.job_id,
            "callback_queue": job.callback_queue,
            "kind": "callback",
            "outcome": outcome,
            "seconds": seconds,
        }
        self._add("dial.attempted", f"{job.job_id}/attempted", DIALER_SOURCE, job.job_id, data)

    def _add(
        self, kind: str, event_id: str, source: str, subject: str, data: Event, *, seconds_later: float = 0
    ) -> None:
        time_ms = self._clockwork.now_ms + round(seconds_later * 1000)
        told_ms: int | None = time_ms
        if self._silences:
            told_ms = self._told_ms(source, time_ms, is_heartbeat=kind == "source.heartbeat")
        if told_ms is None or self._clockwork.now_ms < self.from_ms:
            return
        self._number += 1
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": kind,
            "time": self._clocks[data["site"]].iso(time_ms),
            "subject": subject,
            "datacontenttype": "application/json",
            "data": data,
        }
        self._held.append((told_ms, self._number, event))

    def _told_ms(self, source: str, time_ms: int, *, is_heartbeat: bool) -> int | None:
        """When the source gets to tell what happens now; None for never."""
        for silence in self._silences:
            if silence.covers(source, time_ms):
                return None if silence.drops or is_heartbeat else silence.until_ms
        return time_ms


def _customer(customer: Customer | None) -> dict[str, str] | None:
    if customer is None:
        return None
    who = {"address": customer.address}
    return who if customer.customer_id is None else {**who, "id": customer.customer_id}


class _SiteClock:
    """Writes instants on a site's own clock; events of one second share the work."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._second = -1
        self._words = ("", "")

    def iso(self, time_ms: int) -> str:
        """With milliseconds and the offset."""
        second, millisecond = divmod(time_ms, SECOND_MS)
        if second != self._second:
            text = datetime.fromtimestamp(second, self._zone).isoformat()
            self._second, self._words = second, (text[:19], text[19:])
        before, offset = self._words
        return f"{before}.{millisecond:03d}{offset}"

    def year(self, time_ms: int) -> int:
        return datetime.fromtimestamp(time_ms / SECOND_MS, self._zone).year
