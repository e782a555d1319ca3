"""The worker as operators run it: a child process of its own, watched through its log, its metrics and its state."""

from __future__ import annotations

import http.client
import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.deadlines import wait_until
from tests.leash import leash

PROJECT = Path(__file__).resolve().parents[1]
START_SECONDS = 300
STOP_SECONDS = 60
ANSWER_SECONDS = 30
LOG_TAIL_LINES = 80
_LISTENS = re.compile(r"metrics at http://([^:/]+):(\d+)/metrics")
_numbers = itertools.count(1)


class Metrics:
    """One page of metrics."""

    def __init__(self, page: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]

    def samples(self, name: str, **labels: str) -> Iterator[Sample]:
        """Those of this exact name that carry at least these labels."""
        for sample in self._samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample

    def values(self, name: str, **labels: str) -> list[float]:
        return [sample.value for sample in self.samples(name, **labels)]

    def total(self, name: str, **labels: str) -> float:
        """The values added up; 0 where there is none."""
        return sum(self.values(name, **labels))


class WorkerProcess:
    """Runs `python -m streams worker` from construction until it is told to end, or leaves its `with` block.

    It logs to a fresh file beside its configuration; a block that is left by a failure shows the end of that file. The
    configuration should say `metrics_port: 0`: the port is then read from the log, so nobody can take it before.
    """

    def __init__(self, config: Path, environment: Mapping[str, str] | None = None) -> None:
        """``environment`` is added to that of the tests."""
        self.log_path = config.parent / f"worker-{next(_numbers)}.log"
        command = [*leash(), sys.executable, "-m", "streams", "worker", "--config", str(config)]
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.poll()

    @property
    def address(self) -> tuple[str, int]:
        """Where it serves its metrics; waits until it does."""
        wait_until(lambda: self._listening() is not None, "the worker serves its metrics", seconds=START_SECONDS)
        found = self._listening()
        assert found
        return found[1], int(found[2])

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Return once the worker has joined its group and read its state back."""
        try:
            wait_until(lambda: self._get("/ready")[0] == http.HTTPStatus.OK, "the worker is ready", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends:\n{self.log_tail()}") from None

    def is_ready(self) -> bool:
        """Whether it says so now; False also while it does not answer, or has ended."""
        return self._says_ok("/ready")

    def is_alive(self) -> bool:
        """Whether its liveness probe succeeds now."""
        return self._says_ok("/healthz")

    def page(self) -> str:
        """The page of metrics as it is."""
        status, page = self._get("/metrics")
        assert status == http.HTTPStatus.OK, page
        return page

    def metrics(self) -> Metrics:
        return Metrics(self.page())

    def terminate(self) -> int:
        """Ask it to stop in order, and return its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            tail = self.log_tail()
        raise AssertionError(f"the worker did not stop within {STOP_SECONDS} s; its log ends:\n{tail}")

    def kill(self) -> None:
        """End it at once (SIGKILL); it has ended when this returns."""
        self._process.kill()
        self._process.wait()

    def suspend(self) -> None:
        """Freeze it: its connections stay open and it does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def log_tail(self) -> str:
        return "\n".join(self.log().splitlines()[-LOG_TAIL_LINES:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            sys.stderr.write(f"\nthe worker's log ({self.log_path}) ends:\n{self.log_tail()}\n")
        if self.exit_code is None:
            self.kill()

    def _listening(self) -> re.Match[str] | None:
        """Its log's word on where it listens; ends the wait when the process is gone."""
        assert self.exit_code is None, f"the worker ended with {self.exit_code}; its log ends:\n{self.log_tail()}"
        return _LISTENS.search(self.log())

    def metrics_or_none(self) -> Metrics | None:
        """One page, or nothing where it does not serve any now."""
        status, page = self._get_or_nothing("/metrics")
        return Metrics(page) if status == http.HTTPStatus.OK else None

    def _says_ok(self, path: str) -> bool:
        return self._get_or_nothing(path)[0] == http.HTTPStatus.OK

    def _get_or_nothing(self, path: str) -> tuple[int, str]:
        if self.exit_code is not None or not _LISTENS.search(self.log()):
            return 0, ""
        try:
            return self._get(path)
        except (OSError, http.client.HTTPException):
            return 0, ""

    def _get(self, path: str) -> tuple[int, str]:
        host, port = self.address
        connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
