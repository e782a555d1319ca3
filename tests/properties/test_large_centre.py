"""A big centre's busiest day through all cores, judged by the recount of the same events."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.domain.recount import read_events
from streams.event_lines import event_time_ms
from streams.simulation.clockwork import MINUTE_MS
from streams.simulation.day import DATE
from streams.simulation.large_centre import large_centre
from streams.simulation.simulation import Simulation
from tests.core_chain import CoreChain, centre_settings, encode

SEED = 11
QUARTER_MS = 15 * MINUTE_MS
HOURS = int(os.environ.get("FILAVIVA_LARGE_CENTRE_HOURS", "10"))
"""Until ten in the morning: the first rush. 24 for the whole Monday, a million events, which takes minutes."""
LEAST_EVENTS = {10: 150_000, 24: 900_000}


class Stopwatch:
    """Processor seconds by part."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.seconds[name] += time.process_time() - started


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_monday_of_40_queues_and_800_agents_equals_its_recount(capsys: pytest.CaptureFixture[str]) -> None:
    """Outcomes, queues, intervals, findings, plans with reasons, and jobs, of whole hours from midnight. Says how long
    it took; judges time only by a timeout that is far away."""
    centre, watch, started = large_centre(queues=40, agents=800), Stopwatch(), time.monotonic()
    settings = centre_settings(centre)
    simulation, chain = Simulation(centre, SEED, DATE), CoreChain(settings, batch_records=500)
    lines, events = [], 0
    for quarter in range(1, 4 * HOURS + 1):
        with watch.part("simulation"):
            told = simulation.advance(simulation.start_ms + quarter * QUARTER_MS)
        events += len(told)
        with watch.part("into the topics"):
            lines += [encode(event) for event in told if event["type"].startswith("contact.")]
            chain.send(told, [event_time_ms(event["time"]) or 0 for event in told])
        with watch.part("cores"):
            chain.run()
    with watch.part("recount and comparison"):
        rules = rules_of(settings)
        expected = comparison.expected_facts(read_events(lines), rules, chain.told.plan_facts)
        del expected[comparison.DAY]  # is on the metrics page alone
        expected[comparison.JOBS] = comparison.expected_jobs(chain.told)
        checks = comparison.compare(expected, comparison.told_facts(chain.told, rules))
    with capsys.disabled():
        parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in watch.seconds.items())
        print(f"\n{events:,} events in {time.monotonic() - started:.0f} s; processor time: {parts}")
    assert {check.name: check.differences[:3] for check in checks if not check.is_equal} == {}
    assert all(check.compared for check in checks)
    assert events > LEAST_EVENTS.get(HOURS, 0)
