"""From a topic of CloudEvents that are canonical already into ours: read, check, send to the partition of their owner.

Where the reading stands is what the group has committed, once our topics have acknowledged. A mover that is killed in
between sends some records again, byte for byte, which the worker counts as duplicates. Records that are none go to the
dead letters by the same rule; written twice they are one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from streams.dead_letters import SourcePlace
from streams.domain.decisions import Reason
from streams.domain.decoding import attributes_of
from streams.gateway.cloud_events import STRUCTURED, accepted_events
from streams.gateway.messages import Accepted, Message, Refused
from streams.movers.figures import MoverFigures
from streams.movers.foreign_topic import ForeignTopic
from streams.movers.sending import Sender, refusal, send_events, send_refusal
from streams.sources.ami_topic import TopicRecord
from streams.sources.canonical import EventWriter
from streams.sources.mapping import InvalidEvent

KIND: Final = "cloudevents"
_REASON: Final = {413: Reason.TOO_LARGE, 415: Reason.WRONG_TYPE}


class CloudEventsMover:
    """One source of some tenants. Refused is what the gateway would refuse; whether an event is good is for the worker
    to say. ``refused`` counts by reason; each is told as well."""

    def __init__(
        self,
        topic: ForeignTopic,
        source: str,
        tenants: Collection[str],
        sender: Sender,
        *,
        told: Callable[[InvalidEvent], None] = lambda _: None,
        figures: MoverFigures | None = None,
    ) -> None:
        """``figures`` are those of the process."""
        self.figures = figures or MoverFigures(source, KIND)
        self.ignored = self.figures.ignored
        self.refused = self.figures.rejected
        self._topic = topic
        self._source = source
        self._tenants = frozenset(tenants)
        self._sender = sender
        self._told = told
        self._writer = EventWriter(source)
        topic.begin({})

    @property
    def is_idle(self) -> bool:
        """Whether everything was read that was there."""
        return self.is_read_to_end

    @property
    def is_read_to_end(self) -> bool:
        return self._topic.is_read_to_end

    @property
    def gaps(self) -> int:
        """Partitions that had lost what was to be read next."""
        return self._topic.gaps

    def step(self, wait_seconds: float) -> int:
        """Move what comes within so long; the number of records. Raises Unavailable, and is then of no more use:
        another one goes on from what was committed."""
        self.figures.step()
        records = self._topic.records(wait_seconds)
        for record in records:
            try:
                accepted = self._accepted(record)
            except InvalidEvent as error:
                self.refused[error.reason] += 1
                self._told(error)
                place = SourcePlace(self._source, self._topic.topic, record.partition, record.offset)
                send_refusal(self._sender, refusal(place, error, record.value))
                continue
            self._sender.send(accepted.route, accepted.value)
            self.figures.events += 1
        self.figures.records += len(records)
        if records:
            self._sender.settle()
            self._topic.commit(self._topic.positions)
        self._topic.tell(self.figures, records)
        return len(records)

    def beat(self, sites: Collection[tuple[str, str]]) -> None:
        """Say at these sites (tenant, site) that the source is heard: that its topic is read to the end."""
        now_ms = time.time_ns() // 1_000_000
        self.figures.events += send_events(
            self._sender, (self._writer.heartbeat(site, now_ms) for site in sorted(sites))
        )
        self._sender.settle()

    def _accepted(self, record: TopicRecord) -> Accepted:
        place = f"{self._topic.topic}/{record.partition}/{record.offset}"
        value = _structured(record, place)
        try:
            tenant = msgspec.json.decode(value, type=_OfATenant).data.tenant
            if tenant in self._tenants:
                return accepted_events(Message("", {"content-type": STRUCTURED}, value), tenant, self._source)[0]
        except Refused as error:
            raise InvalidEvent(_REASON.get(error.status, Reason.BAD_VALUE), f"{place}: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidEvent(Reason.WRONG_TYPE, f"{place}: expected a CloudEvent with data of a tenant") from None
        raise InvalidEvent(Reason.UNKNOWN_TENANT, f"{place}: expected a tenant that has this source")


class _Data(msgspec.Struct):
    tenant: str


class _OfATenant(msgspec.Struct):
    data: _Data


def _structured(record: TopicRecord, place: str) -> bytes:
    """The event in one piece: in binary mode its attributes are headers (``ce_`` and a name)."""
    headers = attributes_of(record.headers)
    if not headers:
        return record.value
    try:
        attributes = {name[3:]: text.decode() for name, text in headers.items()}
        data = msgspec.Raw(msgspec.json.encode(msgspec.json.decode(record.value)))
    except UnicodeDecodeError:
        raise InvalidEvent(Reason.NOT_UTF8, f"{place}: expected headers of UTF-8") from None
    except (msgspec.DecodeError, RecursionError):
        raise InvalidEvent(Reason.NOT_JSON, f"{place}: not JSON") from None
    return msgspec.json.encode(attributes | {"datacontenttype": "application/json", "data": data})
