"""What sites offered, worked out once more from all their events, one stretch between two happenings after the other.

Naive on purpose, and nothing here is shared with the stage that it judges: for every stretch everything is looked up
anew among all words.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, zip_longest
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.domain.recount_events import (
    CHANNEL,
    IDENTIFIER,
    Fields,
    Skipped,
    Unfit,
    instant,
    json_object,
    slug,
    string,
    text,
    whole,
)
from streams.domain.recount_limits import local, on_day

HUMAN: Final = "human"
KINDS: Final = {
    "source.heartbeat": None,
    "channel.up": True,
    "channel.down": False,
    "human_voice.open": True,
    "human_voice.closed": False,
    "ivr.menu_presented": None,
}
LEVEL: Final = whole(1, 20)
HOUR_MS: Final = 3_600_000


Stretch = tuple[int, Mapping[str, bool | None]]
"""Milliseconds during which nothing changed, and what was on, off or unknown then."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a source said of its site. ``about`` is a channel or human voice, ``options`` those of a first menu."""

    time_ms: int
    kind: str
    source: str
    event_id: str
    tenant: str
    site: str
    about: str | None = None
    menu: str | None = None
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SiteTerms:
    """What a site is held to: packs as their YAML has them, its channels, and how long each source may be silent."""

    packs: Sequence[Mapping[str, Any]]
    channels: Sequence[str]
    zone: str
    silences_ms: Mapping[str, int]
    sector: str | None = None


def read_sites(lines: Iterable[str | bytes], skipped: Skipped | None = None) -> Iterator[Word]:
    """The site events of canonical CloudEvents, one JSON object a line."""
    tally = Skipped() if skipped is None else skipped
    for line in lines:
        try:
            yield word_of(json_object(text(line)))
        except Unfit as unfit:
            tally.add(str(unfit))


def word_of(envelope: Fields) -> Word:
    kind = string(envelope, "type")
    if kind not in KINDS:
        raise Unfit("ignored_type")
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise Unfit("bad_value")
    about, menu, options = None, None, frozenset[str]()
    if kind.startswith("channel."):
        about = CHANNEL(data, "channel")
    elif kind.startswith("human_voice."):
        about = HUMAN
    elif kind == "ivr.menu_presented" and LEVEL(data, "level") == 1:
        told = data.get("options")
        if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
            raise Unfit("bad_value")
        menu, options = slug({"menu": data.get("menu") or "main"}, "menu"), frozenset(told)
    return Word(
        time_ms=instant(envelope, "time"),
        kind=kind,
        source=slug(envelope, "source"),
        event_id=IDENTIFIER(envelope, "id"),
        tenant=slug(data, "tenant"),
        site=slug(data, "site"),
        about=about,
        menu=menu,
        options=options,
    )


class Words:
    """All that was said of one site, in order of time, to be looked up by what it is about and by who said it."""

    def __init__(self, words: Iterable[Word], terms: SiteTerms) -> None:
        self.all = sorted(set(words), key=lambda each: (each.time_ms, each.about or "", each.event_id, each.source))
        self._silences_ms = terms.silences_ms
        self._about: dict[str | None, list[Word]] = {}
        self._by: dict[str, list[Word]] = {}
        for word in self.all:
            self._about.setdefault(word.about, []).append(word)
            self._by.setdefault(word.source, []).append(word)

    def last_about(self, signal: str, at_ms: int) -> Word | None:
        """The last word about it until an instant."""
        return _last(self._about.get(signal, []), at_ms)

    def is_heard(self, source: str, at_ms: int) -> bool:
        """Whether its last word until then is no longer ago than it may be silent."""
        word = _last(self._by.get(source, []), at_ms)
        return word is not None and at_ms < word.time_ms + self._silences_ms[source]

    def times_of(self, source: str) -> Iterator[int]:
        return (word.time_ms for word in self._by.get(source, []))


def _last(words: Sequence[Word], at_ms: int) -> Word | None:
    place = bisect_right(words, at_ms, key=lambda word: word.time_ms)
    return words[place - 1] if place else None


