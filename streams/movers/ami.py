"""From Asterisk's manager interface into Kafka: connect, ask who waits, map, write down, send; connect anew.

Nothing said over a connection can be asked for again, so what came of it is written down before it is sent, beside what
the mapping knows; a mover that is killed in between sends it at its next start, repeats being harmless. Messages that
the mapping refuses go to the dead letters by the same rule. What was said
while no connection was there is gone: after each connection the list of who waits puts that right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from streams.ami_connection import AmiMessage
from streams.dead_letters import SourcePlace
from streams.errors import ConfigError, Unavailable
from streams.movers.figures import MoverFigures
from streams.movers.kept import keep, kept_state
from streams.movers.sending import Refusal, Sender, refusal, send_events, send_refusal
from streams.movers.unmapped import UnmappedNames
from streams.sources.ami import AmiMapping
from streams.sources.canonical import EventWriter
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import Event, InvalidEvent

EVENTS: Final = "call,agent,dialplan"
"""The classes of events to hear of."""
WAIT_SECONDS: Final = 0.2
PING_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 10.0
"""An Asterisk that does not even answer pings for so long is not there any more."""
AGAIN_SECONDS: Final = 1.0
KIND: Final = "ami"


class Connection(Protocol):
    """``ami_connection.AmiConnection`` is one. Raises Unavailable."""

    def send(self, action: dict[str, str]) -> None:
        """One action."""
        ...

    def messages(self, wait_seconds: float) -> list[AmiMessage]:
        """Whole messages that come within so long."""
        ...

    def close(self) -> None: ...


class _Kept(msgspec.Struct):
    kind: str
    mapping: dict[str, Any]
    unsent: list[Event]
    refused: list[Refusal] = []
    """Not sent either."""


class AmiMover:
    """One Asterisk and its source; ``connect`` makes a connection or raises Unavailable. ``malformed`` counts refused
    messages by reason; ``place`` names the connection in dead letters, ``figures`` are those of the process."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        dictionary: QueueDictionary,
        state: Path,
        sender: Sender,
        *,
        place: str = KIND,
        wait_seconds: float = WAIT_SECONDS,
        figures: MoverFigures | None = None,
    ) -> None:
        """``wait_seconds`` is how long a step waits for something to move."""
        known = kept_state(state, _Kept, kind=KIND)
        try:
            self.mapping = AmiMapping(dictionary, known.mapping if known else None)
        except InvalidEvent as error:
            raise ConfigError([(str(state), f"expected what this version wrote; {error.detail}")]) from None
        self.figures = figures or MoverFigures(dictionary.source, KIND)
        self.malformed = self.figures.rejected
        self.mapping.ignored.by_kind = self.figures.ignored
        self._connect = connect
        self._place = place
        self._state = state
        self._sender = sender
        self._refused_us = 0
        self._wait_seconds = wait_seconds
        self._unmapped = UnmappedNames(state.parent, dictionary)
        self._writer = EventWriter(dictionary.source)
        self._connection: Connection | None = None
        self._heard_at = self._asked_at = self._tried_at = float("-inf")
        if known:
            self._send(known.unsent, known.refused)

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    @property
    def events(self) -> int:
        return self.figures.events

    @property
    def drops(self) -> int:
        """Connections that broke."""
        return self.figures.breaks

    def step(self) -> None:
        """Move what comes within a moment, on a connection that is made where there is none. Raises Unavailable where
        Kafka is away, and is then of no more use."""
        self.figures.step()
        self.figures.is_connected = self._connection is not None or self._try_to_connect()
        if not self.figures.is_connected:
            time.sleep(self._wait_seconds)
            return
        events: list[Event] = []
        refused: list[Refusal] = []
        try:
            for message in self._messages():
                try:
                    events += self.mapping.feed(message, _now_ms())
                except InvalidEvent as error:
                    refused.append(self._refusal(error, message))
        except Unavailable:
            self._drop()
        if events or refused:
            known = _Kept(KIND, self.mapping.snapshot(), events, refused)
            keep(self._state, msgspec.to_builtins(known))
            self._send(events, refused)
        self.figures.catch_up(self._heard_at)
        self._unmapped.save()

    def beat(self, sites: Collection[tuple[str, str]]) -> None:
        """Say at these sites that the source lives: Asterisk has answered just now. Nothing while it has not."""
        if self._connection is not None and time.monotonic() - self._heard_at < SILENT_SECONDS:
            self._send(self._writer.heartbeat(site, _now_ms()) for site in sorted(sites))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- the connection -----------------------------------------------------------------------------------------------

    def _try_to_connect(self) -> bool:
        now = time.monotonic()
        if now - self._tried_at < min(AGAIN_SECONDS, 5 * self._wait_seconds):
            return False
        self._tried_at = now
        try:
            self._connection = self._connect()
            self._connection.send({"Action": "QueueStatus", "ActionID": "filaviva"})
        except Unavailable:
            self.close()
            return False
        self._heard_at = self._asked_at = time.monotonic()
        return True

    def _messages(self) -> list[AmiMessage]:
        assert self._connection is not None
        if time.monotonic() - self._asked_at > PING_SECONDS:
            self._connection.send({"Action": "Ping"})
            self._asked_at = time.monotonic()
        messages = self._connection.messages(self._wait_seconds)
        if messages:
            self._heard_at = time.monotonic()
            if told := sum("Event" in message for message in messages):
                self.figures.records += told
                self.figures.last_record_ms = _now_ms()
        elif time.monotonic() - self._heard_at > SILENT_SECONDS:
            raise Unavailable("Asterisk does not answer any more")
        return messages

    def _drop(self) -> None:
        self.figures.breaks += 1
        self.figures.is_connected = False
        self.close()
        self.mapping.disconnected()

    # -- the events ---------------------------------------------------------------------------------------------------

    def _refusal(self, error: InvalidEvent, message: AmiMessage) -> Refusal:
        """No two of one microsecond: that is what tells them apart."""
        self.malformed[error.reason] += 1
        self._refused_us = max(time.time_ns() // 1000, self._refused_us + 1)
        return refusal(SourcePlace(self._writer.source, self._place, 0, self._refused_us), error, message.raw)

    def _send(self, events: Iterable[Event], refused: Iterable[Refusal] = ()) -> None:
        self.figures.events += send_events(self._sender, events)
        for each in refused:
            send_refusal(self._sender, each)
        self._sender.settle()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
