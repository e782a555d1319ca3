"""Calls of dialers by day: which are short, and what that many of them may lead to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.cli.compliance_reading import RawEvent, called_in
from streams.compliance_calls import Called, call_lines
from tests.policy_cases import SAO_PAULO, instant

MONTH = "2026-10"


def call(number: int, outcome: str = "answered", when: str = "2026-10-05T10:00:00") -> Called:
    return Called("acme", f"job-{number}", outcome, instant(when))


def visit(number: int, outcome: str, *, wait: float = 1.0, talk: float | None = None) -> dict[str, Any]:
    """The visit that a job led to."""
    told = {"tenant": "acme", "callback_job_id": f"job-{number}", "outcome": outcome, "wait_seconds": wait}
    return told if talk is None else {**told, "talk_seconds": talk}


@pytest.mark.parametrize(
    ("outcome", "outcomes", "short", "unknown"),
    [
        ("no_answer", [], 1, 0),
        ("voicemail", [], 1, 0),
        ("busy", [], 1, 0),
        ("answered", [], 0, 1),
        ("answered", [visit(1, "answered_in_target")], 0, 1),  # is still talking, as far as anyone knows
        ("answered", [visit(1, "answered_in_target", talk=5.0)], 1, 0),  # six seconds in all
        ("answered", [visit(1, "answered_in_target", talk=5.1)], 0, 0),
        ("answered", [visit(1, "abandoned_short", wait=6.0)], 1, 0),
        ("answered", [visit(1, "abandoned_late", wait=60.0)], 0, 0),
        ("answered", [visit(2, "abandoned_short", wait=2.0)], 0, 1),  # of another job
    ],
)
def test_a_call_is_short_that_reached_nobody_or_was_over_within_seconds(
    outcome: str, outcomes: list[dict[str, Any]], short: int, unknown: int
) -> None:
    [line] = call_lines(MONTH, [call(1, outcome)], outcomes, SAO_PAULO)
    assert (line.calls, line.short, line.unknown_length) == (1, short, unknown)


def test_three_seconds_were_the_limit_before_june_2024() -> None:
    """By the local day of the call."""
    outcomes = [visit(1, "answered_late", talk=4.0)]
    for when, short in (("2024-05-31T23:59:59", 0), ("2024-06-01T00:00:00", 1)):
        [line] = call_lines(when[:7], [call(1, when=when)], outcomes, SAO_PAULO)
        assert line.short == short


def test_a_job_is_one_call_of_its_earliest_report_and_of_its_own_day() -> None:
    """Repeats and later reports of the same job count for nothing; other months are left out."""
    again = [call(1, "busy"), call(1, "busy"), call(1, "answered", "2026-10-06T10:00:00")]
    others = [call(2, "busy", "2026-10-06T00:00:00"), call(3, "busy", "2026-11-01T00:00:00")]
    lines = call_lines(MONTH, [*again, *others], [], SAO_PAULO)
    assert [(line.date, line.calls, line.short) for line in lines] == [("2026-10-05", 1, 1), ("2026-10-06", 1, 1)]


@pytest.mark.parametrize(
    ("calls", "short", "risk"), [(120_000, 103_200, "block"), (120_000, 96_000, "warning"), (90_000, 90_000, "none")]
)
def test_the_rules_own_examples(calls: int, short: int, risk: str) -> None:
    """A day of so many calls, so many of them short."""
    made = [call(number, "busy" if number < short else "answered") for number in range(calls)]
    [line] = call_lines(MONTH, made, [], SAO_PAULO)
    assert (line.calls, line.short, line.risk) == (calls, short, risk)


def test_reports_are_read_and_what_is_none_is_passed_over() -> None:
    """The worker has rejected it."""
    data = {"tenant": "acme", "job_id": f"{1:032x}.ab.1", "callback_queue": "retornos", "outcome": "busy"}
    event = {"type": "dial.attempted", "time": "2026-10-05T10:00:00-03:00", "data": data}
    bad = [None, b"x", b"{}", msgspec.json.encode(event | {"time": "soon"}), msgspec.json.encode(event | {"type": "x"})]
    bad.append(msgspec.json.encode(event | {"data": data | {"outcome": "perhaps"}}))
    [made] = called_in(map(RawEvent, [*bad, msgspec.json.encode(event)]))
    assert made == Called("acme", f"{1:032x}.ab.1", "busy", instant("2026-10-05T10:00:00"))
