"""What a wall and an alert wait for: from event to page, from limit to finding, while everything else goes on."""

from __future__ import annotations

import http.client
import re
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import median, quantiles
from typing import Any, Final, NamedTuple

import msgspec

from streams.publisher import Publisher
from streams.routing import Route, route
from streams.topics import SLA_BREACHES
from tests.bench.cluster import INPUTS, Cluster, Watch, processor_seconds
from tests.bench.open_visits import document, event, offers, queue_name
from tests.core_chain import encode
from tests.deadlines import wait_until
from tests.installation import Installation
from tests.worker_process import WorkerProcess

QUEUES: Final = 8
PROBE: Final = "probe"
STRICT: Final = "strict"
LIMIT_SECONDS: Final = 5
GRACE_SECONDS: Final = 2
DRAIN_SECONDS: Final = 240.0
_PROBED: Final = re.compile(rb'filaviva_queue_contacts_offered_total\{[^}]*queue="probe"[^}]*\} ([0-9.]+)')


def percentile_99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


def page_delays_ms(cluster: Cluster, *, events_per_second: int, seconds: float) -> list[float]:
    """Of probes among the load: from the event's time to the request of the first page that counts it.

    The page's own rendering and transfer are not in it; how often pages are asked for is.
    """
    installation = cluster.installation(document(QUEUES, strict={PROBE: 3600}))
    with _published(installation) as publisher, installation.worker() as worker:
        worker.wait_ready()
        over = threading.Event()
        load = threading.Thread(target=_load, args=(publisher, events_per_second, over), daemon=True)
        load.start()
        try:
            delays = list(_probe(installation, worker, seconds))
        finally:
            over.set()
            load.join()
        assert worker.terminate() == 0
    cluster.forget(installation)
    return delays


def _load(publisher: Publisher, events_per_second: int, over: threading.Event) -> None:
    """Contacts that come and are answered, evenly, in steps of 10 ms."""
    started, sent = time.monotonic(), 0
    while not over.wait(0.01):
        while sent < (time.monotonic() - started) * events_per_second:
            contact, kind = f"load-{sent // 2}", ("offered", "answered")[sent % 2]
            _send(publisher, event(kind, queue_name(sent // 2 % QUEUES), contact, _now_ms()))
            sent += 1


def _probe(installation: Installation, worker: WorkerProcess, seconds: float) -> Iterator[float]:
    """One offered contact at a time in a queue of its own; the next once a page has counted it."""
    publisher = Publisher([installation.broker.bootstrap], installation.broker.prefix, {})
    connection = http.client.HTTPConnection(*worker.address, timeout=30)
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        number += 1
        offered = time.time()
        _send(publisher, event("offered", PROBE, f"probe-{number}", _now_ms()))
        deadline = time.monotonic() + 30
        while True:
            asked = time.time()
            if _probes_counted(connection) >= number:
                break
            assert time.monotonic() < deadline, f"probe {number} is on no page"
        yield max(0.0, asked - offered) * 1000
        time.sleep(0.05)
    publisher.close()
    connection.close()


def _probes_counted(connection: http.client.HTTPConnection) -> float:
    connection.request("GET", "/metrics")
    found = _PROBED.search(connection.getresponse().read())
    return float(found[1]) if found else 0.0


def breach_lags_seconds(cluster: Cluster, *, opened: int, probes: int) -> list[float]:
    """While so many others wait: from limit and grace of a contact nobody answers to the record of its finding."""
    installation = cluster.installation(document(QUEUES, strict={STRICT: LIMIT_SECONDS}))
    with _published(installation) as publisher, installation.worker() as worker:
        worker.wait_ready()
        for each in offers(opened, QUEUES, _now_ms()):
            _send(publisher, each)
        with Watch(installation, *INPUTS, group=installation.broker.prefix) as inputs:
            wait_until(lambda: inputs.committed() >= opened, "all wait", seconds=DRAIN_SECONDS)
        for number in range(probes):
            _send(publisher, event("offered", STRICT, f"late-{number}", _now_ms()))
            time.sleep(LIMIT_SECONDS / probes)
        lags: list[float] = []

        def all_found() -> bool:
            with Watch(installation, SLA_BREACHES) as findings:
                lags[:] = [_lag(message.value(), message.timestamp()[1]) for message in findings.messages()]
            return len(lags) >= probes

        wait_until(all_found, "every finding is open", seconds=60)
        assert worker.terminate() == 0
    cluster.forget(installation)
    return lags


def _lag(value: bytes | None, recorded_ms: int) -> float:
    assert value is not None
    data = msgspec.json.decode(value)["data"]
    assert data["state"] == "open", data
    breached_ms = datetime.fromisoformat(data["breached_at"]).timestamp() * 1000
    return recorded_ms / 1000 - breached_ms / 1000 - GRACE_SECONDS


class Scrape(NamedTuple):
    """``busy_ms`` and ``quiet_ms`` are the longest answer of ``/healthz`` while a page is written and while none is:
    how long the event loop is held up, and how much of that is the machine's. Medians."""

    seconds: float
    processor_seconds: float
    lines: int
    busy_ms: float
    quiet_ms: float


def scrape(cluster: Cluster, *, queues: int, pages: int) -> Scrape:
    """Pages as Prometheus asks for them: compressed, and one at a time."""
    installation = cluster.installation(document(queues))
    with installation.worker() as worker:
        worker.wait_ready()
        host, port = worker.address
        _page(host, port)
        quiet = _longest_answers_ms(host, port, lambda: time.sleep(1.0), pages)
        taken: list[tuple[float, bytes]] = []
        busy = _longest_answers_ms(host, port, lambda: taken.append(_page(host, port)), pages)
        used = processor_seconds(worker.pid)
        alone = [_page(host, port) for _ in range(pages)]
        used = processor_seconds(worker.pid) - used
        assert worker.terminate() == 0
    cluster.forget(installation)
    seconds = median(seconds for seconds, _ in alone)
    lines = zlib.decompress(taken[0][1], wbits=zlib.MAX_WBITS | 16).count(b"\n")
    return Scrape(seconds, used / pages, lines, busy, quiet)


def _page(host: str, port: int) -> tuple[float, bytes]:
    """How long it took, and what came; nothing is done with it, because another thread measures meanwhile."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    started = time.perf_counter()
    connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
    page = connection.getresponse().read()
    seconds = time.perf_counter() - started
    connection.close()
    return seconds, page


def _longest_answers_ms(host: str, port: int, work: Any, times: int) -> float:
    """The median over some repetitions of the longest answer while the work is done."""
    longest: list[float] = []
    for _ in range(times):
        over, answers = threading.Event(), []

        def ask() -> None:
            connection = http.client.HTTPConnection(host, port, timeout=60)
            while not over.is_set():  # noqa: B023 - ends within the iteration
                started = time.perf_counter()
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                answers.append((time.perf_counter() - started) * 1000)  # noqa: B023
            connection.close()

        asking = threading.Thread(target=ask)
        asking.start()
        work()
        over.set()
        asking.join()
        longest.append(max(answers))
    return median(longest)


@contextmanager
def _published(installation: Installation) -> Iterator[Publisher]:
    publisher = Publisher([installation.broker.bootstrap], installation.broker.prefix, {})
    try:
        yield publisher
    finally:
        publisher.close()


def _send(publisher: Publisher, told: dict[str, Any]) -> None:
    target = route(told)
    assert isinstance(target, Route)
    publisher.send(target, encode(told))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
