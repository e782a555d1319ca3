"""What state costs in the core alone: `python -m tests.bench.core_state KIND OPEN`, a process for each figure.

Prints one JSON object. KIND is memory, events, ticks or restore; OPEN is how many visits are open meanwhile.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from streams.domain.events import CALL_EVENTS
from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from streams.engine import garbage
from tests.bench.open_visits import PATIENT_SECONDS, event, offers, queue_name
from tests.callback_records import NINE_MS, KafkaRecord, directory, policy
from tests.core_chain import encode
from tests.worker_process import PROJECT

QUEUES: Final = 20
BATCH: Final = 500
FLUSH_BATCHES: Final = 10
CONTACTS: Final = 2_000
ROUNDS: Final = 7
TICKS: Final = 200
TICK_ROUNDS: Final = 50
CHILD_SECONDS: Final = 400

Event = dict[str, Any]


class Core:
    """One partition with every queue in it, fed with events as its worker would be."""

    def __init__(self) -> None:
        limits = {"answer_target_ms": PATIENT_SECONDS * 1000, "max_wait_ms": PATIENT_SECONDS * 1000}
        policies = [policy(queue_name(number), callback_queue=None, **limits) for number in range(QUEUES)]
        self._directory = directory(*policies)
        self.core = self.new_core()
        self._offset = 0

    def new_core(self) -> QueuesCore:
        return QueuesCore(0, self._directory, facts=Facts(None, None), clock=ClockRules("wall"))

    def take(self, events: Iterable[Event]) -> int:
        return self.take_records(self.records(events))

    def records(self, events: Iterable[Event]) -> Iterator[KafkaRecord]:
        for each in events:
            key = f"{each['data']['tenant']}/{each['data']['queue']}".encode()
            yield KafkaRecord(encode(each), key, self._offset, NINE_MS)
            self._offset += 1

    def take_records(self, records: Iterable[KafkaRecord]) -> int:
        """Apply in batches and flush every ten of them; returns how many there were."""
        records, taken = iter(records), 0
        while batch := list(islice(records, BATCH)):
            decisions = self.core.apply(CALL_EVENTS, batch, NINE_MS, NINE_MS)
            assert not decisions.dead_letters, decisions.dead_letters[0]
            taken += len(batch)
            if taken % (BATCH * FLUSH_BATCHES) == 0:
                self.core.changes()
        self.core.changes()
        return taken


def bytes_per_visit(opened: int) -> float:
    """Growth of the resident memory of a process that holds the state and nothing else of size."""
    fed = Core()
    fed.take(offers(1_000, QUEUES, NINE_MS, name="warm"))
    gc.collect()
    before = _resident_bytes()
    fed.take(offers(opened, QUEUES, NINE_MS))
    gc.collect()
    return (_resident_bytes() - before) / opened


def bytes_per_restored_visit(opened: int) -> float:
    """The same of a core that has read its state back: what is alike must not have become many."""
    fed = Core()
    fed.take(offers(opened, QUEUES, NINE_MS))
    rows = {key: value for key, value in fed.core.snapshot() if value is not None}
    gc.collect()
    before = _resident_bytes()  # with the first core alive, so that the second cannot move into what it left
    successor = fed.new_core()
    successor.restore(rows)
    gc.collect()
    return (_resident_bytes() - before) / opened


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def us_per_event(opened: int) -> float:
    """Processor time of an event of contacts that come, are answered and end while so many others wait: the best of
    some rounds, because whatever disturbs only adds."""
    fed = Core()
    fed.take(offers(opened, QUEUES, NINE_MS))
    garbage.take_over()
    costs = []
    for number in range(ROUNDS):
        records = list(fed.records(_passing(number)))
        started = time.process_time()
        taken = fed.take_records(records)
        costs.append((time.process_time() - started) / taken * 1e6)
    return min(costs)


def _passing(number: int) -> Iterator[Event]:
    def life(contact: int) -> Iterator[Event]:
        name, queue = f"passing-{number}-{contact}", queue_name(contact % QUEUES)
        yield event("offered", queue, name, NINE_MS)
        yield event("answered", queue, name, NINE_MS + 9_000, agent_id=f"agent-{contact % 50}")
        yield event("ended", queue, name, NINE_MS + 99_000, talk_seconds=90.0, hold_seconds=0.0, ended_by="customer")

    steps = [list(life(contact)) for contact in range(CONTACTS)]
    return chain.from_iterable(zip(*steps, strict=True))


def us_per_tick(opened: int) -> float:
    """Of a tick at which nobody is due; the best of some rounds, because whatever disturbs only adds."""
    fed = Core()
    fed.take(offers(opened, QUEUES, NINE_MS))
    garbage.take_over()
    costs = []
    for number in range(TICK_ROUNDS):
        started = time.process_time()
        outputs = [fed.core.tick({CALL_EVENTS: NINE_MS + number}) for _ in range(TICKS)]
        costs.append((time.process_time() - started) / TICKS * 1e6)
        assert not any(outputs)
    return min(costs)


def seconds_to_restore(opened: int) -> float:
    """Processor time from the rows of a changelog to a core that works."""
    fed = Core()
    fed.take(offers(opened, QUEUES, NINE_MS))
    rows = {key: value for key, value in fed.core.snapshot() if value is not None}
    successor = fed.new_core()
    garbage.take_over()
    started = time.process_time()
    successor.restore(rows)
    return time.process_time() - started


KINDS: Final[dict[str, Callable[[int], float]]] = {
    "memory": bytes_per_visit,
    "restored": bytes_per_restored_visit,
    "events": us_per_event,
    "ticks": us_per_tick,
    "restore": seconds_to_restore,
}


def measured(kind: str, opened: int) -> float:
    """The figure, taken in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.core_state", kind, str(opened)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return float(json.loads(done.stdout)["value"])


if __name__ == "__main__":
    garbage.take_over()  # as every worker does
    print(json.dumps({"value": KINDS[sys.argv[1]](int(sys.argv[2]))}))
