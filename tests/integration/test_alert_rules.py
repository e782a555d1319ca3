"""The shipped rules, alerts, routes and messages, judged by Prometheus' and Alertmanager's own tools."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import plan as plans
from dashboards.alerting import ALERTMANAGER, ALERTS, DEPLOY, RULES, documents
from dashboards.alerts import ALERTS as EVERY_ALERT
from tests.alert_cases import CASES, Case
from tests.lanes import missing
from tests.prometheus_programs import program, programs_unavailable_reason

pytestmark = pytest.mark.prometheus
TOOL_SECONDS = 120
PLAN = plans.load()
MANAGER = DEPLOY / ALERTMANAGER
RUNBOOKS = DEPLOY / "runbooks"
UNKNOWN = "unknown"
Yaml = dict[str, Any]


@pytest.fixture(autouse=True)
def programs() -> None:
    reason = programs_unavailable_reason()
    if reason:
        missing("prometheus", reason)
    try:
        program("promtool")
    except RuntimeError as error:
        missing("prometheus", str(error))


def told(name: str, *arguments: str) -> str:
    """What a tool says; its failure is the test's."""
    done = subprocess.run(
        [program(name), *arguments], capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
    )
    assert done.returncode == 0, f"{name} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout


def shipped_alerts() -> dict[str, Yaml]:
    groups = yaml.safe_load((DEPLOY / ALERTS).read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_the_shipped_files_are_what_the_source_gives() -> None:
    for name, document in documents(PLAN).items():
        assert (DEPLOY / name).read_text() == document, f"python -m dashboards.alerting writes {name} anew"


def test_rules_and_configurations_are_sound() -> None:
    told("promtool", "check", "rules", "--lint=all", "--lint-fatal", str(DEPLOY / RULES), str(DEPLOY / ALERTS))
    told("promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    told("amtool", "check-config", str(MANAGER))


def test_every_alert_has_a_case_and_explains_itself() -> None:
    """The sign of life always fires, so it has no case; every alert has both languages and a page on what to do."""
    assert [alert.name for alert in EVERY_ALERT if alert.name != "Watchdog"] == sorted(
        (case.alert for case in CASES), key=[alert.name for alert in EVERY_ALERT].index
    )
    for name, rule in shipped_alerts().items():
        notes = rule["annotations"]
        assert all(notes[key].strip() for key in ("summary", "summary_en", "description", "description_en"))
        assert notes["runbook_url"] == f"{PLAN.runbooks_url}/{name}.md"
        page = (RUNBOOKS / f"{name}.md").read_text()
        assert {"## O que significa", "## O que olhar", "## O que fazer"} <= set(page.splitlines())
        assert {"## What it means", "## Where to look", "## What to do"} <= set(page.splitlines())
    assert {file.stem for file in RUNBOOKS.glob("*.md")} - {"README"} == set(shipped_alerts())


@pytest.mark.parametrize("case", CASES, ids=[case.alert for case in CASES])
def test_an_alert_fires_when_it_should_says_what_it_should_and_is_quiet_otherwise(case: Case, tmp_path: Path) -> None:
    rule = shipped_alerts()[case.alert]
    labels = {**rule["labels"], **case.labels}
    notes = {key: of_labels(text, labels) for key, text in rule["annotations"].items()}
    notes["summary"], notes["summary_en"] = case.says
    loud = {"exp_labels": labels, "exp_annotations": notes}
    document = {
        "rule_files": [str(DEPLOY / RULES), str(DEPLOY / ALERTS)],
        "evaluation_interval": case.step,
        "tests": [rule_test(case, case.fires, [loud]), rule_test(case, case.quiet, [])],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    told("promtool", "test", "rules", str(file))


def rule_test(case: Case, given: dict[str, str], expected: list[Yaml]) -> Yaml:
    return {
        "interval": case.step,
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected}],
    }


def of_labels(text: str, labels: dict[str, str]) -> str:
    """A text with its labels filled in; where it shows the value, the case says what is expected."""
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)


# -- who is told ------------------------------------------------------------------------------------------------------


def routed(receiver: str, **labels: str) -> None:
    given = [f"{key}={value}" for key, value in labels.items()]
    told("amtool", "config", "routes", "test", f"--config.file={MANAGER}", f"--verify.receivers={receiver}", *given)


@pytest.mark.parametrize("tenant", [*PLAN.tenants, UNKNOWN])
@pytest.mark.parametrize("severity", ["critical", "warning"])
@pytest.mark.parametrize("scope", ["queue", "tenant", "site", "platform"])
def test_every_alert_reaches_who_must_act(tenant: str, severity: str, scope: str) -> None:
    """A tenant nobody planned for is the platform team's: never dropped."""
    place = {"site": "s", "queue": "q", "channel": "voice"}
    if scope == "platform":
        expected = PLAN.platform
    elif scope == "site":
        expected = PLAN.on_call
    elif tenant == UNKNOWN:
        expected = PLAN.platform
    else:
        planned = PLAN.tenants[tenant]
        expected = planned.urgent if severity == "critical" else planned.other
    routed(expected, alertname="FilavivaX", severity=severity, scope=scope, tenant=tenant, **place)


def test_the_sign_of_life_goes_outside() -> None:
    routed(PLAN.sign_of_life, alertname="Watchdog", severity="none", scope="platform")


