"""A simulated month of callbacks at speed: who was won back, how soon they were called, how the calls went.

    python -m tests.month               # 30 days, about ten minutes of processor time
    python -m tests.month --days 1

Real records through the real cores of every stage, in one process; ends with 1 when the plans are not the recount's.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from streams.cli.recount_report import share
from tests.called_back import Day, lived, unequal

HOURS_OF_DAY = 24


@dataclass(frozen=True)
class Month:
    """What became of the plans of some days. Waits for the first call in seconds, in order."""

    plans: int
    states: dict[str, int]
    attempts: dict[str, int]
    first_calls_seconds: Sequence[float]
    refused: int

    @property
    def recovered(self) -> float | None:
        """Of all plans, the share that ended with the customer answered because of our call."""
        return self.states.get("recovered", 0) / self.plans if self.plans else None

    @property
    def recovered_of_called(self) -> float | None:
        """The same of those who were called at all: most others came back by themselves before."""
        called = len(self.first_calls_seconds)
        return self.states.get("recovered", 0) / called if called else None

    def first_call_seconds(self, quantile: float) -> float | None:
        waits = self.first_calls_seconds
        return waits[min(len(waits) - 1, int(quantile * len(waits)))] if waits else None


def month_of(day: Day) -> Month:
    plans = day.plans()
    jobs = {plan["plan_id"]: day.told.jobs.get(plan["plan_id"], []) for plan in plans}
    first_calls = [
        seconds_between(plan["opened_at"], job.not_before)
        for plan in plans
        for job in jobs[plan["plan_id"]][:1]
        if job.not_before is not None
    ]
    outcomes = day.told.newest["contact-outcomes"].values()
    return Month(
        plans=len(plans),
        states=dict(day.states()),
        attempts=dict(day.outcomes()),
        first_calls_seconds=sorted(first_calls),
        refused=sum("callback_refused" in outcome for outcome in outcomes),
    )


def seconds_between(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()


def report(month: Month) -> str:
    states = ", ".join(f"{name} {count:,}" for name, count in sorted(month.states.items()))
    attempts = ", ".join(f"{name} {count:,}" for name, count in sorted(month.attempts.items()))
    waits = [month.first_call_seconds(quantile) for quantile in (0.5, 0.9, 0.99)]
    minutes = ", ".join("-" if wait is None else f"{wait / 60:.1f}" for wait in waits)
    return (
        f"{month.plans:,} plans: {states}; {month.refused:,} customers more gave no number that rings\n"
        f"recovered: {share(month.recovered)} of all plans, {share(month.recovered_of_called)} of those called\n"
        f"called: {len(month.first_calls_seconds):,}; minutes to the first call, median, p90, p99: {minutes}\n"
        f"attempts: {attempts}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.month", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    gc.disable()  # millions of small things that stay to the end
    started = time.process_time()
    day = lived(given.seed, (0, HOURS_OF_DAY * given.days))
    print(report(month_of(day)))
    print(f"{len(day.sent):,} contact events, {time.process_time() - started:.0f} s of processor time")
    differences = unequal(day)
    print(f"equal to the recount: {not differences}; more calls out than free agents: {len(day.too_many)} times")
    for name, examples in differences.items():
        print(name, *examples, sep="\n  ")
    return 1 if differences or day.too_many else 0


if __name__ == "__main__":
    sys.exit(main())
