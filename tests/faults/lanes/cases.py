"""Open cases through kills, joins, leaves and a restart of everything: each finding right, by the strict and the rolled
date, and none told of a deadline that was kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from streams.domain.recount_cases import case_duties_of, read_cases
from streams.recount_terms import case_terms_of
from streams.settings import load_settings
from streams.topics import SLA_BREACHES
from tests.deadlines import wait_until
from tests.faults import centre, topics
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.case_months import POLICIES, SUNDAY, TUESDAY, marks, month, outgoing
from tests.faults.lanes.storm import join, leave
from tests.faults.plan import play, spread
from tests.faults.report import Report

LANE: Final = "cases"
LATENESS_SECONDS: Final = 60
MISSED: Final = ("open", "confirmed")


class Size(NamedTuple):
    """How much of everything."""

    cases: int
    kills: int
    moves: int
    within_seconds: float
    drained_seconds: float


FULL: Final = Size(100_000, 8, 6, 90.0, 900.0)
SHORT: Final = Size(400, 2, 2, 12.0, 120.0)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), SETTING) as bed:
        words = Words(bed)
        events = month(run.seed, size.cases)
        tell(bed, events)
        faults = [
            *spread("kill", size.kills, within=(2.0, size.within_seconds), seed=run.seed),
            *spread("join", size.moves, within=(1.0, size.within_seconds), seed=run.seed),
            *spread("leave", size.moves, within=(4.0, size.within_seconds), seed=run.seed),
        ]
        handlers = {"kill": bed.fleet.kill, "join": lambda _: join(bed), "leave": lambda fault: leave(bed, fault)}
        happened = play(faults, handlers, meanwhile=bed.fleet.tend)
        bed.fleet.wait_ready()
        bed.tell(happened)
        sunday = marks(SUNDAY, bed.installation.partitions)
        tell(bed, sunday)
        judge(words, "on Sunday", [*events, *sunday], SUNDAY, size)
        bed.report.count("workers killed at once", bed.fleet.kill_all())
        bed.fleet.start()
        tuesday = marks(TUESDAY, bed.installation.partitions)
        tell(bed, tuesday)
        judge(words, "on Tuesday, after a restart of all", [*events, *sunday, *tuesday], TUESDAY, size)
        bed.report.figure("cases", size.cases)
        return bed.report


def document() -> dict[str, Any]:
    """By event time: a month passes as fast as it is read."""
    clock = {"mode": "event", "lateness_seconds": LATENESS_SECONDS}
    return centre.document(
        clock=clock, cases=[{"tenant": centre.TENANT, "policies": list(POLICIES), "sector": "retail"}]
    )


SETTING: Final = Setting(workers=2, document=document(), worker={"session_timeout_seconds": 20})
"""Nothing is judged by the clock here, so a worker may stand still for long on a busy machine."""


def tell(bed: Bench, events: Sequence[dict[str, Any]]) -> None:
    for record in outgoing(events, bed.installation.partitions):
        bed.sender.send_raw(record)
    bed.sender.flush(120)


def judge(words: Words, when: str, events: Sequence[dict[str, Any]], at: datetime, size: Size) -> None:
    """Wait until all is applied and told, then compare with a recount as of an instant."""
    bed = words.bed
    bed.run.say(f"settling {when}")
    wait_applied(bed, len(events), size.drained_seconds)
    now_ms = round((at - timedelta(seconds=LATENESS_SECONDS)).timestamp() * 1000)
    terms = case_terms_of(load_settings(bed.installation.config, resolve_secrets=False))
    duties = case_duties_of(read_cases(json.dumps(each) for each in events), terms, now_ms=now_ms)
    expected = {key: each.state for key, each in duties.items() if each.state in MISSED}

    def are_told() -> bool:
        bed.fleet.tend()
        words.follow()
        return states(words.newest) == expected

    try:
        wait_until(are_told, "every finding is told", seconds=size.drained_seconds)
    except AssertionError:
        bed.run.say(f"not everything is told as it should be {when}")
    found = words.newest
    missed = states(found)
    differing = {key for key in expected.keys() | missed.keys() if expected.get(key) != missed.get(key)}
    bed.report.equal(f"findings that differ from the recount {when}", len(differing), 0)
    for state in MISSED:
        number = sum(each == state for each in expected.values())
        bed.report.figure(f"{state} {when}", number)
        bed.report.claim(f"there are findings {state} {when}", number, holds=number > 0 or when != "on Sunday")
    kept = {key for key, each in duties.items() if each.ended_ms is not None and each.ended_ms <= each.strict_ms}
    broken_by_an_end = {key for key, state in expected.items() if state == "confirmed"}
    bed.report.equal(
        f"findings ever told of a deadline that was kept {when}", len(words.told_of & kept - broken_by_an_end), 0
    )
    dates = {key for key in expected if key in found and strict_ms(found[key]) != duties[key].strict_ms}
    bed.report.equal(f"findings with another date {when}", len(dates), 0)


def wait_applied(bed: Bench, events: int, seconds: float) -> None:
    """Until the state rests on every event sent so far; the ledger of the run."""
    with bed.installation.state("cases") as state:

        def are_applied() -> bool:
            bed.fleet.tend()
            return state.refresh().ledger().total >= events

        wait_until(are_applied, f"{events:,} events are applied", seconds=seconds)
        ledger = state.ledger()
    bed.report.classes.clear()
    bed.report.classes.update(
        sent=bed.ledger.sent,
        applied=ledger.applied,
        duplicate=ledger.duplicate,
        ignored=ledger.ignored,
        rejected=ledger.rejected,
    )
    bed.report.equal("events applied, each once", ledger.applied, events)


class Words:
    """What was told of findings, followed from one look to the next: in the end half a million records.

    ``newest`` is each finding's record of the highest revision, ``told_of`` are those that were ever open or confirmed.
    """

    def __init__(self, bed: Bench) -> None:
        self.newest: dict[str, dict[str, Any]] = {}
        self.told_of: set[str] = set()
        self.bed = bed
        self._contents: dict[str, int] = {}
        """Event id to the hash of its bytes."""
        self._since: dict[int, int] = {}

    def follow(self) -> None:
        """Take what has come; no id may have two contents."""
        broker, partitions = self.bed.installation.broker, self.bed.installation.partitions
        for record in topics.read(broker.bootstrap, broker.prefix, [SLA_BREACHES], partitions, since=self._since):
            self._since[record.partition] = record.offset + 1
            value = record.value or b""
            told = msgspec.json.decode(value)
            data = told["data"]
            content = hash(value)
            assert self._contents.setdefault(told["id"], content) == content, f"{told['id']} has two contents"
            if data["revision"] >= self.newest.get(data["finding_id"], data)["revision"]:
                self.newest[data["finding_id"]] = data
            if data["state"] in MISSED:
                self.told_of.add(data["finding_id"])


def states(found: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    return {key: data["state"] for key, data in found.items() if data["state"] in MISSED}


def strict_ms(finding: Mapping[str, Any]) -> int:
    return round(datetime.fromisoformat(finding["due_strict"]).timestamp() * 1000)
