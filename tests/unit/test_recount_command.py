"""`filaviva recount` with files: what it reads, prints and refuses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.recount import recount

ZEROS: dict[str, Any] = {
    "offered": 0,
    "answered": 0,
    "abandoned": 0,
    "short_abandoned": 0,
    "flowed_out": 0,
    "callback_requested": 0,
    "waiting": 0,
    "longest_wait_seconds": None,
    "wait_answered": {"mean_seconds": None, "median_seconds": None, "p90_seconds": None},
    "wait_abandoned": {"mean_seconds": None, "median_seconds": None, "p90_seconds": None},
    "service_level": dict.fromkeys(
        (
            "answered_of_offered",
            "excluding_short_abandons",
            "excluding_abandons_in_target",
            "abandons_in_target_count_as_met",
            "short_abandons_count_as_met",
            "answered_only",
            "amazon_sl_x",
        )
    ),
}


def fact(kind: str, clock: str, **fields: Any) -> str:
    """One line: an event of acme's queue sac in Fortaleza at this UTC time of 23 November 2026."""
    data = {"tenant": "acme", "site": "fortaleza", "queue": "sac", "channel": "voice", "contact_id": "c1", **fields}
    names = {"specversion": "1.0", "id": f"{data['contact_id']}/{kind}", "source": "pbx-1", "type": f"contact.{kind}"}
    return json.dumps({**names, "time": f"2026-11-23T{clock}Z", "data": data}) + "\n"


def visit(contact: str, offered: str, kind: str, left: str, **fields: Any) -> str:
    place = {"contact_id": contact, **fields}
    return fact("offered", offered, **place) + fact(kind, left, **place)


MORNING = visit("c1", "12:00:00", "answered", "12:00:30") + visit("c2", "12:20:00", "abandoned", "12:20:10")


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(recount, [str(argument) for argument in arguments], input=stdin, catch_exceptions=False)


def report(*arguments: str | Path, stdin: bytes | None = None) -> dict[str, Any]:
    result = run(*arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.stderr
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


@pytest.fixture
def morning(tmp_path: Path) -> Path:
    file = tmp_path / "morning.jsonl"
    file.write_text(MORNING)
    return file


def test_the_json_has_exactly_this_shape(morning: Path):
    """All visits, and each tenant/queue/channel; waits in seconds, ratios or null."""
    waits = {"mean_seconds": 30.0, "median_seconds": 30.0, "p90_seconds": 30.0}
    expected = {
        **ZEROS,
        "offered": 2,
        "answered": 1,
        "abandoned": 1,
        "longest_wait_seconds": 30.0,
        "wait_answered": waits,
        "wait_abandoned": dict.fromkeys(waits, 10.0),
        "service_level": {
            **dict.fromkeys(ZEROS["service_level"], 0.0),
            "abandons_in_target_count_as_met": 0.5,
            "amazon_sl_x": 0.5,
        },
    }
    assert report(morning) == {"all": expected, "queues": {"acme/sac/voice": expected}}


def test_an_empty_file_is_zeros_and_nulls():
    """No visits are no error, and no ratio is made up."""
    assert report("-", stdin=b"") == {"all": ZEROS, "queues": {}}


def test_thresholds_move_the_service_level(morning: Path):
    """30 s is inside 30 s; 10 s is a short abandon at 10 s."""
    moved = report(morning, "--threshold", "30", "--short-abandon", "10")["all"]
    assert moved["service_level"]["answered_of_offered"] == 0.5
    assert moved["service_level"]["excluding_short_abandons"] == 1.0
    assert moved["short_abandoned"] == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_may_be_gzipped_whatever_their_name(pack: Any, tmp_path: Path):
    """Their first bytes tell; standard input too."""
    file = tmp_path / "events"
    file.write_bytes(pack(MORNING.encode()))
    assert report(file)["all"]["offered"] == 2
    assert report("-", stdin=file.read_bytes())["all"]["offered"] == 2


def test_several_files_are_one_history(tmp_path: Path):
    """Offers in one, exits in another, repeats in both."""
    names = [tmp_path / "a", tmp_path / "b"]
    lines = MORNING.splitlines(keepends=True)
    names[0].write_text("".join(lines[1:]))
    names[1].write_text("".join(lines[:3]))
    assert report(*names)["all"] == report("-", stdin=MORNING.encode())["all"]


def test_by_day_and_by_interval_are_added_to_the_json(morning: Path):
    """In the zone asked for; the rest stays as it was."""
    by_day = report(morning, "--by", "day", "--zone", "Pacific/Auckland")
    assert list(by_day["days"]) == ["acme/sac/voice/2026-11-24"]
    by_interval = report(morning, "--by", "interval")
    starts = ["2026-11-23T12:00:00+00:00", "2026-11-23T12:15:00+00:00"]
    assert list(by_interval["intervals"]) == [f"acme/sac/voice/{start}" for start in starts]
    assert by_interval["all"] == report(morning)["all"]


def test_skipped_records_are_told_on_standard_error(morning: Path):
    """By reason, and the exit status is 0 all the same."""
    with morning.open("a") as file:
        file.write("\nnonsense\n{}\n" + fact("offered", "12:00:00", channel="fax") + fact("sighed", "12:00:00"))
    result = run(morning, "--json")
    assert result.exit_code == 0
    assert result.stderr == "skipped 4 records: bad_value 1, ignored_type 1, missing_field 1, not_json 1\n"
    assert json.loads(result.stdout)["all"]["offered"] == 2


@pytest.mark.parametrize("by", ["queue", "day", "interval"])
def test_tables_fit_80_columns(by: str, tmp_path: Path):
    """With the longest names there are and six-figure counts of seconds, no line is longer and no number cut."""
    file = tmp_path / "long.jsonl"
    place = {"tenant": "t" * 40, "queue": "q" * 40, "channel": "email", "site": "s" * 40}
    file.write_text(
        MORNING
        + fact("offered", "00:00:00", **place)
        + fact("message", "23:59:59", author="agent", direction="out", **place)
    )
    result = run(file, "--by", by)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "86,399" in result.stdout
    assert "…" not in result.stdout
    assert "answered_of_offered" in result.stdout


def test_a_days_table_has_a_row_per_day(morning: Path):
    """Under the queue's name."""
    shown = run(morning, "--by", "day").stdout
    [row] = [line.split() for line in shown.splitlines() if line.startswith("2026-11-23")]
    assert "acme/sac/voice" in shown
    assert row == ["2026-11-23", "2", "1", "1", "0", "0", "0.0%", "30.0", "30.0"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--topics"],
        ["--topics", "--brokers", "nowhere"],
        ["-", "--topics", "--brokers", "127.0.0.1:9092"],
        ["-", "--brokers", "127.0.0.1:9092"],
        ["-", "--prefix", "x"],
        ["-", "--zone", "Atlantis/Centre"],
        ["-", "--zone", "../etc"],
        ["-", "--threshold", "-1"],
        ["-", "--config", "absent.yaml"],
        ["absent.jsonl"],
    ],
)
def test_options_that_cannot_be_are_refused(arguments: list[str]):
    """With exit status 2 and a word on standard error, before anything is read."""
    result = run(*arguments, stdin=b"")
    assert result.exit_code == 2
    assert result.stderr.strip()
    assert result.stdout == ""


