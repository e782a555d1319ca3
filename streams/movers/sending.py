"""How every mover hands events over: each to the topic of its owner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from streams.routing import Route, route


class Sender(Protocol):
    """Where events go; ``publisher.Publisher`` is one. Raises Unavailable."""

    def send(self, route: Route, value: bytes) -> None:
        """Take one record; it may not be acknowledged yet."""
        ...

    def settle(self) -> None:
        """Wait until every record is acknowledged."""
        ...


def send_events(sender: Sender, events: Iterable[dict[str, Any]]) -> int:
    """Hand over what a mapping made; how many events."""
    count = 0
    for event in events:
        target = route(event)
        assert isinstance(target, Route), target
        sender.send(target, msgspec.json.encode(event))
        count += 1
    return count
