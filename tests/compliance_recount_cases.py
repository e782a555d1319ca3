"""What the file of a month must say of cases, protocols and sites, worked out from the events alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.comparison import Facts, Rules, plans_expected
from streams.domain.recount_cases import Judged, Moment, case_duties_of
from streams.domain.recount_limits import on_day
from streams.domain.recount_sites import SiteTerms, count_site
from streams.partitioning import partition_of
from streams.recount_terms import case_terms_of, site_terms_of
from streams.settings import Settings
from streams.told import Data
from tests.compliance_events import Events, instant_ms
from tests.compliance_file import AVAILABILITY, BLIND, DEADLINES, PROTOCOLS, STANDING

ZONE: Final = ZoneInfo("America/Sao_Paulo")
OWED_CALL: Final = "CALL-2 configuration op configured"


@dataclass(frozen=True)
class MonthOfCases:
    """The cases of a month and its sites. Deadlines stand as of ``now_ms``, by the clock of whoever makes the file;
    findings as the event clock of each partition had them. ``plan_facts`` are taken as fact, as in any recount."""

    month: str
    events: Events
    settings: Settings
    rules: Rules
    now_ms: int
    plan_facts: Sequence[Data] = ()

    def sections(self) -> Facts:
        return {
            DEADLINES: dict(self._deadlines()),
            PROTOCOLS: dict(self._protocols()),
            AVAILABILITY: {},
            BLIND: {},
        } | self._sites()

    def _is_of_month(self, at_ms: int) -> bool:
        return f"{datetime.fromtimestamp(at_ms / 1000, ZONE):%Y-%m}" == self.month

    # -- deadlines ----------------------------------------------------------------------------------------------------

    def _deadlines(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        terms = case_terms_of(self.settings)
        lines: dict[str, list[Judged]] = {}
        standing: dict[str, Counter[str]] = {}
        for key, each in case_duties_of(self.events.moments, terms, now_ms=self.now_ms).items():
            if self._is_of_month(each.strict_ms):
                lines.setdefault(_line_of(key, each), []).append(each)
        for part in self._parts():
            as_of_ms = max(moment.time_ms for moment in part) - self.rules.lateness_ms
            for key, each in case_duties_of(part, terms, now_ms=as_of_ms).items():
                if each.state in STANDING and self._is_of_month(each.strict_ms):
                    standing.setdefault(_line_of(key, each), Counter()).update([each.state])
        for line, duties in lines.items():
            yield line, (*_counts(duties), dict(standing.get(line, {})))
        owed = list(self._owed())
        for tenant in sorted({tenant for tenant, _ in owed}):
            states = Counter(state for of, state in owed if of == tenant)
            counts = (states.total(), states["met"], 0, states["missed"], 0, states["pending"], 0, 0)
            yield f"{tenant} {OWED_CALL}", (*counts, None, None, {})

    def _parts(self) -> list[list[Moment]]:
        """The moments of each partition, whose clock is that of its newest."""
        parts: dict[int, list[Moment]] = {}
        for each in self.events.moments:
            partition = partition_of(f"{each.tenant}/{each.case_id}", self.settings.kafka.partitions)
            parts.setdefault(partition, []).append(each)
        return list(parts.values())

    def _owed(self) -> Iterator[tuple[str, str]]:
        """The calls that are due in the month to whoever was cut off: tenant, and how it stands."""
        visits = {each.visit_id: each for each in self.rules.recount(self.events.contacts).visits}
        directory = self.rules.directory
        for plan in plans_expected(self.events.contacts, self.rules, self.plan_facts):
            cut_off = [visits[each] for each in plan.reasons if visits[each].cut_off_ms is not None]
            if not cut_off:
                continue
            queue = directory.queues[plan.tenant, cut_off[0].queue].callback_queue
            assert queue is not None, "a reason has a callback queue"
            due_ms = plan.opened_ms + directory.callbacks(plan.tenant, queue).owed_due_ms
            if not self._is_of_month(due_ms):
                continue
            is_met = plan.ended_ms is not None and plan.ended_ms <= due_ms
            is_pending = plan.ended_ms is None and self.now_ms <= due_ms
            yield plan.tenant, "met" if is_met else "pending" if is_pending else "missed"

    # -- protocols ----------------------------------------------------------------------------------------------------

    def _protocols(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """By format of the case's sector; a number that two cases have is one repeated."""
        registered = self.events.plain.get("case.registered", ())
        sectors = {_case(event): event["data"]["sector"] for event in registered if event["data"].get("sector")}
        issued = {
            (*_case(event), event["data"]["protocol"]): instant_ms(event["time"])
            for event in self.events.plain.get("case.protocol_issued", ())
        }
        cases_with = Counter((tenant, number) for tenant, _, number in issued)
        lines: dict[tuple[str, str], list[str]] = {}
        forms: dict[str, Mapping[str, Any]] = {}
        for (tenant, case, number), at_ms in issued.items():
            if self._is_of_month(at_ms):
                own = next((each.sector for each in self.settings.cases if each.tenant == tenant), None)
                form = self._form(tenant, sectors.get((tenant, case), own))
                name = form["id"] if form else "no format"
                forms |= {name: form} if form else {}
                lines.setdefault((tenant, name), []).append(number)
        for (tenant, name), numbers in lines.items():
            repeated = sum(cases_with[tenant, number] > 1 for number in set(numbers))
            yield f"{tenant} {name}", (len(numbers), repeated, *_malformed_and_missing(forms.get(name), numbers))

    @cached_property
    def _forms(self) -> dict[str, list[Mapping[str, Any]]]:
        """The formats that each tenant's packs know, in order."""
        packs = {
            each.tenant: [self.settings.packs.document(name) or {} for name in each.policies]
            for each in self.settings.cases
        }
        return {
            tenant: [form for pack in named for form in pack.get("protocols", ())] for tenant, named in packs.items()
        }

    def _form(self, tenant: str, sector: str | None) -> Mapping[str, Any] | None:
        return next((form for form in self._forms.get(tenant, ()) if sector in form["sectors"]), None)

    # -- sites --------------------------------------------------------------------------------------------------------

    def _sites(self) -> Facts:
        available: dict[str, Any] = {}
        blind: dict[str, Any] = {}
        for place, terms in site_terms_of(self.settings).items():
            words = [word for word in self.events.words if (word.tenant, word.site) == place]
            as_of_ms = max((word.time_ms for word in words), default=0) - self.rules.lateness_ms
            counted = count_site(words, terms, now_ms=as_of_ms)
            available |= self._available(place, terms, counted.verdicts, counted.findings)
            for source in terms.silences_ms:
                silent = [each for (day, of), each in counted.silent_seconds.items() if of == source and self._has(day)]
                seconds, unheard = round(sum(silent), 3), len(list(self._dates())) - len(silent)
                blind[" ".join((*place, source))] = (seconds, unheard, seconds)
        return {AVAILABILITY: available, BLIND: blind}

    def _available(
        self,
        place: tuple[str, str],
        terms: SiteTerms,
        verdicts: Mapping[tuple[str, str, str], str],
        findings: Mapping[str, str],
    ) -> dict[str, Any]:
        """Every rule that binds on a date of the month; what nothing was heard of is unknown."""
        lines: dict[str, Counter[str]] = {}
        for day in self._dates():
            for pack in terms.packs:
                version = f"{pack['policy']}@{pack['version']}"
                for rule in pack["availability"]:
                    is_bound = terms.sector in (rule.get("sectors") or [terms.sector])
                    if is_bound and on_day(rule["periods"], day):
                        verdict = verdicts.get((str(day), rule["id"], version), "unknown")
                        lines.setdefault(" ".join((*place, rule["id"], version)), Counter()).update([verdict])
        return {
            line: (
                *(counts[verdict] for verdict in ("met", "breached", "unknown")),
                {key: state for key, state in findings.items() if _is_of(key, line) and self._began(key)},
            )
            for line, counts in lines.items()
        }

    def _dates(self) -> Iterator[date]:
        """Of the month, as far as they are over for whoever makes the file."""
        day, today = date.fromisoformat(f"{self.month}-01"), datetime.fromtimestamp(self.now_ms / 1000, ZONE).date()
        while self._has(str(day)) and day < today:
            yield day
            day += timedelta(days=1)

    def _has(self, day: str) -> bool:
        return day.startswith(self.month)

    def _began(self, finding: str) -> bool:
        """A finding is about an instant, a date, or a menu on a date."""
        about = finding.split(":")[2]
        if about.isdigit():
            return self._is_of_month(int(about))
        return self._has(about.rpartition("@")[2])