def test_a_cut_archive_is_an_error_that_names_the_file(tmp_path: Path):
    """Half a count would look like a whole one."""
    file = tmp_path / "cut.gz"
    file.write_bytes(gzip.compress(MORNING.encode())[:-20])
    result = run(file)
    assert result.exit_code == 1
    assert "cut.gz" in result.stderr
    assert result.stdout == ""


CONFIG = """
kafka: {brokers: ["127.0.0.1:9092"]}
sites: [{tenant: acme, site: fortaleza, zone: America/Fortaleza}]
queues:
  - {tenant: acme, site: fortaleza, queue: sac, channels: [voice], answer_target_seconds: 30, max_wait_seconds: 60,
     short_abandon_seconds: 10}
"""


def test_a_configuration_gives_targets_zones_and_queues(tmp_path: Path):
    """What it does not have is skipped, as the worker would; options still win."""
    config, file = tmp_path / "filaviva.yaml", tmp_path / "events.jsonl"
    config.write_text(CONFIG)
    others = [{"queue": "other"}, {"site": "porto"}, {"channel": "chat"}]
    file.write_text(
        MORNING
        + visit("c3", "02:00:00", "answered", "02:00:01")
        + "".join(fact("offered", "12:00:00", contact_id="c9", **other) for other in others)
    )
    result = run(file, "--config", config, "--json", "--by", "day")
    found = json.loads(result.stdout)
    assert result.stderr == "skipped 3 records: bad_value 1, unknown_queue 1, wrong_site 1\n"
    assert found["all"]["service_level"]["answered_of_offered"] == 2 / 3
    assert found["all"]["short_abandoned"] == 1
    assert list(found["days"]) == ["acme/sac/voice/2026-11-22", "acme/sac/voice/2026-11-23"]
    overruled = report(file, "--config", config, "--threshold", "5", "--short-abandon", "0", "--zone", "UTC")["all"]
    assert (overruled["service_level"]["answered_of_offered"], overruled["short_abandoned"]) == (1 / 3, 0)
