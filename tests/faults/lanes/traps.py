"""An unexpected error at one event: the process ends before the event is acknowledged, and its successor applies it.

Every trap springs once. The positions that have gone wrong in Faust: the first event of a fresh group, the first after
a commit, in the middle of a batch, the last. One trap at the end springs for ever, and ``skip`` gets past it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from streams.partitioning import partition_of
from streams.topics import full_name
from tests.deadlines import wait_until
from tests.faults import centre
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.load import now_text
from tests.faults.poison import BAD
from tests.faults.report import Report
from tests.faults.verify import Expectation

LANE: Final = "traps"
TOPIC: Final = "call-events"
BATCH: Final = 12
SPRING_SECONDS: Final = 60
PLANTED: Final = """
import pathlib, re
from streams.domain import queues

sound_apply = queues.QueuesCore.apply
here = pathlib.Path(__file__).parent

def apply(core, topic, records, now_ms, wall_ms):
    for record in records:
        for name in re.findall(rb'"id": "(trap-[0-9a-z]+)/offered"', record.value or b""):
            sprung = here / name.decode()
            if name == b"trap-ever" or not sprung.exists():
                sprung.touch()
                raise ZeroDivisionError(f"a planted bug at {name.decode()}")
    return sound_apply(core, topic, records, now_ms, wall_ms)

queues.QueuesCore.apply = apply
"""
ROUND: Final = ("first of a fresh group", "first after a commit", "middle", "middle", "last", "middle")


@dataclass
class Traps:
    """Lays traps in one installation and tells which have sprung."""

    bed: Bench
    chance: random.Random
    laid: int = 0
    sprung: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def lay(self, position: str) -> None:
        """A batch of events of one queue, one of them the trap."""
        place = {"middle": self.chance.randrange(1, BATCH - 1), "last": BATCH - 1}.get(position, 0)
        queue = self.chance.choice(centre.VOICE)
        names = [f"sound-{next(self.numbers)}" for _ in range(BATCH)]
        names[place] = f"trap-{next(self.numbers)}"
        self.laid += 1
        for name in names:
            self.bed.sender.send(offer(queue, name))
        self.bed.sender.flush(30)

    def spring(self) -> None:
        """Until the worker has ended on it, and its successor has done everything."""
        fleet, before = self.bed.fleet, len(self.bed.fleet.ended)

        def has_ended() -> bool:
            fleet.tend()
            return len(fleet.ended) > before

        wait_until(has_ended, "the worker ends on the trap", seconds=SPRING_SECONDS)
        code, words = fleet.ended[-1]
        if code != 0 and "queues failed on" in words:
            self.sprung.append(words)
        self.bed.verifier().wait_settled(SPRING_SECONDS)


def run(run: Run) -> Report:
    report = Report(LANE, run.seed)
    rounds = 1 if run.is_short else 5
    for number in range(rounds):
        for partitions in (1, 3):
            positions = ROUND[partitions - 1 : partitions] if run.is_short else ROUND
            run_round(
                run, report, Place(number, partitions, positions, is_last=number == rounds - 1 and partitions == 3)
            )
    report.equal("traps sprung, the event applied by the successor", report.counts["sprung"], report.counts["traps"])
    return report


@dataclass(frozen=True)
class Place:
    """Which round, on how many partitions, with the trap at which positions."""

    number: int
    partitions: int
    positions: tuple[str, ...]
    is_last: bool


def run_round(run: Run, report: Report, place: Place) -> None:
    setting = Setting(workers=1, partitions=place.partitions, planted=PLANTED, is_started=False)
    with bench(run, report, setting) as bed:
        traps = Traps(bed, random.Random(f"traps/{run.seed}/{place.number}/{place.partitions}"))
        for position in place.positions:
            if position.startswith("first of"):
                traps.lay(position)
                bed.fleet.start_anyhow()
            else:
                bed.fleet.start_anyhow()
                bed.fleet.wait_ready()
                prepare(bed, position)
                traps.lay(position)
            traps.spring()
            run.say(
                f"{place.partitions} partitions, {position}: {traps.sprung[-1][:90] if traps.sprung else 'nothing'}"
            )
        report.count("traps", traps.laid)
        report.count("sprung", len(traps.sprung))
        if place.is_last:
            judge_skip(bed)
        bed.verify(Expectation(dead_letters=int(place.is_last)))


def prepare(bed: Bench, position: str) -> None:
    """For a first one after a commit: everything before is committed. A batch is read whole only by an idle worker."""
    if position == "first after a commit":
        bed.sender.send(offer(centre.VOICE[0], f"before-{time.time_ns()}"))
        bed.sender.flush(30)
        bed.verifier().wait_settled(60)
        wait_until(lambda: is_committed(bed), "everything is committed", seconds=60)


def is_committed(bed: Bench) -> bool:
    broker = bed.installation.broker
    name = full_name(broker.prefix, TOPIC)
    ends = bed.verifier().ends(TOPIC)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.prefix, "log_level": 0})
    try:
        committed = consumer.committed([TopicPartition(name, number) for number in range(len(ends))], timeout=30)
    finally:
        consumer.close()
    return all(end in {0, each.offset} for each, end in zip(committed, ends, strict=True))


def judge_skip(bed: Bench) -> None:
    """A trap that springs for ever stops the worker until it is given up; then all that came after it is applied."""
    queue = centre.VOICE[1]
    for name in ("sound-before", "trap-ever", "sound-after"):
        bed.sender.send(offer(queue, name))
    bed.sender.flush(30)
    before = len(bed.fleet.ended)

    def has_ended_twice() -> bool:
        bed.fleet.tend()
        return len(bed.fleet.ended) >= before + 2

    wait_until(has_ended_twice, "the worker ends on it again and again", seconds=SPRING_SECONDS)
    bed.fleet.kill_all()
    partition = partition_of(f"{centre.TENANT}/{queue}", bed.installation.partitions)
    [trap] = [place for place, name in bed.ledger.acknowledged.items() if name == "trap-ever/offered"]
    bed.ledger.acknowledged[trap] = f"{BAD}internal_error"
    bed.installation.run("skip", TOPIC, str(partition), str(trap[2]), "--yes")
    bed.fleet.start()
    bed.verifier().wait_settled(60)
    bed.report.claim("skip moves on", f"given up at {trap[1]}/{trap[2]}, everything after it applied", holds=True)


def offer(queue: str, name: str) -> dict[str, Any]:
    """Somebody comes, and waits for ever."""
    place = {"tenant": centre.TENANT, "site": centre.SITE, "queue": queue, "channel": "voice"}
    return {
        "specversion": "1.0",
        "id": f"{name}/offered",
        "source": "pbx-1",
        "type": "contact.offered",
        "time": now_text(time.time()),
        "data": {**place, "contact_id": name},
    }
