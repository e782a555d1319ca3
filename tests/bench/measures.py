"""What the bench measures, by name, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Final

from tests.bench import throughput
from tests.bench.cluster import Cluster
from tests.bench.table import MISSED, Row, at_least
from tests.bench.workload import make_workload

ROUNDS: Final = 5
EVENTS: Final = 60_000
SHORT_EVENTS: Final = 25_000


@dataclass(frozen=True)
class Circumstances:
    """Where a run takes place, and how thorough it is."""

    cluster: Cluster
    folder: Path
    is_short: bool
    bench_python: Path | None


def _throughput(around: Circumstances) -> list[Row]:
    workload = make_workload(around.folder, SHORT_EVENTS if around.is_short else EVENTS)
    rounds = [
        throughput.run_round(around.cluster, workload, around.bench_python)
        for _ in range(1 if around.is_short else ROUNDS)
    ]
    rows = [
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
        rows.append(at_least(figure, median(ratios), goal, "x", detail=spread, remark="see the README: what remains"))
    differences = [each for speed in throughput.medians(rounds).values() for each in speed.differences]
    said = "; ".join(differences) or "none"
    rows.append(
        Row("differences of outcomes and findings from the recount", said, "none", MISSED if differences else "met")
    )
    return rows


MEASURES: Final[Mapping[str, Callable[[Circumstances], list[Row]]]] = MappingProxyType({"throughput": _throughput})
