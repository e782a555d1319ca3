"""Packs of rules: what is refused, by path and expectation; what comes with the package and stays as it is."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from streams import calendar_tables, policy_packs
from streams.cli.policies import policies
from streams.errors import ConfigError
from streams.policy_packs import document, pack_names, packaged, parse_pack
from streams.settings import parse_settings
from tests.configuration import ENVIRONMENT, MISSING, edited, edited_document

FOLDER = Path(policy_packs.__file__).parent / "policies"
SOUND: dict[str, Any] = yaml.safe_load("""
policy: our-sac
version: 2026.12.0
title: Ours
zone: America/Sao_Paulo
calendar: {table: br@2026.11.0}
waits:
  - id: WAIT-1
    title: One
    periods:
      - since: 2020-01-01
        until: 2020-12-31
        force: law
        confidence: VP
        max_seconds: 60
        source: art. 1
        exceptions: [{days: [monday], max_seconds: 90}]
      - {since: 2021-01-01, force: op, confidence: configured, max_seconds: 30, source: art. 2}
    suspended: [{since: 2020-02-01, until: 2020-02-02, source: art. 3}]
  - id: WAIT-2
    title: Two
    periods: [{since: 2020-01-01, force: op, confidence: configured, setting: max_wait_seconds, source: ours}]
deadlines:
  - id: DUE-1
    title: Due
    starts: registered
    ends: answered
    periods: [{since: 2020-01-01, force: law, confidence: VS, within: {days: 5}, source: ours}]
availability:
  - id: ACC-1
    title: Always
    measure: any_channel
    periods: [{since: 2020-01-01, force: law, confidence: VS, source: ours}]
  - id: ACC-2
    title: Hours
    measure: human_voice
    periods: [{since: 2020-01-01, force: law, confidence: VS, at_least_hours: 8, source: ours}]
  - id: ACC-3
    title: Menu
    measure: first_menu
    periods: [{since: 2020-01-01, force: law, confidence: VS, options: [complaint], source: ours}]
indicators:
  - id: IND-1
    title: Share
    formula: INS
    sectors: [energy]
    since: 2020-01-01
    force: adv
    confidence: M
    at_least_percent: 85
    source: ours
protocols:
  - {id: NUMBER-1, sectors: [health], parts: ["year:4", "sequence:9"], force: op, confidence: VS, source: ours}
