"""What sites offered in a month, and when we were blind: put together from the records of their days. Pure.

A date without a record is unknown, never compliant: nothing was heard of the site, or not yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.domain.site_findings import SiteRules, rules_of

Data = Mapping[str, Any]
Place = tuple[str, str]
MOST_STRETCHES: Final = 50
_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class AvailabilityLine:
    """Dates of one site by what a rule makes of them, and the findings that began in the month, the longest first."""

    tenant: str
    site: str
    rule: str
    policy_version: str
    force: str
    confidence: str
    met: int = 0
    breached: int = 0
    unknown: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class BlindLine:
    """When one source of a site was silent for longer than expected. ``dates_unheard`` are those without any record."""

    tenant: str
    site: str
    source: str
    silent_seconds: float = 0.0
    dates_unheard: int = 0
    silences: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SiteInQuestion:
    """A configured site: its rules (none: only its sources are told of) and its sources."""

    place: Place
    rules: SiteRules
    sources: tuple[str, ...]


def availability_lines(
    month: str, sites: Iterable[SiteInQuestion], days: Mapping[str, Data], findings: Iterable[Data], *, today: date
) -> list[AvailabilityLine]:
    """One line per site, rule and policy version, of the dates of a month that are over. ``days`` are by their id."""
    lines: dict[tuple[str, ...], AvailabilityLine] = {}
    of_sites = [each for each in findings if "site" in each and "started_at" in each and "visit_id" not in each]
    for site in sites:
        for day in dates_of(month, today):
            for verdict in _verdicts(site, day, days.get("/".join((*site.place, day.isoformat())))):
                key = (*site.place, *(verdict[name] for name in ("rule", "policy_version", "force", "confidence")))
                line = lines.setdefault(key, AvailabilityLine(*key))
                setattr(line, verdict["verdict"], getattr(line, verdict["verdict"]) + 1)
        for line in lines.values():
            if (line.tenant, line.site) == site.place:
                line.findings = list(_findings_of(line, of_sites, month, ZoneInfo(site.rules.zone)))
    return [lines[key] for key in sorted(lines)]


def dates_of(month: str, today: date) -> Iterator[date]:
    """Its dates before ``today``."""
    day = date.fromisoformat(f"{month}-01")
    while f"{day:%Y-%m}" == month and day < today:
        yield day
        day += _DAY


def _verdicts(site: SiteInQuestion, day: date, record: Data | None) -> list[Data]:
    if record is not None:
        verdicts: list[Data] = record["verdicts"]
        return verdicts
    return [
        {
            "rule": each.rule.id,
            "policy_version": each.version,
            "force": each.period.force,
            "confidence": each.period.confidence,
            "verdict": "unknown",
        }
        for each in rules_of(site.rules, day)
    ]


def _findings_of(
    line: AvailabilityLine, findings: Iterable[Data], month: str, zone: ZoneInfo
) -> Iterator[dict[str, Any]]:
    ours = [
        each
        for each in findings
        if (each["tenant"], each["site"], each["rule"], each["policy_version"])
        == (line.tenant, line.site, line.rule, line.policy_version)
        and each["state"] != "retracted"
        and f"{datetime.fromisoformat(each['started_at']).astimezone(zone):%Y-%m}" == month
    ]
    ours.sort(key=lambda each: (-_length_seconds(each), each["finding_id"]))
    for each in ours[:MOST_STRETCHES]:
        yield {name: each.get(name) for name in ("finding_id", "state", "started_at", "ended_at")}


def _length_seconds(finding: Data) -> float:
    if finding.get("ended_at") is None:
        return float("inf")
    return (datetime.fromisoformat(finding["ended_at"]) - datetime.fromisoformat(finding["started_at"])).total_seconds()


def blind_lines(
    month: str, sites: Iterable[SiteInQuestion], days: Mapping[str, Data], *, today: date
) -> list[BlindLine]:
    """One line per configured source: its silences on the dates of a month that are over."""
    lines = []
    for site in sites:
        for source in site.sources:
            line = BlindLine(*site.place, source)
            for day in dates_of(month, today):
                record = days.get("/".join((*site.place, day.isoformat())))
                told = {each["source"]: each for each in record["sources"]} if record else {}
                if source not in told:
                    line.dates_unheard += 1
                else:
                    line.silent_seconds += told[source]["silent_seconds"]
                    line.silences += [(start, end) for start, end in told[source]["silences"]]
            line.silent_seconds = round(line.silent_seconds, 3)
            line.silences = _together(line.silences)[:MOST_STRETCHES]
            lines.append(line)
    return sorted(lines, key=lambda line: (line.tenant, line.site, line.source))


def _together(silences: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A silence that lasts through midnight is one."""
    found: list[tuple[str, str]] = []
    for start, end in silences:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
