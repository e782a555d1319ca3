"""What the platforms of the simulated centre tell: canonical CloudEvents, as structured dicts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

from streams.simulation.centre import SOURCES, TENANT
from streams.simulation.floor import Agent, Clockwork, Customer, Stay

Event = dict[str, Any]
LOCAL: Final = timezone(timedelta(hours=-3))
"""The offset of both sites all year round: Brazil has kept no summer time since 2019."""


class Telling:
    """Collects events as they happen; ``events`` are in order of their times."""

    def __init__(self, clockwork: Clockwork) -> None:
        self.events: list[Event] = []
        self._clockwork = clockwork

    def contact(self, stay: Stay, kind: str, /, *, seconds_later: float = 0, **fields: Any) -> None:
        """A ``contact.*`` event of now, or of so many seconds later; fields that are None are left out."""
        queue = stay.queue
        data = {
            "tenant": TENANT,
            "site": queue.site,
            "queue": queue.queue,
            "channel": queue.channel,
            "contact_id": stay.contact_id,
            "entry": stay.entry,
            **{name: value for name, value in fields.items() if value is not None},
        }
        number = ""
        if kind == "message":
            stay.messages += 1
            number = f"/{stay.messages}"
        event_id = f"{stay.contact_id}/{queue.queue}/{stay.entry}/{kind}{number}"
        self._add(f"contact.{kind}", event_id, queue.source, stay.contact_id, data, seconds_later=seconds_later)

    def offered(self, stay: Stay, **fields: Any) -> None:
        self.contact(
            stay,
            "offered",
            customer=_customer(stay.customer),
            transferred_from=stay.transferred_from,
            callback_job_id=stay.callback_job_id,
            **fields,
        )

    def callback_requested(self, stay: Stay) -> None:
        self.contact(stay, "callback_requested", customer=_customer(stay.customer))

    def agent(self, agent: Agent) -> None:
        """The ``agent.state`` of now."""
        team = agent.team
        data = {
            "tenant": TENANT,
            "site": team.site,
            "agent_id": agent.agent_id,
            "state": agent.state,
            "queues": list(team.queues),
        }
        event_id = f"{agent.agent_id}/{len(self.events)}"
        self._add("agent.state", event_id, SOURCES[team.site, "voice"], agent.agent_id, data)

    def _add(
        self, kind: str, event_id: str, source: str, subject: str, data: Event, *, seconds_later: float = 0
    ) -> None:
        self.events.append(
            {
                "specversion": "1.0",
                "id": event_id,
                "source": source,
                "type": kind,
                "time": iso_local(self._clockwork.now_ms + round(seconds_later * 1000)),
                "subject": subject,
                "datacontenttype": "application/json",
                "data": data,
            }
        )


def _customer(customer: Customer | None) -> dict[str, str] | None:
    if customer is None:
        return None
    who = {"address": customer.address}
    return who if customer.customer_id is None else {**who, "id": customer.customer_id}


def iso_local(time_ms: int) -> str:
    """An instant on the sites' own clocks, with milliseconds and the offset."""
    moment = datetime.fromtimestamp(time_ms // 1000, LOCAL)
    return moment.replace(microsecond=time_ms % 1000 * 1000).isoformat(timespec="milliseconds")
