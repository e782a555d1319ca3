"""The recount of a bank's real January against a reference computed by other people's code."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli.recount import recount as recount_command
from streams.domain.recount import Figures, Recount, Skipped, read_events, recount
from tests.shared_data import shared_folder

pytestmark = pytest.mark.shared

ZONE = "Asia/Jerusalem"
THRESHOLDS_SECONDS = (20, 45, 60, 90)
NAMES = {
    # ours, and the reference's; S stands for the short abandon's seconds
    "answered_of_offered": "f3",
    "excluding_short_abandons": "f6_shortS",
    "excluding_abandons_in_target": "f4",
    "abandons_in_target_count_as_met": "f1",
    "short_abandons_count_as_met": "f5_shortS",
    "answered_only": "f2",
}


@pytest.fixture(scope="module")
def bank() -> Path:
    return shared_folder("anonymous_bank")


@pytest.fixture(scope="module")
def reference(bank: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((bank / "reference_january.json").read_text())
    return loaded


@cache
def event_lines(bank: Path, *options: str) -> list[bytes]:
    """January as its converter writes it."""
    command = [sys.executable, str(bank / "to_events.py"), *options]
    return subprocess.run(command, check=True, capture_output=True).stdout.splitlines()


@cache
def january(bank: Path, *options: str) -> Recount:
    skipped = Skipped()
    result = recount(read_events(event_lines(bank, *options), skipped), zone=ZONE)
    assert skipped.total == 0
    return result


def answers_first(bank: Path) -> list[bytes]:
    """January with everything about a contact before its offer."""
    return sorted(event_lines(bank), key=lambda line: b"contact.offered" in line)


def judged_at(visits: Recount, threshold: float, short_abandon: float) -> Recount:
    """The same visits under other rules."""
    return Recount(
        visits=visits.visits,
        unfinished=visits.unfinished,
        threshold_seconds=lambda *_: threshold,
        short_abandon_seconds=lambda *_: short_abandon,
        zone=visits.zone,
    )


def assert_waits(found: Any, expected: dict[str, Any]) -> None:
    assert found.median_seconds == expected["median_nearest_rank"]
    assert found.p90_seconds == expected["p90_nearest_rank"]
    assert found.mean_seconds == pytest.approx(expected["mean"], abs=1e-6)


def assert_counts(figures: Figures, expected: dict[str, Any]) -> None:
    assert (figures.offered, figures.answered, figures.abandoned) == tuple(
        expected[name] for name in ("offered", "answered", "abandoned")
    )
    assert (figures.waiting, figures.flowed_out, figures.callback_requested) == (0, 0, 0)


def by_queue(visits: Recount) -> dict[str, Figures]:
    """Figures by the reference's queue names, with ``all``."""
    queues = {queue.upper(): figures for (_, queue, _), figures in visits.figures("queue").items()}
    return {"all": visits.figures()[()], **queues}


def expected_by_queue(reference: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"all": reference["all"], **reference["by_queue"]}


def assert_is_january(visits: Recount, reference: dict[str, Any]) -> None:
    """Counts, waits and the longest wait of all and of each queue, and each day's."""
    expected = expected_by_queue(reference)
    found = by_queue(visits)
    assert found.keys() == expected.keys()
    for name, figures in found.items():
        assert_counts(figures, expected[name])
        assert figures.longest_wait_seconds == expected[name]["longest_wait"]["seconds"]
        assert_waits(figures.wait_answered, expected[name]["wait_answered"])
        assert_waits(figures.wait_abandoned, expected[name]["wait_abandoned"])
    days = {day: figures for (day,), figures in visits.figures("day").items()}
    assert days.keys() == reference["by_day"].keys()
    for day, figures in days.items():
        assert_day(figures, reference["by_day"][day])


def assert_day(figures: Figures, expected: dict[str, Any]) -> None:
    assert_counts(figures, expected)
    assert figures.longest_wait_seconds == expected["longest_wait"]
    assert figures.wait_answered.mean_seconds == pytest.approx(expected["mean_wait_answered"], abs=1e-6)
    assert figures.service_level_parts["answered_of_offered"][0] == expected["answered_within_20"]
    assert figures.service_level["answered_of_offered"] == pytest.approx(expected["sl20_f3"], abs=5e-7)


