"""One local date of a site as a record for outside readers: what was on, off and unknown, and what rules make of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from streams.domain.decisions import Output
from streams.domain.encoding import cloud_event, iso_time
from streams.domain.site_findings import HOUR_MS, RuleInForce, SiteRules, channels_of, human_voice_left_ms, rules_of
from streams.domain.site_service import HUMAN_VOICE, ServiceTimes, SiteRow, unheard
from streams.domain.spans import Span, Spans, common, total_ms
from streams.domain.time import SiteCalendar

SITE_DAYS: Final = "site-days"
SITE_DAY_TYPE: Final = "site.day"
MOST_SILENCES: Final = 100


class ServiceSeconds(msgspec.Struct, frozen=True):
    """How long something was on, off and unknown; together the length of the date."""

    on: float
    off: float
    unknown: float


class SourceSilence(msgspec.Struct, frozen=True):
    """How long a source was silent beyond its expected silence, and when: at most the first hundred times."""

    source: str
    silent_seconds: float
    silences: list[tuple[str, str]]


class SiteVerdict(msgspec.Struct, frozen=True):
    """What a rule makes of the date: ``met``, ``breached``, or ``unknown`` where that cannot be told."""

    rule: str
    policy_version: str
    force: str
    confidence: str
    verdict: str


class SiteMenu(msgspec.Struct, frozen=True):
    """A first menu that callers heard on the date."""

    menu: str
    options: list[str]


class SiteDay(msgspec.Struct, frozen=True):
    """A local date of a site that is over. ``any_channel`` and ``verdicts`` are by the rules it is held to; without any
    it tells of its sources alone."""

    day_id: str
    revision: int
    tenant: str
    site: str
    date: str
    channels: dict[str, ServiceSeconds]
    any_channel: ServiceSeconds
    human_voice: ServiceSeconds
    menus: list[SiteMenu]
    sources: list[SourceSilence]
    verdicts: list[SiteVerdict]


def day_revision(row: SiteRow, heard: Mapping[str, Spans], day: Span, name: str) -> int:
    """The facts a date rests on and the milliseconds its sources were heard: both only ever grow."""
    return row.facts_until(day[1], name) + sum(total_ms(common(cover, (day,))) for cover in heard.values())


def site_day(
    row: SiteRow, heard: Mapping[str, Spans], rules: SiteRules, number: int, calendar: SiteCalendar
) -> tuple[int, Output]:
    """The record of one local date, given as an ordinal, and its revision."""
    day = (calendar.day_start_ms(number), calendar.day_start_ms(number + 1))
    name = date.fromordinal(number).isoformat()
    times = ServiceTimes(row, heard)
    record = SiteDay(
        day_id=f"{row.key}/{name}",
        revision=day_revision(row, heard, day, name),
        tenant=row.tenant,
        site=row.site,
        date=name,
        channels={each: _seconds(times.on(each, day), times.off(each, day), day) for each in rules.channels},
        any_channel=_seconds(times.any_on(rules.channels, day), times.all_off(rules.channels, day), day),
        human_voice=_seconds(times.on(HUMAN_VOICE, day), times.off(HUMAN_VOICE, day), day),
        menus=[SiteMenu(menu.menu, list(menu.options)) for menu in row.menus_of(name)],
        sources=[_silence(source, cover, day) for source, cover in sorted(heard.items())],
        verdicts=[
            SiteVerdict(
                each.rule.id,
                each.version,
                each.period.force,
                each.period.confidence,
                _verdict(row, times, each, rules, (day, name)),
            )
            for each in rules_of(rules, date.fromordinal(number))
        ],
    )
    value = cloud_event(
        event_type=SITE_DAY_TYPE,
        event_id=f"{record.day_id}#{record.revision}",
        time_ms=day[0],
        subject=record.day_id,
        data=record,
    )
    return record.revision, Output(SITE_DAYS, record.day_id.encode(), value)


def _verdict(row: SiteRow, times: ServiceTimes, in_force: RuleInForce, rules: SiteRules, when: tuple[Span, str]) -> str:
    day, name = when
    rule, period = in_force.rule, in_force.period
    if rule.measure == "first_menu":
        menus = row.menus_of(name)
        lacks = any(set(period.options) - set(menu.options) for menu in menus)
        return "breached" if lacks else "met" if menus else "unknown"
    if rule.measure == "human_voice":
        least_ms = (period.at_least_hours or 0) * HOUR_MS
        if total_ms(times.on(HUMAN_VOICE, day)) >= least_ms:
            return "met"
        return "breached" if human_voice_left_ms(times, day, day[1]) < least_ms else "unknown"
    channels = channels_of(rule, rules)
    if times.all_off(channels, day):
        return "breached"
    return "met" if total_ms(times.any_on(channels, day)) == day[1] - day[0] else "unknown"


def _seconds(on: Spans, off: Spans, day: Span) -> ServiceSeconds:
    on_ms, off_ms = total_ms(on), total_ms(off)
    return ServiceSeconds(on_ms / 1000, off_ms / 1000, (day[1] - day[0] - on_ms - off_ms) / 1000)


def _silence(source: str, cover: Spans, day: Span) -> SourceSilence:
    silences = unheard(cover, day)
    told = [(iso_time(start), iso_time(end)) for start, end in silences[:MOST_SILENCES]]
    return SourceSilence(source, total_ms(silences) / 1000, told)
