"""The dashboards: a lint of the generated files against the metric names, and the commands that build them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import theme
from dashboards.build import GENERATED, main
from dashboards.theme import Language
from streams.metric_names import CATALOGUE, Kind

PROMQL_WORDS = {"by", "histogram_quantile", "increase", "label_values", "max", "rate", "sum"}
GAUGES = {each.name: {*each.labels} for each in CATALOGUE if each.kind is Kind.GAUGE}
COUNTERS = {each.name: {*each.labels} for each in CATALOGUE if each.kind is Kind.COUNTER}
BUCKETS = {each.bucket: {*each.labels, "le"} for each in CATALOGUE if each.kind is Kind.HISTOGRAM}
OF_PROMETHEUS = {"up": set[str](), "scrape_duration_seconds": set[str]()}
LABELS = GAUGES | COUNTERS | BUCKETS | OF_PROMETHEUS
TEXTS = {"title", "description", "label", "text", "noValue"}
SAME_IN_BOTH_LANGUAGES = {"Worker"}

Json = dict[str, Any]
FILES = sorted(GENERATED.glob("*/*.json"))
every_dashboard = pytest.mark.parametrize(
    "board", [json.loads(file.read_text()) for file in FILES], ids=map(str, FILES)
)


def words(promql: str) -> set[str]:
    """Every word but variables, strings and ranges."""
    return set(re.findall(r"[a-zA-Z_]\w*", re.sub(r'"[^"]*"|\[[^]]*\]', "", promql)))


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
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(len(cells) // 24)]
    assert len({panel["id"] for panel in board["panels"]} - {0}) == len(places)


@every_dashboard
def test_panels_are_explained_and_look_as_the_theme_says(board: Json) -> None:
    """Title, description, unit and thresholds; and the data source is the reader's choice everywhere."""
    for panel in board["panels"]:
        drawn = panel["fieldConfig"]["defaults"]
        steps = tuple((step["value"], step["color"]) for step in drawn["thresholds"]["steps"])
        assert panel["title"].strip()
        assert panel["description"].strip()
        assert drawn["unit"] in {"none", "suffix:s", "suffix:/s"}
        assert steps in [value for value in vars(theme).values() if isinstance(value, tuple)]
        assert all(each["datasource"]["uid"] == "${datasource}" for each in [panel, *panel["targets"]])
    asking = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert all(variable["datasource"]["uid"] == "${datasource}" for variable in asking)


@every_dashboard
def test_queries_use_metrics_labels_and_variables_that_exist(board: Json) -> None:
    """In selectors, groupings, names of lines, and in the queries of the variables."""
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    variables = {variable["name"]: variable["query"] for variable in board["templating"]["list"]}
    lines = [(target["expr"], target["legendFormat"]) for target in targets]
    for promql, line in [*lines, *((query, "") for name, query in variables.items() if name != "datasource")]:
        metrics = words(promql) & LABELS.keys()
        labels = {"job", "instance"}.union(*(LABELS[name] for name in metrics))
        assert metrics, promql
        assert words(promql) <= metrics | labels | PROMQL_WORDS
        assert set(re.findall(r"{{(\w+)}}", line)) <= labels
        assert set(re.findall(r"\$(\w+)", promql)) <= {*variables, "__rate_interval"}


@every_dashboard
def test_counters_are_shown_as_rates_and_nothing_else_is(board: Json) -> None:
    """A counter as such says how long a worker has lived."""
    for promql in [target["expr"] for panel in board["panels"] for target in panel["targets"]]:
        rated = set(re.findall(r"\b(?:rate|increase)\((\w+)", promql))
        over_a_range = set(re.findall(r"(\w+){[^}]*}\[", promql))
        assert rated == over_a_range == words(promql) & (COUNTERS | BUCKETS).keys()


@every_dashboard
def test_a_dashboard_survives_a_round_trip(board: Json) -> None:
    """The library reads back what it wrote: no field that it does not know."""
    register_default_plugins()
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(board))) == board


def test_both_languages_say_everything_and_differ_in_nothing_else() -> None:
    """Text by text."""
    both = [nodes([json.loads(file.read_text()) for file in FILES if file.parent.name == each]) for each in Language]
    for ours, theirs in zip(*both, strict=True):
        assert ours.keys() == theirs.keys()
        for key, text in ours.items():
            if key in TEXTS:
                assert text.strip()
                assert theirs[key].strip()
            if not isinstance(text, dict | list):
                assert (text != theirs[key]) == (key in TEXTS and text not in SAME_IN_BOTH_LANGUAGES), text


def test_changed_left_over_and_missing_files_are_named(tmp_path: Path) -> None:
    """With exit status 1, and only for the language asked for."""
    english = ["--folder", str(tmp_path), "--lang", "en"]
    assert CliRunner().invoke(main, english).exit_code == 0
    assert CliRunner().invoke(main, [*english, "--check"]).exit_code == 0
    (tmp_path / "en" / "filaviva-pipeline.json").write_text("{}")
    (tmp_path / "en" / "old.json").write_text("{}")
    result = CliRunner().invoke(main, ["--folder", str(tmp_path), "--check"])
    named = [str(Path(line.removeprefix("stale: ")).relative_to(tmp_path)) for line in result.stderr.splitlines()]
    assert (result.exit_code, named) == (
        1,
        ["en/filaviva-pipeline.json", "en/old.json", "pt-BR/filaviva-pipeline.json"],
    )


def test_without_the_extra_the_command_line_works_and_says_what_is_missing() -> None:
    """`streams` imports the dashboards only when they are asked for."""
    program = (
        "import sys; sys.modules['grafana_foundation_sdk'] = None; from streams.cli import main\n"
        "assert 'dashboards' not in sys.modules; main(['dashboards', 'build'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: the dashboards need an extra: pip install 'filaviva[dashboards]'\n"
