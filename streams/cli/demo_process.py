"""A process of the demo: started with its log in a file, watched, and gone when its block is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from streams.errors import Unavailable

STOP_SECONDS: Final = 15
LOG_TAIL_LINES: Final = 15


class DemoProcess:
    """``filaviva`` with these words, from its making on. ``name`` is what it is called when something goes wrong.

    In a process group of its own: Ctrl-C in the terminal is the demo's, which ends its processes in order.
    """

    def __init__(self, name: str, words: list[str], log: Path) -> None:
        self._name = name
        self._log = log
        command = [sys.executable, "-m", "streams", *words]
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603  our own command
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
            )

    def check(self) -> None:
        """Raise Unavailable when it runs no more."""
        code = self._process.poll()
        if code is not None:
            raise Unavailable(f"the {self._name} ended with {code}:\n{self.log_tail()}")

    def stop(self) -> None:
        """End it in order, or by force when it takes too long; it has ended when this returns."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class DemoDialer(DemoProcess):
    """The reference dialer on a simulated line, going by the simulated time."""

    def __init__(self, config: Path, log: Path, *, lines: int, seed: int) -> None:
        words = ["callbacks", "dial", "--config", str(config), "--simulate", "--seed", str(seed)]
        journal = config.parent / "dialer.journal"
        super().__init__("dialer", [*words, "--lines", str(lines), "--journal", str(journal)], log)
