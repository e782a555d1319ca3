"""More connections than may be, and clients that take their time: the gateway lives on, in bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import socket
from collections import Counter
from pathlib import Path

import pytest

from streams.embedded.broker import EmbeddedBroker
from streams.gateway import doors
from tests.deadlines import wait_until
from tests.gateway_client import listening, offered, signed, structured
from tests.integration.test_gateway import publishing
from tests.integration.test_gateway_command import GatewayProcess, configured, running, topics

__all__ = ["topics"]
pytestmark = pytest.mark.embedded
MOST = 50
CLIENTS = 1000
BODY_BYTES = 256 * 1024
GROWTH_BYTES = 64 * 1024 * 1024
"""Of a gateway that fifty connections, or five times as many, could fill with what aiohttp buffers of each."""
CAPPED = {"tenant": "acme", "source": "pbx-1", "secret_env": "PBX_SECRET"}


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def let_go(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def test_one_connection_too_many_is_told_so_and_the_next_has_room(embedded_broker: EmbeddedBroker) -> None:
    """503 with Retry-After before anything is read; whoever leaves makes room; both are counted."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, max_connections=3) as gateway:
                held = [await connected(gateway.port) for _ in range(3)]
                reader, writer = await connected(gateway.port)
                answer = await reader.read()
                assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
                assert b"Retry-After: 1\r\n" in answer
                assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": "too many connections"}
                await let_go(writer, held.pop()[1])
                async with asyncio.timeout(30):
                    while (await gateway.send(signed(structured(offered(1))))).status != 200:
                        pass  # asked again until the gateway has noticed that there is room
                page = (await gateway.get("/metrics")).text
                assert "filaviva_gateway_connections 3.0" in page
                assert refused_in(page) >= 1
                await let_go(*(writer for _, writer in held))

    asyncio.run(scenario())


def refused_in(page: str) -> float:
    name = "filaviva_gateway_refused_connections_total "
    return float(next(line for line in page.splitlines() if line.startswith(name)).removeprefix(name))


def test_who_never_finishes_a_head_is_cut_off(embedded_broker: EmbeddedBroker) -> None:
    """Whether it says nothing or speaks on and on; who has asked something is not."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, head_seconds=0.3) as gateway:
                asked, asking = await connected(gateway.port)
                asking.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
                await asked.readuntil(b"}")
                mute, saying_nothing = await connected(gateway.port)
                slow, speaking = await connected(gateway.port)
                speaking.write(b"POST /in/acme/pbx-1 HTTP/1.1\r\n")
                with contextlib.suppress(ConnectionError):
                    assert await mute.read() == b""
                with contextlib.suppress(ConnectionError):
                    while not slow.at_eof():
                        speaking.write(b"X: y\r\n")
                        await speaking.drain()
                        await asyncio.sleep(0.01)
                asking.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
                assert await asked.readuntil(b"}") != b""
                await let_go(asking, saying_nothing, speaking)

    asyncio.run(scenario())


def test_a_thousand_clients_at_once_cost_no_more_than_fifty(topics: EmbeddedBroker, tmp_path: Path) -> None:
    """Each sends a quarter of a megabyte of a body that it never ends. The others are sent away, the gateway answers
    whoever comes afterwards, and its memory has not grown with them."""
    config = configured(tmp_path, topics, CAPPED)
    text = config.read_text()
    config.write_text(text.replace("gateway:\n", f"gateway:\n  max_connections: {MOST}\n"))
    assert str(MOST) in config.read_text()
    with running(config) as gateway:
        assert gateway.send(1) == 200
        before = memory_bytes(gateway)
        clients = [slow_client(gateway.port) for _ in range(CLIENTS)]
        wait_until(lambda: len(answered(clients)) == CLIENTS - MOST, "all but fifty are sent away", seconds=60)
        fates = Counter(fate(client) for client in answered(clients))
        grown = memory_bytes(gateway) - before
        print(f"{CLIENTS} clients: {dict(fates)}; the gateway has grown by {grown / 2**20:.1f} MiB at its peak")
        assert fates.keys() <= {"503", "cut off"}
        assert grown < GROWTH_BYTES
        for client in clients:
            client.close()
        wait_until(lambda: gateway.send(2) == 200, "there is room again")


def slow_client(port: int) -> socket.socket:
    """Has sent what is taken of it without waiting."""
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(0)
    head = b"POST /in/acme/pbx-1 HTTP/1.1\r\nHost: here\r\nContent-Type: application/cloudevents+json\r\n"
    with contextlib.suppress(OSError):
        client.send(head + b"Content-Length: 524288\r\n\r\n" + b"x" * BODY_BYTES)
    return client


def answered(clients: list[socket.socket]) -> list[socket.socket]:
    """Those who were told something, or have lost their connection."""
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN)
    told = {descriptor for descriptor, _ in poll.poll(0)}
    return [client for client in clients if client.fileno() in told]


def fate(client: socket.socket) -> str:
    """What was said, unless the connection was cut off while the client spoke."""
    try:
        answer = client.recv(1000)
    except OSError:
        return "cut off"
    return "503" if answer.startswith(b"HTTP/1.1 503") else answer[:40].decode() or "cut off"


def memory_bytes(gateway: GatewayProcess) -> int:
    """The most it ever had."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


def test_the_answer_of_a_full_gateway_is_whole_http() -> None:
    """Its length is that of its body."""
    head, _, body = doors._FULL.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