""")

PERIOD = "waits[0].periods[0]"
BAD = [
    ("deadlines[0].or_retained", True, "no such key but with ends: cancel_effective"),
    ("deadlines[0].periods[0].extended_by", {"business_days": 5}, "the unit of within"),
    ("availability[0].periods[0].at_least_hours", 8, "a value for measure human_voice, and for no other"),
    ("availability[0].periods[0].options", ["human"], "a list for measure first_menu, and for no other"),
    ("availability[1].periods[0].at_least_hours", MISSING, "a value for measure human_voice"),
    ("availability[1].periods[0].confidence", "M", None),
    ("availability[1].channels", ["voice"], "no such key but for measure any_channel"),
    ("availability[2].periods[0].options", MISSING, "a list for measure first_menu"),
    ("version", "1.0", "a version such as 2026.11.0"),
    ("policy", "Our SAC", "small letters, digits and -"),
    ("title", MISSING, "a line of text; it is missing"),
    ("zone", "America/Sao", "an IANA time zone"),
    ("calendar.table", "br@2020.01.0", "one of br@2026.11.0"),
    ("calendar.base", "regional", "one of national, state, city, bank"),
    ("limits", [], "no such key"),
    ("waits[0].id", "wait", "an id of capitals"),
    ("waits[1].id", "WAIT-1", "no other rule of the pack has"),
    ("deadlines[0].id", "WAIT-1", "no other rule of the pack has"),
    ("waits[0].channels", ["telex"], "one of voice"),
    (f"{PERIOD}.force", "must", "one of law, adv, self, op"),
    (f"{PERIOD}.confidence", "M", None),
    (f"{PERIOD}.since", "2020-13-01", "a date"),
    (f"{PERIOD}.until", "2019-12-31", "not before since"),
    (f"{PERIOD}.until", MISSING, None),
    (f"{PERIOD}.max_seconds", MISSING, "exactly one of max_seconds and setting"),
    (f"{PERIOD}.setting", "max_wait_seconds", None),
    (f"{PERIOD}.max_seconds", 0, "a number above 0"),
    (f"{PERIOD}.exceptions[0].max_seconds", 60, "more than the general limit"),
    (f"{PERIOD}.exceptions[0].days", ["friday"], "one of monday"),
    ("waits[0].periods[1].since", "2020-12-31", "after the until of the entry before"),
    ("waits[0].suspended[0].until", "2020-01-31", "not before since"),
    ("waits[0].periods", [], "a list"),
    ("deadlines[0].starts", "begun", "one of registered"),
    ("deadlines[0].periods[0].within", {"days": 5, "hours": 3}, "exactly one of minutes, hours"),
    ("deadlines[0].periods[0].within", {}, "exactly one of minutes, hours"),
    ("deadlines[0].replaces", ["DUE-2"], None),
    ("deadlines[0].periods[0].confidence", "U", None),
    ("indicators[0].at_most_percent", 4, None),
    ("indicators[0].force", "law", "what has confidence M is not confirmed"),
    ("protocols[0].parts", ["year:2"], "parts such as register:6"),
]
ELSEWHERE = {
    "availability[1].periods[0].confidence": ("availability[1].periods[0].force", "confidence M is not confirmed"),
    f"{PERIOD}.confidence": (f"{PERIOD}.force", "what has confidence M is not confirmed"),
    f"{PERIOD}.until": ("waits[0].periods[1].since", "after the until"),
    f"{PERIOD}.setting": (f"{PERIOD}.max_seconds", "exactly one"),
    "deadlines[0].replaces": ("deadlines[0].replaces[0]", "the id of another rule"),
    "deadlines[0].periods[0].confidence": ("deadlines[0].periods[0].force", "confidence U is not confirmed"),
    "indicators[0].at_most_percent": ("indicators[0].at_least_percent", "exactly one"),
}


def problems_of(*edits: tuple[str, object]) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse_pack(edited_document(SOUND, *edits))
    return dict(caught.value.problems)


@pytest.mark.parametrize(("path", "value", "expected"), BAD, ids=[path for path, *_ in BAD])
def test_what_does_not_fit_is_refused_by_its_path(path: str, value: object, expected: str | None) -> None:
    """Where the fault shows elsewhere than in the key that was changed, it is named there."""
    where, words = ELSEWHERE[path] if expected is None else (path, expected)
    problems = problems_of((path, value))
    named = [place for place in problems if place.startswith(where)]
    assert len(named) == 1, problems
    assert words in problems[named[0]]


def test_everything_wrong_is_told_at_once() -> None:
    assert set(problems_of(("version", "1"), ("waits[0].id", "x"))) == {"version", "waits[0].id"}


def test_a_sound_pack_and_text_that_is_none() -> None:
    assert parse_pack(edited_document(SOUND)).cited_as == "our-sac@2026.12.0"
    for text in ("", "- 1", "a: ["):
        with pytest.raises(ConfigError):
            parse_pack(text)


@pytest.mark.parametrize("name", pack_names())
def test_what_was_published_never_changes(name: str) -> None:
    """The digests are of the files as they are; each is sound, and named like its file."""
    file = FOLDER / f"{name.replace('@', '-')}.yaml"
    published = msgspec.json.decode((FOLDER / "published.json").read_bytes())
    assert hashlib.sha256(file.read_bytes()).hexdigest() == published[file.name]
    assert packaged(name).cited_as == name
    assert document(name)["version"] == name.partition("@")[2]


def test_every_published_pack_is_there() -> None:
    """A version that was published is not taken away either."""
    published = msgspec.json.decode((FOLDER / "published.json").read_bytes())
    assert {f"{name.replace('@', '-')}.yaml" for name in pack_names()} == set(published)
    with pytest.raises(KeyError):
        packaged("br-sac@1999.01.0")


@pytest.mark.parametrize("name", calendar_tables.table_names())
def test_a_calendar_is_what_its_library_said(name: str) -> None:
    """Built again with the release it was built from it is the same; a later release may know better: a new version."""
    text = (FOLDER / "calendars" / f"{name.replace('@', '-')}.json").read_text()
    again = calendar_tables.text_of(calendar_tables.built_table(name.partition("@")[2]))
    built_from = msgspec.json.decode(text)["built_from"]
    if built_from != f"holidays {version('holidays')}":
        pytest.skip(f"{built_from} is not the release installed here")
    assert again == text


def test_a_pack_of_ones_own_is_found_beside_the_configuration(tmp_path: Path) -> None:
    """And changes the hash that is compared between workers when it says something else."""
    file = tmp_path / "ours.yaml"
    text = edited(("policies", ["ours.yaml"]), ("queues[0].policy", "our-sac@2026.12.0"))
    hashes = []
    for seconds in (30, 31):
        file.write_text(edited_document(SOUND, ("waits[0].periods[1].max_seconds", seconds)))
        settings = parse_settings(text, environment=ENVIRONMENT, folder=tmp_path)
        hashes.append(settings.config_hash)
        queue = settings.directory(lambda _key, _count: 0).queues["acme", "sac"]
        assert queue.limit_seconds("voice", 1_800_000_000_000) == seconds
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("policy: [", "policies[0].line 1, column 10"),
        ("- 1", "policies[0].configuration"),
        ("\udcff", "policies[0]"),
        ("policy: x", "policies[0].version"),
    ],
)
def test_a_bad_pack_is_named_in_the_configuration(tmp_path: Path, content: str, where: str) -> None:
    (tmp_path / "ours.yaml").write_text(content, errors="surrogateescape")
    with pytest.raises(ConfigError) as caught:
        parse_settings(edited(("policies", ["ours.yaml"])), environment=ENVIRONMENT, folder=tmp_path)
    assert where in dict(caught.value.problems)


def test_a_version_that_is_taken_is_refused(tmp_path: Path) -> None:
    """Nobody may say something else under a name that findings cite."""
    text = edited_document(SOUND, ("policy", "br-sac"), ("version", "2026.11.0"))
    (tmp_path / "ours.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        parse_settings(edited(("policies", ["ours.yaml"])), environment=ENVIRONMENT, folder=tmp_path)
    assert "there is a br-sac@2026.11.0 already" in dict(caught.value.problems)["policies[0].version"]


def test_the_command_lists_packs_and_builds_calendars() -> None:
    runner = CliRunner()
    listed = runner.invoke(policies, ["list"])
    assert listed.exit_code == 0
    assert "br-sac@2026.11.0" in listed.stdout
    shown = runner.invoke(policies, ["show", "br-sac@2026.11.0"])
    assert shown.stdout == (FOLDER / "br-sac-2026.11.0.yaml").read_text()
    assert yaml.safe_load(shown.stdout)["policy"] == "br-sac"
    assert runner.invoke(policies, ["show", "br-sac"]).exit_code == 2
    built = runner.invoke(policies, ["calendar", "2026.11.0"])
    assert msgspec.json.decode(built.stdout)["calendar"] == "br"
