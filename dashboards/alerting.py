"""Rules, alerts and Alertmanager's configuration as files under `deploy/`: ``python -m dashboards.alerting``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import yaml

from dashboards import alertmanager, alerts, plan as plans, recording
from dashboards.alert import Alert, Scope
from dashboards.plan import Plan

DEPLOY: Final = Path(__file__).resolve().parents[1] / "deploy"
RULES: Final = Path("prometheus") / "filaviva.rules.yml"
ALERTS: Final = Path("prometheus") / "filaviva.alerts.yml"
ALERTMANAGER: Final = Path("alertmanager") / "alertmanager.yml"
HEADER: Final = "# Written by `python -m dashboards.alerting` from {}; change it there.\n"


@click.command()
@click.option(
    "--plan", type=click.Path(path_type=Path), default=plans.FILE, help="Who is told; else deploy/alerting.yaml."
)
@click.option("--folder", type=click.Path(path_type=Path), default=DEPLOY, help="Where; else deploy/.")
@click.option("--check/--build", help="Write nothing; name the files that are not up to date, and exit 1.")
def main(plan: Path, folder: Path, *, check: bool) -> None:
    """Write prometheus/filaviva.{rules,alerts}.yml and alertmanager/alertmanager.yml."""
    stale = []
    for name, document in documents(plans.load(plan)).items():
        file = folder / name
        if check:
            stale += [file] if not file.is_file() or file.read_text(encoding="utf-8") != document else []
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(document, encoding="utf-8")
        click.echo(f"written: {file}")
    for file in stale:
        click.echo(f"stale: {file}", err=True)
    raise SystemExit(1 if stale else 0)


def documents(plan: Plan) -> dict[Path, str]:
    """Every file with its text."""
    return {
        RULES: HEADER.format("dashboards/recording.py") + _text({"groups": recording_groups()}),
        ALERTS: HEADER.format("dashboards/alerts.py and deploy/alerting.yaml") + _text({"groups": alert_groups(plan)}),
        ALERTMANAGER: HEADER.format("deploy/alerting.yaml") + _text(alertmanager.configuration(plan)),
    }


def recording_groups() -> list[dict[str, Any]]:
    """In Prometheus' words."""
    return [
        {
            "name": group.name,
            "interval": group.interval,
            "rules": [{"record": rule.record, "expr": _Promql(rule.expr)} for rule in group.rules],
        }
        for group in recording.GROUPS
    ]


def alert_groups(plan: Plan) -> list[dict[str, Any]]:
    """In Prometheus' words, with the addresses of the plan."""
    return [
        {"name": name, "interval": interval, "rules": [_rule(alert, plan) for alert in members]}
        for name, (interval, members) in alerts.GROUPS.items()
    ]


def _rule(alert: Alert, plan: Plan) -> dict[str, Any]:
    times = {"for": alert.wait, "keep_firing_for": alert.keep}
    return {
        "alert": alert.name,
        "expr": _Promql(alert.expr),
        **{key: value for key, value in times.items() if value},
        "labels": {"severity": alert.severity.value, "scope": alert.scope.value},
        "annotations": _annotations(alert, plan),
    }


def _annotations(alert: Alert, plan: Plan) -> Mapping[str, str]:
    site = "?var-tenant={{ $labels.tenant }}&var-site={{ $labels.site }}"
    queue = f"{site}&var-queue={{{{ $labels.queue }}}}"
    tenant = "?var-tenant={{ $labels.tenant }}"
    place = {Scope.QUEUE: queue, Scope.TENANT: tenant, Scope.SITE: site, Scope.PLATFORM: ""}[alert.scope]
    return {
        "summary": alert.summary.portuguese,
        "summary_en": alert.summary.english,
        "description": alert.meaning.portuguese,
        "description_en": alert.meaning.english,
        "runbook_url": f"{plan.runbooks_url}/{alert.name}.md",
        "dashboard_url": f"{plan.grafana_url}/d/{alert.dashboard}{place}",
    }


class _Promql(str):
    """Written as a block, so that it can be read and copied."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True


_Dumper.add_representer(
    _Promql, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", f"{text}\n", style="|")
)


def _text(document: object) -> str:
    return str(yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000))


if __name__ == "__main__":
    main()