def test_january_is_the_references(bank: Path, reference: dict[str, Any]):
    """Also by the plain numbers, so that a changed reference is noticed."""
    visits = january(bank)
    assert_is_january(visits, reference)
    everything = visits.figures()[()]
    assert (everything.offered, everything.answered, everything.abandoned) == (30_161, 27_060, 3_101)
    assert everything.longest_wait_seconds == 1500


@pytest.mark.parametrize("threshold", THRESHOLDS_SECONDS)
@pytest.mark.parametrize("short_abandon", [5, 10])
def test_every_formula_is_the_references(bank: Path, reference: dict[str, Any], threshold: int, short_abandon: int):
    """To the six decimals the reference has, of all and of each queue."""
    found = by_queue(judged_at(january(bank), threshold, short_abandon))
    for name, expected in expected_by_queue(reference).items():
        inclusive = expected["service_level"][str(threshold)]["inclusive"]
        for ours, theirs in NAMES.items():
            ratio = inclusive[theirs.replace("S", str(short_abandon))]
            assert found[name].service_level[ours] == pytest.approx(ratio, abs=5.1e-7), (name, ours)
        assert found[name].service_level_parts["answered_only"][0] == inclusive["answered_within"]
        within = found[name].service_level_parts["abandons_in_target_count_as_met"][0] - inclusive["answered_within"]
        assert within == inclusive["abandoned_within"]


def test_the_intervals_of_the_busiest_day_are_the_references(bank: Path, reference: dict[str, Any]):
    """Offered in every quarter of an hour that the reference has, and in the whole day."""
    busiest = reference["busiest_day"]
    offered = {
        int(datetime.fromisoformat(start).timestamp()): figures.offered
        for (start,), figures in january(bank).figures("interval").items()
        if start.startswith(busiest["day"])
    }
    expected = {window["t"]: window["entered"] for window in busiest["windows_15_min"]}
    assert {start: offered.get(start, 0) for start in expected} == expected
    assert sum(offered.values()) == busiest["offered"]


def test_disorder_and_repeats_change_nothing(bank: Path, reference: dict[str, Any]):
    """Arrival shuffled by up to 30 s and 2 % of the events twice: every visit is the same."""
    options = ("--shuffle", "30", "--duplicate", "0.02", "--seed", "1")
    assert len(event_lines(bank, *options)) > len(event_lines(bank)) * 1.015
    assert_is_january(january(bank, *options), reference)
    assert set(map(repr, january(bank, *options).visits)) == set(map(repr, january(bank).visits))


def test_answers_before_their_offers_change_nothing(bank: Path, reference: dict[str, Any]):
    """The file holds every answer, abandon and end before the first offer."""
    lines = answers_first(bank)
    assert b"contact.offered" not in lines[0]
    assert_is_january(recount(read_events(lines), zone=ZONE), reference)


def test_the_command_counts_january_from_a_file(bank: Path, reference: dict[str, Any], tmp_path: Path):
    """The numbers people ask for, as its JSON has them."""
    file = tmp_path / "january.jsonl"
    file.write_bytes(b"\n".join(event_lines(bank)))
    options = ["--json", "--threshold", "45", "--zone", ZONE]
    report = json.loads(CliRunner().invoke(recount_command, [str(file), *options], catch_exceptions=False).stdout)
    inclusive = reference["all"]["service_level"]["45"]["inclusive"]
    assert report["all"]["offered"] == reference["all"]["offered"]
    assert report["all"]["service_level"]["answered_of_offered"] == pytest.approx(inclusive["f3"], abs=5.1e-7)
    assert {key: queue["offered"] for key, queue in report["queues"].items()} == {
        f"bank/{name.lower()}/voice": expected["offered"] for name, expected in reference["by_queue"].items()
    }
