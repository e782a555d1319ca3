"""What the file of a month must say, worked out from its events alone: waits, the worst, monthly figures, calls.

Deadlines, protocols and sites are in ``compliance_recount_cases``. Nothing here is shared with what makes the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from streams.comparison import Facts, Rules, parts_of
from streams.domain.encoding import iso_time
from streams.domain.recount import Offer, Recount, Visit
from streams.domain.recount_limits import Limit, on_day
from streams.recount_terms import limits_of
from streams.settings import Settings
from tests.compliance_events import Events, instant_ms
from tests.compliance_file import CALLS, INDICATORS, WAITS, WORST

INDICATOR_PACK: Final = "aneel@2026.11.0"
SHORT_SECONDS: Final = 6
"""Of a call since June 2024; no month of the tests is before."""
READINGS: Final = (
    {"base": "bank", "fifth_business_day": "base"},
    {"base": "state", "fifth_business_day": "base"},
    {"fifth_business_day": "bank"},
    {"saturday_is_business": True},
    {"adjacency": "business"},
)
"""Other readings of the calendar, one of which may allow a longer wait."""


class Judged(NamedTuple):
    """A visit that has left, or is given up (``wait_ms`` None), with the limit it is held to."""

    visit: Offer
    outcome: str
    wait_ms: int | None
    limit: Limit
    date: str
    is_tolerated: bool
    excused_by: str | None

    @property
    def verdict(self) -> str:
        if self.limit.limit_ms is None:
            return "no_limit"
        return "breached" if self.over_ms > 0 else "met"

    @property
    def judged_ms(self) -> int | None:
        return None if self.wait_ms is None else self.wait_ms + self.limit.lead_ms

    @property
    def over_ms(self) -> float:
        judged_ms = self.judged_ms
        return float("inf") if judged_ms is None else judged_ms - (self.limit.limit_ms or 0)


@dataclass(frozen=True)
class MonthOfVisits:
    """The visits of a month by local day, as the event clock of each partition has them in the end."""

    month: str
    events: Events
    settings: Settings
    rules: Rules

    def sections(self) -> Facts:
        counted = [
            self.rules.recount(part, max(event.time_ms for event in part) - self.rules.lateness_ms)
            for part in parts_of(self.events.contacts, self.rules.directory)
        ]
        judged = [each for part in counted for each in self._judged(part) if each.date.startswith(self.month)]
        return {
            WAITS: dict(self._waits(judged)),
            WORST: dict(self._worst(judged)),
            INDICATORS: dict(self._indicators(judged)),
            CALLS: dict(self._calls(visit for part in counted for visit in part.visits)),
        }

    def _judged(self, counted: Recount) -> Iterator[Judged]:
        waits = {each.visit_id: each for each in counted.visits}
        outcomes = counted.outcomes()
        others = [limits_of(self.settings, instead=pack) for pack in self._other_readings()]
        for visit in (*counted.visits, *counted.unfinished):
            if visit.visit_id not in outcomes:
                continue
            left = waits.get(visit.visit_id)
            limit = self.rules.limit_of(visit)
            zone = ZoneInfo(self.rules.directory.sites[visit.tenant, visit.site])
            is_released, evidence = self._outage(visit, limit)
            yield Judged(
                visit=visit,
                outcome=outcomes[visit.visit_id],
                wait_ms=left.wait_ms if left else None,
                limit=limit,
                date=datetime.fromtimestamp(visit.offered_ms / 1000, zone).date().isoformat(),
                is_tolerated=is_released or any(_allows_more(other, visit, limit) for other in others),
                excused_by=evidence,
            )

    @cached_property
    def _packs(self) -> list[dict[str, Any]]:
        named = dict.fromkeys(queue.policy for queue in self.settings.queues if queue.policy)
        return [dict(self.settings.packs.document(name) or {}) for name in named]

    def _other_readings(self) -> Iterator[dict[str, Any]]:
        for pack in self._packs:
            for reading in READINGS:
                yield pack | {"calendar": {**pack["calendar"], **reading}}

    def _rule(self, limit: Limit) -> Mapping[str, Any] | None:
        """The rule as its pack has it; None for the queue's own longest wait."""
        named = (
            rule
            for pack in self._packs
            if f"{pack['policy']}@{pack['version']}" == limit.policy_version
            for rule in pack["waits"]
        )
        return next((rule for rule in named if rule["id"] == limit.rule), None)

    def _force(self, each: Judged) -> str:
        rule = self._rule(each.limit)
        if rule is None:
            return "op" if each.limit.rule else ""
        start_ms = each.visit.offered_ms - each.limit.lead_ms
        pack = self._packs[0]
        day = datetime.fromtimestamp(start_ms / 1000, ZoneInfo(pack["zone"])).date()
        period = on_day(rule["periods"], day)
        is_suspended = on_day(rule.get("suspended", ()), day) is not None
        return str(period["force"]) if period is not None and not is_suspended else ""

    def _outage(self, visit: Offer, limit: Limit) -> tuple[bool, str | None]:
        """Whether its rule knows outages, and the evidence of one that covers it."""
        rule = self._rule(limit)
        if rule is None or "systemic_outage" not in rule.get("released_by", ()) or limit.limit_ms is None:
            return False, None
        covering = (
            told["evidence"]
            for told in self._declared("systemic_outage", visit)
            if instant_ms(told["starts_at"]) <= visit.offered_ms <= instant_ms(told["ends_at"])
        )
        return True, next(covering, None)

    def _declared(self, kind: str, visit: Offer) -> Iterator[dict[str, Any]]:
        for event in self.events.plain.get("exception.declared", ()):
            told = event["data"]
            is_here = (told["tenant"], told["site"]) == (visit.tenant, visit.site)
            if told["kind"] == kind and is_here and visit.queue in (told.get("queues") or [visit.queue]):
                yield told

    def _waits(self, judged: Iterable[Judged]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        lines: dict[str, list[Judged]] = {}
        for each in judged:
            visit, limit = each.visit, each.limit
            words = (visit.tenant, visit.queue, visit.channel, each.date, limit.rule, limit.policy_version)
            lines.setdefault(" ".join((*words, self._force(each))), []).append(each)
        for key, ours in lines.items():
            verdicts = Counter(each.verdict for each in ours)
            kinds = Counter(each.outcome.partition("_")[0] for each in ours)
            breached = [each for each in ours if each.verdict == "breached"]
            yield (
                key,
                (
                    len(ours),
                    kinds["answered"],
                    kinds["abandoned"],
                    verdicts["met"],
                    verdicts["breached"],
                    verdicts["no_limit"],
                    sum(each.is_tolerated for each in breached),
                    sum(each.excused_by is not None for each in breached),
                    max((each.judged_ms or 0) for each in ours) / 1000,
                ),
            )

    def _worst(self, judged: Iterable[Judged]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        breached = [each for each in judged if each.verdict == "breached"]
        breached.sort(key=lambda each: (-each.over_ms, _visit_name(each.visit)))
        for place, each in enumerate(breached[:10], start=1):
            yield (
                str(place),
                (
                    _visit_name(each.visit),
                    iso_time(each.visit.offered_ms),
                    each.limit.rule,
                    each.limit.policy_version,
                    self._force(each),
                    (each.limit.limit_ms or 0) / 1000,
                    None if each.judged_ms is None else each.judged_ms / 1000,
                    each.outcome,
                    each.excused_by,
                ),
            )

    # -- monthly figures ----------------------------------------------------------------------------------------------

    def _indicators(self, judged: Iterable[Judged]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        pack = self.settings.packs.document(INDICATOR_PACK) or {}
        sectors = {(queue.tenant, queue.queue): queue.sector for queue in self.settings.queues}
        for rule in pack["indicators"]:
            energy = {place for place, sector in sectors.items() if sector in rule["sectors"]}
            ours = [
                each
                for each in judged
                if each.visit.channel == "voice" and (each.visit.tenant, each.visit.queue) in energy
            ]
            net = [each for each in ours if not self._is_atypical(each)]
            for tenant in sorted({tenant for tenant, _ in energy}):
                figures = (
                    figure
                    for part in (ours, net)
                    for figure in _figure(rule, [each for each in part if each.visit.tenant == tenant])
                )
                key = f"{tenant} {rule['id']} {rule['formula']} {rule['force']} {rule['confidence']}"
                yield key, tuple(figures)

    def _is_atypical(self, each: Judged) -> bool:
        zone = ZoneInfo(self.rules.directory.sites[each.visit.tenant, each.visit.site])
        for told in self._declared("atypical_day", each.visit):
            first, last = (
                datetime.fromisoformat(told[name]).astimezone(zone).date().isoformat()
                for name in ("starts_at", "ends_at")
            )
            if first <= each.date <= last:
                return True
        return False

    # -- calls of dialers ---------------------------------------------------------------------------------------------

    def _calls(self, visits: Iterable[Visit]) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Of each job the earliest report; how long an answered call was, its visit says."""
        lengths = {(each.tenant, each.callback_job_id): _length_seconds(each) for each in visits}
        reports: dict[tuple[str, str], tuple[int, str]] = {}
        for event in self.events.plain.get("dial.attempted", ()):
            data = event["data"]
            told = (instant_ms(event["time"]), data["outcome"])
            place = (data["tenant"], data["job_id"])
            reports[place] = min(told, reports.get(place, told))
        days: dict[str, Counter[str]] = {}
        for (tenant, job), (at_ms, outcome) in reports.items():
            day = datetime.fromtimestamp(at_ms / 1000, ZoneInfo("America/Sao_Paulo")).date().isoformat()
            if day.startswith(self.month):
                length = lengths.get((tenant, job)) if outcome == "answered" else 0.0
                kind = "unknown" if length is None else "short" if length <= SHORT_SECONDS else "long"
                days.setdefault(f"{tenant} {day}", Counter()).update(["calls", kind])
        for key, counts in days.items():
            yield key, (counts["calls"], counts["short"], counts["unknown"], "none")


def _visit_name(visit: Offer) -> str:
    return f"{visit.tenant}/{visit.queue}/{visit.entry}/{visit.contact_id}"


def _allows_more(other: Callable[[Offer], Limit], visit: Offer, limit: Limit) -> bool:
    other_ms = other(visit).limit_ms
    return limit.limit_ms is not None and other_ms is not None and other_ms > limit.limit_ms


def _figure(rule: Mapping[str, Any], ours: list[Judged]) -> tuple[float | None, bool | None]:
    """In percent, and whether it passes; None of ICO, of which nobody tells, and where there is no divisor."""
    kinds = [(each.outcome.partition("_")[0], each.wait_ms or 0) for each in ours]
    routed = sum(kind in ("answered", "abandoned", "unknown") for kind, _ in kinds)
    in_time = Counter(kind for kind, wait_ms in kinds if wait_ms <= 30_000)
    base = routed - in_time["abandoned"]
    part = {
        "INS": in_time["answered"],
        "IAb": sum(kind == "abandoned" for kind, _ in kinds) - in_time["abandoned"],
    }.get(rule["formula"])
    if part is None or base <= 0:
        return None, None
    percent = Fraction(100 * part, base)
    least, most = rule.get("at_least_percent"), rule.get("at_most_percent")
    return float(percent), percent >= least if least is not None else percent <= most


def _length_seconds(visit: Visit) -> float | None:
    """Ringing our side and talk; None of an answered call whose end nobody told."""
    if visit.exit_kind == "answered" and visit.talk_seconds is None:
        return None
    return visit.wait_ms / 1000 + (visit.talk_seconds or 0.0)
