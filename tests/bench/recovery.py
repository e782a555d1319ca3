"""How long a worker takes over: from its start to ready, with and without state."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from streams.publisher import Publisher
from streams.routing import Route, route
from streams.topics import changelog_name
from tests.bench.cluster import INPUTS, Cluster, Watch, processor_seconds
from tests.bench.open_visits import document, offers
from tests.core_chain import encode
from tests.deadlines import wait_until
from tests.installation import Installation

QUEUES: Final = 8
DRAIN_SECONDS: Final = 300.0
READY_SECONDS: Final = 240.0


class Recovery(NamedTuple):
    """Seconds from the start of the process to ready, without state and with it, and the processor's share in them;
    what the changelog takes up."""

    empty_seconds: float
    full_seconds: float
    empty_processor_seconds: float
    full_processor_seconds: float
    changelog_bytes_per_visit: float

    @property
    def seconds(self) -> float:
        """What the state alone costs."""
        return self.full_seconds - self.empty_seconds

    @property
    def processor_seconds(self) -> float:
        return self.full_processor_seconds - self.empty_processor_seconds


def recovery(cluster: Cluster, *, opened: int) -> Recovery:
    installation = cluster.installation(document(QUEUES))
    empty = _seconds_to_ready(installation)
    publisher = Publisher([installation.broker.bootstrap], installation.broker.prefix, {})
    for each in offers(opened, QUEUES, time.time_ns() // 1_000_000):
        target = route(each)
        assert isinstance(target, Route)
        publisher.send(target, encode(each))
    publisher.close()
    with installation.worker() as worker, Watch(installation, *INPUTS, group=installation.broker.prefix) as inputs:
        wait_until(lambda: inputs.committed() >= opened, "all wait", seconds=DRAIN_SECONDS)
        assert worker.terminate() == 0
    with Watch(installation, changelog_name("queues")) as changelog:
        rows = [(message.key() or b"", message.value() or b"") for message in changelog.messages()]
    size = sum(len(key) + len(value) for key, value in rows if key.startswith(b"v/"))
    full = _seconds_to_ready(installation)
    cluster.forget(installation)
    return Recovery(empty[0], full[0], empty[1], full[1], size / opened)


def _seconds_to_ready(installation: Installation) -> tuple[float, float]:
    """By the clock and of the processor."""
    started = time.monotonic()
    with installation.worker() as worker:
        worker.wait_ready(READY_SECONDS)
        seconds, used = time.monotonic() - started, processor_seconds(worker.pid)
        assert worker.terminate() == 0
    return seconds, used
