"""One record in twenty is bad, of every kind there is: none may stop, delay or falsify the good ones."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import Final, NamedTuple

import yaml

from streams import dead_letters
from streams.topics import CONTACT_OUTCOMES, DEAD_LETTERS
from tests.faults import topics
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.load import Place
from tests.faults.plan import Fault, play
from tests.faults.poison import BAD, IGNORED, NEW_QUEUE, bad_records
from tests.faults.report import Report
from tests.faults.topics import Stored
from tests.faults.verify import INPUTS, Expectation

LANE: Final = "poison"
DELAY_SECONDS: Final = 5.0


class Size(NamedTuple):
    """How much of everything."""

    events: int
    visits_per_second: float
    bad: int
    bad_per_burst: int


FULL: Final = Size(50_000, 150, 2_500, 50)
SHORT: Final = Size(3_000, 60, 160, 20)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=2)) as bed:
        load = bed.load(per_second=size.visits_per_second)
        poison = bad_records(run.seed, bed.installation.partitions)

        def burst(_: Fault) -> str:
            for record in islice(poison, size.bad_per_burst):
                bed.history.send_raw(record)
            bed.history.flush(60)
            return f"{size.bad_per_burst} bad records"

        bursts = size.bad // size.bad_per_burst
        apart = size.events / (size.visits_per_second * 2.7) / bursts
        faults = [Fault("burst of bad records", 1.0 + number * apart) for number in range(bursts)]
        happened = play(faults, {"burst of bad records": burst}, meanwhile=bed.fleet.tend)
        load.wait_sent(size.events, seconds=600)
        bed.tell(happened)
        told = dict(bed.ledger.acknowledged)  # the load goes on
        bad = {place: name.removeprefix(BAD) for place, name in told.items() if name.startswith(BAD)}
        rejected = {place: reason for place, reason in bad.items() if reason != IGNORED}
        bed.verify(Expectation(dead_letters=len(rejected)))
        judge_dead_letters(bed, rejected)
        judge_delay(bed)
        judge_replay(bed, sum(reason == "unknown_queue" for reason in rejected.values()))
        return bed.report


def judge_dead_letters(bed: Bench, rejected: dict[Place, str]) -> None:
    """Each rejected record lies there once, by its coordinates and with its reason."""
    prefix = f"{bed.installation.broker.prefix}-"
    letters: Counter[tuple[Place, str]] = Counter()
    for record in read(bed, DEAD_LETTERS):
        headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
        place = (
            headers[dead_letters.TOPIC].removeprefix(prefix),
            int(headers[dead_letters.PARTITION]),
            int(headers[dead_letters.OFFSET]),
        )
        letters[place, headers[dead_letters.REASON]] += 1
    wanted = Counter(dict.fromkeys(rejected.items(), 1))
    wrong = [*(letters - wanted), *(wanted - letters)]
    bed.report.claim(
        "dead letters, each once with its reason",
        f"{len(wanted):,} of {len(set(rejected.values()))} reasons"
        if not wrong
        else f"{len(wrong)} wrong: {wrong[:2]}",
        holds=not wrong and bool(wanted),
    )
    bed.report.figure("rejected", len(rejected))


def judge_delay(bed: Bench) -> None:
    """From a visit's last fact in Kafka to the first record of its outcome."""
    arrived: dict[str, int] = {}
    for topic in INPUTS:
        for record in read(bed, topic):
            if bed.ledger.acknowledged.get((topic, record.partition, record.offset), BAD).startswith(BAD):
                continue
            contact, _, kind = json.loads(record.value or b"")["id"].rpartition("/")
            if kind in {"offered", "answered", "abandoned", "flowed_out", "callback_requested", "message"}:
                arrived[contact] = max(record.timestamp_ms, arrived.get(contact, 0))
    told: dict[str, int] = {}
    for record in read(bed, CONTACT_OUTCOMES):
        told.setdefault(json.loads(record.value or b"")["data"]["contact_id"], record.timestamp_ms)
    longest = max((told[contact] - arrived[contact]) / 1000 for contact in told if contact in arrived)
    bed.report.at_most("longest delay of a good visit", longest, DELAY_SECONDS, " s")


def judge_replay(bed: Bench, wanted: int) -> None:
    """Once the missing queue is configured, everything that was rejected for it is applied."""
    bed.fleet.stop_all()
    whole = yaml.safe_load(bed.installation.config.read_text())
    whole["queues"].append({**whole["queues"][1], "queue": NEW_QUEUE})
    bed.installation.config.write_text(yaml.safe_dump(whole, sort_keys=False))
    with bed.installation.state("queues") as state:
        before = state.refresh().ledger().applied
        bed.fleet.wanted = 2
        bed.fleet.start()
        replayed = bed.installation.run("dead-letters", "replay", "--reason", "unknown_queue")["replayed"]
        bed.verifier().wait_settled()
        applied = state.refresh().ledger().applied - before
    bed.report.equal("replayed after the fix, and applied", (replayed, applied), (wanted, wanted))


def read(bed: Bench, topic: str) -> list[Stored]:
    broker = bed.installation.broker
    return list(topics.read(broker.bootstrap, broker.prefix, [topic], bed.installation.partitions))
