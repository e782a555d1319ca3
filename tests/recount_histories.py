"""Small histories for the recount: single facts, whole visits, and what the recount makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.domain.recount import Recount, Skipped, read_events, recount

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
PHONE, OTHER_PHONE = "+5585997465553", "+5585911112222"


def fact(
    kind: str, second: float, *, contact: str = "c1", event_id: str | None = None, **fields: Any
) -> dict[str, Any]:
    """One event of a contact, so many seconds after the start; fields that are None are left out."""
    data = {"tenant": "acme", "site": "fortaleza", "queue": "sac", "channel": "voice", "contact_id": contact, **fields}
    return {
        "specversion": "1.0",
        "id": event_id or f"{contact}/{kind}/{second}",
        "source": "pbx-1",
        "type": f"contact.{kind}",
        "time": (START + timedelta(seconds=second)).isoformat(),
        "data": {name: value for name, value in data.items() if value is not None},
    }


def message(second: float, author: str, **fields: Any) -> dict[str, Any]:
    direction = "in" if author == "customer" else "out"
    return fact("message", second, **{"channel": "chat", "author": author, "direction": direction, **fields})


def of_customer(address: str | None = PHONE, customer_id: str | None = None) -> dict[str, Any]:
    given_parts = {"address": address, "id": customer_id}
    return {"customer": {name: value for name, value in given_parts.items() if value is not None}}


def visit_facts(exit_kind: str | None, wait: float, *, number: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """A whole visit: offered at the start and left so many seconds later."""
    contact = f"{exit_kind}-{wait}-{number}"
    offered = fact("offered", 0, contact=contact)
    return [offered] if exit_kind is None else [offered, fact(exit_kind, wait, contact=contact, **fields)]


def lines(facts: Iterable[dict[str, Any]]) -> list[str]:
    return [json.dumps(each) for each in facts]


def counted(facts: Iterable[dict[str, Any]], **options: Any) -> Recount:
    skipped = Skipped()
    result = recount(read_events(lines(facts), skipped), **options)
    assert skipped.by_reason == {}
    return result


def at_ms(second: float) -> int:
    return START_MS + round(second * 1000)


OFFERED = fact("offered", 0)
