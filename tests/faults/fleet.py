"""The workers of a run, and a supervisor that starts again what has ended, as any operator's does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from streams import metric_names as names
from tests.deadlines import wait_until
from tests.faults.plan import Fault, NotFired
from tests.installation import Installation
from tests.worker_process import Metrics, WorkerProcess

RESTART_SECONDS: Final = 1.0
READY_SECONDS: Final = 120.0
QueuePlace = tuple[str, str]
"""Queue and channel."""


@dataclass
class Fleet:
    """``wanted`` workers, each restarted a second after it has ended, while ``tend`` is called now and then.

    ``ended`` tells of every process that ended unasked: its exit code and the last words of its log.
    """

    installation: Installation
    wanted: int
    workers: list[WorkerProcess] = field(default_factory=list)
    ended: list[tuple[int, str]] = field(default_factory=list)
    _restart_at: list[float] = field(default_factory=list)
    _frozen: set[int] = field(default_factory=set)

    def tend(self) -> None:
        """Notice who has ended, and start as many as are missing."""
        for worker in [worker for worker in self.workers if worker.exit_code is not None]:
            self.ended.append((worker.exit_code or 0, last_words(worker)))
            self._replace_soon(worker)
        now = time.monotonic()
        due = [at for at in self._restart_at if at <= now]
        self._restart_at = [at for at in self._restart_at if at > now]
        for _ in due:
            self.workers.append(self.installation.worker())

    def start(self) -> None:
        while len(self.workers) < self.wanted:
            self.workers.append(self.installation.worker())
        wait_until(self._have_started, f"{self.wanted} workers start", seconds=READY_SECONDS)

    def start_anyhow(self) -> None:
        """The same without waiting, and without minding that one ends at once."""
        while len(self.workers) + len(self._restart_at) < self.wanted:
            self.workers.append(self.installation.worker())

    def _have_started(self) -> bool:
        """Nobody is restarted here: a worker that does not start shows why."""
        for worker in self.workers:
            assert worker.exit_code is None, f"a worker ended with {worker.exit_code}:\n{worker.log_tail()}"
        return all(worker.is_ready() for worker in self.workers)

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        wait_until(self.are_ready, f"{self.wanted} workers are ready", seconds=seconds)

    def are_ready(self) -> bool:
        """Whether there are as many as are wanted, and all of them ready."""
        self.tend()
        return len(self.workers) == self.wanted and all(worker.is_ready() for worker in self.workers)

    # -- faults -------------------------------------------------------------------------------------------------------

    def kill(self, fault: Fault) -> str:
        """SIGKILL; the supervisor starts another."""
        worker = self._victim(fault)
        worker.kill()
        if worker.exit_code != -9:
            raise NotFired(f"worker {worker.pid} had ended with {worker.exit_code} before")
        self._replace_soon(worker)
        return f"worker {worker.pid} ended with -9"

    def terminate(self, fault: Fault) -> tuple[int, float]:
        """SIGTERM to one that is ready; exit code and seconds it took. The supervisor starts another."""
        worker = self._victim(fault)
        asked = time.monotonic()
        code = worker.terminate()
        took = time.monotonic() - asked
        self._replace_soon(worker)
        return code, took

    def freeze(self, fault: Fault) -> WorkerProcess:
        worker = self._victim(fault)
        worker.suspend()
        self._frozen.add(worker.pid)
        return worker

    def thaw(self, worker: WorkerProcess) -> None:
        worker.resume()
        self._frozen.discard(worker.pid)

    def join(self) -> None:
        """One worker more."""
        self.wanted += 1
        self.workers.append(self.installation.worker())

    def leave(self, fault: Fault) -> int:
        """One worker less, in order; returns its exit code."""
        worker = self._victim(fault)
        self.wanted -= 1
        code = worker.terminate()
        self.workers.remove(worker)
        return code

    def stop_all(self) -> list[int]:
        """SIGTERM to every worker; their exit codes."""
        self.wanted = 0
        self._restart_at.clear()
        codes = [worker.terminate() for worker in self.workers]
        self.workers.clear()
        return codes

    def kill_all(self) -> int:
        """SIGKILL to every worker, nobody comes back until ``start``; how many there were."""
        count = len(self.workers)
        for worker in self.workers:
            worker.kill()
        self.workers.clear()
        self._restart_at.clear()
        return count

    # -- what is shown ------------------------------------------------------------------------------------------------

    def pages(self) -> list[Metrics]:
        return [worker.metrics() for worker in self.workers if worker.pid not in self._frozen]

    def shown(self, pages: list[Metrics] | None = None) -> dict[QueuePlace, list[float]]:
        """Contacts waiting by queue: one number per worker that shows the queue live."""
        shown: dict[QueuePlace, list[float]] = {}
        for page in self.pages() if pages is None else pages:
            for sample in page.samples(names.QUEUE_WAITING_CONTACTS.name):
                shown.setdefault((sample.labels["queue"], sample.labels["channel"]), []).append(sample.value)
        return shown

    def shown_by_whoever_answers(self) -> dict[QueuePlace, list[float]]:
        """The same while workers come and go: those that serve no page yet, or no more, show nothing."""
        ready = [worker for worker in self.workers if worker.pid not in self._frozen]
        return self.shown([page for page in (worker.metrics_or_none() for worker in ready) if page])

    def _victim(self, fault: Fault) -> WorkerProcess:
        running = [w for w in self.workers if w.exit_code is None and w.pid not in self._frozen]
        if not running:
            self._wait_for_one()
            running = [w for w in self.workers if w.exit_code is None and w.pid not in self._frozen]
        return running[fault.pick % len(running)]

    def _wait_for_one(self) -> None:
        def is_there() -> bool:
            self.tend()
            return any(worker.exit_code is None and worker.pid not in self._frozen for worker in self.workers)

        wait_until(is_there, "a worker runs", seconds=READY_SECONDS)

    def _replace_soon(self, worker: WorkerProcess) -> None:
        self.workers.remove(worker)
        if len(self.workers) + len(self._restart_at) < self.wanted:
            self._restart_at.append(time.monotonic() + RESTART_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_all()


def last_words(worker: WorkerProcess) -> str:
    """The last line of a worker's log that says why it ended."""
    lines = [line for line in worker.log().splitlines() if "the worker ends here" in line]
    return re.sub(r"^.*?(CRITICAL|ERROR) ", "", lines[-1])[:300] if lines else ""


def steadily(condition: Callable[[], bool], what: str, *, seconds: float) -> float:
    """Wait for a condition; how many seconds it took."""
    begun = time.monotonic()
    wait_until(condition, what, seconds=seconds)
    return time.monotonic() - begun
