"""The fault bench's judgement of how soon useless jobs are taken back."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from streams.domain.encoding import iso_time
from tests.faults.cancels import Outages, judge_cancels
from tests.faults.fleet import Fleet
from tests.faults.report import Report
from tests.faults.topics import Stored

NOW_MS = 1_795_435_200_000


def cancelled(job: str, *, served: float, told: float, cause: str = "served") -> Stored:
    """In seconds."""
    event: dict[str, Any] = {
        "type": "callback.cancel",
        "id": f"{job}#2",
        "time": iso_time(NOW_MS + round(1000 * served)),
        "data": {"cause": cause},
    }
    return Stored("callback-jobs", 0, 0, NOW_MS + round(1000 * told), b"", json.dumps(event).encode(), [])


def outages(*over: tuple[float, float]) -> Outages:
    spans = [(NOW_MS + round(1000 * since), NOW_MS + round(1000 * until)) for since, until in over]
    return Outages(cast("Fleet", None), spans)


@pytest.mark.parametrize(
    ("over", "told", "waited"),
    [
        ([], 4.0, 4.0),
        ([], 11.0, 11.0),
        ([(-9.0, -1.0)], 4.0, 4.0),  # over before the answer
        ([(-1.0, 20.0)], 24.0, 4.0),  # counted from the recovery
        ([(2.0, 20.0)], 24.0, 4.0),
        ([(2.0, 20.0), (21.0, 30.0)], 34.0, 4.0),  # killed again before anybody could tell
        ([(2.0, 20.0)], 12.0, 0.0),  # told by another before the recovery
        ([(30.0, 40.0)], 11.0, 11.0),  # nothing to do with it
    ],
)
def test_the_wait_for_a_cancel_counts_from_the_answer_or_the_recovery(
    over: list[tuple[float, float]], told: float, waited: float
) -> None:
    """A repeat after the next recovery counts for nothing; one that came too late breaks the claim."""
    report = Report("callbacks", 1)
    records = [cancelled("a.1", served=0, told=told), cancelled("a.1", served=0, told=told + 100)]
    judge_cancels(records, outages(*over), report)
    assert report.passed == (waited <= 10)
    assert report.claims[1].found.startswith(f"{waited:.1f} s")


def test_a_run_in_which_nobody_was_served_meanwhile_proves_nothing() -> None:
    """Jobs that were taken back for another reason are none of these."""
    report = Report("callbacks", 1)
    judge_cancels([cancelled("a.1", served=0, told=1, cause="opt_out")], outages(), report)
    assert not report.passed