@dataclass(frozen=True, slots=True)
class Counted:
    """One site, recounted: seconds by local date and what they are about, verdicts by date and rule, findings by id."""

    seconds: Mapping[tuple[str, str], tuple[float, float, float]]
    """(date, channel or ``any_channel`` or ``human_voice``) to seconds on, off and unknown."""
    silent_seconds: Mapping[tuple[str, str], float]
    """(date, source) to seconds of silence beyond what is expected."""
    verdicts: Mapping[tuple[str, str, str], str]
    """(date, rule, policy version) to met, breached or unknown."""
    findings: Mapping[str, str]
    """Finding id to open or confirmed."""


def count_site(words: Iterable[Word], terms: SiteTerms, *, now_ms: int) -> Counted:
    """All words of one site as of an instant: dates that are over, and every breach until then."""
    known = Words(words, terms)
    ours = known.all
    if not ours:
        return Counted({}, {}, {}, {})
    days = list(_days(ours[0].time_ms, now_ms, terms.zone))
    stretches = [
        (start, end, {signal: _state(known, signal, start) for signal in (*terms.channels, HUMAN)})
        for start, end in pairwise(_happenings(ours, terms, days, now_ms))
    ]
    seconds: dict[tuple[str, str], tuple[float, float, float]] = {}
    silent: dict[tuple[str, str], float] = {}
    verdicts: dict[tuple[str, str, str], str] = {}
    findings = dict(_outages(known, terms))
    for day, first_ms, end_ms in days:
        inside = [(b - a, states) for a, b, states in stretches if first_ms <= a and b <= end_ms]
        menus = [word for word in ours if word.menu and first_ms <= word.time_ms < end_ms]
        is_over = end_ms <= now_ms
        for pack, rule, period in _rules(terms, day):
            version = f"{pack['policy']}@{pack['version']}"
            verdict, broken = _verdict(rule, period, terms, (inside, menus, end_ms - first_ms))
            for about in broken:
                name = f"{about}@{day}" if about else str(day)
                key = f"{ours[0].tenant}/{ours[0].site}:{rule['id']}:{name}:{version}"
                findings[key] = "confirmed" if about or is_over else "open"
            if is_over:
                verdicts[str(day), rule["id"], version] = verdict
        if is_over:
            seconds |= {(str(day), about): told for about, told in _lengths(inside, terms).items()}
            silent |= {(str(day), each): _silence(known, terms, each, (first_ms, end_ms)) for each in terms.silences_ms}
    return Counted(seconds, silent, verdicts, findings)


def _lengths(inside: Sequence[Stretch], terms: SiteTerms) -> dict[str, tuple[float, float, float]]:
    together = [(ms, any_of([states[each] for each in terms.channels])) for ms, states in inside]
    about = {each: [(ms, states[each]) for ms, states in inside] for each in terms.channels}
    human = [(ms, states[HUMAN]) for ms, states in inside]
    return {each: _seconds(told) for each, told in (about | {"any_channel": together, "human_voice": human}).items()}


def _verdict(
    rule: Mapping[str, Any],
    period: Mapping[str, Any],
    terms: SiteTerms,
    day: tuple[Sequence[Stretch], Sequence[Word], int],
) -> tuple[str, list[str | None]]:
    """Of one rule and date, and the menus that break it, or None for the date itself. Outages are found apart."""
    inside, menus, length_ms = day
    if rule["measure"] == "first_menu":
        poor: list[str | None] = [word.menu for word in menus if set(period["options"]) - word.options]
        return "breached" if poor else "met" if menus else "unknown", poor
    if rule["measure"] == "human_voice":
        least_ms = period["at_least_hours"] * HOUR_MS
        opened_ms, closed_ms = (sum(ms for ms, states in inside if states[HUMAN] is was) for was in (True, False))
        if length_ms - closed_ms < least_ms:
            return "breached", [None]
        return "met" if opened_ms >= least_ms else "unknown", []
    counting = [each for each in terms.channels if each in (rule.get("channels") or terms.channels)]
    together = {any_of([states[signal] for signal in counting]) for _, states in inside}
    return "breached" if False in together else "unknown" if None in together else "met", []


def any_of(states: Sequence[bool | None]) -> bool | None:
    """On if one is, off if all are, unknown otherwise."""
    if True in states:
        return True
    return None if None in states or not states else False


