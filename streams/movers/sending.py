"""How movers hand over what their mappings made: events to the topics of their owners, the rest to the dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from streams.dead_letters import DEAD_LETTERS, SourcePlace, source_letter
from streams.domain.decisions import Rejection
from streams.errors import Unavailable
from streams.movers.figures import MoverFigures
from streams.routing import Route, route
from streams.sources.mapping import InvalidEvent


class Sender(Protocol):
    """Where events go; ``publisher.Publisher`` is one. Raises Unavailable."""

    def send(self, route: Route, value: bytes | None, *, headers: Sequence[tuple[str, bytes | None]] = ()) -> None:
        """Take one record; it may not be acknowledged yet."""
        ...

    def settle(self) -> None:
        """Wait until every record is acknowledged."""
        ...


class WatchedSender:
    """Another sender, and whether Kafka acknowledges what is sent there."""

    def __init__(self, make: Callable[[], Sender], figures: MoverFigures) -> None:
        """``make`` asks a broker for its topics, or raises Unavailable."""
        self._figures = figures
        figures.is_delivering = False
        self._sender = make()
        figures.is_delivering = True

    def send(self, route: Route, value: bytes | None, *, headers: Sequence[tuple[str, bytes | None]] = ()) -> None:
        try:
            self._sender.send(route, value, headers=headers)
        except Unavailable:
            self._figures.is_delivering = False
            raise

    def settle(self) -> None:
        try:
            self._sender.settle()
        except Unavailable:
            self._figures.is_delivering = False
            raise
        self._figures.is_delivering = True


def send_events(sender: Sender, events: Iterable[dict[str, Any]]) -> int:
    """Hand over what a mapping made; how many events."""
    count = 0
    for event in events:
        target = route(event)
        assert isinstance(target, Route), target
        sender.send(target, msgspec.json.encode(event))
        count += 1
    return count


class Refusal(msgspec.Struct, frozen=True):
    """A record of which the mapping makes no event: where it lay, why, and its bytes."""

    place: SourcePlace
    rejection: Rejection
    value: bytes


def refusal(place: SourcePlace, error: InvalidEvent, value: bytes, *, found_at: str = "") -> Refusal:
    """``found_at`` says the place in words that people know, such as a line's number."""
    detail = f"{found_at}: {error.detail}" if found_at else error.detail
    return Refusal(place, Rejection(error.reason, detail), value)


def send_refusal(sender: Sender, refused: Refusal) -> None:
    """Hand it over as a dead letter."""
    key, value, headers = source_letter(refused.place, refused.rejection, refused.value)
    sender.send(Route(DEAD_LETTERS, key.decode()), value, headers=headers)
