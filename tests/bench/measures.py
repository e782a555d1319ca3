"""What the bench measures, by name, in the order of the table, and about how long each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Final, NamedTuple

from tests.bench import core_state, live, throughput
from tests.bench.cluster import Cluster
from tests.bench.gateway import gateway_rates
from tests.bench.mappings import rates
from tests.bench.recovery import recovery
from tests.bench.table import MET, MISSED, Row, at_least, at_most
from tests.bench.workload import make_workload

ROUNDS: Final = 5
WORKER_ROUNDS: Final = 3
EVENTS: Final = 60_000
SHORT_EVENTS: Final = 25_000
REMAINS: Final = "see the README: what remains"


@dataclass(frozen=True)
class Circumstances:
    """Where a run takes place, and how thorough it is."""

    cluster: Cluster
    folder: Path
    is_short: bool
    bench_python: Path | None
    events: int | None = None
    """Of the throughput's workload, where that of the run's length is not wanted."""


def _throughput(around: Circumstances) -> list[Row]:
    workload = make_workload(around.folder, around.events or (SHORT_EVENTS if around.is_short else EVENTS))
    rounds = [
        throughput.run_round(around.cluster, workload, around.bench_python)
        for _ in range(1 if around.is_short else ROUNDS)
    ]
    rows = [Row("events of each run", f"{workload.events:,}, {len(rounds)} rounds")]
    rows += [
        Row(f"{name}, events/s", f"{speed.events_per_second:,.0f} ({speed.processor_us_per_event:.0f} µs of processor)")
        for name, speed in throughput.medians(rounds).items()
    ]
    goals = ((throughput.PLAIN_FAUST, 15.0), (throughput.QUIX, 1.5), (throughput.LOOP, 0.9))
    for other, goal in goals:
        figure = f"throughput over {other}"
        if other not in rounds[0]:
            remark = "not measured: no environment with Quix Streams, see the README"
            rows.append(Row(figure, "-", f"at least {goal:g}x", MISSED, remark))
            continue
        ratios = throughput.ratios(rounds, other)
        spread = (
            f" ({min(ratios):.2f} to {max(ratios):.2f}; {throughput.processor_ratio(rounds, other):.2f}x by processor)"
        )
        rows.append(at_least(figure, median(ratios), goal, "x", detail=spread, remark=REMAINS))
    differences = [each for speed in throughput.medians(rounds).values() for each in speed.differences]
    rows.append(_no_differences("differences of outcomes and findings from the recount", differences))
    return rows


def _workers(around: Circumstances) -> list[Row]:
    workload = make_workload(around.folder, around.events or (SHORT_EVENTS if around.is_short else EVENTS))
    speeds: dict[int, list[throughput.Speed]] = {1: [], 2: []}
    for _ in range(1 if around.is_short else WORKER_ROUNDS):
        for workers, found in speeds.items():
            found.append(throughput.run_workers(around.cluster, workload, workers))
            print(f"  {workers} worker(s) {found[-1].events_per_second:9,.0f} events/s", flush=True)
    one, two = (median(each.events_per_second for each in speeds[workers]) for workers in speeds)
    one_us, two_us = (median(each.processor_us_per_event for each in speeds[workers]) for workers in speeds)
    ratio = median(b.events_per_second / a.events_per_second for a, b in zip(speeds[1], speeds[2], strict=True))
    said = f"{ratio:.2f}x ({two:,.0f} and {one:,.0f} events/s; {two_us:.0f} and {one_us:.0f} µs of processor)"
    differences = [each for found in speeds.values() for speed in found for each in speed.differences]
    return [
        Row("throughput of two workers over one, events published meanwhile", said),
        _no_differences("differences of two workers and of one from the recount", differences),
    ]


def _no_differences(figure: str, differences: list[str]) -> Row:
    return Row(figure, "; ".join(differences) or "none", "none", MISSED if differences else MET)


def _latency(around: Circumstances) -> list[Row]:
    delays = live.page_delays_ms(around.cluster, events_per_second=1_000, seconds=15 if around.is_short else 60)
    detail = f" (median {median(delays):.0f} ms of {len(delays)} probes)"
    worst = live.percentile_99(delays)
    return [at_most("event to /metrics at 1,000 events/s, p99", worst, 250, "ms", detail=detail, remark=REMAINS)]


def _breaches(around: Circumstances) -> list[Row]:
    opened = 20_000 if around.is_short else 100_000
    lags = live.breach_lags_seconds(around.cluster, opened=opened, probes=200)
    figure = f"breach lag past limit and grace at {opened:,} open visits, p99"
    detail = f" (median {median(lags):.2f} s of {len(lags)})"
    return [at_most(figure, live.percentile_99(lags), 1.2, "s", detail=detail, remark=REMAINS)]


def _scrape(around: Circumstances) -> list[Row]:
    found = live.scrape(around.cluster, queues=500, pages=3 if around.is_short else 7)
    figure = f"/metrics with 500 queues, {found.lines:,} lines"
    detail = f" ({found.processor_seconds:.2f} s of processor)"
    return [
        at_most(figure, found.seconds, 1.0, "s", detail=detail, remark=REMAINS),
        at_most(
            "longest pause of the event loop meanwhile",
            found.busy_ms,
            50,
            "ms",
            detail=f" ({found.quiet_ms:.0f} ms without a page)",
            remark=REMAINS,
        ),
    ]


def _memory(around: Circumstances) -> list[Row]:
    opened = 20_000 if around.is_short else 100_000
    figure = f"memory per open visit at {opened:,}, state and indexes"
    return [at_most(figure, core_state.measured("memory", opened), 1024, "B", remark=REMAINS)]


def _best(kind: str, opened: int) -> float:
    """The best of some processes, because one may have a bad time from its start to its end; of a million only one."""
    return min(core_state.measured(kind, opened) for _ in range(1 if opened > 100_000 else 3))


def _growth(around: Circumstances) -> list[Row]:
    sizes = (1_000, 10_000, 100_000) if around.is_short else (1_000, 10_000, 100_000, 1_000_000)
    costs = {opened: _best("events", opened) for opened in sizes}
    said = ", ".join(f"{cost:.0f} µs at {opened:,}" for opened, cost in costs.items())
    figure = f"cost per event, {sizes[0]:,} to {sizes[-1]:,} open visits"
    return [at_most(figure, costs[sizes[-1]] / costs[sizes[0]], 1.5, "x", detail=f" ({said})", remark=REMAINS)]


def _ticks(around: Circumstances) -> list[Row]:
    few, many = _best("ticks", 1_000), _best("ticks", 100_000)
    detail = f" ({few:.1f} µs at 1,000, {many:.1f} µs at 100,000)"
    return [at_most("tick with none due, 100,000 open over 1,000", many / few, 1.5, "x", detail=detail, remark=REMAINS)]


def _recovery(around: Circumstances) -> list[Row]:
    opened = 20_000 if around.is_short else 100_000
    found = recovery(around.cluster, opened=opened)
    detail = (
        f" (start to ready {found.full_seconds:.1f} s, {found.empty_seconds:.1f} s without state; "
        f"{found.processor_seconds:.1f} s more of processor; "
        f"{found.changelog_bytes_per_visit:.0f} B of changelog a visit)"
    )
    rows = [at_most(f"recovery of {opened:,} open visits", found.seconds, 3.0, "s", detail=detail, remark=REMAINS)]
    if not around.is_short:
        seconds = core_state.measured("restore", 1_000_000)
        rows.append(Row("rows of 1,000,000 open visits to a core", f"{seconds:.1f} s of processor"))
    return rows


def _intake(around: Circumstances) -> list[Row]:
    rows = [
        Row(f"records of {rate.platform} mapped in a second of processor", f"{rate.per_second:,.0f}")
        for rate in rates()
    ]
    taken = gateway_rates(around.cluster, around.folder)
    figure = "events the gateway takes in a second of its processor"
    return [*rows, Row(figure, f"{taken.singly:,.0f} one a request, {taken.in_batches:,.0f} in batches of a hundred")]


class Measure(NamedTuple):
    """``minutes`` and ``short_minutes`` are what a full run and a short one of it take on two quiet cores, about."""

    run: Callable[[Circumstances], list[Row]]
    minutes: float
    short_minutes: float


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        "throughput": Measure(_throughput, 14, 2),
        "workers": Measure(_workers, 3, 1),
        "latency": Measure(_latency, 2, 1),
        "breaches": Measure(_breaches, 2, 1),
        "scrape": Measure(_scrape, 1, 1),
        "memory": Measure(_memory, 0.5, 0.5),
        "recovery": Measure(_recovery, 4, 1.5),
        "growth": Measure(_growth, 4, 1),
        "ticks": Measure(_ticks, 1, 1),
        "intake": Measure(_intake, 1, 1),
    }
)