def _line_of(key: str, each: Judged) -> str:
    tenant, version = key.partition("/")[0], key.rpartition(":")[2]
    return f"{tenant} {each.rule['id']} {version} {each.period['force']} {each.period['confidence']}"


def _counts(duties: Sequence[Judged]) -> tuple[Any, ...]:
    states = Counter(each.state for each in duties)
    late = sum(
        each.state == "met" and each.ended_ms is not None and each.ended_ms > each.strict_ms
        for each in duties
        if each.rule.get("kind", "within") == "within"
    )
    extended = sum(each.is_extended for each in duties)
    withdrawn = sum(each.is_withdrawn for each in duties)
    counts = (states["met"], late, states["confirmed"], states["open"], states["pending"], withdrawn, extended)
    most = duties[0].period.get("extensions_at_most_percent")
    percent = None if most is None else round(100 * extended / len(duties), 3)
    return (len(duties), *counts, percent, None if most is None else 100 * extended <= most * len(duties))


def _case(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["data"]["tenant"], event["data"]["case_id"]


def _malformed_and_missing(form: Mapping[str, Any] | None, numbers: Sequence[str]) -> tuple[int, int]:
    """Numbers of another length, and those left out between the first and the last of each sequence. Every format of
    the packs ends in its sequence."""
    if form is None:
        return 0, 0
    widths = [int(part.partition(":")[2]) for part in form["parts"]]
    sound = [number for number in numbers if number.isdigit() and len(number) == sum(widths)]
    sequences: dict[str, set[int]] = {}
    for number in sound:
        sequences.setdefault(number[: -widths[-1]], set()).add(int(number[-widths[-1] :]))
    missing = sum(max(seen) - min(seen) + 1 - len(seen) for seen in sequences.values())
    return len(numbers) - len(sound), missing


def _is_of(finding: str, line: str) -> bool:
    tenant, site, rule, version = line.split()
    place, of_rule, _, of_version = finding.split(":", 3)
    return (place, of_rule, of_version) == (f"{tenant}/{site}", rule, version)
