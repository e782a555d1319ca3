"""Workers, Prometheus and Alertmanager on loopback beside a Kafka that runs already: what is shipped, on this machine.

The rules are the shipped ones; ``hurried`` they are a copy in which everything that is not judged within seconds anyway
waits seconds instead of minutes. The time from a breach to its webhook is that of the shipped intervals either way.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import yaml

from dashboards import alertmanager, plan as plans
from dashboards.alerting import ALERTS, DEPLOY, RULES
from dashboards.plan import Calendar, Plan, Tenant
from tests.kafka_server import free_ports
from tests.prometheus_server import Alertmanager, Prometheus, local_configuration

SHIPPED = DEPLOY / "prometheus" / "prometheus.yml"
WORKERS, GATEWAYS, MOVERS = "filaviva-stream", "filaviva-gateway", "filaviva-ingest"
"""The jobs of ours in the shipped configuration."""
SOON = "5s"
HURRIED = {"5s": "5s", "30s": "5s"}
"""Shipped `for` to the hurried one; whatever is longer becomes LATER, so that causes still fire before consequences."""
LATER = "15s"
NO_HOLIDAYS = range(2000, 2001)
"""Years long past: the lane also runs on Christmas Day."""


class NativeStack:
    """Prometheus and Alertmanager over given workers and whatever else has a job (`jobs`); `sink` maps a
    receiver's name to the address it posts to."""

    def __init__(
        self,
        folder: Path,
        *,
        jobs: Mapping[str, Sequence[str]],
        tenants: Sequence[str],
        sink: Any,
        hurried: bool = False,
    ) -> None:
        self._folder = folder
        self._sink = sink
        self._tenants = tenants
        self._hurried = hurried
        prometheus_port, manager_port = free_ports(2)
        write_rules(folder, hurried=hurried)
        self.write_routes(holiday=None)
        local_configuration(SHIPPED, folder, jobs=jobs, prometheus=prometheus_port, manager=manager_port)
        self.alertmanager = Alertmanager(folder, manager_port)
        self.prometheus = Prometheus(folder, prometheus_port)

    def write_routes(self, *, holiday: str | None) -> None:
        """Alertmanager's configuration; ``holiday`` (MM-DD) is one of every tenant's city."""
        plan = loopback_plan(plans.load(), self._tenants, self._sink, holiday=holiday)
        whole = alertmanager.configuration(plan)
        if self._hurried:
            whole["route"]["group_interval"] = SOON
        (self._folder / "alertmanager.yml").write_text(yaml.safe_dump(whole, allow_unicode=True))
        shutil.copy(DEPLOY / "alertmanager" / "filaviva.tmpl", self._folder)

    def close(self) -> None:
        self.prometheus.close()
        self.alertmanager.close()

    def __enter__(self) -> Self:
        try:
            self.alertmanager.wait_ready()
            self.prometheus.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def loopback_plan(shipped: Plan, tenants: Sequence[str], sink: Any, *, holiday: str | None) -> Plan:
    """The shipped plan with every receiver a webhook, at any hour, for these tenants."""
    named = [f"{tenant}-{part}" for tenant in tenants for part in ("urgente", "supervisao")]
    receivers = {
        name: {"webhook_configs": [{"url": sink.url(name)}]}
        for name in (shipped.platform, shipped.on_call, shipped.sign_of_life, *named)
    }
    calendar = Calendar(zone="America/Fortaleza", base="CE", own=(holiday,) if holiday else ())
    return replace(
        shipped,
        years=shipped.years if holiday else NO_HOLIDAYS,
        calendars={"aqui": calendar},
        tenants={
            each: Tenant(calendar="aqui", urgent=f"{each}-urgente", other=f"{each}-supervisao") for each in tenants
        },
        receivers=receivers,
    )


def write_rules(folder: Path, *, hurried: bool) -> None:
    for name in (RULES, ALERTS):
        groups: Mapping[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
        for group in groups["groups"] if hurried else ():
            hurry(group)
        (folder / name.name).write_text(yaml.safe_dump(groups, allow_unicode=True, sort_keys=False))


def hurry(group: dict[str, Any]) -> None:
    """Every rule is judged every 5 s, and nothing waits or stays longer than 15 s."""
    group["interval"] = SOON
    for rule in group["rules"]:
        if "for" in rule:
            rule["for"] = HURRIED.get(rule["for"], LATER)
        if "keep_firing_for" in rule:
            rule["keep_firing_for"] = LATER
