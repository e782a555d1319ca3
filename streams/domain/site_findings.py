"""What a site failed to offer, rule by rule: breaches derived from its times, the records that tell of them.

A breach of ``any_channel`` is a stretch in which every channel was said to be off, from the word that took the last one
away, provided that some of it is known. Of ``human_voice`` it is a local date with too few hours, where all that is
unknown counts as open; open from when the date cannot be saved any more, confirmed when it is over. Of ``first_menu``
it is a first menu of a date that lacks an option. A source that is silent never makes a breach, and never hides one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

import msgspec

from streams.domain.case_duties import CONFIRMED, OPEN, RETRACTED
from streams.domain.decisions import Output
from streams.domain.encoding import cloud_event, iso_time
from streams.domain.outcomes import SLA_BREACHES
from streams.domain.policy import AvailabilityRule, Pack, ServicePeriod
from streams.domain.site_service import FOR_EVER, HUMAN_VOICE, ServiceTimes, SiteRow, lasts_for_ever
from streams.domain.spans import Span, common, total_ms
from streams.domain.time import SiteCalendar

HOUR_MS: Final = 3_600_000
_RANK: Final = {OPEN: 1, CONFIRMED: 2, RETRACTED: 3}
_RANKS: Final = 4


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What one site is held to: packs beside each other, its channels, and the sector whose rules count."""

    packs: tuple[Pack, ...]
    channels: tuple[str, ...]
    zone: str
    sector: str | None = None


class RuleInForce(NamedTuple):
    """A rule with what it says on some local date, and the pack that has it."""

    rule: AvailabilityRule
    period: ServicePeriod
    version: str


class SiteBreach(NamedTuple):
    """One breach. ``key`` names it by place, rule, what it is about and policy version; None: not ended."""

    key: str
    state: str
    in_force: RuleInForce
    started_ms: int
    ended_ms: int | None


class SiteFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that a site had to offer and did not: a stretch without any channel, a local date with too few hours
    of human voice, a first menu that lacks an option. Open while it lasts, confirmed afterwards, or retracted."""

    finding_id: str
    state: str
    revision: int
    rule: str
    policy_version: str
    tenant: str
    site: str
    started_at: str
    force: str
    confidence: str
    source: str
    ended_at: str | None = None
    at_least_hours: float | None = None
    note: str | None = None


def rules_of(rules: SiteRules, day: date) -> Iterator[RuleInForce]:
    """The rules that bind the site on a local date."""
    for pack in rules.packs:
        for rule in pack.availability:
            for period in rule.periods:
                is_in_force = period.since <= day and (period.until is None or day <= period.until)
                if is_in_force and (not rule.sectors or rules.sector in rule.sectors):
                    yield RuleInForce(rule, period, pack.cited_as)


def channels_of(rule: AvailabilityRule, rules: SiteRules) -> tuple[str, ...]:
    """The channels of which one must be there."""
    return tuple(channel for channel in rules.channels if not rule.channels or channel in rule.channels)


def human_voice_left_ms(times: ServiceTimes, day: Span, now_ms: int) -> int:
    """The most that human voice can still come to on a local date: all but what is known to be closed."""
    return day[1] - day[0] - total_ms(times.off(HUMAN_VOICE, (day[0], min(day[1], max(now_ms, day[0])))))


class SiteJudge:
    """Judges one site by its rules."""

    def __init__(self, rules: SiteRules, calendar: SiteCalendar) -> None:
        self._rules = rules
        self._calendar = calendar

    def breaches(self, row: SiteRow, times: ServiceTimes, now_ms: int) -> dict[str, SiteBreach]:
        """Every breach of what is kept, by key. Words make an outage, so its state does not depend on the clock."""
        first_ms = max(row.since_ms, min((fact.time_ms for fact in row.facts), default=now_ms))
        found = [*self._outages(row, times, first_ms), *self._menus(row)]
        for number in range(self._calendar.day(first_ms), self._calendar.day(now_ms) + 1):
            found += self._short_days(row, times, number, now_ms)
        return {breach.key: breach for breach in found}

    def _outages(self, row: SiteRow, times: ServiceTimes, first_ms: int) -> Iterator[SiteBreach]:
        for pack in self._rules.packs:
            for rule in (rule for rule in pack.availability if rule.measure == "any_channel"):
                channels = channels_of(rule, self._rules)
                for start, end in times.periods_off(channels):
                    is_known = common(((start, end),), times.all_off(channels, (first_ms, FOR_EVER)))
                    in_force = self._in_force(rule, pack, start)
                    if in_force and (is_known or _key(row, in_force, str(start)) in row.told):
                        ended_ms = None if lasts_for_ever(end) else end
                        state = OPEN if ended_ms is None else CONFIRMED
                        yield SiteBreach(_key(row, in_force, str(start)), state, in_force, start, ended_ms)

    def _short_days(self, row: SiteRow, times: ServiceTimes, number: int, now_ms: int) -> Iterator[SiteBreach]:
        start, end = self._calendar.day_start_ms(number), self._calendar.day_start_ms(number + 1)
        day = date.fromordinal(number)
        for in_force in rules_of(self._rules, day):
            hours = in_force.period.at_least_hours
            if hours is None or start < row.since_ms:
                continue
            if human_voice_left_ms(times, (start, end), now_ms) < hours * HOUR_MS:
                state = CONFIRMED if now_ms >= end else OPEN
                yield SiteBreach(_key(row, in_force, day.isoformat()), state, in_force, start, end)

    def _menus(self, row: SiteRow) -> Iterator[SiteBreach]:
        for menu in row.menus:
            day = date.fromisoformat(menu.date)
            number = day.toordinal()
            for in_force in rules_of(self._rules, day):
                if set(in_force.period.options) - set(menu.options):
                    start, end = self._calendar.day_start_ms(number), self._calendar.day_start_ms(number + 1)
                    key = _key(row, in_force, f"{menu.menu}@{menu.date}")
                    yield SiteBreach(key, CONFIRMED, in_force, start, end)

    def _in_force(self, rule: AvailabilityRule, pack: Pack, start_ms: int) -> RuleInForce | None:
        day = date.fromordinal(self._calendar.day(start_ms))
        fitting = (each for each in rules_of(self._rules, day) if each.rule is rule and each.version == pack.cited_as)
        return next(fitting, None)

    def looks_again_ms(self, times: ServiceTimes, now_ms: int) -> int:
        """The next instant at which waiting alone may make or change a breach: the day's end, or earlier when it cannot
        be saved any more."""
        number = self._calendar.day(now_ms)
        start, end = self._calendar.day_start_ms(number), self._calendar.day_start_ms(number + 1)
        left_ms = human_voice_left_ms(times, (start, end), now_ms)
        slacks = (
            left_ms - round(in_force.period.at_least_hours * HOUR_MS)
            for in_force in rules_of(self._rules, date.fromordinal(number))
            if in_force.period.at_least_hours is not None
        )
        return min([end, *(now_ms + slack + 1 for slack in slacks if slack >= 0)])


def about_ms(key: str, calendar: SiteCalendar) -> int:
    """When what a finding is about began, read from its key."""
    about = key.split(":")[2].rpartition("@")[2]
    return int(about) if about.isdigit() else calendar.day_start_ms(date.fromisoformat(about).toordinal())


def _key(row: SiteRow, in_force: RuleInForce, about: str) -> str:
    return f"{row.key}:{in_force.rule.id}:{about}:{in_force.version}"


def site_finding(row: SiteRow, breach: SiteBreach, state: str) -> Output:
    """The record of a breach in one state; its revision is the facts known of the site, then the rank of the state."""
    rule, period, version = breach.in_force
    revision = row.known_facts * _RANKS + _RANK[state]
    record = SiteFinding(
        finding_id=breach.key,
        state=state,
        revision=revision,
        rule=rule.id,
        policy_version=version,
        tenant=row.tenant,
        site=row.site,
        started_at=iso_time(breach.started_ms),
        force=period.force,
        confidence=period.confidence,
        source=period.source,
        ended_at=None if breach.ended_ms is None else iso_time(breach.ended_ms),
        at_least_hours=period.at_least_hours,
        note=period.note,
    )
    value = cloud_event(
        event_type=f"availability.{state}",
        event_id=f"{breach.key}#{revision}",
        time_ms=breach.started_ms,
        subject=breach.key,
        data=record,
    )
    return Output(SLA_BREACHES, breach.key.encode(), value)
