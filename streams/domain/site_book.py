"""The sites of one partition: takes what is told of them, and says what they failed to offer and how their days went.

``settle`` belongs to ``apply`` and keeps what it says; ``foresee`` belongs to ``tick`` and keeps nothing durable.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from msgspec.structs import replace

from streams.domain.case_duties import CONFIRMED, OPEN, RETRACTED
from streams.domain.decisions import Output
from streams.domain.directory import DAY_MS, Directory, SourcePolicy
from streams.domain.figures import ServiceFigures
from streams.domain.policy import leading
from streams.domain.rows import Rows
from streams.domain.site_days import day_revision, site_day
from streams.domain.site_events import (
    ChannelDown,
    ChannelUp,
    HumanVoiceClosed,
    HumanVoiceOpen,
    MenuPresented,
    SiteEvent,
)
from streams.domain.site_findings import SiteBreach, SiteJudge, SiteRules, about_ms, site_finding
from streams.domain.site_service import (
    HUMAN_VOICE,
    KEPT_MS,
    FirstMenu,
    ServiceTimes,
    SiteFact,
    SiteRow,
    aged,
    with_fact,
)
from streams.domain.spans import Spans, total_ms
from streams.domain.time import SiteCalendar

Place = tuple[str, str]
"""Tenant and site."""
_NO_CHANNELS: Final[tuple[str, ...]] = ()


class SiteBook:
    """What is known of each site, by place."""

    def __init__(self, partition: int, directory: Directory, rules: Mapping[Place, SiteRules]) -> None:
        self.rows = Rows(b"a/", SiteRow)
        self._rules = {
            place: rules.get(place) or SiteRules((), _NO_CHANNELS, zone)
            for place, zone in directory.sites.items()
            if directory.partition("/".join(place)) == partition
        }
        self._calendars = {place: SiteCalendar(each.zone) for place, each in self._rules.items()}
        self._judges = {place: SiteJudge(each, self._calendars[place]) for place, each in self._rules.items()}
        self._heard: dict[Place, dict[str, Spans]] = {
            place: {source.source: () for source in directory.sources.values() if (source.tenant, source.site) == place}
            for place in self._rules
        }
        self._newest_ms = dict.fromkeys(self._rules, 0)
        self._touched: set[Place] = set()
        self._before: dict[Place, SiteRow] = {}
        """Sites with new facts to what they were before the first of them."""
        self._looks_ms: dict[Place, int] = {}
        self._settled_day_ms: dict[Place, int] = {}
        """When the local date began on which a site was last settled."""
        self._said: dict[Place, dict[str, str]] = {}
        """What ticks have told and no row has yet."""

    # -- facts --------------------------------------------------------------------------------------------------------

    def hear(self, source: SourcePolicy, heard_ms: int, cover: Spans) -> None:
        """A source was heard at an instant, and counts as heard for all of ``cover``."""
        place = (source.tenant, source.site)
        known = self._heard[place].get(source.source, ())
        self._heard[place][source.source] = cover
        self._newest_ms[place] = max(heard_ms, self._newest_ms[place])
        goes_on = bool(known) and len(known) == len(cover) and cover[-1][1] > known[-1][1]
        if not goes_on or heard_ms < self._settled_day_ms.get(place, 0):
            self._touched.add(place)

    def enter(self, source: SourcePolicy, heard_ms: int, now_ms: int) -> list[Output]:
        """A source is about to be heard at an instant. Where that begins another local date, the site is settled before
        anything is forgotten: one batch, or one step after a long silence, may pass over all that is kept."""
        place = (source.tenant, source.site)
        newest_ms = self._newest_ms[place]
        outputs: list[Output] = []
        if newest_ms and self._day_start_ms(place, heard_ms) > newest_ms:
            self._settle(place, max(newest_ms, min(now_ms, heard_ms)), outputs, heard_ms=heard_ms)
            self._touched.add(place)
        return outputs

    def is_too_late(self, event: SiteEvent) -> bool:
        """Whether it is older than what is kept of its site."""
        place = (event.data.tenant, event.data.site)
        return event.time_ms < max(self._newest_ms[place] - KEPT_MS, self._row(place).since_ms)

    def take(self, event: SiteEvent) -> bool:
        """Keep what it says besides that its source lives; False where that is nothing new."""
        place = (event.data.tenant, event.data.site)
        fact = self._fact(place, event)
        row = self._row(place)
        changed = row if fact is None else with_fact(row, fact)
        if changed is row:
            return False
        self._before.setdefault(place, row)
        self._touched.add(place)
        self.rows.put(row.key, changed)
        return True

    def _fact(self, place: Place, event: SiteEvent) -> SiteFact | FirstMenu | None:
        def switched(signal: str, *, is_on: bool) -> SiteFact:
            return SiteFact(event.time_ms, signal, is_on, event.source, event.event_id)

        match event.data:
            case ChannelUp(channel=channel):
                return switched(channel, is_on=True)
            case ChannelDown(channel=channel):
                return switched(channel, is_on=False)
            case HumanVoiceOpen():
                return switched(HUMAN_VOICE, is_on=True)
            case HumanVoiceClosed():
                return switched(HUMAN_VOICE, is_on=False)
            case MenuPresented(level=1, menu=menu, options=options):
                return FirstMenu(self._date(place, event.time_ms), menu, tuple(sorted(set(options))))
        return None

    def _row(self, place: Place) -> SiteRow:
        return self.rows.get("/".join(place)) or SiteRow(*place)

    def _times(self, place: Place) -> ServiceTimes:
        return ServiceTimes(self._row(place), self._heard[place])

    def _day_start_ms(self, place: Place, at_ms: int) -> int:
        calendar = self._calendars[place]
        return calendar.day_start_ms(calendar.day(at_ms))

    def _date(self, place: Place, at_ms: int) -> str:
        return date.fromordinal(self._calendars[place].day(at_ms)).isoformat()

    # -- judging ------------------------------------------------------------------------------------------------------

    def settle(self, now_ms: int) -> list[Output]:
        """What facts and time have made of the sites, kept with what was said of it."""
        outputs: list[Output] = []
        due = {place for place, looks_ms in self._looks_ms.items() if looks_ms <= now_ms}
        for place in sorted(self._touched | due):
            self._settle(place, now_ms, outputs)
        self._touched.clear()
        self._before.clear()
        return outputs

    def _settle(self, place: Place, now_ms: int, outputs: list[Output], *, heard_ms: int | None = None) -> None:
        """``heard_ms``: something of a later date was heard then, and is not taken yet."""
        row, judge = self._row(place), self._judges[place]
        told = {**row.told, **self._said.pop(place, {})}
        since_ms = self._newest_ms[place] - KEPT_MS
        current = judge.breaches(replace(row, told=told), self._times(place), now_ms)
        for key, breach in self._taken_back(place, current, told, now_ms).items():
            if about_ms(key, self._calendars[place]) >= since_ms:
                told[key] = RETRACTED
                outputs.append(site_finding(row, breach, RETRACTED))
        for key, breach in current.items():
            if told.get(key) != breach.state:
                told[key] = breach.state
                outputs.append(site_finding(row, breach, breach.state))
        told = {
            key: state
            for key, state in told.items()
            if key in current or about_ms(key, self._calendars[place]) >= since_ms
        }
        newest_ms = self._newest_ms[place]
        last_ms = min(now_ms, newest_ms) if heard_ms is None else min(heard_ms, newest_ms + DAY_MS)
        told_days = self._tell_days(place, row, last_ms, outputs)
        changed = aged(
            replace(row, told=told, told_days=told_days), self._newest_ms[place], self._date(place, max(since_ms, 0))
        )
        if changed != row:
            self.rows.put(row.key, changed)
        self._looks_ms[place] = judge.looks_again_ms(self._times(place), now_ms)
        self._settled_day_ms[place] = self._day_start_ms(place, now_ms)
        self._before.pop(place, None)

    def _taken_back(
        self, place: Place, current: Mapping[str, SiteBreach], told: dict[str, str], now_ms: int
    ) -> dict[str, SiteBreach]:
        """What was a breach before the new facts and is none any more; also where this owner told nothing of it: an
        earlier one may have."""
        before = self._before.get(place)
        if before is None:
            return {}
        times = ServiceTimes(before, self._heard[place])
        known = self._judges[place].breaches(replace(before, told=told), times, now_ms)
        return {key: breach for key, breach in known.items() if key not in current}

    def _tell_days(self, place: Place, row: SiteRow, last_ms: int, outputs: list[Output]) -> dict[str, int]:
        """The records of dates that are over and have changed, once something later was heard; the revisions that were
        told of all that are kept. A date without a record is unknown."""
        calendar, heard = self._calendars[place], self._heard[place]
        first_heard_ms = min((cover[0][0] for cover in heard.values() if cover), default=None)
        if first_heard_ms is None:
            return row.told_days
        since_ms = max(self._newest_ms[place] - KEPT_MS, row.since_ms)
        first = calendar.day(first_heard_ms)
        if first_heard_ms <= since_ms:
            first = calendar.day(since_ms - 1) + 1  # the date before has lost a part of what was known
        told = {}
        for number in range(first, calendar.day(last_ms)):
            name = date.fromordinal(number).isoformat()
            day = (calendar.day_start_ms(number), calendar.day_start_ms(number + 1))
            told[name] = row.told_days.get(name, -1)
            if day_revision(row, heard, day, name) > told[name]:
                told[name], output = site_day(row, heard, self._rules[place], number, calendar)
                outputs.append(output)
        return told

    def foresee(self, now_ms: int) -> list[Output]:
        """What waiting alone has made true; the next ``settle`` keeps it."""
        outputs: list[Output] = []
        for place, looks_ms in list(self._looks_ms.items()):
            if looks_ms > now_ms:
                continue
            row, times, judge = self._row(place), self._times(place), self._judges[place]
            said = self._said.setdefault(place, {})
            known = {**row.told, **said}
            for key, breach in judge.breaches(replace(row, told=known), times, now_ms).items():
                if breach.state != known.get(key):
                    said[key] = breach.state
                    outputs.append(site_finding(row, breach, breach.state))
            self._touched.add(place)
            self._looks_ms[place] = judge.looks_again_ms(times, now_ms)
        return outputs

    def restore(self, covers: Mapping[tuple[str, str, str], tuple[int, Spans]]) -> None:
        """Start from restored rows, and from when each source was last heard and for which times."""
        for (tenant, site, source), (heard_ms, cover) in covers.items():
            place = (tenant, site)
            if place in self._heard and source in self._heard[place]:
                self._heard[place][source] = cover
                self._newest_ms[place] = max(heard_ms, self._newest_ms[place])
        self._touched.update(place for place, heard in self._heard.items() if any(heard.values()))
        self._looks_ms = dict.fromkeys(self._touched, 0)

    # -- figures ------------------------------------------------------------------------------------------------------

    def figures(self, now_ms: int) -> list[ServiceFigures]:
        """The sites that are held to rules, as of an instant."""
        return [self._figures(place, rules, now_ms) for place, rules in self._rules.items() if rules.packs]

    def _figures(self, place: Place, rules: SiteRules, now_ms: int) -> ServiceFigures:
        times, row = self._times(place), self._row(place)
        instant, today = (now_ms, now_ms + 1), (self._day_start_ms(place, now_ms), now_ms)
        up = sum(bool(times.on(channel, instant)) for channel in rules.channels)
        down = sum(bool(times.off(channel, instant)) for channel in rules.channels)
        opened, closed = (
            total_ms(spans) / 1000 for spans in (times.on(HUMAN_VOICE, today), times.off(HUMAN_VOICE, today))
        )
        breaches = dict.fromkeys((rule.id for pack in rules.packs for rule in pack.availability), 0)
        counted = leading(rules.packs)
        for breach in self._judges[place].breaches(row, times, now_ms).values():
            is_of_today = breach.ended_ms is None or breach.ended_ms > today[0]
            is_counted = breach.in_force.version in counted and breach.state in (OPEN, CONFIRMED)
            breaches[breach.in_force.rule.id] += is_of_today and is_counted
        return ServiceFigures(
            *place,
            channels={"up": up, "down": down, "unknown": len(rules.channels) - up - down},
            human_voice_seconds={
                "open": opened,
                "closed": closed,
                "unknown": max(0.0, (today[1] - today[0]) / 1000 - opened - closed),
            },
            day_breaches=breaches,
        )
