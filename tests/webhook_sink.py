"""What Alertmanager sends, kept: an HTTP server on loopback that takes every webhook."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Delivery:
    """One webhook: which receiver, when (Unix time), and what it said."""

    receiver: str
    time: float
    message: dict[str, Any]

    @property
    def alertname(self) -> str:
        return str(self.message["groupLabels"].get("alertname"))

    @property
    def queues(self) -> set[str]:
        return {alert["labels"].get("queue", "") for alert in self.message["alerts"]}


class WebhookSink:
    """Listens from construction to `close`; the path of the address is the receiver's name."""

    def __init__(self, on_delivery: Callable[[Delivery], None] | None = None) -> None:
        self.deliveries: list[Delivery] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                delivery = Delivery(self.path.strip("/"), time.time(), json.loads(body))
                sink.deliveries.append(delivery)
                if on_delivery:
                    on_delivery(delivery)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def url(self, receiver: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{receiver}"

    def of(self, alertname: str, *, status: str = "firing", after: float = 0.0) -> Iterator[Delivery]:
        """Deliveries of one alert, in order."""
        for each in list(self.deliveries):
            if each.alertname == alertname and each.message["status"] == status and each.time > after:
                yield each

    def has(self, alertname: str, *, status: str = "firing", after: float = 0.0) -> bool:
        return any(self.of(alertname, status=status, after=after))

    def summary(self) -> str:
        return "\n".join(
            f"{each.time:.1f} {each.receiver} {each.message['status']} {each.alertname} {sorted(each.queues)}"
            for each in self.deliveries
            if each.alertname != "Watchdog"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
