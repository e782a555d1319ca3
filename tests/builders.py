"""One line to make any contact event and the record of it.

Times are seconds after nine in the morning (``NINE_MS``), floats where milliseconds matter. The defaults make one
visit: contact ``c1`` in the voice queue ``sac`` of acme in Fortaleza.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import msgspec

from streams.domain.encoding import iso_time
from streams.domain.events import INTAKE_OF_CHANNEL, Customer
from streams.domain.privacy import Pseudonyms, TenantKey
from tests.callback_records import NINE_MS, KafkaRecord

ANA: Final = "+5585997465553"
BIA: Final = "+5581988887777"
PSEUDONYMS: Final = Pseudonyms({"acme": TenantKey(bytes(range(32)))})


def at_ms(seconds: float) -> int:
    """The instant so many seconds after nine."""
    return NINE_MS + round(seconds * 1000)


@dataclass(frozen=True)
class Fact:
    """One contact event as a source publishes it. ``delay`` is the seconds it takes to reach Kafka."""

    kind: str
    time_ms: int
    contact: str = "c1"
    queue: str = "sac"
    channel: str = "voice"
    entry: int | None = None
    source: str = "pbx-1"
    event_id: str | None = None
    delay: float = 0.5
    data: dict[str, Any] = field(default_factory=dict)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - as Hypothesis calls it
        """One line in the failing examples of Hypothesis."""
        where = f"{self.contact} entry {self.entry} in {self.queue}/{self.channel}"
        told = f"{self.event_id} of {self.source} {self.data or ''}"
        printer.text(f"<{self.kind} at {self.time_ms - NINE_MS:_} ms, {self.delay} s to Kafka, {where}, {told}>")

    @property
    def topic(self) -> str:
        return INTAKE_OF_CHANNEL[self.channel]

    @property
    def kafka_ms(self) -> int:
        return self.time_ms + round(self.delay * 1000)

    @property
    def visit_id(self) -> str:
        return f"acme/{self.queue}/{self.entry or 1}/{self.contact}"

    @property
    def value(self) -> bytes:
        """The event as structured CloudEvents JSON: the value in Kafka, or one line of a file."""
        place = {"tenant": "acme", "site": "fortaleza", "queue": self.queue, "channel": self.channel}
        entry = {} if self.entry is None else {"entry": self.entry}
        return msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": self.event_id or f"{self.kind}@{self.time_ms}",
                "source": self.source,
                "type": f"contact.{self.kind}",
                "time": iso_time(self.time_ms),
                "data": {**place, "contact_id": self.contact, **entry, **self.data},
            }
        )

    def record(self, offset: int = 0) -> KafkaRecord:
        return KafkaRecord(self.value, f"acme/{self.queue}".encode(), offset=offset, timestamp=self.kafka_ms)

    def again(self, *, delay: float) -> Fact:
        """The same event delivered once more, so many seconds after its time."""
        return replace(self, delay=delay)


_PLACE: Final = {"contact", "queue", "channel", "entry", "source", "event_id", "delay"}


def fact(kind: str, seconds: float, **changes: Any) -> Fact:
    """Any event: what is no field of ``Fact`` goes into its data."""
    place = {name: value for name, value in changes.items() if name in _PLACE}
    data = {name: value for name, value in changes.items() if name not in _PLACE}
    return Fact(kind, at_ms(seconds), **place, data=data)


offered = partial(fact, "offered")
answered = partial(fact, "answered")
abandoned = partial(fact, "abandoned")
flowed_out = partial(fact, "flowed_out")
callback_requested = partial(fact, "callback_requested")
ended = partial(fact, "ended")
wrapped_up = partial(fact, "wrapped_up")


def message(seconds: float, author: str = "agent", **changes: Any) -> Fact:
    """One message of a chat, from its author to the other side."""
    direction = "in" if author == "customer" else "out"
    defaults = {"queue": "vendas", "channel": "chat", "direction": direction}
    return fact("message", seconds, author=author, **defaults | changes)


def customer(address: str | None = ANA, customer_id: str | None = None) -> dict[str, str]:
    """Who waits, for the data of an offer or a callback request."""
    named = {"address": address, "id": customer_id}
    return {name: value for name, value in named.items() if value is not None}


def token(address: str | None = ANA, customer_id: str | None = None) -> str:
    """The pseudonym of an address, or else of a customer's id, under the key of the tests."""
    return PSEUDONYMS.tokens("acme", Customer(address, customer_id)).all[0]
