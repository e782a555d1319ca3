"""A bank's January of 30,161 calls through the real worker, on each kind of broker, equal to the truth to the second.

`make january` runs this file and shows the comparison of every run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams import metric_names as names
from streams.domain.events import CALL_EVENTS
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.installation import Installation, install
from tests.january import January, january_document, line_counts
from tests.january_proof import Proof
from tests.shared_data import shared_folder
from tests.state_reader import StateReader
from tests.worker_process import Metrics, WorkerProcess

pytestmark = [pytest.mark.shared, pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 10
SEED = 1999
LIFE_SECONDS = 120


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory) -> January:
    return January(shared_folder("anonymous_bank"), tmp_path_factory.mktemp("january"))


def test_january_as_it_was(january: January, broker: BrokerUnderTest, tmp_path: Path) -> None:
    """Every call in the order in which it happened."""
    run(january, broker, tmp_path, january.as_it_was, "as it was")


def test_january_shuffled_and_repeated(january: January, broker: BrokerUnderTest, tmp_path: Path) -> None:
    """Arrivals up to 30 s late, one in fifty twice: the same figures, and the ledger knows the repeats."""
    run(january, broker, tmp_path, january.shuffled_and_repeated, "shuffled within 30 s, 2 % repeated, seed 1")


def test_january_with_answers_before_their_offers(january: January, broker: BrokerUnderTest, tmp_path: Path) -> None:
    """One answered visit in twenty is told of its answer first."""
    events, early = january.with_early_answers(SEED)
    run(january, broker, tmp_path, events, f"{early:,} answers before their offers, seed {SEED}")


def test_january_through_ten_kills(january: January, broker: BrokerUnderTest, tmp_path: Path) -> None:
    """A worker killed ten times in the middle of its work, each time succeeded by another: nothing lost or doubled."""
    installation = install(
        broker, tmp_path, january_document(), session_timeout_seconds=2, flush_seconds=0.5, max_poll_records=200
    )
    title = f"{KILLS} times kill -9, seed {SEED}, {broker.kind}"
    events = january.as_it_was
    proof = Proof(title, installation, events, january.reference, installation.publish(events))
    with installation.state("queues") as state:
        kills = list(killed(installation, state, proof))
        proof.remarks += map(str, kills)
        assert all(kill.left > 0 for kill in kills), f"nothing was left to do at some kill: {proof.remarks}"
        assert any(kill.undone > 0 for kill in kills), f"every kill came right after a flush: {proof.remarks}"
        with installation.worker() as worker:
            proof.complete(worker, state)


def run(january: January, broker: BrokerUnderTest, folder: Path, events: Path, title: str) -> None:
    installation = install(broker, folder, january_document(), session_timeout_seconds=6)
    lines, repeated = line_counts(events)
    published = installation.publish(events)
    assert published == lines
    proof = Proof(f"{title}, {broker.kind}", installation, events, january.reference, published, repeated)
    with installation.worker() as worker, installation.state("queues") as state:
        proof.complete(worker, state)


@dataclass(frozen=True)
class Kill:
    """One kill, in records of call-events: what was durable before that worker and after it, and what was left."""

    number: int
    durable_before: int
    durable_after: int
    applied: int
    """By the worker's own last page; it went on for some milliseconds after that."""
    left: int

    @property
    def undone(self) -> int:
        """Records applied in vain, at least: the kill came before their flush."""
        return max(0, self.durable_before + self.applied - self.durable_after)

    def __str__(self) -> str:
        return (
            f"kill {self.number:2}: durable {self.durable_before:6,} -> {self.durable_after:6,}, "
            f"at least {self.undone:5,} applied in vain, {self.left:6,} left to do"
        )


def killed(installation: Installation, state: StateReader, proof: Proof) -> Iterator[Kill]:
    """Start a worker, let it make progress, kill it; ten times, spread over January by progress alone."""
    chance = random.Random(SEED)
    for number in range(1, KILLS + 1):
        goal = round(proof.published * (number - chance.random()) / (KILLS + 2))
        before = state.refresh().records_done(CALL_EVENTS)
        with installation.worker() as worker:
            page = page_at(goal, before, worker, state)
            worker.kill()
        proof.judge_live_counters(page)
        after = state.refresh().records_done(CALL_EVENTS)
        yield Kill(number, before, after, taken(page), proof.published - after)


def page_at(goal: int, before: int, worker: WorkerProcess, state: StateReader) -> Metrics:
    """The page of a worker that has made something durable, is past the goal, and has work in hand not yet durable."""
    pages: list[Metrics] = []

    def is_in_the_middle() -> bool:
        durable = state.refresh().records_done(CALL_EVENTS)
        pages[:] = [worker.metrics()]
        applied = before + taken(pages[0])
        return before < durable < applied >= goal

    wait_until(is_in_the_middle, "the worker is in the middle of its work", seconds=LIFE_SECONDS)
    return pages[0]


def taken(page: Metrics) -> int:
    """The records of call-events a worker has taken in since its start, whatever their class."""
    metrics = (names.STREAM_EVENTS, names.STREAM_EVENTS_DISCARDED, names.STREAM_EVENTS_REJECTED)
    return round(sum(page.total(metric.name, topic=CALL_EVENTS) for metric in metrics))
