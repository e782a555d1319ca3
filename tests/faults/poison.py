"""Records that no source should send, of every kind a worker has a reason for, and the reason each must be given."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from streams.partitioning import partition_of
from tests.event_records import MISSING, StoredRecord, binary, event, structured
from tests.faults import centre
from tests.faults.load import Outgoing, now_text

BAD: Final = "bad:"
"""The ledger's name of a bad record begins so, and goes on with the reason of its rejection."""
IGNORED: Final = "ignored"
TOPIC: Final = "call-events"
NEW_QUEUE: Final = "novo"
DAY_SECONDS: Final = 86_400
Kind = tuple[str, Callable[[random.Random, int], StoredRecord]]


def bad_records(seed: int, partitions: int) -> Iterator[Outgoing]:
    """Every kind in turn, without end; the largest only now and then."""
    chance = random.Random(f"poison/{seed}")
    number = 0
    while True:
        for reason, make in KINDS:
            number += 1
            if reason == "too_large" and chance.random() < 0.9:
                continue
            yield _outgoing(reason, make(chance, number), partitions)


def _outgoing(reason: str, record: StoredRecord, partitions: int) -> Outgoing:
    key = record.key
    partition = record.partition
    if partition == _WHERE_IT_BELONGS:
        partition = partition_of((key or b"acme/voz-01").decode(), partitions)
    elif partition == _ELSEWHERE:
        partition = (partition_of((key or b"").decode(), partitions) + 1) % partitions
    return Outgoing(TOPIC, partition, key, record.value, f"{BAD}{reason}", record.headers)


_WHERE_IT_BELONGS: Final = -1
_ELSEWHERE: Final = -2
_KEY: Final = b"acme/voz-01"


def _good(number: int, *, ago: float = 0.0, queue: str = "voz-01", **data: Any) -> dict[str, Any]:
    """A sound offer of now, but for what ``data`` changes."""
    whole = {
        "tenant": centre.TENANT,
        "site": centre.SITE,
        "queue": queue,
        "channel": "voice",
        "contact_id": f"p-{number}",
        **data,
    }
    stamp = now_text(time.time() - ago)
    return event("contact.offered", whole, id=f"p-{number}/offered", source="poison", time=stamp)


def _whole(make: Callable[[int], dict[str, Any]]) -> Callable[[random.Random, int], StoredRecord]:
    return lambda _, number: structured(make(number), key=_KEY, partition=_WHERE_IT_BELONGS)


def _bytes(value: bytes | None) -> Callable[[random.Random, int], StoredRecord]:
    return lambda _, __: StoredRecord(value, key=_KEY, partition=_WHERE_IT_BELONGS)


def _garbage(chance: random.Random, _: int) -> StoredRecord:
    return StoredRecord(b"\xff" + chance.randbytes(chance.randint(0, 300)), key=_KEY, partition=_WHERE_IT_BELONGS)


def _nested(_: random.Random, number: int) -> StoredRecord:
    value = json.dumps(_good(number)).replace('"voice"', "[" * 2000 + "]" * 2000, 1).encode()
    return StoredRecord(value, key=_KEY, partition=_WHERE_IT_BELONGS)


def _of_new_queue(_: random.Random, number: int) -> StoredRecord:
    key = f"{centre.TENANT}/{NEW_QUEUE}".encode()
    return structured(_good(number, queue=NEW_QUEUE), key=key, partition=_WHERE_IT_BELONGS)


def _misplaced(_: random.Random, number: int) -> StoredRecord:
    return structured(_good(number), key=_KEY, partition=_ELSEWHERE)


def _without_key(_: random.Random, number: int) -> StoredRecord:
    return structured(_good(number), key=None, partition=_WHERE_IT_BELONGS)


def _binary_without_type(_: random.Random, number: int) -> StoredRecord:
    return binary(_without(_good(number), "type"), key=_KEY, partition=_WHERE_IT_BELONGS)


def _without(whole: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in whole.items() if field != name}


KINDS: Final[tuple[Kind, ...]] = (
    ("not_utf8", _garbage),
    ("not_json", _bytes(b"<event/>")),
    ("not_json", _bytes(b"")),
    ("no_value", _bytes(None)),
    ("too_large", _bytes(b"x" * 700_000)),
    ("too_deep", _nested),
    ("wrong_type", _whole(lambda number: _good(number, contact_id=["c"]))),
    ("wrong_type", _bytes(b"[]")),
    ("missing_field", _whole(lambda number: _without(_good(number), "id"))),
    ("missing_field", _whole(lambda number: _good(number, contact_id=MISSING))),
    ("missing_field", _binary_without_type),
    ("bad_value", _whole(lambda number: _good(number, channel="fax"))),
    ("bad_value", _whole(lambda number: _good(number, entry=0))),
    ("bad_time", _whole(lambda number: _good(number) | {"time": "2026-11-23T09:00:00"})),
    ("bad_time", _whole(lambda number: _good(number) | {"time": "0001-01-01T00:00:00Z"})),
    ("too_early", _whole(lambda number: _good(number, ago=-2 * DAY_SECONDS))),
    ("unknown_tenant", _whole(lambda number: _good(number, tenant="nobody"))),
    ("wrong_site", _whole(lambda number: _good(number, site="recife"))),
    ("unknown_queue", _of_new_queue),
    ("wrong_partition", _misplaced),
    ("wrong_partition", _without_key),
    (IGNORED, _whole(lambda number: _good(number) | {"type": "contact.teleported"})),
)
