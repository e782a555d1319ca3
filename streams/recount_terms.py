"""What the recount goes by, out of a configuration: each queue with its policy in plain words and its days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from streams import calendar_tables
from streams.domain.recount import Offer
from streams.domain.recount_cases import CaseTerms
from streams.domain.recount_limits import Limit, Terms, limit_of
from streams.domain.recount_sites import SiteTerms
from streams.settings import Settings
from streams.settings_policies import DEFAULT_TABLE
from streams.settings_sections import Cases, Queue, Site

LimitOf = Callable[[Offer], Limit]


def limits_of(settings: Settings, *, instead: Mapping[str, Any] | None = None) -> LimitOf:
    """The limit of each visit of a configured queue; by the pack ``instead`` where the queue names that policy."""
    sites = {(site.tenant, site.site): site for site in settings.sites}
    terms = {
        (queue.tenant, queue.queue): _terms(queue, sites[queue.tenant, queue.site], settings, instead)
        for queue in settings.queues
    }
    return lambda visit: limit_of(terms[visit.tenant, visit.queue], visit)


def case_terms_of(settings: Settings, *, instead: Mapping[str, Any] | None = None) -> dict[str, CaseTerms]:
    """What the cases of each tenant are held to; by the pack ``instead`` where it names another version of it."""
    return {each.tenant: _case_terms(each, settings, instead) for each in settings.cases}


def _case_terms(cases: Cases, settings: Settings, instead: Mapping[str, Any] | None) -> CaseTerms:
    names = ("first_response_seconds", "next_response_seconds", "resolution_seconds")
    state = cases.state or (calendar_tables.CITIES[cases.city][0] if cases.city else None)
    return CaseTerms(
        packs=[_case_pack(name, cases, settings, instead) for name in cases.policies],
        sector=cases.sector,
        promised_seconds={name: value for name in names if (value := getattr(cases, name)) is not None},
        hours=cases.hours if cases.seconds_count == "opening_hours" else None,
        zone=cases.zone,
        closed_days=calendar_tables.table(DEFAULT_TABLE).named(cases.city or state or "national").holidays,
    )


def site_terms_of(settings: Settings) -> dict[tuple[str, str], SiteTerms]:
    """What each listed site must offer, by tenant and site."""
    zones = {(site.tenant, site.site): site.zone for site in settings.sites}
    terms = {}
    for each in settings.availability:
        place = (each.tenant, each.site)
        packs = [pack for name in each.policies if (pack := settings.packs.document(name)) is not None]
        silences_ms = {
            source.source: round(source.expected_silence_seconds * 1000)
            for source in settings.sources
            if (source.tenant, source.site) == place
        }
        terms[place] = SiteTerms(packs, each.channels, zones[place], silences_ms, each.sector)
    return terms


def _case_pack(
    name: str, cases: Cases, settings: Settings, instead: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any], frozenset[date], frozenset[date]]:
    pack = settings.packs.document(name)
    assert pack is not None, "checked with the configuration"
    if instead is not None and instead["policy"] == pack["policy"]:
        pack = instead
    table = calendar_tables.table(pack["calendar"]["table"])
    base = pack["calendar"].get("base", "national")
    state = cases.state or (calendar_tables.CITIES[cases.city][0] if cases.city else None)
    days = {"state": state, "city": cases.city or state}.get(base, base) or "national"
    return pack, table.named(days).holidays, table.named("bank").holidays


def _terms(queue: Queue, site: Site, settings: Settings, instead: Mapping[str, Any] | None) -> Terms:
    pack = settings.packs.document(queue.policy) if queue.policy else None
    if pack is not None and instead is not None and instead["policy"] == pack["policy"]:
        pack = instead
    reading = pack["calendar"] if pack else {}
    table = calendar_tables.table(reading.get("table", DEFAULT_TABLE))
    city = queue.city or site.city
    state = queue.state or site.state or (calendar_tables.CITIES[city][0] if city else None)
    base = {"state": state, "city": city or state}.get(reading.get("base", "national"), reading.get("base", "national"))
    fifth = reading.get("fifth_business_day", "base")
    counts_open = queue.max_wait_counts == "opening_hours"
    return Terms(
        max_wait_seconds=queue.max_wait_seconds,
        zone=site.zone,
        sector=queue.sector,
        pack=pack,
        holidays=table.named(base or "national").holidays,
        fifth_holidays=table.named((base if fifth == "base" else fifth) or "national").holidays,
        hours=queue.hours if counts_open else None,
        closed_days=table.named(city or state or "national", frozenset(site.holidays)).holidays,
    )
