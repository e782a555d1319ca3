"""From the configuration to what cases and sites are held to: their policies, their promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replace_calendar
from typing import Literal
from zoneinfo import ZoneInfo

from streams import calendar_tables
from streams.domain.calendars import Calendar
from streams.domain.case_duties import CasePack, CaseRules
from streams.domain.deadlines import Promises
from streams.domain.opening_hours import OpeningHours
from streams.domain.policy import Pack
from streams.domain.site_findings import SiteRules
from streams.settings_checks import Draft, is_zone
from streams.settings_document import Problem
from streams.settings_policies import Packs, hours_problems, place_problems, week_of
from streams.settings_sections import Availability, Cases


def case_problems(draft: Draft, packs: Packs) -> Iterator[Problem]:
    """What does not fit between the policies of cases and sites and the rest."""
    yield from _cases(draft, packs)
    yield from _availability(draft, packs)


def _cases(draft: Draft, packs: Packs) -> Iterator[Problem]:
    known = {site.tenant for site in draft.sites.values()}
    first: dict[str, int] = {}
    for index, cases in draft.cases.items():
        path = f"cases[{index}]"
        yield from place_problems(cases.state, cases.city, path)
        earlier = first.setdefault(cases.tenant, index)
        if earlier != index:
            yield f"{path}.tenant", f"expected a tenant not listed before; cases[{earlier}] is the same"
        if cases.tenant not in known and "sites" not in draft.unsound:
            yield f"{path}.tenant", f"expected a tenant that has a site: {', '.join(sorted(known))}"
        yield from _listed(cases.policies, packs, path, "deadlines")
        yield from _promises(cases, packs, path)


def _promises(cases: Cases, packs: Packs, path: str) -> Iterator[Problem]:
    if cases.zone is not None and not is_zone(cases.zone):
        yield f"{path}.zone", "expected an IANA time zone such as America/Fortaleza"
    yield from hours_problems(
        cases.hours, path, needs_them=cases.seconds_count == "opening_hours", named="seconds_count"
    )
    asked = {name: packs.get(name) for name in cases.policies} if not packs.problems else {}
    settings = {name: _settings_of(pack) for name, pack in asked.items() if pack is not None}
    for number, name in enumerate(cases.policies):
        wanted = settings.get(name, set())
        if None not in wanted and wanted and not any(getattr(cases, str(key)) for key in wanted):
            yield (
                f"{path}.policies[{number}]",
                f"expected at least one of {', '.join(sorted(map(str, wanted)))} beside it",
            )
    for key in ("first_response_seconds", "next_response_seconds", "resolution_seconds"):
        if getattr(cases, key) is not None and asked and not any(key in wanted for wanted in settings.values()):
            yield f"{path}.{key}", "expected a policy that asks for it, such as contract@2026.11.1"


def _settings_of(pack: Pack) -> set[str | None]:
    """The keys that its deadlines ask for; None for a term of its own."""
    return {period.within.setting for rule in pack.deadlines for period in rule.periods}


def _availability(draft: Draft, packs: Packs) -> Iterator[Problem]:
    first: dict[tuple[str, str], int] = {}
    for index, each in draft.availability.items():
        path, place = f"availability[{index}]", (each.tenant, each.site)
        earlier = first.setdefault(place, index)
        if earlier != index:
            yield f"{path}.site", f"expected a site not listed before; availability[{earlier}] is the same"
        if place not in draft.zones and "sites" not in draft.unsound:
            yield f"{path}.site", "expected a site of this tenant that is listed in sites"
        sources = {(source.tenant, source.site) for source in draft.sources.values()}
        if place not in sources and "sources" not in draft.unsound:
            yield (
                f"{path}.site",
                "expected a site with a source in sources: who tells of it, and how long may that be silent?",
            )
        yield from _listed(each.policies, packs, path, "availability")


def _listed(
    names: tuple[str, ...], packs: Packs, path: str, section: Literal["deadlines", "availability"]
) -> Iterator[Problem]:
    """What is wrong with a list of policies that must have rules of some section."""
    for number, name in enumerate(names):
        pack = packs.get(name) if not packs.problems else None
        if name in names[:number]:
            yield f"{path}.policies[{number}]", "expected each policy once"
        elif pack is None and not packs.problems:
            yield f"{path}.policies[{number}]", f"expected one of {', '.join(packs.names)}"
        elif pack is not None and not getattr(pack, section):
            yield f"{path}.policies[{number}]", f"expected a policy with {section}; {name} has none"


def case_rules(cases: Cases, packs: Packs) -> CaseRules:
    """What the cases of a tenant are held to, once the configuration is known to be sound."""
    city, state = cases.city, cases.state or (calendar_tables.CITIES[cases.city][0] if cases.city else None)
    found = []
    for pack in (packs.get(name) for name in cases.policies):
        assert pack is not None, "checked with the configuration"
        reading, table = pack.calendar, calendar_tables.table(pack.calendar.table)
        base = {"state": state, "city": city or state}.get(reading.base, reading.base) or "national"
        base_days, bank_days = (
            replace_calendar(table.named(name), saturday_is_business=reading.saturday_is_business)
            for name in (base, "bank")
        )
        found.append(
            CasePack(pack, base_days, bank_days, _promised(cases, pack, table.named(city or state or "national")))
        )
    return CaseRules(tuple(found), cases.sector)


def _promised(cases: Cases, pack: Pack, holidays: Calendar) -> Promises:
    """What the tenant promises by a policy that asks for it."""
    names = ("first_response_seconds", "next_response_seconds", "resolution_seconds")
    lengths_ms = {name: round(value * 1000) for name in names if (value := getattr(cases, name)) is not None}
    if cases.seconds_count == "calendar_time" or cases.hours is None:
        return Promises(lengths_ms)
    return Promises(lengths_ms, OpeningHours(week_of(cases.hours), ZoneInfo(cases.zone or pack.zone), holidays))


def site_rules(each: Availability, zone: str, packs: Packs) -> SiteRules:
    """What a site is held to, once the configuration is known to be sound."""
    found = [pack for name in each.policies if (pack := packs.get(name)) is not None]
    return SiteRules(tuple(found), each.channels, zone, each.sector)
