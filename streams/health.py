"""The worker's HTTP listener: ``/metrics`` for Prometheus, ``/healthz`` and ``/ready`` for whoever runs the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import StrEnum
from typing import Final

from aiohttp import web
from aiohttp.hdrs import ACCEPT, CONTENT_TYPE

from streams.metrics import WorkerFigures, render

LOOPBACK: Final = "127.0.0.1"
LAST_ANSWERS_SECONDS: Final = 1.0
"""How long answers under way may take when the listener stops."""


class Readiness(StrEnum):
    """Whether the worker does its work; the values other than ``ready`` are the reasons given."""

    READY = "ready"
    JOINING = "joining"
    NOT_ASSIGNED = "not assigned"
    RECOVERING = "recovering"
    BROKER_AWAY = "the broker does not answer"


class HealthServer:
    """Serves one worker's health on ``host`` and ``port`` (0: any free one). Runs on the loop it is started on.

    ``snapshot`` and ``readiness`` are called on that loop. The page is written on another thread, one page at a time,
    so that a scrape of many queues does not hold up the events.
    """

    def __init__(
        self,
        snapshot: Callable[[], Awaitable[WorkerFigures]],
        readiness: Callable[[], Readiness],
        *,
        port: int,
        host: str = LOOPBACK,
    ) -> None:
        self._snapshot = snapshot
        self._readiness = readiness
        self._host = host
        self._port = port
        self._render_seconds = 0.0
        self._one_page = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._renderer: ThreadPoolExecutor | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; before `start` the one asked for."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises `OSError` when the address cannot be had; nothing is left open then."""
        self._renderer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=LAST_ANSWERS_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self.stop()
            raise
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the listener and what it serves. Does nothing when it is not started."""
        runner, self._runner = self._runner, None
        renderer, self._renderer = self._renderer, None
        if runner is not None:
            await runner.cleanup()
        if renderer is not None:
            renderer.shutdown(wait=False, cancel_futures=True)

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/ready", self._ready)
        return application

    async def _metrics(self, request: web.Request) -> web.Response:
        accept = request.headers.get(ACCEPT, "")
        async with self._one_page:
            figures = replace(await self._snapshot(), render_seconds=self._render_seconds)
            started = time.perf_counter()
            page, content_type = await asyncio.get_running_loop().run_in_executor(
                self._renderer, render, figures, accept
            )
            self._render_seconds = time.perf_counter() - started
        response = web.Response(body=page, headers={CONTENT_TYPE: content_type})
        response.enable_compression()
        return response

    async def _healthz(self, _request: web.Request) -> web.Response:
        """An answer is the proof that the loop runs."""
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        state = self._readiness()
        if state is Readiness.READY:
            return web.json_response({"ready": True})
        return web.json_response({"ready": False, "reason": state}, status=503)
