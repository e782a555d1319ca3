"""Contacts that wait and are not answered: what live state consists of, of as many queues as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

TENANT: Final = "acme"
SITE: Final = "fortaleza"
PATIENT_SECONDS: Final = 3600
"""The limit of queues in which nobody is to be over the limit during a run."""


def document(queues: int, *, strict: dict[str, int] | None = None) -> dict[str, Any]:
    """Voice queues of one site by the wall clock; ``strict`` names further ones with their own limit in seconds."""
    limits = {queue_name(number): PATIENT_SECONDS for number in range(queues)} | (strict or {})
    return {
        "clock": {"mode": "wall"},
        "sites": [{"tenant": TENANT, "site": SITE, "zone": "America/Fortaleza"}],
        "queues": [_queue(queue, limit) for queue, limit in limits.items()],
    }


def _queue(queue: str, limit_seconds: int) -> dict[str, Any]:
    return {
        "tenant": TENANT,
        "site": SITE,
        "queue": queue,
        "channels": ["voice"],
        "answer_target_seconds": limit_seconds,
        "max_wait_seconds": limit_seconds,
    }


def queue_name(number: int) -> str:
    return f"queue-{number:03d}"


def event(kind: str, queue: str, contact: str, time_ms: int, **data: Any) -> dict[str, Any]:
    """A contact event of an instant, as a telephone system would tell it."""
    return {
        "specversion": "1.0",
        "id": f"{contact}/{kind}",
        "source": "pbx-fortaleza",
        "type": f"contact.{kind}",
        "time": datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "subject": contact,
        "data": {"tenant": TENANT, "site": SITE, "queue": queue, "channel": "voice", "contact_id": contact, **data},
    }


def offers(count: int, queues: int, time_ms: int, *, name: str = "open") -> Iterator[dict[str, Any]]:
    """So many contacts, spread over the queues, all offered at one instant."""
    for number in range(count):
        customer = {"address": f"+55859{number % 100_000_000:08d}", "id": f"C-{number}"}
        contact = f"{name}-{number:08d}"
        yield event("offered", queue_name(number % queues), contact, time_ms, customer=customer)
