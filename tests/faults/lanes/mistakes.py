"""Mistakes of the shell, planted in every worker, are each caught by the lane that claims them: a test of the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.faults.bench import Run
from tests.faults.lanes import storm, traps
from tests.faults.report import Report

LANE: Final = "mistakes"
SWALLOWED: Final = """
from streams.engine import stage

stage.end_process = lambda what, error: None
"""
"""An unexpected error is as good as no error."""
UNOWNED: Final = """
from streams.engine.stage import Stage

give_up, build = Stage._revoked, Stage._build_owners

async def revoked(stage, app, revoked, **options):
    stage.kept = dict(stage.owners)
    await give_up(stage, app, revoked, **options)

async def build_owners(stage):
    await build(stage)
    stage.owners = {**getattr(stage, "kept", {}), **stage.owners}

Stage._revoked, Stage._build_owners = revoked, build_owners
"""
"""What was once owned is shown for ever."""
PLANTED: Final[tuple[tuple[str, str, Callable[[Run], Report]], ...]] = (
    ("a swallowed exception", SWALLOWED, traps.run),
    ("figures of partitions no longer owned", UNOWNED, storm.run),
)


def run(run: Run) -> Report:
    report = Report(LANE, run.seed)
    for what, source, lane in PLANTED:
        found = complaint(lane, replace(run, is_short=True, planted=source))
        report.claim(f"{what} is caught", found, holds=bool(found))
        report.count("caught", bool(found))
    return report


def complaint(lane: Callable[[Run], Report], run: Run) -> str:
    """What the lane says falls short; empty where it notices nothing."""
    try:
        report = lane(run)
    except AssertionError as error:
        return f"{error!r:.160}"
    return "; ".join(f"{claim.what}: {claim.found}" for claim in report.broken)[:160]
