"""From the configuration to the limits of each queue: its policy, its calendars, its opening hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace as replace_calendar
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from streams import calendar_tables, policy_packs
from streams.domain.calendars import Calendar, HolidayTable
from streams.domain.case_duties import CasePack, CaseRules
from streams.domain.deadlines import Promises
from streams.domain.limits import Place, WaitRules
from streams.domain.opening_hours import OpeningHours, Span
from streams.domain.policy import Pack
from streams.domain.queue_limits import QueueLimits
from streams.domain.site_findings import SiteRules
from streams.errors import ConfigError
from streams.settings_checks import Draft, is_zone
from streams.settings_document import Problem, join
from streams.settings_sections import Availability, Cases, Queue, Site

WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_TABLE: Final = "br@2026.11.0"
"""Whose holidays close queues that follow no policy."""


class Packs:
    """The packs that a configuration may name: the packaged ones and its own."""

    def __init__(self, names: tuple[str, ...], folder: Path) -> None:
        self.problems: list[Problem] = []
        self.own: dict[str, Pack] = {}
        """Those that the configuration lists."""
        self._documents: dict[str, Mapping[str, Any]] = {}
        for index, name in enumerate(names):
            self._read(folder / name, f"policies[{index}]")

    def _read(self, file: Path, path: str) -> None:
        try:
            text = file.read_text(encoding="utf-8")
            pack = policy_packs.parse_pack(text)
        except OSError as error:
            self.problems.append((path, f"expected a file that can be read: {error.strerror}"))
        except UnicodeDecodeError:
            self.problems.append((path, "expected UTF-8 text"))
        except ConfigError as error:
            self.problems += [(join(path, where), expected) for where, expected in error.problems]
        else:
            if pack.cited_as in {*self.own, *policy_packs.pack_names()}:
                expected = f"expected a policy or version of its own; there is a {pack.cited_as} already"
                self.problems.append((f"{path}.version", expected))
            else:
                self.own[pack.cited_as] = pack
                self._documents[pack.cited_as] = policy_packs.plain(text)

    def get(self, name: str) -> Pack | None:
        return self.own.get(name) or (policy_packs.packaged(name) if name in policy_packs.pack_names() else None)

    def document(self, name: str) -> Mapping[str, Any] | None:
        """The same as the plain values of its YAML."""
        return self._documents.get(name) or (policy_packs.document(name) if name in policy_packs.pack_names() else None)

    @property
    def names(self) -> list[str]:
        return sorted({*self.own, *policy_packs.pack_names()})


def policy_problems(draft: Draft, packs: Packs) -> Iterator[Problem]:
    """What does not fit between queues, sites and policies."""
    yield from packs.problems
    for index, site in draft.sites.items():
        yield from _place(site.state, site.city, f"sites[{index}]")
    yield from _cases(draft, packs)
    yield from _availability(draft, packs)
    for index, queue in draft.queues.items():
        path = f"queues[{index}]"
        yield from _place(queue.state, queue.city, path)
        yield from _hours(
            queue.hours, path, needs_them=queue.max_wait_counts == "opening_hours", named="max_wait_counts"
        )
        if not packs.problems:
            yield from _policy(queue, packs, path)
            yield from _beside(queue, packs, path)


def _cases(draft: Draft, packs: Packs) -> Iterator[Problem]:
    known = {site.tenant for site in draft.sites.values()}
    first: dict[str, int] = {}
    for index, cases in draft.cases.items():
        path = f"cases[{index}]"
        yield from _place(cases.state, cases.city, path)
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
    yield from _hours(cases.hours, path, needs_them=cases.seconds_count == "opening_hours", named="seconds_count")
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


def _place(state: str | None, city: str | None, path: str) -> Iterator[Problem]:
    if city is None:
        return
    known = calendar_tables.CITIES
    if city not in known:
        expected = (
            f"expected a city of the holiday tables ({', '.join(known)}); days of others go into sites[].holidays"
        )
        yield f"{path}.city", expected
    elif state not in (None, known[city][0]):
        yield f"{path}.state", f"expected {known[city][0]}, the state of {city}"


def _beside(queue: Queue, packs: Packs, path: str) -> Iterator[Problem]:
    if queue.policy_beside is None:
        return
    pack = packs.get(queue.policy_beside)
    if pack is None:
        yield f"{path}.policy_beside", f"expected one of {', '.join(packs.names)}"
    elif queue.policy_beside == queue.policy:
        yield f"{path}.policy_beside", "expected another policy or version than policy"
    elif all(_rules(pack, queue, None, channel).rule_for() is None for channel in queue.channels):
        yield f"{path}.policy_beside", f"expected a policy with a limit for this queue; {queue.policy_beside} has none"


def _policy(queue: Queue, packs: Packs, path: str) -> Iterator[Problem]:
    if queue.policy is None:
        if queue.max_wait_seconds is None:
            yield f"{path}.max_wait_seconds", "expected a value, or a policy that has a limit; it is missing"
        return
    pack = packs.get(queue.policy)
    if pack is None:
        yield f"{path}.policy", f"expected one of {', '.join(packs.names)}"
        return
    for channel in queue.channels:
        rule = _rules(pack, queue, None, channel).rule_for()
        has_own_limit = rule is None or any(period.setting for period in rule.periods)
        if has_own_limit and queue.max_wait_seconds is None:
            yield f"{path}.max_wait_seconds", f"expected a value: {queue.policy} sets no limit for {channel}"


def _hours(hours: Mapping[str, str] | None, path: str, *, needs_them: bool, named: str) -> Iterator[Problem]:
    if hours is None:
        if needs_them:
            yield f"{path}.hours", f"expected opening hours, because {named} names them; it is missing"
        return
    told: set[str] = set()
    for days, text in hours.items():
        if told & set(weekdays(days)) or not weekdays(days):
            yield f"{path}.hours.{days}", "expected each weekday once, and from an earlier to a later one"
        told |= set(weekdays(days))
        spans = spans_of(text)
        minutes = [minute for span in spans for minute in span]
        if minutes != sorted(set(minutes)) or minutes[-1] > 24 * 60 or any(minute % 100 > 59 for minute in _ends(text)):
            yield f"{path}.hours.{days}", "expected times from 00:00 to 24:00, each later than the one before"


def weekdays(days: str) -> tuple[str, ...]:
    """The weekdays of ``daily``, ``sat`` or ``mon-fri``; none where the last comes before the first."""
    if days == "daily":
        return WEEK
    first, _, last = days.partition("-")
    return WEEK[WEEK.index(first) : WEEK.index(last or first) + 1]


def spans_of(text: str) -> tuple[Span, ...]:
    """``08:00-12:00, 13:00-18:00`` as minutes of the day."""
    ends = [hhmm // 100 * 60 + hhmm % 100 for hhmm in _ends(text)]
    return tuple(zip(ends[::2], ends[1::2], strict=True))


def _ends(text: str) -> list[int]:
    return [int(end.replace(":", "")) for span in text.split(",") for end in span.strip().split("-")]


def _rules(pack: Pack, queue: Queue, site: Site | None, channel: str) -> WaitRules:
    city = queue.city or (site.city if site else None)
    state = queue.state or (site.state if site else None) or (calendar_tables.CITIES[city][0] if city else None)
    own = frozenset(site.holidays) if site else frozenset()
    max_wait_ms = None if queue.max_wait_seconds is None else round(queue.max_wait_seconds * 1000)
    return WaitRules(
        pack,
        calendar_tables.table(pack.calendar.table),
        Place(queue.sector, channel, state, city, own),
        settings_ms={"max_wait_seconds": max_wait_ms},
    )


def limits_of(queue: Queue, site: Site, packs: Packs, *, sector: str | None = None) -> Mapping[str, QueueLimits]:
    """The limits of a queue by channel, once the configuration is known to be sound; as if of another ``sector``."""
    held = queue if sector is None else replace(queue, sector=sector)
    pack = packs.get(queue.policy) if queue.policy else None
    max_wait_ms = None if queue.max_wait_seconds is None else round(queue.max_wait_seconds * 1000)
    counts_open = queue.max_wait_counts == "opening_hours"
    limits: dict[str, QueueLimits] = {
        channel: QueueLimits(
            max_wait_ms=max_wait_ms,
            rules=_rules(pack, held, site, channel) if pack else None,
            hours=opening_hours(queue, site, pack) if counts_open else None,
        )
        for channel in queue.channels
    }
    return MappingProxyType(limits)


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
    return Promises(lengths_ms, OpeningHours(_week(cases.hours), ZoneInfo(cases.zone or pack.zone), holidays))


def _week(hours: Mapping[str, str]) -> tuple[tuple[Span, ...], ...]:
    spans = {day: spans_of(text) for days, text in hours.items() for day in weekdays(days)}
    return tuple(spans.get(day, ()) for day in WEEK)


def site_rules(each: Availability, zone: str, packs: Packs) -> SiteRules:
    """What a site is held to, once the configuration is known to be sound."""
    found = [pack for name in each.policies if (pack := packs.get(name)) is not None]
    return SiteRules(tuple(found), each.channels, zone, each.sector)


def opening_hours(queue: Queue, site: Site, pack: Pack | None) -> OpeningHours | None:
    """When the queue is open, on the clock of its site; None where no hours are given: always."""
    if queue.hours is None:
        return None
    table: HolidayTable = calendar_tables.table(pack.calendar.table if pack else DEFAULT_TABLE)
    name = queue.city or queue.state or site.city or site.state or "national"
    return OpeningHours(
        week=_week(queue.hours),
        zone=ZoneInfo(site.zone),
        holidays=table.named(name, frozenset(site.holidays)),
    )
