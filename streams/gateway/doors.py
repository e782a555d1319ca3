"""Who may connect: so many at a time, and not for long without asking for anything.

One more than that is told 503 and sent away before a byte is read, so that what connections hold is bounded whatever
comes. A first request must have its head within ``HEAD_SECONDS``; between two requests aiohttp watches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

HEAD_SECONDS: Final = 20.0
_FULL_BODY: Final = b'{"error": "too many connections"}'
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_FULL_BODY), _FULL_BODY)
)


class Doors:
    """Makes the protocol of each connection; on one loop."""

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol],
        *,
        max_connections: int,
        on_refused: Callable[[], None],
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        """``make`` gives the protocol that serves; ``on_refused`` is told of each connection that is sent away."""
        self._make = make
        self._max_connections = max_connections
        self._on_refused = on_refused
        self._head_seconds = head_seconds
        self._silent: dict[asyncio.Protocol, asyncio.TimerHandle] = {}
        self.connections = 0
        """Open now, those that are being sent away not counted."""

    def open(self) -> asyncio.Protocol:
        """For a connection that has just come."""
        if self.connections >= self._max_connections:
            self._on_refused()
            return _Full()
        self.connections += 1
        return _Open(self, self._make())

    def begin(self, served: asyncio.Protocol, transport: asyncio.Transport) -> None:
        """The connection stands: a head is awaited."""
        loop = asyncio.get_running_loop()
        self._silent[served] = loop.call_later(self._head_seconds, transport.abort)

    def heard(self, served: object) -> None:
        """A whole head has come on the connection that this protocol serves."""
        if isinstance(served, asyncio.Protocol) and (waiting := self._silent.pop(served, None)) is not None:
            waiting.cancel()

    def end(self, served: asyncio.Protocol) -> None:
        """The connection is gone."""
        self.heard(served)
        self.connections -= 1


class _Open(asyncio.Protocol):
    """Passes everything on."""

    def __init__(self, doors: Doors, served: asyncio.Protocol) -> None:
        self._doors = doors
        self._served = served

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._doors.begin(self._served, cast("asyncio.Transport", transport))  # uvloop's is one without saying so
        self._served.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._doors.end(self._served)
        self._served.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._served.data_received(data)

    def eof_received(self) -> bool | None:
        return self._served.eof_received()

    def pause_writing(self) -> None:
        self._served.pause_writing()

    def resume_writing(self) -> None:
        self._served.resume_writing()


class _Full(asyncio.Protocol):
    """Says so and closes; what the client sends is not read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)
        stream.pause_reading()
        stream.write(_FULL)
        stream.close()
