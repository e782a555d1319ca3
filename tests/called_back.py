"""Simulated days on which the product calls back: centre, stages and dialer in one loop, watched as they live.

What a recount cannot know (who is called when) is watched as it happens; the plans are recounted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.domain.dialling import DiallingCore
from streams.domain.plans import OPEN_STATES
from streams.domain.recount import read_events
from streams.event_lines import event_time_ms
from streams.settings import Settings
from streams.simulation.centre import SAC
from streams.simulation.day import DATE
from streams.simulation.disorder import Disorder
from streams.simulation.incidents import parse_incidents
from streams.simulation.simulation import Simulation
from streams.simulation.telling import Event
from streams.told import Told
from streams.topics import CALLBACK_JOBS, CALLBACK_PLANS
from tests.core_chain import CoreChain, centre_settings, encode

STEP_MS = 20_000
HOUR_MS = 3_600_000
LOST_AFTER_SECONDS = 600
"""Platforms lose the ends of some calls; nobody waits for those for hours."""


class ListeningTold(Told):
    """Keeps the jobs as the dialer is to read them."""

    def __init__(self) -> None:
        super().__init__()
        self.new_jobs: list[Event] = []
        self.all_jobs: list[Event] = []

    def take(self, topic: str, value: bytes | None) -> None:
        super().take(topic, value)
        if topic == CALLBACK_JOBS and value is not None:
            self.new_jobs.append(msgspec.json.decode(value))
            self.all_jobs.append(self.new_jobs[-1])


@dataclass
class Day:
    """One day, or a part of it: what was sent, what was told, and every moment at which too much was out."""

    sent: list[bytes] = field(default_factory=list)
    """The contact events, as they were sent: what a recount of plans goes by."""
    told: ListeningTold = field(default_factory=ListeningTold)
    too_many: list[str] = field(default_factory=list)
    in_flight: dict[str, int] = field(default_factory=dict)
    most_in_flight: int = 0
    decisions: int = 0

    def plans(self) -> list[dict[str, Any]]:
        """In the end, those that came to something."""
        return [plan for plan in self.told.newest[CALLBACK_PLANS].values() if plan["reasons"]]

    def states(self) -> Counter[str]:
        return Counter("open" if plan["state"] in OPEN_STATES else plan["state"] for plan in self.plans())

    def outcomes(self) -> Counter[str]:
        facts = [event["data"] for event in self.told.plan_facts if event["type"] == "callback.signal.attempted"]
        return Counter(data["outcome"] for data in facts if data["stands"])


def watched(day: Day, chain: CoreChain) -> None:
    """Where a decision has sent something out, compare what is out with the agents who are free."""
    now_ms = chain.newest_ms("dialling")
    for core in chain.cores("dialling"):
        assert isinstance(core, DiallingCore)
        for flights in core.flights(now_ms):
            before = day.in_flight.get(flights.queue, 0)
            day.in_flight[flights.queue] = flights.in_flight
            day.most_in_flight = max(day.most_in_flight, flights.in_flight)
            if flights.in_flight > before:
                day.decisions += 1
                if flights.in_flight > flights.free_agents:
                    day.too_many.append(f"{flights}")


def settings_of(lateness_seconds: float = 60) -> Settings:
    return centre_settings(lost_after_seconds=LOST_AFTER_SECONDS, lateness_seconds=lateness_seconds)


def lived(
    seed: int, hours: tuple[int, int], *script: str, disorder_seconds: float = 0, lateness_seconds: float = 60
) -> Day:
    """A Monday from one hour to another by the clock of the centre, and the days after it where that is past 24: every
    step the events, then the stages, then the dialer's jobs."""
    zone = ZoneInfo(SAC.sites[0].zone)
    start = datetime(DATE.year, DATE.month, DATE.day, hours[0], tzinfo=zone)
    incidents = parse_incidents([(line, line) for line in script], SAC)
    simulation = Simulation(SAC, seed, start, incidents, imitates_plans=False)
    disorder = Disorder(seconds=disorder_seconds, repeat_share=0.02, seed=seed)
    day = Day()
    chain = CoreChain(settings_of(lateness_seconds), batch_records=200, told=day.told)
    now_ms = simulation.start_ms
    end_ms = now_ms + (hours[1] - hours[0]) * HOUR_MS
    while now_ms < end_ms:
        now_ms += STEP_MS
        jobs, day.told.new_jobs = day.told.new_jobs, []
        for job in jobs:
            simulation.dial(job)
        disorder.take(simulation.advance(now_ms))
        events = list(disorder.arrived(now_ms if now_ms < end_ms else float("inf")))
        day.sent += [encode(event) for event in events if event["type"].startswith("contact.")]
        chain.send(events, [event_time_ms(event["time"]) or 0 for event in events])
        chain.run(after_decision=lambda: watched(day, chain))
    chain.run()
    return day


def unequal(day: Day, *, lateness_seconds: float = 60) -> dict[str, tuple[str, ...]]:
    """What the recount of the same contacts says otherwise of plans and jobs."""
    rules = rules_of(settings_of(lateness_seconds))
    expected = comparison.expected_facts(read_events(day.sent), rules, day.told.plan_facts)
    expected[comparison.JOBS] = comparison.expected_jobs(day.told)
    wanted = {
        name: expected[name] for name in (comparison.PLANS, comparison.REFUSALS, comparison.JOBS, comparison.RECORDS)
    }
    checks = comparison.compare(wanted, comparison.told_facts(day.told, rules))
    return {check.name: check.differences[:3] for check in checks if not check.is_equal}
