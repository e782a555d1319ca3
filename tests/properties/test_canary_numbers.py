"""A thousand numbers that are looked for everywhere: they may be where the design allows them, and nowhere else."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import Any

import msgspec
import pytest

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.domain.decisions import Output
from streams.domain.dialling import DiallingCore
from streams.domain.recount import read_events
from streams.event_lines import event_time_ms
from streams.topics import CALLBACK_JOBS
from tests.canaries import SUBSCRIBERS, agents, events, hits
from tests.core_chain import CoreChain, centre_settings


class Overheard(CoreChain):
    """Keeps every byte that any stage writes, by topic."""

    def __init__(self) -> None:
        super().__init__(centre_settings(), batch_records=200)
        self.written: dict[str, list[bytes]] = {}

    def _write(self, outputs: Any, own_partition: int) -> None:
        kept: list[Output] = list(outputs)
        for output in kept:
            self.written.setdefault(output.topic, []).append(output.key + b" " + (output.value or b""))
        super()._write(kept, own_partition)


@pytest.fixture(scope="module")
def overheard() -> Overheard:
    chain_of_cores = Overheard()
    everything = [*events(), *agents()]
    chain_of_cores.send(everything, [event_time_ms(event["time"]) or 0 for event in everything])
    chain_of_cores.run()
    return chain_of_cores


def test_the_canaries_are_found_where_they_may_be(overheard: Overheard) -> None:
    """The search works: dial jobs hold them, as they are dialled."""
    jobs = overheard.written[CALLBACK_JOBS]
    assert sum(hits(job) for job in jobs) >= 300
    assert all(re.search(rb'"address":"\+55859', job) for job in jobs if b"callback.dial" in job)


def test_no_canary_is_in_any_other_topic_or_in_any_row(overheard: Overheard) -> None:
    """Not in outcomes, plans, signals, the log, or the state that is kept; nor in what an error prints of it."""
    for topic, records in overheard.written.items():
        if topic != CALLBACK_JOBS:
            assert sum(hits(record) for record in records) == 0, topic
    for stage in ("queues", "callbacks", "dialling", "results", "staffing"):
        for core in overheard.cores(stage):
            rows = [row for row in core.snapshot() if row[1] is not None]
            assert hits(b"\n".join(chain.from_iterable((key, value or b"") for key, value in rows))) == 0, stage
            assert hits(repr(vars(core))) == 0, stage


def test_a_customer_of_six_spellings_is_one_customer(overheard: Overheard) -> None:
    """One plan each, and the recount's; a core that dies in the middle prints nobody's number."""
    settings = centre_settings()
    rules = rules_of(settings)
    lines = [json.dumps(event) for event in events()]
    expected = comparison.expected_facts(read_events(lines), rules, overheard.told.plan_facts)
    told = comparison.told_facts(overheard.told, rules)
    assert told[comparison.PLANS] == expected[comparison.PLANS]
    assert len(told[comparison.PLANS]) == len(SUBSCRIBERS)


def test_what_an_error_in_a_stage_shows_holds_no_number(overheard: Overheard) -> None:
    """The state that a traceback would print: jobs and addresses are masked."""
    job = next(value for value in overheard.written[CALLBACK_JOBS] if b"callback.dial" in value)
    data = msgspec.json.decode(job.partition(b" ")[2])["data"]
    assert hits(json.dumps(data)) == 1
    [core] = [core for core in overheard.cores("dialling") if isinstance(core, DiallingCore) and core.flights(0)][:1]
    assert hits(repr(core.stage_figures()) + repr(core.flights(0))) == 0
