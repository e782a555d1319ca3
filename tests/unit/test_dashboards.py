"""The dashboards: a lint of the generated files against the metric names, and the commands that build them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import theme
from dashboards.build import BOARDS, GENERATED, main
from dashboards.recording import RECORDINGS, Recording
from dashboards.theme import Language
from streams.metric_names import CATALOGUE, INTAKE_CATALOGUE, QUEUE_LABELS, Kind

PROMQL_WORDS = {
    *("and", "or", "unless", "by", "on", "group_left", "count", "max", "min", "sum", "topk"),
    *("histogram_quantile", "increase", "label_values", "rate", "sort_desc", "time"),
}
EXPORTED = (*CATALOGUE, *INTAKE_CATALOGUE)
GAUGES = {each.name: {*each.labels} for each in EXPORTED if each.kind is Kind.GAUGE}
COUNTERS = {each.name: {*each.labels} for each in EXPORTED if each.kind is Kind.COUNTER}
BUCKETS = {each.bucket: {*each.labels, "le"} for each in EXPORTED if each.kind is Kind.HISTOGRAM}
COUNTS = {each.count: {*each.labels} for each in EXPORTED if each.kind is Kind.HISTOGRAM}
RECORDED = {each.record: {*each.labels} for each in RECORDINGS}
ALERT_LABELS = {"alertname", "alertstate", "severity", "scope", *QUEUE_LABELS}
OF_PROMETHEUS = {"up": set[str](), "scrape_duration_seconds": set[str](), "ALERTS": ALERT_LABELS}
LABELS = GAUGES | COUNTERS | BUCKETS | COUNTS | RECORDED | OF_PROMETHEUS
TEXTS = {"title", "description", "label", "text", "noValue", "legendFormat", "name", "options", "displayName", "value"}
"""Keys whose value is a text for people, or may be."""
SAME_IN_BOTH_LANGUAGES = {"Worker"}
WALL_HEIGHT = 27
UNITS = {"none", "suffix:s", "suffix:/s", "percentunit", "dthms"}

Json = dict[str, Any]
FILES = sorted(GENERATED.glob("*/*.json"))
every_dashboard = pytest.mark.parametrize(
    "board", [json.loads(file.read_text()) for file in FILES], ids=map(str, FILES)
)


def words(promql: str) -> set[str]:
    """Every word but variables, strings and ranges."""
    return set(re.findall(r"[a-zA-Z_][\w:]*", re.sub(r'"[^"]*"|\[[^]]*\]', "", promql)))


def asking(board: Json) -> list[Json]:
    """The panels that show series: neither titles of rows nor lists of alerts."""
    return [panel for panel in board["panels"] if panel["type"] not in ("row", "alertlist")]


def nodes(value: Any) -> list[Json]:
    """Every JSON object in the value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [*([value] if isinstance(value, dict) else []), *(node for each in inside for node in nodes(each))]


def test_the_generated_files_are_what_the_source_gives() -> None:
    """Each language has all dashboards, each under its own uid."""
    assert CliRunner().invoke(main, ["--check"]).output == ""
    assert {file.parent.name for file in FILES} == set(Language)
    assert all(json.loads(file.read_text())["uid"] == file.stem for file in FILES)


