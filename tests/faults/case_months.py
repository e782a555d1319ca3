"""Cases for the fault bench: what happens to many of them in a month, and marks that move every partition's clock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final

from streams.domain.events import CASE_EVENTS
from streams.partitioning import partition_of
from tests.faults import centre
from tests.faults.load import Outgoing

START: Final = datetime(2025, 3, 3, 12, tzinfo=UTC)
SUNDAY: Final = datetime(2025, 4, 6, 12, tzinfo=UTC)
"""What was due on the Saturday before rolls to Monday."""
TUESDAY: Final = SUNDAY + timedelta(days=2)
POLICIES: Final = ("br-cases@2026.11.2", "retention-desk@2026.11.0")
DEMANDS: Final = ("complaint", "request", "cancellation", "undue_charge", "information", "ombudsman")
SECTORS: Final = ("telecom", "bank", "health", "retail")
FOLLOWS: Final = (
    # what may follow, for which share of the cases, within how many hours
    ("protocol_issued", 0.5, 30),
    ("answered", 0.35, 14 * 24),
    ("cancel_requested", 0.15, 1),
    ("cancel_effective", 0.1, 4),
    ("history_requested", 0.1, 48),
    ("history_sent", 0.1, 9 * 24),
    ("resolved", 0.2, 20 * 24),
)


def month(seed: int, cases: int) -> list[dict[str, Any]]:
    """Events in order of time until the Sunday; a third of the cases are never answered."""
    random = Random(f"cases/{seed}")
    told = []
    seconds = round((SUNDAY - START).total_seconds())
    for number in range(cases):
        case, at = f"case-{seed}-{number}", START + timedelta(seconds=random.randrange(seconds))
        data = {"demand": random.choice(DEMANDS), "sector": random.choice(SECTORS)}
        told.append(event(case, "registered", at, **data))
        for moment, share, hours in FOLLOWS:
            if random.random() < share:
                told.append(event(case, moment, at + timedelta(seconds=random.randrange(hours * 3600))))
    until = stamp(SUNDAY)
    return sorted((each for each in told if each["time"] < until), key=lambda each: (each["time"], each["id"]))


def event(case: str, moment: str, at: datetime, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{case}/{moment}/{at.timestamp():.0f}",
        "source": "crm-1",
        "type": f"case.{moment}",
        "time": stamp(at),
        "data": {"tenant": centre.TENANT, "case_id": case, **data},
    }


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def marks(at: datetime, partitions: int) -> list[dict[str, Any]]:
    """One event in every partition that begins no deadline: its clock moves."""
    left, found = set(range(partitions)), []
    for number in count():
        mark = event(f"mark-{number}", "billing_charged", at)
        place = partition_of(key_of(mark), partitions)
        if place in left:
            left.discard(place)
            found.append(mark)
        if not left:
            return found
    raise AssertionError("unreachable")


def key_of(told: dict[str, Any]) -> str:
    return f"{told['data']['tenant']}/{told['data']['case_id']}"


def outgoing(events: Iterable[dict[str, Any]], partitions: int) -> Iterator[Outgoing]:
    """As the sender takes them."""
    for each in events:
        key = key_of(each)
        value = json.dumps(each).encode()
        yield Outgoing(CASE_EVENTS, partition_of(key, partitions), key.encode(), value, each["id"])
