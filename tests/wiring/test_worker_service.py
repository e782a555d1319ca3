"""The worker's own loops while Faust stops around them."""

from __future__ import annotations

import asyncio

import pytest

from streams.app import build_worker
from streams.engine import garbage
from streams.errors import Unavailable
from streams.settings import parse_settings
from tests.wiring.engine_doubles import Broker, recovered_owner

CONFIGURATION = """\
kafka: {brokers: ["127.0.0.1:9092"]}
sites: [{tenant: acme, site: fortaleza, zone: America/Fortaleza}]
queues:
  - {tenant: acme, site: fortaleza, queue: sac, channels: [voice], answer_target_seconds: 20, max_wait_seconds: 60}
"""


def test_all_garbage_is_looked_for_only_where_state_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking through everything holds up all threads: not at the first assignment, and once per loss of partitions."""
    looked: list[str] = []
    monkeypatch.setattr(garbage, "take_back", lambda: looked.append("looked"))

    async def play() -> list[int]:
        app, service = build_worker(parse_settings(CONFIGURATION, environment={}))
        stage = service._stages["queues"]
        counts = []
        for owners in ({}, {0: recovered_owner(Broker())[0]}, {}):
            stage.owners = owners
            await app.on_partitions_revoked.send(set())
            await app.on_partitions_assigned.send(set())
            counts.append(len(looked))
        return counts

    assert asyncio.run(play()) == [0, 1, 1]


@pytest.mark.parametrize("error", [Unavailable("no end"), RuntimeError("the consumer is closed")])
def test_what_fails_while_the_worker_stops_is_no_bug(error: Exception) -> None:
    """A question under way when the consumer closes fails; the loop ends and the process goes on to stop in order."""
    asked: list[str] = []

    async def play() -> None:
        app, service = build_worker(parse_settings(CONFIGURATION, environment={}))

        async def ask() -> None:
            asked.append("asked")
            app._stopped.set()  # what Faust does first when it stops
            raise error

        await service._every(0, ask)

    asyncio.run(play())
    assert asked == ["asked"]


def test_a_loop_ends_by_its_own_cancellation_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancellation of something else that comes out of its work would stop flushes, and nobody would hear of it."""
    ended: list[tuple[str, BaseException]] = []

    class EndedError(Exception):
        pass

    def end(what: str, error: BaseException) -> None:
        ended.append((what, error))
        raise EndedError

    async def play() -> None:
        _, service = build_worker(parse_settings(CONFIGURATION, environment={}))

        async def stray() -> None:
            other = asyncio.ensure_future(asyncio.sleep(60))
            other.cancel()
            await other

        with pytest.raises(EndedError):
            await service._every(0, stray)
        under_way = asyncio.Event()

        async def wait() -> None:
            under_way.set()
            await asyncio.sleep(60)

        loop = asyncio.ensure_future(service._every(0, wait))
        await under_way.wait()
        loop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loop

    monkeypatch.setattr("streams.app.end_process", end)
    asyncio.run(play())
    assert [(what, type(error)) for what, error in ended] == [("stray failed", asyncio.CancelledError)]