@every_dashboard
def test_panels_are_numbered_apart_and_fill_rows_of_24_columns(board: Json) -> None:
    """No overlap, no gap, nothing beyond the right edge."""
    places = [{"w": 24, "h": 1, "x": 0} | panel["gridPos"] for panel in board["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(len(cells) // 24)]
    assert len({panel["id"] for panel in board["panels"]} - {0}) == len(places)


@every_dashboard
def test_panels_are_explained_and_look_as_the_theme_says(board: Json) -> None:
    """Title, description, unit and thresholds; and the data source is the reader's choice everywhere."""
    ours = [value for value in vars(theme).values() if isinstance(value, tuple)]
    for panel in board["panels"]:
        assert panel["title"].strip()
        assert panel["type"] == "row" or panel["description"].strip()
    for panel in asking(board):
        properties = [each for override in panel["fieldConfig"]["overrides"] for each in override["properties"]]
        units = [panel["fieldConfig"]["defaults"]["unit"]] + [p["value"] for p in properties if p["id"] == "unit"]
        thresholds = [panel["fieldConfig"]["defaults"]["thresholds"]]
        thresholds += [each["value"] for each in properties if each["id"] == "thresholds"]
        for each in thresholds:
            assert tuple((step["value"], step["color"]) for step in each["steps"]) in ours
        assert UNITS.issuperset(units)
        assert panel["targets"]
        assert all(each["datasource"]["uid"] == "${datasource}" for each in [panel, *panel["targets"]])
    variables = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert all(variable["datasource"]["uid"] == "${datasource}" for variable in variables)


@every_dashboard
def test_colour_is_never_alone(board: Json) -> None:
    """A tile that is coloured by a limit names the limit in its title, or the state beside the number."""
    for panel in board["panels"]:
        if panel["type"] != "stat":
            continue
        colours = {step["color"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}
        if len(colours) > 1:
            assert re.search(r"\(.*\d.*\)|100 %|limit", panel["title"]), panel["title"]
        if panel["fieldConfig"]["overrides"]:
            assert panel["options"]["textMode"] == "value_and_name"


def test_colours_can_be_read() -> None:
    """Contrast of each colour and the text on it at least 4.5:1, by the formula of WCAG 2."""
    for colour in (theme.OK, theme.ATTENTION, theme.ACT, theme.NEUTRAL, theme.STALE):
        assert max(contrast(colour, text) for text in theme.TEXT_COLOURS) >= 4.5, colour


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_wall_fits_one_screen() -> None:
    """28 units of height are a 1080p screen in kiosk mode; tiles only, nothing to click."""
    for file in FILES:
        if file.stem == "filaviva-wall":
            board = json.loads(file.read_text())
            places = [panel["gridPos"] for panel in board["panels"]]
            assert max(place.get("y", 0) + place["h"] for place in places) <= WALL_HEIGHT
            assert {panel["type"] for panel in board["panels"]} == {"stat"}
            assert not board.get("links")


@every_dashboard
def test_links_lead_to_dashboards_and_columns_that_exist(board: Json) -> None:
    """Where a table leads to a queue, the queue is the row's."""
    for panel in asking(board):
        links = [each["url"] for each in nodes(panel) if str(each.get("url", "")).startswith("/d/")]
        columns = {title for each in nodes(panel) for title in each.get("renameByName", {}).values()}
        assert bool(links) == (panel["type"] == "table")
        for link in links:
            assert link.removeprefix("/d/").split("?")[0] in {each.uid for each in BOARDS}
            assert columns.issuperset(re.findall(r'fields\["(.+?)"\]', link))


@every_dashboard
def test_queries_use_metrics_labels_and_variables_that_exist(board: Json) -> None:
    """In selectors, groupings, names of lines, and in the queries of the variables."""
    targets = [target for panel in asking(board) for target in panel["targets"]]
    variables = {variable["name"]: variable["query"] for variable in board["templating"]["list"]}
    lines = [(target["expr"], target["legendFormat"]) for target in targets]
    lines += [(each["target"]["expr"], "") for each in board["annotations"].get("list", ())]
    for promql, line in [*lines, *((query, "") for name, query in variables.items() if name != "datasource")]:
        metrics = words(promql) & LABELS.keys()
        labels = {"job", "instance"}.union(*(LABELS[name] for name in metrics))
        assert metrics, promql
        assert words(promql) <= metrics | labels | PROMQL_WORDS
        assert set(re.findall(r"{{(\w+)}}", line)) <= labels | {"le"}
        assert set(re.findall(r"\$(\w+)", promql)) <= {*variables, "__rate_interval"}


@every_dashboard
def test_counters_are_shown_as_rates_and_nothing_else_is(board: Json) -> None:
    """A counter as such says how long a worker has lived."""
    for promql in [target["expr"] for panel in asking(board) for target in panel["targets"]]:
        assert_only_counters_are_rated(promql)


def assert_only_counters_are_rated(promql: str) -> None:
    rated = set(re.findall(r"\b(?:rate|increase)\((\w+)", promql))
    over_a_range = set(re.findall(r"(\w+)(?:{[^}]*})?\[", promql))
    assert rated == over_a_range == words(promql) & (COUNTERS | BUCKETS | COUNTS).keys(), promql


@pytest.mark.parametrize("rule", RECORDINGS, ids=[each.record for each in RECORDINGS])
def test_recording_rules_use_metrics_and_labels_that_exist_and_keep_the_labels_they_say(rule: Recording) -> None:
    """Rates of counters and of nothing else; a rule's labels are those of its outermost grouping."""
    metrics = words(rule.expr) & LABELS.keys()
    assert metrics
    assert words(rule.expr) <= metrics | set().union(*(LABELS[name] for name in metrics)) | PROMQL_WORDS
    assert_only_counters_are_rated(rule.expr)
    assert rule.record.split(":")[0].split("_")[0] in ("queue", "site", "topic")


@every_dashboard
def test_a_dashboard_survives_a_round_trip(board: Json) -> None:
    """The library reads back what it wrote: no field that it does not know."""
    register_default_plugins()
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    for shown in [*again.get("links", ()), *again["annotations"].get("list", ())]:
        shown.pop("placement", None)  # which the files are without
    assert again == board


def test_both_languages_say_everything_and_differ_in_nothing_else() -> None:
    """Value by value: only texts for people differ, and every title and description does."""
    both = [[json.loads(file.read_text()) for file in FILES if file.parent.name == each] for each in Language]
    ours, theirs = (dict(leaves(boards)) for boards in both)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        key = path[-1]
        if value != theirs[path]:
            assert key in TEXTS or "renameByName" in path or key == "url", path
            assert value.strip()
            assert theirs[path].strip()
        elif key in ("title", "description") and "renameByName" not in path:
            assert value in SAME_IN_BOTH_LANGUAGES, path


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything that holds nothing else, with where it stands."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inside in items:
            yield from leaves(inside, (*path, str(key)))
    else:
        yield path, value


def test_changed_left_over_and_missing_files_are_named(tmp_path: Path) -> None:
    """With exit status 1, and only for the language asked for."""
    english = ["--folder", str(tmp_path), "--lang", "en"]
    assert CliRunner().invoke(main, english).exit_code == 0
    assert CliRunner().invoke(main, [*english, "--check"]).exit_code == 0
    (tmp_path / "en" / "filaviva-pipeline.json").write_text("{}")
    (tmp_path / "en" / "old.json").write_text("{}")
    result = CliRunner().invoke(main, ["--folder", str(tmp_path), "--check"])
    named = [str(Path(line.removeprefix("stale: ")).relative_to(tmp_path)) for line in result.stderr.splitlines()]
    portuguese = sorted(f"pt-BR/{board.uid}.json" for board in BOARDS)
    assert (result.exit_code, named) == (1, ["en/filaviva-pipeline.json", "en/old.json", *portuguese])


def test_without_the_extra_the_command_line_works_and_says_what_is_missing() -> None:
    """`streams` imports the dashboards only when they are asked for."""
    program = (
        "import sys; sys.modules['grafana_foundation_sdk'] = None; from streams.cli import main\n"
        "assert 'dashboards' not in sys.modules; main(['dashboards', 'build'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: the dashboards need an extra: pip install 'filaviva[dashboards]'\n"
