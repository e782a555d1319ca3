"""From the configuration to the limits of each queue: its policy, its calendars, its opening hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from streams import calendar_tables, policy_packs
from streams.domain.calendars import HolidayTable
from streams.domain.limits import Place, WaitRules
from streams.domain.opening_hours import OpeningHours, Span
from streams.domain.policy import Pack
from streams.domain.queue_limits import QueueLimits
from streams.errors import ConfigError
from streams.settings_checks import Draft
from streams.settings_document import Problem, join
from streams.settings_sections import Queue, Site

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
        yield from place_problems(site.state, site.city, f"sites[{index}]")
    for index, queue in draft.queues.items():
        path = f"queues[{index}]"
        yield from place_problems(queue.state, queue.city, path)
        yield from hours_problems(
            queue.hours, path, needs_them=queue.max_wait_counts == "opening_hours", named="max_wait_counts"
        )
        if not packs.problems:
            yield from _policy(queue, packs, path)
            yield from _beside(queue, packs, path)


def place_problems(state: str | None, city: str | None, path: str) -> Iterator[Problem]:
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


def hours_problems(hours: Mapping[str, str] | None, path: str, *, needs_them: bool, named: str) -> Iterator[Problem]:
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


def week_of(hours: Mapping[str, str]) -> tuple[tuple[Span, ...], ...]:
    spans = {day: spans_of(text) for days, text in hours.items() for day in weekdays(days)}
    return tuple(spans.get(day, ()) for day in WEEK)


def opening_hours(queue: Queue, site: Site, pack: Pack | None) -> OpeningHours | None:
    """When the queue is open, on the clock of its site; None where no hours are given: always."""
    if queue.hours is None:
        return None
    table: HolidayTable = calendar_tables.table(pack.calendar.table if pack else DEFAULT_TABLE)
    name = queue.city or queue.state or site.city or site.state or "national"
    return OpeningHours(
        week=week_of(queue.hours),
        zone=ZoneInfo(site.zone),
        holidays=table.named(name, frozenset(site.holidays)),
    )
