"""``python -m tests.faults [LANE...] --seed N [--short]``: run lanes of the fault bench and print the table."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from datetime import UTC, datetime

from tests.faults.bench import Run
from tests.faults.lanes import LANES
from tests.faults.report import Report
from tests.faults.table import print_claims, print_table
from tests.kafka_server import KafkaServer, kafka_unavailable_reason


def main() -> int:
    options = _options()
    reason = kafka_unavailable_reason()
    if reason:
        print(f"the fault bench cannot run: {reason}", file=sys.stderr)
        return 2
    with KafkaServer() as server:
        reports = [run_lane(lane, options.seed, server, is_short=options.short) for lane in options.lanes]
    print_table(reports)
    return 0 if all(report.passed for report in reports) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("lanes", nargs="*", metavar="LANE", help=f"some of {', '.join(LANES)}; all when none is named")
    parser.add_argument("--seed", type=int, default=1, help="of the plan of faults and of the traffic")
    parser.add_argument("--short", action="store_true", help="the short forms that `make test` runs")
    options = parser.parse_args()
    unknown = [lane for lane in options.lanes if lane not in LANES]
    if unknown:
        parser.error(f"no lane {', '.join(unknown)}: expected some of {', '.join(LANES)}")
    options.lanes = options.lanes or list(LANES)
    return options


def run_lane(lane: str, seed: int, server: KafkaServer, *, is_short: bool) -> Report:
    """One lane; a lane that breaks off falls short, and the others still run."""
    begun = time.monotonic()
    print(f"== {lane}, seed {seed}{', short form' if is_short else ''}", flush=True)
    try:
        report = LANES[lane](Run(seed, is_short, server, say))
    except Exception as error:  # noqa: BLE001 - told in the table
        traceback.print_exc()
        report = Report(lane, seed)
        report.claim("ran to its end", f"{error!r:.300}", holds=False)
    report.seconds = time.monotonic() - begun
    print_claims(report)
    return report


def say(words: str) -> None:
    print(f"  {datetime.now(UTC):%H:%M:%S} {words}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
