"""The verdict: reads every topic from its beginning, counts the input again naively, and compares what must be equal.

Compared are counts, waits, outcomes, intervals, findings that stand, callback plans with their reasons, dial jobs and
the day on the workers' own pages. Beyond equality: every finding that was ever told, not only the last word of it,
must be of a visit that did wait too long.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from streams import comparison, metric_names as names
from streams.cli.demo_run import rules_of
from streams.comparison import Rules
from streams.domain.recount import Event, Skipped, VisitId, read_records
from streams.settings import load_settings
from streams.told import TOPICS_TOLD, Told
from streams.topics import (
    CALLBACK_JOBS,
    CALLBACK_PLANS,
    DEAD_LETTERS,
    QUEUE_STAFFING,
    SLA_BREACHES,
    STAGE_INPUTS,
)
from tests.deadlines import wait_until
from tests.faults import centre, topics
from tests.faults.fleet import Fleet
from tests.faults.load import Ledger, Place
from tests.faults.poison import BAD
from tests.faults.report import Report
from tests.faults.topics import Stored
from tests.installation import Installation
from tests.state_reader import StateReader

SETTLE_SECONDS: Final = 240
INPUTS: Final = ("call-events", "chat-events", "email-events")
JUDGED_STAGES: Final = ("queues", "callbacks", "dialling")
OUTPUTS: Final = tuple(topic for topic in TOPICS_TOLD if topic != DEAD_LETTERS)
MOST_SHOWN: Final = 3


@dataclass(frozen=True)
class Expectation:
    """What is peculiar to a run."""

    dead_letters: int = 0
    is_page_judged: bool = True
    are_breaches_told_early: bool = False
    """Facts come so late that a finding may rightly open first and be taken back."""
    is_broker_hurt: bool = False
    """Facts wait in the producer while the broker is away, which is no reason to believe that callers wait."""


@dataclass
class Verifier:
    """Judges one installation once its load has ended and its workers have caught up."""

    installation: Installation
    fleet: Fleet
    ledger: Ledger
    report: Report
    expects: Expectation = field(default_factory=Expectation)

    @property
    def rules(self) -> Rules:
        return rules_of(load_settings(self.installation.config))

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait_settled(self, seconds: float = SETTLE_SECONDS) -> None:
        """Until every stage's state rests on everything its inputs hold."""
        with ExitStack() as opened:
            states = {stage: opened.enter_context(self.installation.state(stage)) for stage in JUDGED_STAGES}

            def is_settled() -> bool:
                self.fleet.tend()
                return all(self._is_done(stage, state) for stage, state in states.items())

            try:
                wait_until(is_settled, "every stage has done its input", seconds=seconds)
            except AssertionError as error:
                raise AssertionError(f"{error}; behind: {self._behind(states)}") from None

    def _is_done(self, stage: str, state: StateReader) -> bool:
        state.refresh()
        return all(state.records_done(topic) == sum(self.ends(topic)) for topic in STAGE_INPUTS[stage])

    def _behind(self, states: Mapping[str, StateReader]) -> dict[str, str]:
        return {
            topic: f"{state.records_done(topic)} of {sum(self.ends(topic))}"
            for stage, state in states.items()
            for topic in STAGE_INPUTS[stage]
        }

    def ends(self, topic: str) -> list[int]:
        broker = self.installation.broker
        return topics.ends(broker.bootstrap, broker.prefix, topic, self.installation.partitions)

    # -- judging ------------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """Everything but the time a lane took; adds claims, figures and the ledger line to the report."""
        now_ms = time.time_ns() // 1_000_000
        stored = list(self._read((*INPUTS, *TOPICS_TOLD)))
        inputs = [record for record in stored if record.topic in INPUTS]
        skipped = Skipped()
        good = [record for record in inputs if not self._is_bad(record)]
        events = list(read_records(((record.headers, record.value) for record in good), skipped))
        self._judge_sends(inputs)
        self._judge_ledger(len(inputs) + sum(self.ends(QUEUE_STAFFING)))  # agents, where a lane has any
        self._judge_contents(stored)
        self._judge_findings(stored, events, now_ms)
        self._compare(stored, events, now_ms)
        if self.expects.is_page_judged:
            self._judge_owners()

    def _read(self, wanted: Iterable[str]) -> Iterable[Stored]:
        broker = self.installation.broker
        return topics.read(broker.bootstrap, broker.prefix, wanted, self.installation.partitions)

    def _judge_sends(self, inputs: list[Stored]) -> None:
        """Every acknowledged send lies where the broker said, and nothing else does."""
        found: dict[Place, str] = {(each.topic, each.partition, each.offset): _event_id(each) for each in inputs}
        acknowledged = self.ledger.acknowledged
        wrong = [
            place
            for place in found.keys() | acknowledged.keys()
            if place not in found or place not in acknowledged or not _is_same(found[place], acknowledged[place])
        ]
        self.report.equal("acknowledged sends that are not where the broker said", len(wrong), 0)

    def _is_bad(self, record: Stored) -> bool:
        """Whether it was sent to be rejected: the naive count knows no configuration that would tell it so."""
        return self.ledger.acknowledged.get((record.topic, record.partition, record.offset), "").startswith(BAD)

    def _judge_ledger(self, sent: int) -> None:
        with self.installation.state("queues") as state:
            ledger = state.refresh().ledger()
        lost = sent - ledger.total
        self.report.classes += Counter({"sent": sent, **asdict(ledger)})
        self.report.count("events", sent)
        self.report.equal("lost", lost, 0)

    def _judge_contents(self, stored: list[Stored]) -> None:
        """One id has one content; one attempt of one plan has one job id; one reason is in one plan."""
        contents: dict[tuple[str, str], tuple[bytes | None, bytes | None]] = {}
        two_contents = 0
        job_ids: dict[tuple[str, str], set[str]] = {}
        for record in stored:
            if record.topic not in OUTPUTS or record.value is None:
                continue
            event = json.loads(record.value)
            content = (record.key, record.value)
            two_contents += contents.setdefault((record.topic, event["id"]), content) != content
            if record.topic == CALLBACK_JOBS and event["type"] == "callback.dial":
                attempt = f"{event['data']['plan_id']}.{event['data']['attempt']}"
                job_ids.setdefault((event["data"]["tenant"], attempt), set()).add(event["data"]["job_id"])
        self.report.equal("two contents for one id", two_contents, 0)
        self.report.equal("two ids for one plan attempt", sum(len(ids) > 1 for ids in job_ids.values()), 0)
        self.report.count("dial jobs", len(job_ids))

    def _judge_findings(self, stored: list[Stored], events: list[Event], now_ms: int) -> None:
        """No breach was ever told of a visit that did not wait too long; each true one has one id."""
        true = true_breaches(events, self.rules, now_ms)
        told = [json.loads(each.value)["data"] for each in stored if each.topic == SLA_BREACHES and each.value]
        false = {each["visit_id"] for each in told if each["state"] != "retracted"} - true
        ids: dict[str, set[str]] = {}
        for each in told:
            ids.setdefault(each["visit_id"], set()).add(each["finding_id"])
        if not self.expects.are_breaches_told_early:
            late = set() if self.expects.is_broker_hurt else self._told_too_late(stored, false)
            if late:
                self.report.count("left out: the load itself told of the answer too late", len(late))
            false -= late
            shown = f"{len(false)} {sorted(false)[:MOST_SHOWN] or ''}".strip()
            self.report.claim("false breaches", shown, holds=not false)
        self.report.equal("visits with two finding ids", sum(len(of_visit) > 1 for of_visit in ids.values()), 0)
        self.report.count("breaches", len(true))

    def _told_too_late(self, stored: list[Stored], visits: set[str]) -> set[str]:
        """Those of whose answer or exit no worker could have known before limit and grace were over.

        On a machine that is short of processors the load is late itself.
        """
        offered: dict[str, float] = {}
        known: dict[str, float] = {}
        for record in stored if visits else ():
            event = json.loads(record.value or b"{}") if record.topic in INPUTS and not self._is_bad(record) else {}
            visit = _words_of(event)
            if visit not in visits:
                continue
            if event["type"] == "contact.offered":
                offered[visit] = datetime.fromisoformat(event["time"]).timestamp()
            else:
                at = self.ledger.acknowledged_at[record.topic, record.partition, record.offset]
                known[visit] = min(at, known.get(visit, at))
        patience = centre.MAX_WAIT_SECONDS + centre.GRACE_SECONDS
        return {visit for visit in visits if visit in known and known[visit] > offered[visit] + patience}

    def _compare(self, stored: list[Stored], events: list[Event], now_ms: int) -> None:
        told, rules = Told(), self.rules
        for record in stored:
            if record.topic in TOPICS_TOLD:
                told.take(record.topic, record.value)
        expected = comparison.expected_facts(events, rules, told.plan_facts, now_ms=now_ms)
        expected[comparison.JOBS] = comparison.expected_jobs(told)
        expected[comparison.RECORDS]["dead letters"] = self.expects.dead_letters
        facts = comparison.told_facts(told, rules)
        if self.expects.is_page_judged:
            facts[comparison.DAY] = self._day()
            expected[comparison.DAY] = {
                queue: each for queue, each in expected[comparison.DAY].items() if any(each.values())
            }
        else:
            del expected[comparison.DAY]
        for check in comparison.compare(expected, facts):
            shown = "; ".join(check.differences[:MOST_SHOWN])
            words = f"{check.compared:,} equal" if check.is_equal else f"{len(check.differences):,} differ: {shown}"
            self.report.claim(f"equal to recount: {check.name}", words, holds=check.is_equal)
        self.report.count("visits", len(expected[comparison.OUTCOMES]))
        self.report.count("plans", len(told.newest[CALLBACK_PLANS]))

    def _day(self) -> dict[str, dict[str, int]]:
        """Today's contacts by outcome, of every queue that had any, added up over the workers."""
        queues: dict[str, dict[str, int]] = {}
        for page in self.fleet.pages():
            for sample in page.samples(names.QUEUE_DAY_CONTACTS.name):
                labels = sample.labels
                outcomes = queues.setdefault(f"{labels['tenant']}/{labels['queue']}/{labels['channel']}", {})
                outcomes[labels["outcome"]] = outcomes.get(labels["outcome"], 0) + round(sample.value)
        return {queue: outcomes for queue, outcomes in queues.items() if any(outcomes.values())}

    def _judge_owners(self) -> None:
        several = {queue: values for queue, values in self.fleet.shown().items() if len(values) != 1}
        configured = {(queue, channel) for queue, channel in self._configured()}
        missing = configured - self.fleet.shown().keys()
        self.report.claim(
            "each queue shown by one worker",
            f"{len(several)} by several, {len(missing)} by none",
            holds=not several and not missing,
        )

    def _configured(self) -> list[tuple[str, str]]:
        return [
            (policy.queue, channel) for policy in self.rules.directory.queues.values() for channel in policy.channels
        ]


def true_breaches(events: Iterable[Event], rules: Rules, now_ms: int) -> set[str]:
    """The visits that waited longer than their limit, those still waiting included."""
    over = rules.recount(events, now_ms).judged(rules.limit_of)
    return {_words(visit) for visit in over}


def _words(visit: VisitId) -> str:
    return f"{visit.tenant}/{visit.queue}/{visit.entry}/{visit.contact_id}"


def _words_of(event: Mapping[str, Any]) -> str:
    data = event.get("data", {})
    return "/".join(str(data.get(name, 1)) for name in ("tenant", "queue", "entry", "contact_id"))


def _is_same(found_id: str, acknowledged: str) -> bool:
    return found_id == acknowledged or acknowledged.startswith(BAD)


def _event_id(record: Stored) -> str:
    """Empty where the record is not one of ours to read."""
    try:
        value: Any = json.loads(record.value or b"")
        return str(value["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
