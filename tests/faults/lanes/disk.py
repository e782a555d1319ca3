"""The broker's disk is full; later one record of a changelog is damaged. Both are named, and both can be mended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from streams.topics import changelog_name, full_name
from tests.deadlines import wait_until
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.plan import Fault, pass_seconds, play
from tests.faults.report import Report
from tests.faults.verify import Expectation
from tests.kafka_server import KafkaServer

LANE: Final = "disk"
RECOVER_SECONDS: Final = 60
FULL, SHORT = 120, 40
ROOM_BYTES: Final = 100_000
SMALL_INDEXES: Final = {"log_index_size_max_bytes": "65536"}
"""Or the largest file would be an index."""


def run(run: Run) -> Report:
    visits_per_second = SHORT if run.is_short else FULL
    with (
        KafkaServer(**SMALL_INDEXES) as server,
        bench(run, Report(LANE, run.seed), Setting(workers=2, server=server)) as bed,
    ):
        load = bed.load(per_second=visits_per_second)
        faults = [Fault("disk full", 6.0)]
        happened = play(faults, {"disk full": lambda _: fill(bed)}, meanwhile=bed.fleet.tend)
        pass_seconds(5.0, bed.fleet.tend)
        load.finish()
        bed.verify(Expectation(is_broker_hurt=True))
        happened.fired += play([Fault("damaged record", 0.0)], {"damaged record": lambda _: damage(bed)}).fired
        bed.tell(happened)
        bed.verify(Expectation(is_broker_hurt=True))
        return bed.report


def fill(bed: Bench) -> str:
    """No file may grow further, as when there is no block left: the broker gives its log up and ends."""
    server = bed.server
    largest = max(path.stat().st_size for path in server.data_folder.rglob("*.log"))
    limit = largest + ROOM_BYTES
    subprocess.run(["prlimit", f"--pid={server.pid}", f"--fsize={limit}:{limit}"], check=True)
    code = server.wait_ended(120)
    said = "all log dirs" in server.log_tail() or "File too large" in server.log_tail()
    bed.report.claim("the broker names the full disk", f"ended with {code}", holds=said and code != 0)
    pass_seconds(5.0, bed.fleet.tend)
    server.start()
    bed.report.at_most("recovery after space returned", bed.recovered().caught_up, RECOVER_SECONDS, " s")
    return f"the broker ended with {code} when a file reached {limit:,} bytes"


def damage(bed: Bench) -> str:
    """One bit of one record of the changelog; the workers must refuse it, not skip it."""
    bed.fleet.stop_all()
    before = records_done(bed)
    with damaged(bed) as path:
        bed.fleet.wanted, ended_before = 2, len(bed.fleet.ended)
        bed.fleet.start_anyhow()

        def has_ended() -> bool:
            bed.fleet.tend()
            return any(code not in {0, 2} for code, _ in bed.fleet.ended[ended_before:])

        wait_until(has_ended, "a worker refuses the damaged changelog", seconds=180)
        words = bed.fleet.ended[-1][1]
        bed.fleet.kill_all()
    bed.report.claim("the worker names the damaged changelog", words, holds="changelog" in words)
    bed.report.equal("records done meanwhile", records_done(bed) - before, 0)
    bed.fleet.wanted = 2
    bed.fleet.start()
    return f"one bit of {path.parent.name}/{path.name}"


@contextmanager
def damaged(bed: Bench) -> Iterator[Path]:
    """The largest changelog partition of the queues with one bit turned, until the block is left."""
    name = full_name(bed.installation.broker.prefix, changelog_name("queues"))
    path = max(bed.server.data_folder.glob(f"{name}-*/*.log"), key=lambda each: each.stat().st_size)
    place = path.stat().st_size * 3 // 5
    turn_bit(bed, path, place)
    try:
        yield path
    finally:
        turn_bit(bed, path, place)


def turn_bit(bed: Bench, path: Path, place: int) -> None:
    bed.server.stop()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    bed.server.start()


def records_done(bed: Bench) -> int:
    """How many input records the durable state rests on."""
    with bed.installation.state("queues") as state:
        return sum(state.refresh().records_done(topic) for topic in ("call-events", "chat-events"))
