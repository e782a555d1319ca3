"""What the gateway takes in a second of its processor time: a process of its own before a real Kafka."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import ClientSession

from streams.topics import TOPICS, full_name
from tests.bench.cluster import Cluster, processor_seconds
from tests.brokers import BrokerUnderTest
from tests.configuration import edited
from tests.deadlines import wait_until
from tests.gateway_client import SECRET, Sending, batch, offered, signed, structured
from tests.worker_process import PROJECT

REQUESTS: Final = 3_000
EVENTS_OF_A_BATCH: Final = 100
BATCHES: Final = 200
AT_ONCE: Final = 32
PARTITIONS: Final = 8
_LISTENS: Final = re.compile(r"listens at http://127\.0\.0\.1:(\d+)/in/")


class Taken(NamedTuple):
    """Events for a second of the gateway's processor time: one a request, and a hundred."""

    singly: float
    in_batches: float


def gateway_rates(cluster: Cluster, folder: Path) -> Taken:
    """Every request is signed, and answered once all replicas have its events."""
    broker = cluster.broker()
    for spec in TOPICS:
        if spec.is_input:
            broker.create_topic(full_name(broker.prefix, spec.name), PARTITIONS)
    single = [signed(structured(offered(number))) for number in range(REQUESTS)]
    many = [
        signed(batch(*(offered(number * EVENTS_OF_A_BATCH + each) for each in range(EVENTS_OF_A_BATCH))))
        for number in range(BATCHES)
    ]
    with _gateway(broker, folder) as (pid, port):
        _used(pid, port, single[:100])  # what is only done once
        singly = len(single) / _used(pid, port, single)
        return Taken(singly, len(many) * EVENTS_OF_A_BATCH / _used(pid, port, many))


@contextmanager
def _gateway(broker: BrokerUnderTest, folder: Path) -> Iterator[tuple[int, int]]:
    kafka = {"brokers": [broker.bootstrap], "prefix": broker.prefix, "partitions": PARTITIONS}
    receiver = {"tenant": "acme", "source": "pbx-1", "secret_env": "PBX_SECRET"}
    config, log = folder / "gateway.yaml", folder / "gateway.log"
    config.write_text(edited(("kafka", kafka), ("gateway", {"port": 0, "receivers": [receiver]})))
    command = [sys.executable, "-m", "streams", "gateway", "--config", str(config), "--state", str(folder / "gateway")]
    surroundings = {**os.environ, "PBX_SECRET": SECRET}
    with log.open("wb") as told:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=told, stderr=told, env=surroundings)
    try:
        wait_until(lambda: _LISTENS.search(log.read_text()) is not None, "the gateway listens", seconds=60)
        found = _LISTENS.search(log.read_text())
        assert found
        yield process.pid, int(found[1])
    finally:
        process.kill()
        process.wait()


def _used(pid: int, port: int, requests: Sequence[Sending]) -> float:
    """The processor seconds it takes the gateway to answer all of them, so many at once."""
    before = processor_seconds(pid)
    asyncio.run(_send(port, requests))
    return max(processor_seconds(pid) - before, 0.01)


async def _send(port: int, requests: Sequence[Sending]) -> None:
    async with ClientSession() as session:

        async def take_turns(mine: Sequence[Sending]) -> None:
            for each in mine:
                url = f"http://127.0.0.1:{port}{each.path}"
                async with session.post(url, data=each.body, headers=each.headers) as answer:
                    assert answer.status == 200, await answer.text()

        await asyncio.gather(*(take_turns(requests[start::AT_ONCE]) for start in range(AT_ONCE)))
