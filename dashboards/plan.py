"""The plan of an installation's alerting, `deploy/alerting.yaml`: who is told, by what means, and when not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import holidays
import yaml

FILE: Final = Path(__file__).resolve().parents[1] / "deploy" / "alerting.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When people are told. Without ``hours`` at any hour; ``city`` are days (MM-DD) beside the state's holidays."""

    zone: str
    state: str
    city: tuple[str, ...] = ()
    hours: tuple[Mapping[str, Any], ...] = ()

    def holidays(self, years: range) -> list[date]:
        """National, state and city holidays of the years, in order."""
        kept = set(holidays.country_holidays("BR", subdiv=self.state, years=years))
        kept |= {date.fromisoformat(f"{year}-{day}") for year in years for day in self.city}
        return sorted(day for day in kept if day.year in years)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Who hears of a tenant's queues, and by which calendar."""

    calendar: str
    urgent: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``receivers`` are in Alertmanager's own words, by name."""

    grafana_url: str
    runbooks_url: str
    years: range
    platform: str
    on_call: str
    sign_of_life: str
    calendars: Mapping[str, Calendar]
    tenants: Mapping[str, Tenant]
    receivers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def load(file: Path = FILE) -> Plan:
    """The plan in a file. Raises KeyError or TypeError where something is missing or has no meaning."""
    whole = yaml.safe_load(file.read_text(encoding="utf-8"))
    first, last = whole.pop("years")
    calendars = {name: _calendar(**each) for name, each in whole.pop("calendars").items()}
    tenants = {name: Tenant(**each) for name, each in whole.pop("tenants").items()}
    plan = Plan(years=range(first, last + 1), calendars=calendars, tenants=tenants, **whole)
    named = {plan.platform, plan.on_call, plan.sign_of_life}
    named |= {receiver for tenant in tenants.values() for receiver in (tenant.urgent, tenant.other)}
    missing = sorted(named - plan.receivers.keys()) + sorted({t.calendar for t in tenants.values()} - calendars.keys())
    if missing:
        raise KeyError(f"{file}: nothing is said of {', '.join(missing)}")
    return plan


def _calendar(*, city: tuple[str, ...] = (), hours: tuple[Mapping[str, Any], ...] = (), **rest: str) -> Calendar:
    return Calendar(city=tuple(city), hours=tuple(hours), **rest)
