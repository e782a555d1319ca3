"""The gateway's HTTP listener: what comes in is answered with success once Kafka has it, and not before.

Bounded: of one source so many requests at a time, of all together so many bytes, of one request so many bytes and so
long, and so many connections (`doors.py`). Beyond that, and while no broker answers, the client is asked to come again
later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.hdrs import ACCEPT, CONTENT_TYPE

from streams.errors import Unavailable
from streams.gateway.delivery import Delivery
from streams.gateway.doors import HEAD_SECONDS, Doors
from streams.gateway.entrances import PATH, Entrance
from streams.gateway.figures import GatewayFigures
from streams.gateway.mapped import MappedFeed
from streams.gateway.messages import Refused, message_of

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
READ_SECONDS: Final = 20
IDLE_SECONDS: Final = 30
"""How long a connection may wait for its next request."""
DRAIN_SECONDS: Final = 15
"""How long requests under way may take when the listener stops; longer than Kafka may take for a record."""
SETTLE_SECONDS: Final = 3
SOON_SECONDS: Final = 1
LATER_SECONDS: Final = 5


class _Later(Exception):
    """The client is asked to come again."""

    def __init__(self, status: int, reason: str, seconds: int) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.seconds = seconds


class GatewayServer:
    """Serves the entrances from `start` to `stop`, on the loop of `start`."""

    def __init__(
        self,
        entrances: Mapping[tuple[str, str], Entrance],
        delivery: Delivery,
        figures: GatewayFigures,
        *,
        max_in_flight_bytes: int,
        max_requests: int,
        max_connections: int,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self._entrances = entrances
        self._delivery = delivery
        self._figures = figures
        self._max_in_flight_bytes = max_in_flight_bytes
        self._max_requests = max_requests
        self._max_connections = max_connections
        self._head_seconds = head_seconds
        self._in_flight_bytes = 0
        self._is_stopping = False
        self._runner: web.AppRunner | None = None
        self._doors: Doors | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen (port 0: any free one), and return the port. Raises OSError when the address cannot be had."""
        self._runner = web.AppRunner(
            self.application(),
            access_log=None,
            shutdown_timeout=DRAIN_SECONDS,
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
        )
        await self._runner.setup()
        server = self._runner.server
        assert server is not None, "it is set up"
        self._doors = Doors(
            server,
            max_connections=self._max_connections,
            on_refused=self._figures.connection_refused,
            head_seconds=self._head_seconds,
        )
        self._listener = await asyncio.get_running_loop().create_server(self._doors.open, host, port)
        self._settling = asyncio.create_task(self._settle())
        listening: int = self._listener.sockets[0].getsockname()[1]
        return listening

    async def stop(self) -> None:
        """Take nothing new, and answer what is under way."""
        self._is_stopping = True
        if self._runner is None or self._listener is None:
            return
        self._listener.close()
        self._settling.cancel()
        await self._runner.cleanup()
        for feed in self._feeds():
            try:
                await feed.end()
            except Unavailable as error:
                logger.error("%s", error)  # noqa: TRY400 - whoever operates it needs the reason, not where we noticed

    def _feeds(self) -> list[MappedFeed]:
        return [entrance.feed for entrance in self._entrances.values() if entrance.feed is not None]

    async def _settle(self) -> None:
        """Send what mappings have made and Kafka has not taken, although no further request comes."""
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            for feed in self._feeds():
                try:
                    if self._delivery.is_available:
                        await feed.settle()
                except Unavailable as error:
                    logger.warning("%s", error)

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._heard])
        application.router.add_post(PATH, self._receive)
        application.router.add_get(PATH, self._challenge, allow_head=False)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        return application

    @web.middleware
    async def _heard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The head of a request is there."""
        if self._doors is not None:
            self._doors.heard(request.protocol)
        return await handler(request)

    async def _receive(self, request: web.Request) -> web.Response:
        entrance = self._entrances.get((request.match_info["tenant"], request.match_info["source"]))
        if entrance is None:
            return _answer(404, {"error": "no such entrance"})
        started = time.perf_counter()
        entrance.requests += 1
        size = MAX_BODY_BYTES if request.content_length is None else request.content_length
        self._in_flight_bytes += size
        try:
            answer = _answer(200, {"accepted": await self._taken(request, entrance)})
        except Refused as refused:
            answer = _answer(refused.status, {"error": refused.reason})
        except _Later as later:
            answer = _answer(later.status, {"error": later.reason}, {"Retry-After": str(later.seconds)})
        finally:
            self._in_flight_bytes -= size
            entrance.requests -= 1
        self._figures.answered(entrance.tenant, entrance.source, answer.status, time.perf_counter() - started)
        return answer

    async def _challenge(self, request: web.Request) -> web.Response:
        entrance = self._entrances.get((request.match_info["tenant"], request.match_info["source"]))
        if entrance is None:
            return _answer(404, {"error": "no such entrance"})
        try:
            return web.Response(text=entrance.challenge(request.query))
        except Refused as refused:
            return _answer(refused.status, {"error": refused.reason})

    async def _taken(self, request: web.Request, entrance: Entrance) -> int:
        """The number of events that Kafka has now."""
        self._check_room(entrance)
        message = message_of(request.raw_path, request.headers.items(), await self._body(request))
        now_seconds = time.time()
        if not entrance.is_genuine(message, now_seconds):
            raise Refused(401, "the source has not proved itself")
        try:
            events = await entrance.take(message, round(now_seconds * 1000))
        except Unavailable as error:
            raise _Later(503, str(error), LATER_SECONDS) from None
        self._figures.delivered(entrance.tenant, entrance.source, events)
        return events

    def _check_room(self, entrance: Entrance) -> None:
        """Both counts hold this request already."""
        if self._is_stopping:
            raise _Later(503, "the gateway is stopping", SOON_SECONDS)
        if not self._delivery.is_available:
            raise _Later(503, "Kafka does not answer", LATER_SECONDS)
        if entrance.requests > self._max_requests:
            raise _Later(429, f"expected at most {self._max_requests} requests at a time", SOON_SECONDS)
        if self._in_flight_bytes > self._max_in_flight_bytes:
            raise _Later(503, "too much is under way", SOON_SECONDS)

    async def _body(self, request: web.Request) -> bytes:
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise Refused(413, f"expected at most {MAX_BODY_BYTES} bytes")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused(415, "expected a body that is not compressed")
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await request.read()
        except TimeoutError:
            raise Refused(408, f"expected the whole request within {READ_SECONDS} s") from None
        except web.HTTPRequestEntityTooLarge:
            raise Refused(413, f"expected at most {MAX_BODY_BYTES} bytes") from None

    async def _healthz(self, _request: web.Request) -> web.Response:
        """An answer is the proof that the loop runs."""
        return _answer(200, {"alive": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self._is_stopping or not self._delivery.is_available:
            reason = "stopping" if self._is_stopping else "Kafka does not answer"
            return _answer(503, {"ready": False, "reason": reason})
        return _answer(200, {"ready": True})

    async def _metrics(self, request: web.Request) -> web.Response:
        for entrance in self._entrances.values():
            if entrance.feed is not None:
                self._figures.owing(entrance.tenant, entrance.source, entrance.feed.owed)
                self._figures.ignored(entrance.tenant, entrance.source, entrance.feed.ignored)
        page, content_type = self._figures.page(
            request.headers.get(ACCEPT, ""),
            in_flight_bytes=self._in_flight_bytes,
            is_available=self._delivery.is_available,
            connections=0 if self._doors is None else self._doors.connections,
        )
        return web.Response(body=page, headers={CONTENT_TYPE: content_type})


def _answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    """A body that was not read to its end leaves the connection unusable; aiohttp closes it by itself."""
    return web.json_response(body, status=status, reason=HTTPStatus(status).phrase, headers=headers)
