"""Workers frozen past their session and woken again, under load: they wake as former owners and must not be believed.

At the end everything compacted is compacted by force: what an awakened worker wrote late must not be what stays.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from streams.engine.owner import WALL_FLUSH_MS
from tests.deadlines import wait_until
from tests.faults import compaction
from tests.faults.bench import SESSION_SECONDS, Bench, Run, Setting, bench
from tests.faults.fleet import READY_SECONDS
from tests.faults.plan import Fault, NotFired, pass_seconds, play, spread
from tests.faults.report import Report
from tests.worker_process import WorkerProcess

LANE: Final = "zombie"
FROZEN_SECONDS: Final = SESSION_SECONDS * 1.6
TAKEN_OVER_SECONDS: Final = 30
"""A busy machine notices later; until then nobody is a former owner."""


class Size(NamedTuple):
    """How much of everything."""

    visits_per_second: float
    freezes: int
    apart_seconds: float


FULL: Final = Size(120, 10, 20)
SHORT: Final = Size(60, 1, 14)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=3)) as bed:
        bed.load(per_second=size.visits_per_second)
        within = (2.0, size.freezes * size.apart_seconds)
        plan = spread("freeze", size.freezes, within=within, seed=run.seed, seconds=FROZEN_SECONDS)
        happened = play(plan, {"freeze": lambda fault: freeze(bed, fault)}, meanwhile=bed.fleet.tend)
        bed.tell(happened)
        pass_seconds(WALL_FLUSH_MS / 1000, bed.fleet.tend)  # an idle owner looks for foreign rows at its next flush
        bed.verify()
        found = sum(worker.log().count("rows of a former owner") for worker in bed.fleet.workers)
        bed.report.figure("late flushes of former owners, mended", found)
        judge_after_compaction(bed)
        return bed.report


def freeze(bed: Bench, fault: Fault) -> str:
    """Frozen until the group has gone on without it; fired only if its partitions were taken over meanwhile.

    While the group is between two assignments nobody has any to take over, so all must be at work first.
    """

    def at_work() -> bool:
        bed.fleet.tend()
        return bed.fleet.are_ready()

    wait_until(at_work, "all workers are ready", seconds=READY_SECONDS)
    everybody = list(bed.fleet.workers)
    victim = bed.fleet.freeze(fault)
    others = [worker for worker in everybody if worker is not victim]
    before = {worker.pid: takeovers(worker) for worker in others}

    def taken() -> list[int]:
        return [worker.pid for worker in others if takeovers(worker) > before[worker.pid]]

    pass_seconds(fault.seconds)
    try:
        wait_until(lambda: bool(taken()), "somebody takes over", seconds=TAKEN_OVER_SECONDS)
    except AssertionError:
        raise NotFired(f"nobody took over from worker {victim.pid} within {TAKEN_OVER_SECONDS} s more") from None
    finally:
        bed.fleet.thaw(victim)
    return f"worker {victim.pid} slept {fault.seconds:g} s, {len(taken())} others gave up and took partitions"


def takeovers(worker: WorkerProcess) -> int:
    """How often a worker has been through a rebalance, by its log."""
    return worker.log().count("queues: gave up its partitions")


def judge_after_compaction(bed: Bench) -> None:
    """The same verdict, from compacted topics and by workers that have read nothing but compacted changelogs."""
    bed.fleet.kill_all()
    kept = compaction.force(bed.server, bed.installation)
    bed.run.say(f"compacted: {kept}")
    bed.report.claim("compaction removed records", kept, holds=kept.removed > 0)
    bed.fleet.start()
    bed.verify()
