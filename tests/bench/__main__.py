"""`python -m tests.bench`: measures, prints the table, writes it to RESULTS.md; ends with 1 where a goal is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench.cluster import Cluster
from tests.bench.measures import MEASURES, Circumstances
from tests.bench.table import MISSED, Row, as_text
from tests.kafka_server import KafkaServer, kafka_unavailable_reason
from tests.worker_process import PROJECT

RESULTS: Final = Path(__file__).with_name("RESULTS.md")
BENCH_PYTHON: Final = PROJECT / ".cache" / "bench-venv" / "bin" / "python"


@dataclass(frozen=True)
class _Options:
    names: list[str]
    is_short: bool
    bench_python: Path
    events: int | None
    results: Path | None

    def minutes_of(self, name: str) -> float:
        measure = MEASURES[name]
        return measure.short_minutes if self.is_short else measure.minutes


def main() -> None:
    options = _options()
    reason = kafka_unavailable_reason()
    if reason:
        sys.exit(f"the bench needs a real Kafka: {reason}")
    started, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="filaviva-bench-") as folder, KafkaServer() as server:
        python = options.bench_python if options.bench_python.exists() else None
        around = Circumstances(Cluster(server, Path(folder)), Path(folder), options.is_short, python, options.events)
        rows = list(_measured(options, around))
    text = f"{_heading(options, time.monotonic() - started, load)}\n\n{as_text(rows)}\n"
    print(f"\n{text}")
    if options.results:
        options.results.write_text(text)
    missed = [row.figure for row in rows if row.is_missed]
    sys.exit(f"missed: {'; '.join(missed)}" if missed else 0)


def _measured(options: _Options, around: Circumstances) -> Iterator[Row]:
    """The rows of every measure asked for. One that fails is a missed row of the table, and the rest is measured."""
    left = sum(options.minutes_of(name) for name in options.names)
    print(f"{len(options.names)} measures, on two quiet cores about {left:.0f} min in all", flush=True)
    for number, name in enumerate(options.names, start=1):
        print(f"[{number}/{len(options.names)}] {name}, about {left:.0f} min left:", flush=True)
        left -= options.minutes_of(name)
        for row in _rows(name, around):
            print(f"  {row.figure}: {row.measured} {row.verdict}", flush=True)
            yield row


def _rows(name: str, around: Circumstances) -> list[Row]:
    try:
        return MEASURES[name].run(around)
    except Exception as error:  # noqa: BLE001 - half an hour of other figures is worth keeping; the reason is in the row
        traceback.print_exc()
        said = " ".join(str(error).split()).replace("|", "/")
        return [Row(name, "-", "", MISSED, f"not measured: {type(error).__name__}: {said[:300]}")]


def _heading(options: _Options, seconds: float, load: float) -> str:
    length = "short run" if options.is_short else "full run"
    return (
        f"# Measured\n\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {length} of {seconds / 60:.0f} min, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}. Load average before the run {load:.1f}: what was "
        "beside it on the machine.\nBroker, publisher and contestant share the cores: ratios count more than figures."
    )


def _options() -> _Options:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; all when none is given")
    parser.add_argument("--short", action="store_true", help="fewer events and rounds; for a first look")
    parser.add_argument("--events", type=int, help="how many events each contestant gets; a slow machine wants fewer")
    parser.add_argument("--bench-python", type=Path, default=BENCH_PYTHON, help="a Python that has Quix Streams")
    parser.add_argument("--results", type=Path, help=f"where to write the table; {RESULTS.name} for a full run of all")
    told = parser.parse_args()
    unknown = set(told.names) - MEASURES.keys()
    if unknown:
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    results = told.results or (RESULTS if not told.short and not told.names else None)
    return _Options(told.names or list(MEASURES), told.short, told.bench_python, told.events, results)


if __name__ == "__main__":
    main()
