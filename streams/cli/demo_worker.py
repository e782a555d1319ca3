"""The worker of the demo: the real command in a child process, watched through its own pages."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from streams import metric_names as names
from streams.cli.demo_process import DemoProcess
from streams.errors import Unavailable
from streams.metric_names import MetricName

HOST: Final = "127.0.0.1"
READY_SECONDS: Final = 90
ANSWER_SECONDS: Final = 10
POLL_SECONDS: Final = 0.1
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


class DemoWorker(DemoProcess):
    """The worker; ``url`` is its page of metrics."""

    def __init__(self, config: Path, log: Path, port: int) -> None:
        self.url = f"http://{HOST}:{port}/metrics"
        self._port = port
        super().__init__("worker", ["worker", "--config", str(config)], log)

    def wait_ready(self) -> None:
        """Return once it has joined its group and may be sent events."""
        deadline = time.monotonic() + READY_SECONDS
        while self._status("/ready") != http.HTTPStatus.OK:
            self.check()
            if time.monotonic() > deadline:
                raise Unavailable(f"the worker was not ready within {READY_SECONDS} s:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def page(self) -> MetricsPage:
        self.check()
        try:
            return MetricsPage(self._get("/metrics")[1])
        except OSError as error:
            raise Unavailable(f"the worker does not show its metrics: {error}\n{self.log_tail()}") from None

    def _status(self, path: str) -> int | None:
        try:
            return self._get(path)[0]
        except OSError:
            return None

    def _get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class MetricsPage:
    """One page of metrics, as far as the demo reads it: label values are slugs and closed lists."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def samples(self, metric: MetricName) -> Iterator[tuple[Mapping[str, str], float]]:
        """Labels and value of every sample of a gauge or counter."""
        for line in self._lines:
            if line.startswith((f"{metric.name}{{", f"{metric.name} ")):
                labels, _, value = line.rpartition(" ")
                yield dict(_LABEL.findall(labels)), float(value)

    def counted(self, topic: str) -> int:
        """The records of a topic that are in one of the classes of the ledger."""
        classes = (names.STREAM_EVENTS, names.STREAM_EVENTS_REJECTED, names.STREAM_EVENTS_DISCARDED)
        samples = (sample for metric in classes for sample in self.samples(metric))
        return round(sum(value for labels, value in samples if labels["topic"] == topic))

    def day_outcomes(self) -> dict[str, dict[str, int]]:
        """Today's contacts by outcome, of every queue and channel that had any."""
        queues: dict[str, dict[str, int]] = {}
        for labels, value in self.samples(names.QUEUE_DAY_CONTACTS):
            queue = f"{labels['tenant']}/{labels['queue']}/{labels['channel']}"
            queues.setdefault(queue, {})[labels["outcome"]] = round(value)
        return {queue: outcomes for queue, outcomes in queues.items() if any(outcomes.values())}


def free_port(wanted: int | None = None) -> int:
    """The wanted port, or any, that nobody listens on at this moment. Raises Unavailable when somebody does."""
    try:
        with socket.create_server((HOST, wanted or 0)) as listener:
            port: int = listener.getsockname()[1]
    except OSError as error:
        raise Unavailable(f"port {wanted} cannot be had ({error.strerror}): choose another with --port") from None
    return port
