"""A mover's HTTP listener: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for whoever runs the process.

On threads of its own: a mover waits for Kafka, and is to be looked at just then.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

from streams.movers.figures import MoverFigures, page

REQUEST_SECONDS: Final = 10
"""How long a client may take to ask."""


class MoverHealth:
    """Serves one mover's figures from now until ``close``. Raises OSError when the address cannot be had."""

    def __init__(self, figures: MoverFigures, *, host: str, port: int) -> None:
        """Port 0: any free one."""

        class Handler(_Handler):
            pass

        Handler.figures = figures
        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="health")
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    figures: ClassVar[MoverFigures]
    timeout = REQUEST_SECONDS
    server_version = "filaviva"
    sys_version = ""

    def do_GET(self) -> None:
        figures = self.figures
        match self.path.partition("?")[0]:
            case "/metrics":
                body, content_type = page(figures, self.headers.get("Accept", ""))
                self._answer(200, body, content_type)
            case "/healthz":
                self._say(200 if figures.is_alive else 503, {"alive": figures.is_alive})
            case "/readyz":
                reason = figures.not_ready
                self._say(503 if reason else 200, {"ready": False, "reason": reason} if reason else {"ready": True})
            case _:
                self._say(404, {"error": "no such page"})

    def _say(self, status: int, body: dict[str, Any]) -> None:
        self._answer(status, json.dumps(body).encode(), "application/json; charset=utf-8")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Nobody wants a line for every scrape."""
