"""The embedded broker as a child process, for tests that need it outside their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

STOP_SECONDS = 20


class EmbeddedProcess:
    """`python -m streams.embedded`, running from construction to `close`; `bootstrap` is where it listens."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.embedded"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.bootstrap = self._answer()["bootstrap"]

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, command: Mapping[str, Any] | str) -> dict[str, Any]:
        """Send one command, or one line as it is, and return the answer."""
        assert self._process.stdin
        self._process.stdin.write((command if isinstance(command, str) else json.dumps(command)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def create_topic(self, name: str, partitions: int) -> None:
        answer = self.tell({"do": "topic", "name": name, "partitions": partitions})
        assert answer == {"ok": True}, answer

    def close(self) -> int:
        """Close its input, which ends it; returns its exit status. Closing twice is harmless."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            return self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"the embedded broker ended with {self._process.wait(STOP_SECONDS)}"
        answer: dict[str, Any] = json.loads(line)
        return answer
