"""Events per second of Filaviva and of others that do the same job, in interleaved rounds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from streams import comparison
from streams.engine.changelog import OFFSETS_KEY, RecoveredPartition
from streams.metric_names import STREAM_ASSIGNED_PARTITIONS
from streams.told import Told
from streams.topics import CONTACT_OUTCOMES, SLA_BREACHES, changelog_name
from tests.bench.cluster import INPUTS, Cluster, ProcessorTime, Watch, publish
from tests.bench.contestants.progress import Assignment
from tests.bench.workload import Workload, document
from tests.deadlines import wait_until
from tests.installation import Installation
from tests.leash import leash
from tests.worker_process import PROJECT, WorkerProcess

FILAVIVA: Final = "Filaviva"
PLAIN_FAUST: Final = "plain Faust"
QUIX: Final = "Quix Streams"
LOOP: Final = "bare aiokafka loop"
CORE: Final = "core alone"
FIRST_SHARE: Final = 0.1
LAST_SHARE: Final = 0.9
"""The shares of the events between which speed is measured: after starting, joining and warming up, and before the end,
where a worker has nothing left to do but to wait for its next flush."""
FLUSH_SECONDS: Final = 0.5
"""How often every contestant commits."""
RUN_SECONDS: Final = 240.0
JOIN_SECONDS: Final = 120.0
Points = list[tuple[float, int]]


@dataclass(frozen=True)
class Speed:
    """One run of one contestant."""

    events_per_second: float
    processor_us_per_event: float
    differences: tuple[str, ...] = ()


def run_round(cluster: Cluster, workload: Workload, bench_python: Path | None) -> dict[str, Speed]:
    """Every contestant once, each on topics of its own."""
    speeds: dict[str, Speed] = {}
    for name, run in _contestants(bench_python).items():
        installation = cluster.installation(document(), flush_seconds=FLUSH_SECONDS)
        try:
            assert publish(installation, workload.lines()) == workload.events
            speeds[name] = run(installation, workload)
        finally:
            cluster.forget(installation)
        print(f"  {name:20} {speeds[name].events_per_second:9,.0f} events/s", *speeds[name].differences, flush=True)
    return speeds


def _contestants(bench_python: Path | None) -> dict[str, Callable[[Installation, Workload], Speed]]:
    found = {
        FILAVIVA: _run_filaviva,
        LOOP: _of_module("bare_loop"),
        PLAIN_FAUST: _of_module("plain_faust"),
        CORE: _of_module("core_alone", tells=False),
    }
    if bench_python is not None:
        found[QUIX] = _of_module("quix_streams", python=bench_python)
    return found


def _run_filaviva(installation: Installation, workload: Workload) -> Speed:
    """The worker as operators run it. What it had done when is read from its changelog: every flush says so."""
    with installation.worker() as worker:
        used = ProcessorTime(worker.pid)
        _wait_committed(installation, workload)
        used.stop()
        assert worker.terminate() == 0
    return _speed(_flushes(installation), [used], _differences(installation, workload))


def run_workers(cluster: Cluster, workload: Workload, workers: int) -> Speed:
    """So many workers of one group, all of them ready and each with partitions before the first event is published."""
    installation = cluster.installation(document(), flush_seconds=FLUSH_SECONDS)
    try:
        with ExitStack() as running:
            started = [running.enter_context(installation.worker()) for _ in range(workers)]
            wait_until(lambda: all(map(_has_partitions, started)), "all share the partitions", seconds=JOIN_SECONDS)
            used = [ProcessorTime(worker.pid) for worker in started]
            assert publish(installation, workload.lines()) == workload.events
            _wait_committed(installation, workload)
            for each in used:
                each.stop()
            assert [worker.terminate() for worker in started] == [0] * workers
        return _speed(_flushes(installation), used, _differences(installation, workload))
    finally:
        cluster.forget(installation)


def _has_partitions(worker: WorkerProcess) -> bool:
    metrics = worker.metrics_or_none() if worker.is_ready() else None
    return metrics is not None and metrics.total(STREAM_ASSIGNED_PARTITIONS.name, topic=INPUTS[0]) > 0


def _wait_committed(installation: Installation, workload: Workload) -> None:
    with Watch(installation, *INPUTS, group=installation.broker.prefix) as inputs:
        wait_until(lambda: inputs.committed() >= workload.events, "all is committed", seconds=RUN_SECONDS)


def _flushes(installation: Installation) -> Points:
    """Instants of the flushes, with the events that were durable then."""
    with Watch(installation, changelog_name("queues")) as changelog:
        offsets = [message for message in changelog.messages() if message.key() == OFFSETS_KEY]
    durable: dict[int, int] = {}
    points: Points = []
    for message in sorted(offsets, key=lambda message: message.timestamp()[1]):
        state = RecoveredPartition()
        state.take(_Row(message.offset(), message.key(), message.value()))
        durable[message.partition()] = sum(
            position.next_offset for topic, position in state.positions().items() if topic in INPUTS
        )
        points.append((message.timestamp()[1] / 1000, sum(durable.values())))
    return points


@dataclass(frozen=True)
class _Row:
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def _of_module(
    name: str, *, python: Path | None = None, tells: bool = True
) -> Callable[[Installation, Workload], Speed]:
    def run(installation: Installation, workload: Workload) -> Speed:
        folder = installation.config.parent
        assignment = Assignment(
            bootstrap=installation.broker.bootstrap,
            prefix=installation.broker.prefix,
            config=installation.config,
            events=workload.events,
            report=folder / "report.json",
            folder=folder,
        )
        if name == "plain_faust":
            changelog = f"{assignment.prefix}-faust-visits-changelog"
            installation.broker.create_topic(changelog, installation.partitions, cleanup_policy="compact")
        assignment.write(folder / "assignment.json")
        log_path = folder / f"{name}.log"
        module = f"tests.bench.contestants.{name}"
        command = [*leash(), str(python or sys.executable), "-m", module, str(folder / "assignment.json")]
        with log_path.open("wb") as log:
            process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        used = ProcessorTime(process.pid)
        try:
            code = process.wait(RUN_SECONDS)
        finally:
            process.kill()
            used.stop()
        assert code == 0, f"{name} ended with {code}; its log ends:\n{log_path.read_text(errors='replace')[-4000:]}"
        points = [(instant, done) for instant, done in json.loads(assignment.report.read_text())]
        return _speed(points, [used], _differences(installation, workload) if tells else ())

    return run


def _speed(points: Points, used: list[ProcessorTime], differences: tuple[str, ...]) -> Speed:
    """Between the last points known before each share, or the first there is."""
    events = points[-1][1]
    begin, first = _last_before(points, events * FIRST_SHARE)
    end, last = _last_before(points, events * LAST_SHARE)
    if begin == end:
        end, last = points[-1]
    assert begin < end, "too few events: nothing is known between the first flush and the last"
    counted = last - first
    processor_seconds = sum(each.used_between(begin, end) for each in used)
    return Speed(counted / (end - begin), processor_seconds / counted * 1e6, differences)


def _differences(installation: Installation, workload: Workload) -> tuple[str, ...]:
    """What the output topics say differently from the recount of the same events."""
    told = Told()
    with Watch(installation, CONTACT_OUTCOMES, SLA_BREACHES) as outputs:
        for message in outputs.messages():
            told.take(message.topic().removeprefix(f"{installation.broker.prefix}-"), message.value())
    checks = comparison.compare(workload.expected, comparison.told_facts(told, workload.rules))
    wrong = [
        f"{check.name}: {check.differences[0]} and {len(check.differences) - 1} more"
        for check in checks
        if not check.is_equal
    ]
    return (*wrong, *told.contradictions[:1])


def _last_before(points: Points, events: float) -> tuple[float, int]:
    return max((point for point in points if point[1] <= events), default=points[0])


def medians(rounds: list[dict[str, Speed]]) -> dict[str, Speed]:
    """The median of each figure over the rounds; every difference ever found."""
    return {
        name: Speed(
            median(each[name].events_per_second for each in rounds),
            median(each[name].processor_us_per_event for each in rounds),
            tuple(difference for each in rounds for difference in each[name].differences),
        )
        for name in rounds[0]
    }


def ratios(rounds: list[dict[str, Speed]], other: str) -> list[float]:
    """Filaviva's throughput over another's, round by round."""
    return [each[FILAVIVA].events_per_second / each[other].events_per_second for each in rounds]


def processor_ratio(rounds: list[dict[str, Speed]], other: str) -> float:
    """What another's event costs in processor time over what Filaviva's costs: less disturbed by what runs beside."""
    return median(each[other].processor_us_per_event / each[FILAVIVA].processor_us_per_event for each in rounds)