def _happenings(
    words: Sequence[Word], terms: SiteTerms, days: Sequence[tuple[date, int, int]], now_ms: int
) -> list[int]:
    """Every instant at which anything may change, up to now."""
    instants = {word.time_ms for word in words}
    instants |= {word.time_ms + terms.silences_ms[word.source] for word in words}
    instants |= {each for _, first, end in days for each in (first, end)} | {now_ms}
    return sorted(each for each in instants if each <= now_ms)


def _state(words: Words, signal: str, at_ms: int) -> bool | None:
    """The last word about it, while its source is heard."""
    said = words.last_about(signal, at_ms)
    return KINDS[said.kind] if said is not None and words.is_heard(said.source, at_ms) else None


def _outages(words: Words, terms: SiteTerms) -> Iterator[tuple[str, str]]:
    """From the word that took the last channel away to the first that brought one back, where any of it is known."""
    for pack in terms.packs:
        for rule in (rule for rule in pack["availability"] if rule["measure"] == "any_channel"):
            counting = [each for each in terms.channels if each in (rule.get("channels") or terms.channels)]
            told: dict[str, bool | None] = dict.fromkeys(counting)
            began_ms: int | None = None
            ours = [word for word in words.all if word.about in told]
            for word, later in zip_longest(ours, ours[1:]):
                told[str(word.about)] = KINDS[word.kind]
                if later is not None and later.time_ms == word.time_ms:
                    continue
                is_off = all(state is False for state in told.values())
                if is_off and began_ms is None:
                    began_ms = word.time_ms
                if began_ms is not None and (not is_off or later is None):
                    ended_ms = None if is_off else word.time_ms
                    yield from _outage(words, terms, (pack, rule, counting), (began_ms, ended_ms))
                    began_ms = None


def _outage(
    words: Words,
    terms: SiteTerms,
    by: tuple[Mapping[str, Any], Mapping[str, Any], Sequence[str]],
    when: tuple[int, int | None],
) -> Iterator[tuple[str, str]]:
    pack, rule, counting = by
    began_ms, ended_ms = when
    day = local(began_ms, terms.zone).date()
    is_known = any(
        any_of([_state(words, each, at_ms) for each in counting]) is False
        for at_ms in {word.time_ms for word in words.all}
        if began_ms <= at_ms and (ended_ms is None or at_ms < ended_ms)
    )
    if is_known and _binds(rule, terms) and on_day(rule["periods"], day):
        version = f"{pack['policy']}@{pack['version']}"
        state = "open" if ended_ms is None else "confirmed"
        yield f"{words.all[0].tenant}/{words.all[0].site}:{rule['id']}:{began_ms}:{version}", state


def _rules(terms: SiteTerms, day: date) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    for pack in terms.packs:
        for rule in pack["availability"]:
            period = on_day(rule["periods"], day)
            if period is not None and _binds(rule, terms):
                yield pack, rule, period


def _binds(rule: Mapping[str, Any], terms: SiteTerms) -> bool:
    return terms.sector in (rule.get("sectors") or [terms.sector])


def _seconds(told: Sequence[tuple[int, bool | None]]) -> tuple[float, float, float]:
    on, off, unknown = (sum(ms for ms, state in told if state is wanted) / 1000 for wanted in (True, False, None))
    return on, off, unknown


def _silence(words: Words, terms: SiteTerms, source: str, day: tuple[int, int]) -> float:
    edges = {edge for heard_ms in words.times_of(source) for edge in (heard_ms, heard_ms + terms.silences_ms[source])}
    within = sorted({*day, *(edge for edge in edges if day[0] < edge < day[1])})
    return sum(b - a for a, b in pairwise(within) if not words.is_heard(source, a)) / 1000


def _days(first_ms: int, now_ms: int, zone: str) -> Iterator[tuple[date, int, int]]:
    """Each local date from the first word on, with its first instant and its end."""
    day = local(first_ms, zone).date()
    while (start_ms := _midnight_ms(day, zone)) <= now_ms:
        yield day, start_ms, _midnight_ms(day + timedelta(days=1), zone)
        day += timedelta(days=1)


def _midnight_ms(day: date, zone: str) -> int:
    midnight = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    return (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
