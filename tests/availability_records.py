"""Builders of heartbeats, and of places whose sources are configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.domain.directory import Directory, QueuePolicy, SourcePolicy
from streams.domain.encoding import iso_time
from tests.builders import at_ms
from tests.callback_records import KafkaRecord, policy


def source(name: str = "pbx-1", *, silence: float = 60, channels: set[str] | None = None, **place: str) -> SourcePolicy:
    """A source of acme in Fortaleza that may be silent for a minute."""
    feeds = None if channels is None else frozenset(channels)
    where = {"tenant": "acme", "site": "fortaleza"} | place
    return SourcePolicy(**where, source=name, expected_silence_ms=round(silence * 1000), channels=feeds)


def fed_centre(
    *sources: SourcePolicy, queues: tuple[QueuePolicy, ...] = (), partitions: Mapping[str, int] | None = None
) -> Directory:
    """In Fortaleza sac for voice and vendas for voice and chat, in Recife longe for voice; unless others are given."""
    plain = (
        policy("sac"),
        policy("vendas", channels=frozenset({"voice", "chat"})),
        policy("longe", site="recife", zone="America/Recife"),
    )
    return Directory(
        queues or plain,
        sites={("acme", "fortaleza"): "America/Fortaleza", ("acme", "recife"): "America/Recife"},
        partition_of=lambda owner_key: (partitions or {}).get(owner_key, 0),
        sources=sources or (source(),),
    )


def heartbeat(
    seconds: float = 0, name: str = "pbx-1", *, delay: float = 0.5, event_type: str = "source.heartbeat", **changes: Any
) -> KafkaRecord:
    """What a source publishes to say that it lives; ``delay`` is the seconds it takes to reach Kafka."""
    data = {"tenant": "acme", "site": "fortaleza"} | changes
    event = {
        "specversion": "1.0",
        "id": f"{name}@{seconds}",
        "source": name,
        "type": event_type,
        "time": iso_time(at_ms(seconds)),
        "data": data,
    }
    key = f"{data['tenant']}/{data['site']}".encode()
    return KafkaRecord(msgspec.json.encode(event), key, timestamp=at_ms(seconds + delay))
