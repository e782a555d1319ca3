"""What a site offers its customers and when: channels, human voice, first menus, and what of it is known at all.

A site keeps what its sources told, in order of event time, for a week behind the newest sign of life. Something is on
or off by the last word about it, and only while the source of that word is heard: beyond its expected silence nobody
knows. So an instant is on, off or unknown, whatever the order in which things were told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.domain.directory import DAY_MS
from streams.domain.spans import Span, Spans, common, gaps, joined, union

HUMAN_VOICE: Final = "human_voice"
KEPT_MS: Final = 7 * DAY_MS
"""How long a site's facts are kept behind the newest that is known of it; older ones come too late."""
MOST_SITE_FACTS: Final = 2000
MOST_MENUS: Final = 200
MOST_SPANS: Final = 500
"""Beyond, a source is heard so seldom that its oldest times are forgotten."""
FOR_EVER: Final = 2**53


class SiteFact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A channel, or the human voice, went on or off, as this source told. ``identity`` is the event's id."""

    time_ms: int
    signal: str
    is_on: bool
    source: str
    identity: str

    @property
    def order(self) -> tuple[int, str, str, str]:
        return (self.time_ms, self.signal, self.identity, self.source)


class FirstMenu(msgspec.Struct, frozen=True, gc=False, array_like=True, order=True):
    """A first menu as callers heard it on a local date: told apart by what it offers, not by how often."""

    date: str
    menu: str
    options: tuple[str, ...]


class SiteRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """The durable part of a site. ``forgotten`` counts facts that are no longer kept, ``since_ms`` is where knowledge
    begins for that reason; ``told`` are findings by key, ``told_days`` the revisions of day records."""

    tenant: str
    site: str
    facts: tuple[SiteFact, ...] = ()
    menus: tuple[FirstMenu, ...] = ()
    forgotten: int = 0
    since_ms: int = 0
    told: dict[str, str] = {}
    told_days: dict[str, int] = {}

    @property
    def key(self) -> str:
        return f"{self.tenant}/{self.site}"

    @property
    def known_facts(self) -> int:
        """How many distinct facts were ever taken: never goes back."""
        return self.forgotten + len(self.facts) + len(self.menus)

    def facts_until(self, end_ms: int, date: str) -> int:
        """The same of what a day rests on that ends then."""
        return self.forgotten + sum(fact.time_ms < end_ms for fact in self.facts) + len(self.menus_of(date))

    def menus_of(self, date: str) -> tuple[FirstMenu, ...]:
        return tuple(menu for menu in self.menus if menu.date == date)


def with_fact(row: SiteRow, fact: SiteFact | FirstMenu) -> SiteRow:
    """The row itself where it knows the fact already."""
    if isinstance(fact, FirstMenu):
        is_known = fact in row.menus or len(row.menus) >= MOST_MENUS
        return row if is_known else replace(row, menus=tuple(sorted((*row.menus, fact))))
    if fact in row.facts:
        return row
    return replace(row, facts=tuple(sorted((*row.facts, fact), key=lambda each: each.order)))


def aged(row: SiteRow, newest_ms: int, date_since: str) -> SiteRow:
    """Without what is older than is kept, but for the last word about everything. ``date_since`` is the local date from
    which menus are kept."""
    since_ms = max(row.since_ms, newest_ms - KEPT_MS)
    if len(row.facts) > MOST_SITE_FACTS:
        since_ms = max(since_ms, row.facts[-MOST_SITE_FACTS].time_ms)
    last_words = {fact.signal: fact for fact in row.facts if fact.time_ms < since_ms}
    facts = tuple(fact for fact in row.facts if fact.time_ms >= since_ms or last_words[fact.signal] is fact)
    menus = tuple(menu for menu in row.menus if menu.date >= date_since)
    gone = len(row.facts) - len(facts) + len(row.menus) - len(menus)
    if not gone:
        return row
    return replace(row, facts=facts, menus=menus, forgotten=row.forgotten + gone, since_ms=since_ms)


def heard_from(cover: Spans, heard_ms: int, silence_ms: int, newest_ms: int) -> Spans:
    """The times at which a source counts as heard, with one sign of life more: from it until it is expected again."""
    grown = joined(cover, (heard_ms, heard_ms + silence_ms))
    since_ms = newest_ms - KEPT_MS
    kept = tuple((max(start, since_ms), end) for start, end in grown if end > since_ms)
    return kept[-MOST_SPANS:]


class ServiceTimes:
    """When something of a site was on, off or unknown, from its row and from when its sources were heard."""

    def __init__(self, row: SiteRow, heard: Mapping[str, Spans]) -> None:
        self._heard = heard
        self._facts: dict[str, list[SiteFact]] = {}
        for fact in row.facts:
            self._facts.setdefault(fact.signal, []).append(fact)

    def is_told_of(self, signal: str) -> bool:
        return signal in self._facts

    def said_off(self, signal: str) -> Spans:
        """From each word that it went off to the next word, whether or not anybody was heard meanwhile."""
        return tuple((start, end) for fact, start, end in self._stretches(signal) if not fact.is_on)

    def on(self, signal: str, within: Span) -> Spans:
        return self._known(signal, within, is_on=True)

    def off(self, signal: str, within: Span) -> Spans:
        return self._known(signal, within, is_on=False)

    def any_on(self, signals: Sequence[str], within: Span) -> Spans:
        return union(self.on(signal, within) for signal in signals)

    def all_off(self, signals: Sequence[str], within: Span) -> Spans:
        """When every one of them was known to be off; never where there is none."""
        off: Spans = (within,) if signals else ()
        for signal in signals:
            off = common(off, self.off(signal, within))
        return off

    def periods_off(self, signals: Sequence[str]) -> Spans:
        """From the last of them going off to the first coming back, by words alone."""
        off: Spans = ((0, FOR_EVER),) if signals else ()
        for signal in signals:
            off = common(off, _merged(self.said_off(signal)))
        return off

    def _stretches(self, signal: str) -> list[tuple[SiteFact, int, int]]:
        facts = self._facts.get(signal, [])
        ends = [later.time_ms for _, later in pairwise(facts)]
        return [(fact, fact.time_ms, end) for fact, end in zip(facts, [*ends, FOR_EVER], strict=False)]

    def _known(self, signal: str, within: Span, *, is_on: bool) -> Spans:
        return union(
            common(self._heard.get(fact.source, ()), common(((start, end),), (within,)))
            for fact, start, end in self._stretches(signal)
            if fact.is_on is is_on and start < end
        )


def _merged(spans: Spans) -> Spans:
    """Two words that say off one after the other are one stretch."""
    return union([spans])


def lasts_for_ever(end_ms: int) -> bool:
    """Whether a stretch has no end that was told."""
    return end_ms >= FOR_EVER


def unheard(cover: Spans, within: Span) -> Spans:
    """When a source was silent for longer than expected."""
    return gaps(cover, within)
