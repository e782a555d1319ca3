"""Requests to the gateway as a source would write them, and a gateway in this process to send them to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from yarl import URL

from streams.gateway.delivery import Delivery
from streams.gateway.doors import HEAD_SECONDS
from streams.gateway.entrances import MAPPINGS, Entrance
from streams.gateway.figures import GatewayFigures
from streams.gateway.mapped import MappedFeed
from streams.gateway.server import GatewayServer
from streams.publisher import Publisher
from streams.settings_secrets import ReceiverSecrets
from streams.settings_sections import Receiver
from streams.sources.dictionary import Place, QueueDictionary

SECRET, OLD_SECRET, TOKEN = "present-secret-0001", "former-secret-00001", "bearer-token-000001"
CRM = Receiver(tenant="acme", source="crm-1", secret_env="CRM")
SAC_CHAT = {"1": Place("acme", "fortaleza", "sac-chat", "chat")}
PLATFORMS = [
    (Receiver(tenant="acme", source="chatwoot-1", kind="chatwoot", secret_env="A"), SAC_CHAT),
    (Receiver(tenant="acme", source="chatwoot-old", kind="chatwoot", proof="query_token", secret_env="B"), SAC_CHAT),
    (
        Receiver(tenant="acme", source="whatsapp-1", kind="whatsapp", secret_env="C", verify_token_env="D"),
        {"106540352242922": Place("acme", "fortaleza", "sac-whatsapp", "whatsapp")},
    ),
    (
        Receiver(tenant="acme", source="connect-1", kind="amazon-connect", proof="bearer", secret_env="E"),
        {"sac-uuid": Place("acme", "fortaleza", "sac", "voice")},
    ),
]
EntrancesOf = Callable[[Delivery], dict[tuple[str, str], Entrance]]
PBX = Receiver(tenant="acme", source="pbx-1", secret_env="PBX")
BOT = Receiver(tenant="acme", source="bot", proof="bearer", secret_env="BOT")
OTHER = Receiver(tenant="other", source="pbx-1", secret_env="OTHER")


@dataclass(frozen=True)
class Sending:
    """One request, not yet sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def changed(self, **changes: Any) -> Sending:
        return replace(self, **changes)

    def with_header(self, name: str, value: str) -> Sending:
        return replace(self, headers={**self.headers, name: value})

    def without_header(self, name: str) -> Sending:
        return replace(self, headers={key: value for key, value in self.headers.items() if key != name})


def offered(number: int, **changes: Any) -> dict[str, Any]:
    """A sound event of the source pbx-1."""
    data = {"tenant": "acme", "site": "fortaleza", "queue": f"sac-{number % 5}", "channel": "voice"}
    event = {
        "specversion": "1.0",
        "id": f"c{number}/offered",
        "source": "pbx-1",
        "type": "contact.offered",
        "time": "2026-11-23T09:00:00.120-03:00",
        "data": data | {"contact_id": f"c{number}"},
    }
    return event | changes


def structured(event: Mapping[str, Any], path: str = "/in/acme/pbx-1") -> Sending:
    return Sending(path, {"Content-Type": "application/cloudevents+json"}, json.dumps(event).encode())


def batch(*events: Mapping[str, Any], path: str = "/in/acme/pbx-1") -> Sending:
    return Sending(path, {"Content-Type": "application/cloudevents-batch+json"}, json.dumps(events).encode())


def binary(event: Mapping[str, Any], path: str = "/in/acme/pbx-1") -> Sending:
    attributes = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    return Sending(path, {"Content-Type": "application/json", **attributes}, json.dumps(event["data"]).encode())


def signed(sending: Sending, secret: str = SECRET, *, at: float | None = None) -> Sending:
    """As the README tells a source to do it; not with the gateway's own code."""
    stamp = str(int(time.time() if at is None else at))
    names = sorted(name for name in sending.headers if name.startswith("ce-"))
    lines = ["v1", stamp, sending.path, sending.headers["Content-Type"]]
    lines += [f"{name}:{sending.headers[name]}" for name in names]
    text = "\n".join([*lines, "", ""]).encode() + sending.body
    digest = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return replace(sending, headers={**sending.headers, "Filaviva-Timestamp": stamp, "Filaviva-Signature": digest})


def with_token(sending: Sending, token: str = TOKEN) -> Sending:
    return sending.with_header("Authorization", f"Bearer {token}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


class GatewayUnderTest:
    """A gateway that listens, and a client of it."""

    def __init__(self, server: GatewayServer, session: ClientSession, port: int) -> None:
        self.server, self.port = server, port
        self._session = session

    async def send(self, sending: Sending, *, in_pieces: bool = False) -> Answer:
        """``in_pieces``: chunked, without saying how long it will be."""
        url = URL(f"http://127.0.0.1:{self.port}{sending.path}", encoded=True)
        body = _pieces(sending.body) if in_pieces else io.BytesIO(sending.body)
        async with self._session.post(url, data=body, headers=sending.headers) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def get(self, path: str) -> Answer:
        async with self._session.get(f"http://127.0.0.1:{self.port}{path}") as response:
            return Answer(response.status, dict(response.headers), await response.text())


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


def entrances(delivery: Delivery) -> dict[tuple[str, str], Entrance]:
    return {
        ("acme", "crm-1"): Entrance(CRM, ReceiverSecrets(SECRET.encode()), delivery),
        ("acme", "pbx-1"): Entrance(PBX, ReceiverSecrets(SECRET.encode(), OLD_SECRET.encode()), delivery),
        ("acme", "bot"): Entrance(BOT, ReceiverSecrets(TOKEN.encode()), delivery),
        ("other", "pbx-1"): Entrance(OTHER, ReceiverSecrets(b"secret-of-somebody-else"), delivery),
    }


def of_platforms(folder: Path) -> EntrancesOf:
    """The ways in of platforms, which keep their files in the folder."""

    def made(delivery: Delivery) -> dict[tuple[str, str], Entrance]:
        found = {}
        for receiver, names in PLATFORMS:
            dictionary = QueueDictionary(receiver.source, names)
            feed = MappedFeed(dictionary, MAPPINGS[receiver.kind], folder, delivery)
            secrets = ReceiverSecrets(SECRET.encode(), verify_token=TOKEN.encode())
            found[receiver.tenant, receiver.source] = Entrance(receiver, secrets, delivery, feed)
        return found

    return made


@asynccontextmanager
async def listening(
    publisher: Publisher,
    ways_in_of: EntrancesOf = entrances,
    *,
    max_in_flight_bytes: int = 32 * 1024 * 1024,
    max_connections: int = 1000,
    head_seconds: float = HEAD_SECONDS,
    max_requests: int = 256,
) -> AsyncIterator[GatewayUnderTest]:
    """A gateway over a publisher that answers for each; it ends as the command ends it."""
    delivery = Delivery(publisher, on_broken=lambda: None)
    ways_in = ways_in_of(delivery)
    delivery.start()
    figures = GatewayFigures(ways_in)
    server = GatewayServer(
        ways_in,
        delivery,
        figures,
        max_in_flight_bytes=max_in_flight_bytes,
        max_requests=max_requests,
        max_connections=max_connections,
        head_seconds=head_seconds,
    )
    port = await server.start("127.0.0.1", 0)
    try:
        async with ClientSession() as session:
            yield GatewayUnderTest(server, session, port)
    finally:
        await server.stop()
        await asyncio.get_running_loop().run_in_executor(None, delivery.stop)
