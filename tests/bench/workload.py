"""The events every contestant gets: a Monday of the large simulated centre, of voice and chat, cut to whole visits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.domain.recount import read_events
from streams.event_lines import EventLine, read_lines
from streams.settings import Settings, parse_settings
from streams.simulation.clockwork import MINUTE_MS
from streams.simulation.day import DATE
from streams.simulation.large_centre import large_centre
from streams.simulation.simulation import Simulation
from tests.core_chain import encode

SEED: Final = 11
QUEUES: Final = 40
AGENTS: Final = 800
STEP_MS: Final = 15 * MINUTE_MS


@dataclass(frozen=True)
class Workload:
    """A file of events, one a line, and what the recount makes of them."""

    path: Path
    events: int
    expected: comparison.Facts
    rules: comparison.Rules

    def lines(self) -> Iterator[EventLine]:
        with self.path.open("rb") as stream:
            for line in read_lines(stream, with_time=True):
                assert isinstance(line, EventLine), line
                yield line


def document() -> dict[str, Any]:
    """The centre's configuration by event time. Nobody is called back, so that the job is the same for all: visits,
    limits and findings, outcomes."""
    sections = large_centre(QUEUES, AGENTS).sections()
    queues = [{key: value for key, value in queue.items() if key != "callback"} for queue in sections["queues"]]
    return {"clock": {"mode": "event"}, "sites": sections["sites"], "sources": sections["sources"], "queues": queues}


def settings() -> Settings:
    return parse_settings(yaml.safe_dump({"kafka": {"brokers": ["127.0.0.1:9092"]}, **document()}), environment={})


@cache
def make_workload(folder: Path, events: int) -> Workload:
    """About so many contact events of visits that have left their queue when the events end."""
    configured = settings()
    rules = replace(rules_of(configured), lateness_ms=0, grace_ms=0)  # every visit has left: nothing hangs on now
    lines = _simulated(events)
    parsed = list(read_events(lines))
    left = {visit.visit_id for visit in rules.recount(parsed).visits}
    kept = [line for line, event in zip(lines, parsed, strict=True) if event.visit in left]
    facts = comparison.expected_facts((event for event in parsed if event.visit in left), rules)
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in kept))
    expected = {check: facts[check] for check in (comparison.OUTCOMES, comparison.FINDINGS)}
    return Workload(path, len(kept), expected, rules)


def _simulated(events: int) -> list[bytes]:
    simulation = Simulation(large_centre(QUEUES, AGENTS), SEED, DATE, imitates_plans=False)
    lines: list[bytes] = []
    while len(lines) < events:
        told = simulation.advance(simulation.now_ms + STEP_MS)
        lines += [encode(event) for event in told if event["type"].startswith("contact.")]
    return lines[:events]
