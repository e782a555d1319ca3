"""Builders for what travels between the callback stages, and the little a pure core needs around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from streams.domain.decisions import Core, Decisions, Output
from streams.domain.directory import Directory, QueuePolicy
from streams.domain.encoding import iso_time
from streams.domain.signals import (
    Abandoned,
    Attempted,
    Entry,
    LogEntry,
    Ready,
    Requested,
    Served,
    Signal,
    Withdrawn,
    log_output,
    signal_output,
)
from streams.errors import FilavivaError

MINUTE_MS = 60_000
NINE_MS = 1_795_435_200_000
"""2026-11-23T12:00:00Z: nine in the morning at the sites of the tests."""
TOKEN = "0f" * 16
PLAN_ID = f"{TOKEN}.{sha256(b'visit-1').hexdigest()[:16]}"
"""The plan that ``reason()`` opens."""


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    value: bytes | None
    key: bytes | None = None
    offset: int = 0
    timestamp: int = NINE_MS
    headers: Sequence[tuple[str, bytes]] = ()


def policy(queue: str = "sac", **changes: Any) -> QueuePolicy:
    known: dict[str, Any] = {
        "tenant": "acme",
        "site": "fortaleza",
        "queue": queue,
        "zone": "America/Fortaleza",
        "channels": frozenset({"voice"}),
        "answer_target_ms": 20_000,
        "max_wait_ms": 60_000,
        "callback_queue": "retornos",
    }
    return QueuePolicy(**(known | changes))


def directory(
    *queues: QueuePolicy, partitions: Mapping[str, int] | None = None, lateness_ms: int = MINUTE_MS
) -> Directory:
    """Sites fortaleza and recife; every owner key in partition 0 unless ``partitions`` says otherwise."""
    return Directory(
        queues or (policy(), policy("vendas"), policy("retornos", callback_queue=None)),
        sites={("acme", "fortaleza"): "America/Fortaleza", ("acme", "recife"): "America/Recife"},
        partition_of=lambda owner_key: (partitions or {}).get(owner_key, 0),
        lateness_ms=lateness_ms,
    )


def reason(
    visit: str = "visit-1", *, minute: int = 0, kind: type[Abandoned | Requested] = Abandoned, **changes: Any
) -> Any:
    known: dict[str, Any] = {
        "tenant": "acme",
        "token": TOKEN,
        "visit": visit,
        "revision": 1,
        "stands": True,
        "at_ms": NINE_MS + minute * MINUTE_MS,
        "queue": "sac",
        "callback_queue": "retornos",
        "sealed_address": "sealed:+5585997465553",
        "uf": "CE",
        "zone": "America/Fortaleza",
        "last_digits": "53",
    }
    known["tokens"] = (changes.get("token", TOKEN),)
    return kind(**(known | changes))


def served(visit: str = "visit-9", *, minute: int = 0, **changes: Any) -> Served:
    known: dict[str, Any] = {
        "tenant": "acme",
        "token": TOKEN,
        "visit": visit,
        "revision": 1,
        "stands": True,
        "at_ms": NINE_MS + minute * MINUTE_MS,
    }
    known["tokens"] = (changes.get("token", TOKEN),)
    return Served(**(known | changes))


def attempted(
    attempt: int = 1, outcome: str = "no_answer", *, minute: float = 0, plan_id: str = PLAN_ID, **changes: Any
) -> Attempted:
    known: dict[str, Any] = {
        "tenant": "acme",
        "token": TOKEN,
        "visit": f"{plan_id}.{attempt}",
        "revision": 1,
        "stands": True,
        "at_ms": NINE_MS + round(minute * MINUTE_MS),
        "callback_queue": "retornos",
        "plan_id": plan_id,
        "attempt": attempt,
        "outcome": outcome,
        "by": "dialer",
    }
    return Attempted(**(known | changes))


def command(order: str, *, minute: float = 0, **data: Any) -> KafkaRecord:
    """A command about the customer of TOKEN, as it stands on ``commands``."""
    at_ms = NINE_MS + round(minute * MINUTE_MS)
    known = {"tenant": "acme", "token": TOKEN} | data
    event = {
        "specversion": "1.0",
        "id": f"{order}@{at_ms}",
        "source": "filaviva",
        "type": f"command.{order}",
        "time": iso_time(at_ms),
        "data": known,
    }
    key = f"acme/{known.get('token') or known.get('callback_queue')}"
    return KafkaRecord(msgspec.json.encode(event), key.encode(), timestamp=at_ms)


def ready(revision: int = 1, *, attempt: int = 1, **changes: Any) -> Ready:
    known: dict[str, Any] = {
        "tenant": "acme",
        "callback_queue": "retornos",
        "plan_id": f"{TOKEN}.abc",
        "attempt": attempt,
        "revision": revision,
        "at_ms": NINE_MS,
        "sealed_address": "sealed:+5585997465553",
        "uf": "CE",
        "zone": "America/Fortaleza",
        "last_digits": "53",
        "not_before_ms": NINE_MS + MINUTE_MS,
        "expires_ms": NINE_MS + 24 * 60 * MINUTE_MS,
        "priority": 1,
        "queue": "sac",
        "opened_ms": NINE_MS,
    }
    return Ready(**(known | changes))


def withdrawn(revision: int = 2, *, attempt: int = 1, **changes: Any) -> Withdrawn:
    known: dict[str, Any] = {
        "tenant": "acme",
        "callback_queue": "retornos",
        "plan_id": f"{TOKEN}.abc",
        "attempt": attempt,
        "revision": revision,
        "at_ms": NINE_MS,
        "cause": "served",
    }
    return Withdrawn(**(known | changes))


def output_of(message: Signal | Entry) -> Output:
    if isinstance(message, LogEntry):
        return log_output(message, directory())
    return signal_output(message, directory())


def record_of(message: Signal | Entry | bytes | None, *, timestamp: int = NINE_MS) -> KafkaRecord:
    """A message as its reader meets it; bytes and None as they are."""
    if message is None or isinstance(message, bytes):
        return KafkaRecord(message, timestamp=timestamp)
    output = output_of(message)
    return KafkaRecord(output.value, output.key, timestamp=timestamp)


def feed(core: Core, topic: str, *messages: Signal | Entry | bytes | None) -> Decisions:
    return core.apply(topic, [record_of(message) for message in messages], NINE_MS, NINE_MS)


def event_of(output: Output) -> dict[str, Any]:
    assert output.value is not None
    event: dict[str, Any] = msgspec.json.decode(output.value)
    return event


def data_of(outputs: Iterable[Output], topic: str) -> list[dict[str, Any]]:
    """The data of every event written to a topic, in order."""
    return [event_of(output)["data"] for output in outputs if output.topic == topic]


def stored(core: Core) -> dict[bytes, bytes]:
    """What a changelog holds of a core that has just flushed."""
    core.changes()
    return {key: value for key, value in core.snapshot() if value is not None}


class PlainSealer:
    """Seals by a prefix; what lacks it does not open."""

    def seal(self, tenant: str, address: str) -> str:
        return f"sealed:{address}"

    def open(self, tenant: str, sealed: str) -> str:
        if not sealed.startswith("sealed:"):
            raise FilavivaError("this is not sealed")
        return sealed.removeprefix("sealed:")
