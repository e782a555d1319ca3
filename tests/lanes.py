"""Lanes: groups of tests that need something from outside, named by their pytest mark.

A lane whose part is missing says so in the summary of every run; with CI=true that is a failure, never a skip.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import NoReturn

import pytest

LANES = ("embedded", "kafka", "prometheus", "dovecot", "shared")


def missing(lane: str, reason: str) -> NoReturn:
    """End the test that needs this lane: skipped by hand, failed in CI."""
    message = f"the {lane} lane cannot run: {reason}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class LaneReport:
    """A pytest plugin that counts the outcomes of each lane and tells them in the terminal summary."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Counter[str]] = {lane: Counter() for lane in LANES}
        self._reasons: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        for lane in LANES:
            if lane in report.keywords:
                self._outcomes[lane][report.outcome] += 1
                if report.skipped:
                    self._reasons[lane].add(_reason(report))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("lanes")
        for lane in LANES:
            terminalreporter.line(f"{lane:10} {self._verdict(lane)}")

    def _verdict(self, lane: str) -> str:
        outcomes = self._outcomes[lane]
        if not outcomes:
            return "no test chosen"
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        if outcomes["skipped"]:
            return f"NOT COMPLETE: {counts}: {'; '.join(sorted(self._reasons[lane]))}"
        return f"ran: {counts}"


def _reason(report: pytest.TestReport) -> str:
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "skipped"
