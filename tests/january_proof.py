"""Holds everything a worker has written about January against the truth, and prints both side by side."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from streams import metric_names as names
from streams.domain.events import CALL_EVENTS
from streams.domain.recount import Recount, VisitId, read_events, recount
from streams.topics import (
    CALLBACK_SIGNALS,
    CONTACT_OUTCOMES,
    DEAD_LETTERS,
    QUEUE_INTERVALS,
    SLA_BREACHES,
    changelog_name,
)
from tests.deadlines import wait_until
from tests.installation import Installation
from tests.january import MAX_WAIT_SECONDS, QUEUES, SHORT_ABANDON_SECONDS, ZONE
from tests.january_figures import (
    THRESHOLDS_SECONDS,
    Table,
    compared,
    differences,
    of_intervals,
    of_outcomes,
    of_recount_command,
    of_recounts,
    of_reference,
    printed,
)
from tests.state_reader import StateReader
from tests.topic_reader import TopicReader
from tests.worker_process import Metrics, WorkerProcess

CATCH_UP_SECONDS = 300
MOST_SHOWN = 20
OUTPUTS = (CONTACT_OUTCOMES, QUEUE_INTERVALS, SLA_BREACHES)
EVERYTHING_WRITTEN = (CALL_EVENTS, *OUTPUTS, DEAD_LETTERS, CALLBACK_SIGNALS, changelog_name("queues"))
INTERVAL_COUNTS = ("offered", "answered", "abandoned", "short_abandoned", "outcomes")


@dataclass
class Proof:
    """One run of January: what it was, what was published, and what is known so far."""

    title: str
    installation: Installation
    events: Path
    reference: Mapping[str, Any]
    published: int
    repeated: int = 0
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def complete(self, worker: WorkerProcess, state: StateReader) -> None:
        """Wait until the worker has made all of January durable, stop it, and judge everything it wrote."""
        begun = time.monotonic()
        with self.installation.topics() as topics:
            truth = truth_of(self.events)
            wait_until(lambda: self._is_done(worker, state), "January is durable", seconds=CATCH_UP_SECONDS)
            self.remarks.append(f"durable {time.monotonic() - begun:.1f} s after the last worker was started")
            self._judge_metrics(worker)
            self._expect("exit code", 0, worker.terminate())
            self._judge_ledger(state, topics)
            outcomes = topics.highest_revisions(CONTACT_OUTCOMES, "visit_id")
            intervals = topics.highest_revisions(QUEUE_INTERVALS, "interval_id")
            self._judge_figures(list(outcomes.values()), list(intervals.values()), truth.table)
            self._judge_intervals(intervals.values(), truth.recount)
            self._judge_findings(topics.highest_revisions(SLA_BREACHES, "finding_id").values(), truth.recount)
            for topic, (records, repeats) in topics.repeats.items():
                self.remarks.append(f"{topic}: {records:,} records, {repeats:,} of them repeats, byte for byte")
            topics.assert_whole(*EVERYTHING_WRITTEN)
        wrong = [f"WRONG: {problem}" for problem in self.problems[:MOST_SHOWN]]
        print("\n".join([*self.remarks, *wrong, ""]))
        assert not self.problems, "\n".join(self.problems[:MOST_SHOWN])

    def _is_done(self, worker: WorkerProcess, state: StateReader) -> bool:
        assert worker.exit_code is None, f"the worker ended with {worker.exit_code}:\n{worker.log_tail()}"
        return state.refresh().records_done(CALL_EVENTS) == self.published

    def _expect(self, what: str, wanted: object, found: object) -> None:
        if wanted != found:
            self.problems.append(f"{what}: {found}, expected {wanted}")

    # -- the worker's own page ----------------------------------------------------------------------------------------

    def _judge_metrics(self, worker: WorkerProcess) -> None:
        """Nothing live may move for calls of 1999, and the page must say so with figures, not with silence."""
        gauge = names.QUEUE_WAITING_CONTACTS.name
        pages: list[Metrics] = []

        def all_are_live() -> bool:
            pages[:] = [worker.metrics()]
            return len(pages[0].values(gauge)) == len(QUEUES)

        wait_until(all_are_live, "all queues are live", seconds=CATCH_UP_SECONDS)
        page = pages[0]
        self._expect("contacts waiting", [0.0] * len(QUEUES), page.values(gauge))
        self.judge_live_counters(page)
        self._expect("historic events", True, page.total(names.STREAM_EVENTS_HISTORIC.name) > 0)
        newest = page.values(names.STREAM_LAST_EVENT.name)
        self._expect("sources with a newest event", 1, len(newest))
        self._expect("newest event of today", datetime.now(UTC).year, datetime.fromtimestamp(newest[0], UTC).year)
        self.remarks.append(
            "historic: offered, exits, breaches, waits, waiting and today's counts on /metrics are all 0"
        )

    def judge_live_counters(self, page: Metrics) -> None:
        self._expect("offered on the page", [0.0] * len(QUEUES), page.values(names.QUEUE_CONTACTS_OFFERED.name))
        counted = (names.QUEUE_EXITS, names.QUEUE_WAIT_BREACHES, names.QUEUE_DAY_CONTACTS, names.QUEUE_DAY_BREACHES)
        for metric in counted:
            self._expect(f"some {metric.name}", True, bool(page.values(metric.name)))
            self._expect(metric.name, 0.0, page.total(metric.name))
        for histogram in (names.QUEUE_WAIT, names.QUEUE_HANDLE, names.STREAM_EVENT_DELAY):
            self._expect(histogram.count, 0.0, page.total(histogram.count))

    # -- what is durable ----------------------------------------------------------------------------------------------

    def _judge_ledger(self, state: StateReader, topics: TopicReader) -> None:
        ledger = state.refresh().ledger()
        self._expect("records in call-events", self.published, topics.record_count(CALL_EVENTS))
        self._expect("ledger in all", self.published, ledger.total)
        self._expect("duplicates", self.repeated, ledger.duplicate)
        self._expect("ignored and rejected", (0, 0), (ledger.ignored, ledger.rejected))
        self._expect("dead letters", 0, topics.record_count(DEAD_LETTERS))
        self.remarks.append(
            f"ledger: {self.published:,} published = {ledger.applied:,} applied + {ledger.duplicate:,} duplicate"
            f" + {ledger.ignored} ignored + {ledger.rejected} rejected"
        )

    def _judge_figures(self, outcomes: list[Any], intervals: list[Any], again: Table) -> None:
        self._expect("visits", 30_161, len(outcomes))
        expected = of_reference(self.reference)
        tellers = {"outcomes": of_outcomes(outcomes), "intervals": of_intervals(intervals)}
        printed_by_command = of_recount_command(self.installation.run("recount", "--topics"))
        whole = {"reference": expected, **tellers, "recount": again}
        print(f"\n=== January 1999, {self.title}\n{printed(whole)}")
        for name, table in {**tellers, "recount": again}.items():
            self._compare(name, expected, table)
        for name, table in tellers.items():
            self._compare(f"{name} against the recount", again, table)
        in_command = {group: figures for group, figures in expected.items() if group in printed_by_command}
        self._compare("recount --topics", in_command, printed_by_command)

    def _compare(self, name: str, expected: Table, found: Table) -> None:
        wrong = list(differences(expected, found))
        self.problems += [f"{name}: {difference}" for difference in wrong]
        self.remarks.append(
            f"{name}: {compared(expected, found) - len(wrong):,} of {compared(expected, found):,} figures equal,"
            f" in {len(found)} groups (all, queues, days)"
        )

    def _judge_intervals(self, intervals: Iterable[Mapping[str, Any]], truth: Recount) -> None:
        """Every quarter of an hour of every queue, count by count, with every formula at its own target."""
        told = {(each["queue"], each["interval_start"]): _interval_counts(each) for each in intervals}
        wanted = {
            (queue, _in_utc(start)): {name: getattr(figures, name) for name in INTERVAL_COUNTS}
            | {"service_level": {name: list(parts) for name, parts in figures.service_level_parts.items()}}
            for (_, queue, _, start), figures in truth.figures(("queue", "interval")).items()
        }
        wrong = sorted(key for key in told.keys() | wanted.keys() if told.get(key) != wanted.get(key))
        self.problems += [f"interval {key}: {told.get(key)}, expected {wanted.get(key)}" for key in wrong[:5]]
        self._expect("intervals that differ", 0, len(wrong))
        offered = dict.fromkeys(map(_instant, self.reference["busiest_day"]["windows_15_min"]), 0)
        for (_, start), counts in told.items():
            if start in offered:
                offered[start] += counts["offered"]
        busiest = {_instant(window): window["entered"] for window in self.reference["busiest_day"]["windows_15_min"]}
        self._expect("offered per quarter of an hour on the busiest day", busiest, offered)
        self.remarks.append(f"queue-intervals: {len(told) - len(wrong):,} of {len(wanted):,} equal the recount's")

    def _judge_findings(self, findings: Iterable[Mapping[str, Any]], truth: Recount) -> None:
        every = list(findings)
        standing = {_visit(finding["visit_id"]) for finding in every if finding["state"] != "retracted"}
        wanted = truth.findings(max_wait_seconds=MAX_WAIT_SECONDS)
        self._expect("findings missing", 0, len(wanted - standing))
        self._expect("findings too many", 0, len(standing - wanted))
        states = dict(Counter(finding["state"] for finding in every))
        self.remarks.append(f"findings: {len(standing & wanted):,} of {len(wanted):,} equal the recount's, {states}")


class Truth(NamedTuple):
    """The naive recount of a file of events, and its figures at every threshold."""

    recount: Recount
    table: Table


@cache
def truth_of(events: Path) -> Truth:
    """Worked out once per file: that the topic holds the same, the command's own recount of the topic shows."""
    with events.open("rb") as lines:
        found = recount(
            read_events(lines),
            threshold_seconds=THRESHOLDS_SECONDS[0],
            short_abandon_seconds=SHORT_ABANDON_SECONDS,
            zone=ZONE,
        )
    assert not found.unfinished, f"{len(found.unfinished)} visits have no end"
    at_thresholds = {seconds: replace(found, threshold_seconds=_constant(seconds)) for seconds in THRESHOLDS_SECONDS}
    return Truth(found, of_recounts(at_thresholds))


def _constant(seconds: int) -> Callable[[str, str], float]:
    return lambda *_: seconds


def _interval_counts(interval: Mapping[str, Any]) -> dict[str, Any]:
    return {name: interval[name] for name in (*INTERVAL_COUNTS, "service_level")}


def _in_utc(local_start: str) -> str:
    return _written(datetime.fromisoformat(local_start))


def _instant(window: Mapping[str, Any]) -> str:
    return _written(datetime.fromtimestamp(window["t"], ZoneInfo(ZONE)))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _visit(visit_id: str) -> VisitId:
    tenant, queue, entry, contact_id = visit_id.split("/", 3)
    return VisitId(tenant, queue, contact_id, int(entry))
