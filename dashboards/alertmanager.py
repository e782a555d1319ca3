"""Alertmanager's configuration from the plan: who is told of what, when not, and what keeps quiet beside what.

Three traps shape it. Calendars act only on the route that finally matches, so every leaf names its own. A label that is
absent on both sides counts as equal, so an alert that silences others must carry the labels it is compared by. Weekdays
cannot express movable holidays, so these are listed date by date.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from dashboards.plan import Calendar, Plan, Tenant
from streams.metric_names import QUEUE_LABELS, SITE_LABELS

TEMPLATES: Final = "*.tmpl"
Yaml = dict[str, Any]


def configuration(plan: Plan) -> Yaml:
    """The whole file, as plain values."""
    return {
        "global": {"resolve_timeout": "2m"},
        "templates": [TEMPLATES],
        "time_intervals": [
            each for name, calendar in plan.calendars.items() for each in _intervals(name, calendar, plan)
        ],
        "route": _tree(plan),
        "inhibit_rules": list(_inhibitions()),
        "receivers": [{"name": name, **receiver} for name, receiver in plan.receivers.items()],
    }


def _intervals(name: str, calendar: Calendar, plan: Plan) -> list[Yaml]:
    days = [
        {
            "years": [str(day.year)],
            "months": [str(day.month)],
            "days_of_month": [str(day.day)],
            "location": calendar.zone,
        }
        for day in calendar.holidays(plan.holidays, plan.years)
    ]
    intervals: list[Yaml] = [{"name": f"feriados-{name}", "time_intervals": days}]
    if calendar.hours:
        hours = [{**each, "location": calendar.zone} for each in calendar.hours]
        intervals.append({"name": f"expediente-{name}", "time_intervals": hours})
    return intervals


def _tree(plan: Plan) -> Yaml:
    """A tenant without a route of its own falls to the platform: nothing is ever dropped."""
    return {
        "receiver": plan.platform,
        "group_by": [*SITE_LABELS, "alertname"],
        "group_wait": "15s",
        "group_interval": "1m",
        "repeat_interval": "4h",
        "routes": [
            {
                "matchers": ['alertname="Watchdog"'],
                "receiver": plan.sign_of_life,
                "group_wait": "0s",
                "group_interval": "30s",
                "repeat_interval": "1m",
            },
            {"matchers": ['scope="platform"'], "receiver": plan.platform},
            {"matchers": ['scope="site"'], "receiver": plan.on_call, "repeat_interval": "30m"},
            *(_of_tenant(name, tenant, plan) for name, tenant in plan.tenants.items()),
        ],
    }


def _of_tenant(name: str, tenant: Tenant, plan: Plan) -> Yaml:
    quiet: Yaml = {"mute_time_intervals": [f"feriados-{tenant.calendar}"]}
    if plan.calendars[tenant.calendar].hours:
        quiet["active_time_intervals"] = [f"expediente-{tenant.calendar}"]
    urgent = {"matchers": ['severity="critical"'], "receiver": tenant.urgent, "group_wait": "5s"}
    other = {"matchers": ['severity="warning"'], "receiver": tenant.other}
    return {
        "matchers": ['scope=~"queue|tenant"', f'tenant="{name}"'],
        "receiver": tenant.other,
        "routes": [{**urgent, "repeat_interval": "15m", **quiet}, {**other, **quiet}],
    }


def _inhibitions() -> Iterable[Yaml]:
    """The cause speaks, its consequences keep quiet. The wall still shows all of them."""
    nobody, one = 'alertname="FilavivaNoWorkers"', 'alertname="FilavivaWorkerDown"'
    yield _quiet(nobody, 'scope=~"queue|tenant|site"')
    yield _quiet(nobody, one)
    yield _quiet(one, 'alertname=~"FilavivaQueueSeriesMissing|FilavivaRecoveryTooLong"')
    yield _quiet('alertname="FilavivaFeedSilent"', 'alertname=~"FilavivaQueueStale|FilavivaStaffingStale"', SITE_LABELS)
    for cause, consequence in (
        ("FilavivaQueueWaitLimitExceeded", "FilavivaQueueWaitLimitNear"),
        ("FilavivaServiceLevelFastBurn", "FilavivaServiceLevelSlowBurn"),
        ("FilavivaQueueUnstaffed", "FilavivaQueueWaitLimit.*|FilavivaServiceLevel.*|FilavivaQueueAbandonmentHigh"),
    ):
        yield _quiet(f'alertname="{cause}"', f'alertname=~"{consequence}"', QUEUE_LABELS)


def _quiet(cause: str, consequence: str, equal: tuple[str, ...] = ()) -> Yaml:
    rule: Yaml = {"source_matchers": [cause], "target_matchers": [consequence]}
    return {**rule, "equal": list(equal)} if equal else rule
