"""All workers are down for long while callers come and are answered: their own absence is nobody's waiting."""

from __future__ import annotations

from typing import Final

from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.plan import Fault, pass_seconds, play
from tests.faults.report import Report

LANE: Final = "away"
FULL_SECONDS: Final = 600.0
SHORT_SECONDS: Final = 36.0
"""State older than 30 s is what makes a start a late one."""
VISITS_PER_SECOND: Final = 25


def run(run: Run) -> Report:
    seconds = SHORT_SECONDS if run.is_short else FULL_SECONDS
    with bench(run, Report(LANE, run.seed), Setting(workers=2)) as bed:
        bed.load(per_second=VISITS_PER_SECOND)
        faults = [Fault("all workers away", 5.0, seconds=seconds)]
        happened = play(faults, {"all workers away": lambda fault: away(bed, fault)}, meanwhile=bed.fleet.tend)
        bed.report.figure("seconds away", f"{seconds:g}")
        pass_seconds(3.0, bed.fleet.tend)  # some who waited through the return leave after it
        bed.tell(happened)
        bed.verify()
        return bed.report


def away(bed: Bench, fault: Fault) -> str:
    """Killed all at once; what came meanwhile is counted as evidence."""
    before = bed.ledger.sent
    killed = bed.fleet.kill_all()
    pass_seconds(fault.seconds)
    bed.fleet.start()
    return f"{killed} workers away {fault.seconds:g} s, {bed.ledger.sent - before:,} events came meanwhile"
