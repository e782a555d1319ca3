"""Builders of input records: one event of acme's queue `sac`, changed where a test wants it, in both modes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from streams.domain.directory import Directory, QueuePolicy
from streams.partitioning import partition_of

PARTITIONS = 8
KEY = "acme/sac"
TIME = "2026-11-23T09:00:00.120-03:00"
TIME_MS = 1_795_435_200_120
MISSING: Any = object()


class StoredRecord(NamedTuple):
    """One record as it lies in a topic; the same fields as a consumer's."""

    value: bytes | None
    key: bytes | None = KEY.encode()
    headers: Sequence[tuple[str, bytes | None]] = ()
    offset: int = 0
    timestamp: int = TIME_MS
    partition: int = partition_of(KEY, PARTITIONS)


def event(kind: str = "contact.offered", data: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A sound event; `data` and `changes` replace or add fields, MISSING takes them away."""
    plain = {"tenant": "acme", "site": "fortaleza", "queue": "sac", "channel": "voice", "contact_id": "c-1"}
    whole = {
        "specversion": "1.0",
        "id": "c-1/1",
        "source": "pbx-1",
        "type": kind,
        "time": TIME,
        "data": _without_missing(plain | (data or {})),
    }
    return _without_missing(whole | changes)


def agent_event(**changes: Any) -> dict[str, Any]:
    data = {"tenant": "acme", "site": "fortaleza", "agent_id": "a-1", "state": "available", "queues": ["sac"]}
    return event("agent.state") | {"data": _without_missing(data | changes)}


def structured(whole: object, **place: Any) -> StoredRecord:
    """The event as JSON in the value; what NaN is in Python is written as NaN."""
    return StoredRecord(json.dumps(whole).encode(), **place)


def binary(whole: dict[str, Any], *extra: tuple[str, bytes | None], **place: Any) -> StoredRecord:
    """The attributes in headers, `extra` ones after them, the data in the value."""
    headers = [(f"ce_{name}", str(text).encode()) for name, text in whole.items() if name != "data"]
    return StoredRecord(json.dumps(whole["data"]).encode(), headers=[*headers, *extra], **place)


def directory() -> Directory:
    """acme in Fortaleza with the voice queue `sac` and the written queue `chat`."""
    queues = [_queue("sac", "voice"), _queue("chat", "chat", "whatsapp")]
    return Directory(
        queues,
        sites={("acme", "fortaleza"): "America/Fortaleza"},
        partition_of=lambda key: partition_of(key, PARTITIONS),
    )


def _queue(name: str, *channels: str) -> QueuePolicy:
    return QueuePolicy(
        "acme", "fortaleza", name, "America/Fortaleza", frozenset(channels), answer_target_ms=20_000, max_wait_ms=60_000
    )


def _without_missing(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not MISSING}
