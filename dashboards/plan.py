"""The plan of an installation's alerting, `deploy/alerting.yaml`: who is told, by what means, and when not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).resolve().parents[1]
FILE: Final = PROJECT / "deploy" / "alerting.yaml"
TABLES: Final = PROJECT / "streams" / "policies" / "calendars"
"""The service's own holidays, frozen by version: people are told by the same days as deadlines are counted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When people are told. Without ``hours`` at any hour; ``own`` are days (MM-DD) of every year beside the table's.

    ``base`` is what the service's holiday table calls national, or one of its states (CE) or cities (sao-paulo).
    """

    zone: str
    base: str
    own: tuple[str, ...] = ()
    hours: tuple[Mapping[str, Any], ...] = ()

    def holidays(self, table: str, years: range) -> list[date]:
        """Of the years, in order. Raises KeyError for a base or a year that the table does not have."""
        return sorted(
            date.fromisoformat(f"{year}-{day}") for year in years for day in {*_days(table, self.base, year), *self.own}
        )


def _days(table: str, base: str, year: int) -> list[str]:
    """The days (MM-DD) of one year; a state has the national ones too, a city its state's."""
    whole = _table(table)
    national: str = whole["national"][str(year)]
    if base == "national":
        return national.split()
    state, city = whole["cities"].get(base, (base, {}))
    parts = (national, whole["states"][state].get(str(year), ""), city.get(str(year), ""))
    return " ".join(parts).split()


@cache
def _table(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((TABLES / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


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
    holidays: str
    """Which table, with its version."""
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


def _calendar(*, own: tuple[str, ...] = (), hours: tuple[Mapping[str, Any], ...] = (), **rest: str) -> Calendar:
    return Calendar(own=tuple(own), hours=tuple(hours), **rest)
