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
from dashboards.__main__ import main as build_command
from dashboards.build import GENERATED
from dashboards.theme import Language
from streams.metric_names import CATALOGUE, Kind

UNITS = {theme.COUNT, theme.SECONDS, theme.PER_SECOND}
TARGET_LABELS = {"job", "instance"}
LABELS = {"up": set[str](), "scrape_duration_seconds": set[str]()} | {
    name: {*metric.labels, *(["le"] if name == metric.bucket else [])}
    for metric in CATALOGUE
    for name in ([metric.bucket, metric.count, metric.sum] if metric.kind is Kind.HISTOGRAM else [metric.name])
}
COUNTERS = {name for name in LABELS if name.endswith(("_total", "_bucket", "_count", "_sum"))}
SELECTOR = re.compile(r"(?:(\w+)\()?\b([a-z_]+)(?:\{([^}]*)\})?(\[[^\]]+\])?(?=[), ]|$)")
TEXTS = {"title", "description", "label", "text", "noValue"}
SAME_IN_BOTH = {"Worker"}

Json = dict[str, Any]
FILES = sorted(GENERATED.glob("*/*.json"))
every_dashboard = pytest.mark.parametrize("board", [json.loads(f.read_text()) for f in FILES], ids=map(str, FILES))


def nodes(value: Any) -> list[Json]:
    """Every JSON object in the value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [*([value] if isinstance(value, dict) else []), *(node for each in inside for node in nodes(each))]


def queries(board: Json) -> list[tuple[str, str]]:
    """(PromQL, template of the line's name) of every panel."""
    return [(each["expr"], each["legendFormat"]) for panel in board["panels"] for each in panel["targets"]]


def metrics(promql: str) -> list[tuple[str, str, set[str], bool]]:
    """(function around it, metric, labels selected by, over a range) of every selector."""
    found = SELECTOR.findall(promql)
    named = [each for each in found if each[1] in LABELS or each[2]]
    return [(function, name, set(re.findall(r"(\w+)[=!]", of)), bool(over)) for function, name, of, over in named]


def test_the_generated_files_are_what_the_source_gives() -> None:
    """One folder per language, all of them complete."""
    assert CliRunner().invoke(build_command, ["--check"]).output == ""
    assert {file.parent.name for file in FILES} == set(Language)
    for language in Language:
        uids = [json.loads(file.read_text())["uid"] for file in FILES if file.parent.name == language]
        assert sorted(set(uids)) == [file.stem for file in FILES if file.parent.name == language]


@every_dashboard
def test_panels_are_numbered_apart_and_fill_rows_of_24_columns(board: Json) -> None:
    """No overlap, no gap, nothing beyond the right edge."""
    places = [panel["gridPos"] for panel in board["panels"]]
    assert len({panel["id"] for panel in board["panels"]} - {0}) == len(places)
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(len(cells) // 24)]


@every_dashboard
def test_panels_are_explained_and_drawn_as_the_theme_says(board: Json) -> None:
    """Title, description, a known unit, thresholds of the theme, and the reader's choice of data source."""
    allowed = [value for value in vars(theme).values() if isinstance(value, tuple)]
    for panel in board["panels"]:
        drawn = panel["fieldConfig"]["defaults"]
        assert drawn["unit"] in UNITS, panel["title"]
        assert tuple((step["value"], step["color"]) for step in drawn["thresholds"]["steps"]) in allowed
        assert {node["uid"] for node in [panel["datasource"], *(t["datasource"] for t in panel["targets"])]} == {
            "${datasource}"
        }
        assert panel["title"].strip()
        assert panel["description"].strip()
    asking = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert [variable["datasource"]["uid"] for variable in asking] == ["${datasource}"] * 3


@every_dashboard
def test_queries_use_metrics_and_labels_that_exist(board: Json) -> None:
    """In selectors, groupings, names of lines and variables; and every variable used is declared."""
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    asked = [
        re.findall(r"label_values\((.+), (\w+)\)", each["query"])[0]
        for each in variables.values()
        if "regex" in each or each["type"] == "query"
    ]
    for promql, line in [*queries(board), *((query, f"{{{{{label}}}}}") for query, label in asked)]:
        found = metrics(promql)
        assert found, promql
        known = TARGET_LABELS.union(*(LABELS[name] for _, name, _, _ in found))
        grouped = {label for labels in re.findall(r"by \(([^)]*)\)", promql) for label in labels.split(", ")}
        assert grouped | set(re.findall(r"{{(\w+)}}", line)) | set().union(*(used for _, _, used, _ in found)) <= known
        assert set(re.findall(r"\$(\w+)", promql)) <= {*variables, "__rate_interval"}


@every_dashboard
def test_counters_are_shown_as_rates_only(board: Json) -> None:
    """A counter as such says how long a worker has lived; and only counters have rates."""
    for promql, _ in queries(board):
        for function, name, _, over in metrics(promql):
            assert (function in {"rate", "increase"} and over) == (name in COUNTERS), promql


@every_dashboard
def test_a_dashboard_survives_a_round_trip(board: Json) -> None:
    """The library reads back what it wrote: no field that it does not know."""
    register_default_plugins()
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(board))) == board


def test_both_languages_say_everything_and_differ_in_nothing_else() -> None:
    """Text by text; what is the same on purpose is listed above."""
    portuguese, english = (nodes([json.loads(f.read_text()) for f in FILES if f.parent.name == la]) for la in Language)
    for ours, theirs in zip(portuguese, english, strict=True):
        for key in ours.keys() | theirs.keys():
            if key in TEXTS:
                assert ours[key].strip()
                assert theirs[key].strip()
                assert ours[key] != theirs[key] or ours[key] in SAME_IN_BOTH
            elif not isinstance(ours[key], dict | list):
                assert ours[key] == theirs[key]


def test_a_changed_a_missing_and_a_left_over_file_are_named(tmp_path: Path) -> None:
    """With exit status 1; one language can be asked for alone."""
    command = ["--folder", str(tmp_path)]
    assert CliRunner().invoke(build_command, [*command, "--lang", "en"]).exit_code == 0
    assert CliRunner().invoke(build_command, [*command, "--lang", "en", "--check"]).exit_code == 0
    (tmp_path / "en" / "filaviva-pipeline.json").write_text("{}")
    (tmp_path / "en" / "old.json").write_text("{}")
    result = CliRunner().invoke(build_command, [*command, "--check"])
    assert result.exit_code == 1
    assert result.stderr.replace(f"stale: {tmp_path}/", "").split() == [
        "en/filaviva-pipeline.json",
        "en/old.json",
        "pt-BR/filaviva-pipeline.json",
    ]


def test_without_the_extra_the_command_line_works_and_says_what_is_missing() -> None:
    """`streams` imports the dashboards only when they are asked for."""
    program = (
        "import sys; sys.modules['grafana_foundation_sdk'] = None\n"
        "from streams.cli import main\n"
        "assert 'dashboards' not in sys.modules\n"
        "main(['dashboards', 'build'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "pip install 'filaviva[dashboards]'" in done.stderr