def leaves(route: Yaml) -> list[Yaml]:
    below = [leaf for each in route.get("routes", ()) for leaf in leaves(each)]
    return below or [route]


def test_every_leaf_of_a_tenant_has_its_calendar() -> None:
    """Calendars are not inherited: one on a parent alone lets everything through."""
    tree = yaml.safe_load(MANAGER.read_text())["route"]
    tenants = [route for route in tree["routes"] if any("tenant=" in each for each in route["matchers"])]
    assert len(tenants) == len(PLAN.tenants)
    for route, tenant in zip(tenants, PLAN.tenants.values(), strict=True):
        for leaf in leaves(route):
            assert leaf["mute_time_intervals"] == [f"feriados-{tenant.calendar}"]
            assert bool(leaf.get("active_time_intervals")) == bool(PLAN.calendars[tenant.calendar].hours)


def test_alerts_that_silence_others_carry_the_labels_they_are_compared_by() -> None:
    """A label absent on both sides counts as equal, and would silence everywhere."""
    known = {case.alert: {*case.labels} for case in CASES}
    for rule in yaml.safe_load(MANAGER.read_text())["inhibit_rules"]:
        (source,) = re.findall(r'alertname="(\w+)"', rule["source_matchers"][0])
        assert set(rule.get("equal", ())) <= known[source]
        target = re.findall(r'alertname=~?"(.+)"', rule["target_matchers"][0])
        assert not target or any(re.fullmatch(target[0], name) for name in known)


# -- holidays ---------------------------------------------------------------------------------------------------------


def test_holidays_are_those_of_the_country_the_state_and_the_city() -> None:
    """Movable ones too: Good Friday of 2027, Corpus Christi in São Paulo; 9 July is that state's, 25 March Ceará's."""
    capital, north = (
        set(PLAN.calendars[name].holidays(PLAN.holidays, range(2027, 2028))) for name in ("sao-paulo", "fortaleza")
    )
    both = {date(2027, 1, 1), date(2027, 3, 26), date(2027, 9, 7), date(2027, 11, 20), date(2027, 12, 25)}
    assert both <= capital & north
    assert {date(2027, 7, 9), date(2027, 1, 25), date(2027, 5, 27)} <= capital - north
    assert {date(2027, 3, 25), date(2027, 4, 13)} <= north - capital


def test_holidays_are_written_out_far_enough() -> None:
    """Fails 90 days before the last one that is known would pass: add a year to deploy/alerting.yaml."""
    assert PLAN.years[-1] >= (datetime.now(UTC) + timedelta(days=90)).year


# -- what people read -------------------------------------------------------------------------------------------------

MESSAGE = {
    "receiver": "x",
    "status": "firing",
    "commonLabels": {"severity": "critical"},
    "alerts": [
        {
            "status": "firing",
            "labels": {"queue": queue},
            "startsAt": "2026-11-25T12:30:00Z",
            "annotations": {
                "summary": f"Fila {queue}: a maior espera está em 110% do limite",
                "summary_en": f"Queue {queue}: the longest wait is at 110% of the limit",
                "description": "Traga atendentes.",
                "description_en": "Bring agents.",
                "dashboard_url": "http://wall/d/filaviva-supervisor?a=1&b=2",
                "runbook_url": "http://pages/X.md",
            },
        }
        for queue in ("sac", "<banco>")
    ],
}


@pytest.mark.parametrize(
    ("language", "first", "line"),
    [
        ("pt", "🔴 AGIR AGORA (2): Fila sac: a maior espera está em 110% do limite", "O que fazer: http://pages/X.md"),
        ("en", "🔴 ACT NOW (2): Queue sac: the longest wait is at 110% of the limit", "What to do: http://pages/X.md"),
    ],
)
def test_a_message_begins_with_what_to_act_on_and_ends_with_what_to_do(
    language: str, first: str, line: str, tmp_path: Path
) -> None:
    lines = rendered(language, "text", MESSAGE, tmp_path).splitlines()
    assert lines[0] == first
    assert lines[-1] == line
    assert sum(each.startswith("• ") for each in lines) == 2
    resolved = {**MESSAGE, "status": "resolved"}
    assert rendered(language, "title", resolved, tmp_path).startswith("✅ RESOLV")
    assert "&lt;banco&gt;" in rendered(language, "html", MESSAGE, tmp_path)


def rendered(language: str, part: str, data: Yaml, folder: Path) -> str:
    file = folder / "data.json"
    file.write_text(json.dumps(data))
    kind = "html" if part == "html" else "text"
    return told(
        "amtool",
        *("template", "render", f"--template.glob={MANAGER.parent / 'filaviva.tmpl'}", f"--template.type={kind}"),
        *(f'--template.text={{{{ template "filaviva.{language}.{part}" . }}}}', f"--template.data={file}"),
    ).strip()


def test_the_fragment_for_newer_releases_has_the_fields_these_know() -> None:
    """Alertmanager 0.28 reads it; this release has no such receiver, so only its form can be checked."""
    fragment = yaml.safe_load((MANAGER.parent / "teams.fragment.yml").read_text())
    for receiver in fragment.values():
        (teams,) = receiver["msteamsv2_configs"]
        assert (
            {"title", "text"} <= teams.keys() <= {"webhook_url", "webhook_url_file", "send_resolved", "title", "text"}
        )
        assert ("webhook_url" in teams) != ("webhook_url_file" in teams)
