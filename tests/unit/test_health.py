"""The listener over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientConnectorError, ClientSession

from streams.domain.directory import QueuePolicy
from streams.health import HealthServer, Readiness
from streams.metrics import BuildInfo, WorkerFigures

POLICY = QueuePolicy("acme", "fortaleza", "sac", "America/Fortaleza", frozenset({"voice"}), 20_000, 45_000)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
RENDERED_IN_TIME_SECONDS = 30


def figures(is_open: Callable[[QueuePolicy], bool] = lambda _: True) -> WorkerFigures:
    build = BuildInfo(version="1.2.3", revision="abc1234", python="3.11.7", config_hash="f00d")
    return WorkerFigures(configured=[POLICY], build=build, started_ms=1_763_800_000_000, is_open=is_open)


class Client:
    """GET requests to one server."""

    def __init__(self, session: ClientSession, server: HealthServer) -> None:
        self.session, self.server = session, server

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        async with self.session.get(f"http://127.0.0.1:{self.server.port}{path}", headers=headers) as answer:
            return answer.status, dict(answer.headers), await answer.text()


async def snapshot_of_figures() -> WorkerFigures:
    return figures()


@asynccontextmanager
async def serving(
    snapshot: Callable[[], Awaitable[WorkerFigures]] = snapshot_of_figures,
    readiness: Callable[[], Readiness] = lambda: Readiness.READY,
) -> AsyncIterator[Client]:
    server = HealthServer(snapshot, readiness, port=0)
    await server.start()
    try:
        async with ClientSession() as session:
            yield Client(session, server)
    finally:
        await server.stop()


def test_a_running_loop_is_alive() -> None:
    """/healthz answers 200 whatever the worker is doing."""

    async def scenario() -> None:
        async with serving(readiness=lambda: Readiness.RECOVERING) as client:
            status, _, text = await client.get("/healthz")
            assert (status, json.loads(text)) == (200, {"alive": True})

    asyncio.run(scenario())


@pytest.mark.parametrize("state", list(Readiness))
def test_ready_says_why_not(state: Readiness) -> None:
    """/ready is 200 only when the worker is ready, else 503 with the reason."""

    async def scenario() -> None:
        async with serving(readiness=lambda: state) as client:
            status, _, text = await client.get("/ready")
            if state is Readiness.READY:
                assert (status, json.loads(text)) == (200, {"ready": True})
            else:
                assert (status, json.loads(text)) == (503, {"ready": False, "reason": state.value})

    asyncio.run(scenario())


def test_metrics_come_in_the_format_asked_for() -> None:
    """Plain text unless the scraper accepts OpenMetrics; compressed when it may be."""

    async def scenario() -> None:
        async with serving() as client:
            status, headers, text = await client.get("/metrics", Accept="text/plain")
            assert status == 200
            assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert 'filaviva_queue_max_wait_seconds{channel="voice"' in text
            _, headers, text = await client.get("/metrics", Accept=OPENMETRICS)
            assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            assert text.endswith("# EOF\n")
            _, headers, text = await client.get("/metrics", **{"Accept-Encoding": "gzip"})
            assert headers["Content-Encoding"] == "gzip"
            assert "filaviva_build_info" in text

    asyncio.run(scenario())


def test_figures_are_taken_on_the_loop_and_written_off_it() -> None:
    """The snapshot is called on the loop's thread, the rendering runs on another."""
    threads: dict[str, int] = {}

    def is_open(_policy: QueuePolicy) -> bool:
        threads["rendering"] = threading.get_ident()
        return True

    async def snapshot() -> WorkerFigures:
        threads["snapshot"] = threading.get_ident()
        return figures(is_open)

    async def scenario() -> None:
        async with serving(snapshot) as client:
            await client.get("/metrics")

    asyncio.run(scenario())
    assert threads["snapshot"] == threading.get_ident()
    assert threads["rendering"] != threading.get_ident()


def test_the_loop_answers_while_a_page_is_written() -> None:
    """A rendering that takes long holds up neither /healthz nor the loop; the next scrape waits for it."""
    begun, may_end = threading.Event(), threading.Event()
    pages: list[str] = []

    def is_open(_policy: QueuePolicy) -> bool:
        begun.set()
        return may_end.wait(RENDERED_IN_TIME_SECONDS)

    async def snapshot() -> WorkerFigures:
        pages.append("begun")
        return figures(is_open)

    async def scenario() -> None:
        async with serving(snapshot) as client:
            scrapes = [asyncio.create_task(client.get("/metrics")) for _ in range(2)]
            await asyncio.to_thread(begun.wait, RENDERED_IN_TIME_SECONDS)
            assert (await client.get("/healthz"))[0] == 200
            assert pages == ["begun"]
            may_end.set()
            assert [status for status, _, _ in await asyncio.gather(*scrapes)] == [200, 200]
            assert pages == ["begun", "begun"]

    asyncio.run(scenario())


def test_the_next_page_tells_how_long_the_last_one_took() -> None:
    """Rendering time is 0 on the first page and measured on the second."""

    async def scenario() -> None:
        async with serving() as client:
            first, second = [(await client.get("/metrics"))[2] for _ in range(2)]
            assert "\nfilaviva_scrape_render_seconds 0.0\n" in first
            assert "\nfilaviva_scrape_render_seconds 0.0\n" not in second

    asyncio.run(scenario())


def test_a_failing_snapshot_is_an_error_to_the_scraper_only() -> None:
    """A page that cannot be built is a 500, never half a page; the next request is served."""
    answers = iter([ValueError("no figures"), figures()])

    async def snapshot() -> WorkerFigures:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    async def scenario() -> None:
        async with serving(snapshot) as client:
            assert (await client.get("/metrics"))[0] == 500
            assert (await client.get("/metrics"))[0] == 200

    asyncio.run(scenario())


def test_it_listens_on_loopback_until_it_is_stopped() -> None:
    """The port is told once bound; after the stop nothing answers, and a second stop does nothing."""

    async def scenario() -> None:
        server = HealthServer(snapshot_of_figures, lambda: Readiness.READY, port=0)
        await server.start()
        port = server.port
        assert port > 0
        await server.stop()
        await server.stop()
        async with ClientSession() as session:
            with pytest.raises(ClientConnectorError):
                await session.get(f"http://127.0.0.1:{port}/healthz")

    asyncio.run(scenario())


def test_a_port_in_use_is_reported_at_the_start() -> None:
    """The second listener on one port fails and leaves nothing open."""

    async def scenario() -> None:
        async with serving() as client:
            second = HealthServer(snapshot_of_figures, lambda: Readiness.READY, port=client.server.port)
            with pytest.raises(OSError, match="address already in use"):
                await second.start()
            assert (await client.get("/healthz"))[0] == 200

    asyncio.run(scenario())
