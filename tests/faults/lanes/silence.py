"""Callers wait and nobody says anything more, anywhere: time alone must open their breaches, and promptly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from streams.topics import SLA_BREACHES
from tests.deadlines import wait_until
from tests.faults import centre, topics
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.report import Report
from tests.faults.visits import Moment, PlannedVisit

LANE: Final = "silence"
LATE_SECONDS: Final = 2.0
FULL, SHORT = 1000, 200


def run(run: Run) -> Report:
    callers = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=2)) as bed:
        bed.wait_shown()
        bed.load(per_second=callers / 2, plan=silent(callers)).wait_told(60)
        last = time.monotonic()
        late: list[float] = []

        def all_are_open() -> bool:
            late[:] = lateness_of_breaches(bed)
            return len(late) == callers

        due = centre.MAX_WAIT_SECONDS + centre.GRACE_SECONDS
        wait_until(lambda: time.monotonic() > last + due, "the limits have passed", seconds=60)
        wait_until(all_are_open, f"{callers} breaches are open", seconds=60)
        late.sort()
        bed.report.figure("callers", callers)
        bed.report.figure("median", f"{late[len(late) // 2]:.2f} s")
        bed.report.at_most("p99 of limit and grace to open", late[len(late) * 99 // 100 - 1], LATE_SECONDS, " s")
        bed.verify()
        return bed.report


def silent(callers: int) -> Iterator[PlannedVisit]:
    """Each is offered, and that is all that is ever heard of it."""
    for number in range(callers):
        queue = centre.VOICE[number % len(centre.VOICE)]
        yield PlannedVisit(f"silent-{number}", queue, "voice", "pbx-1", (Moment(0.0, "offered", {}),))


def lateness_of_breaches(bed: Bench) -> list[float]:
    """Of every finding that was opened, the seconds from its limit and grace to the record in the topic."""
    broker = bed.installation.broker
    late = []
    for record in topics.read(broker.bootstrap, broker.prefix, [SLA_BREACHES], bed.installation.partitions):
        data = json.loads(record.value or b"")["data"]
        offered_ms = datetime.fromisoformat(data["offered_at"]).timestamp() * 1000
        due_ms = offered_ms + (centre.MAX_WAIT_SECONDS + centre.GRACE_SECONDS) * 1000
        if data["state"] == "open":
            late.append((record.timestamp_ms - due_ms) / 1000)
    return late
