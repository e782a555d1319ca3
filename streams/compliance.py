"""The evidence of a month: what the output topics say of waits, put together by rule; a frame for the rest.

Pure: it takes records that were read back and gives values. Days are those of each site, as the records have them. What
nobody judges yet is named in NOT_JUDGED, because an empty place would read as if all were well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.compliance_availability import AvailabilityLine, BlindLine
from streams.compliance_calls import CallLine
from streams.compliance_deadlines import DeadlineLine
from streams.compliance_protocols import ProtocolLine
from streams.domain.directory import QueuePolicy
from streams.domain.indicators import ServiceCounts, passes, percent, service_counts
from streams.domain.policy import IndicatorRule, Pack
from streams.domain.site_events import ExceptionDeclared

Data = Mapping[str, Any]
MOST_WORST: Final = 10
NOT_JUDGED: Final = (
    "how long the worker itself was behind: it reads everything afterwards",
    "busy calls, and so ICO: no event tells of them",
)


@dataclass(slots=True)
class WaitLine:
    """Visits of one queue, channel, local day and rule. ``breached`` holds the tolerated and the excused ones too."""

    tenant: str
    queue: str
    channel: str
    date: str
    rule: str
    policy_version: str
    force: str
    visits: int = 0
    answered: int = 0
    abandoned: int = 0
    met: int = 0
    breached: int = 0
    no_limit: int = 0
    tolerated: int = 0
    excused: int = 0
    longest_judged_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WorstCase:
    """One of the waits that were furthest over their limit."""

    visit_id: str
    offered_at: str
    rule: str
    policy_version: str
    force: str
    confidence: str
    limit_seconds: float
    judged_wait_seconds: float | None
    """None of a contact that never left as far as anyone knows."""
    outcome: str
    tolerated_if: tuple[str, ...]
    excused_by: str | None


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """A monthly figure of the queues of a sector: of all days, and net of declared atypical ones. None: no figure."""

    tenant: str
    rule: str
    formula: str
    force: str
    confidence: str
    full_percent: float | None
    net_percent: float | None
    full_passes: bool | None
    net_passes: bool | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A month. ``not_judged`` says what this is silent about."""

    month: str
    waits: Sequence[WaitLine]
    worst: Sequence[WorstCase]
    indicators: Sequence[IndicatorLine]
    deadlines: Sequence[DeadlineLine] = ()
    """Left empty here, like the next four: modules of their own fill them."""
    protocols: Sequence[ProtocolLine] = ()
    availability: Sequence[AvailabilityLine] = ()
    blind: Sequence[BlindLine] = ()
    """When sources were silent."""
    calls: Sequence[CallLine] = ()
    """Of dialers, by day."""
    not_judged: Sequence[str] = NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Declared:
    """An exception with its instants read, in milliseconds."""

    told: ExceptionDeclared
    from_ms: int
    to_ms: int

    def covers(self, outcome: Data, kind: str) -> bool:
        """Whether it is of this kind and of the queue and start of a visit."""
        told = self.told
        is_here = told.kind == kind and self.is_of(outcome)
        return is_here and self.from_ms <= _milliseconds(outcome["offered_at"]) <= self.to_ms

    def is_of(self, outcome: Data) -> bool:
        """Whether it is of the queue of a visit."""
        told = self.told
        is_here = (told.tenant, told.site) == (outcome["tenant"], outcome["site"])
        return is_here and (not told.queues or outcome["queue"] in told.queues)

    def is_on_day_of(self, outcome: Data, zone: ZoneInfo) -> bool:
        first, last = (datetime.fromtimestamp(ms / 1000, zone).date() for ms in (self.from_ms, self.to_ms))
        return first <= date.fromisoformat(outcome["date"]) <= last


def evidence(
    month: str,
    *,
    outcomes: Iterable[Data],
    declared: Sequence[Declared],
    queues: Mapping[tuple[str, str], QueuePolicy],
    indicators: Pack,
) -> Evidence:
    """The evidence of a month such as ``2026-10``, from the newest record of each visit."""
    of_month = [each for each in outcomes if each["date"].startswith(f"{month}-")]
    return Evidence(
        month=month,
        waits=_wait_lines(of_month, declared),
        worst=_worst(of_month, declared),
        indicators=_indicator_lines(of_month, declared, queues, indicators),
    )


def _wait_lines(outcomes: Iterable[Data], declared: Sequence[Declared]) -> list[WaitLine]:
    lines: dict[tuple[str, ...], WaitLine] = {}
    for each in outcomes:
        names = ("tenant", "queue", "channel", "date", "rule", "policy_version", "force")
        key = tuple(each[name] for name in names)
        line = lines.setdefault(key, WaitLine(*key))
        line.visits += 1
        line.answered += each["outcome"].startswith("answered")
        line.abandoned += each["outcome"].startswith("abandoned")
        line.met += each["verdict"] == "met"
        line.no_limit += each["verdict"] == "no_limit"
        line.longest_judged_seconds = max(line.longest_judged_seconds, _judged_wait(each) or 0.0)
        if each["verdict"] == "breached":
            line.breached += 1
            line.tolerated += bool(each.get("tolerated_if"))
            line.excused += _excused_by(each, declared) is not None
    return [lines[key] for key in sorted(lines)]


def _worst(outcomes: Iterable[Data], declared: Sequence[Declared]) -> list[WorstCase]:
    breached = [each for each in outcomes if each["verdict"] == "breached"]
    breached.sort(key=lambda each: (-_seconds_over(each), each["visit_id"]))
    return [
        WorstCase(
            visit_id=each["visit_id"],
            offered_at=each["offered_at"],
            rule=each["rule"],
            policy_version=each["policy_version"],
            force=each["force"],
            confidence=each["confidence"],
            limit_seconds=each["max_wait_seconds"],
            judged_wait_seconds=_judged_wait(each),
            outcome=each["outcome"],
            tolerated_if=tuple(each.get("tolerated_if", ())),
            excused_by=_excused_by(each, declared),
        )
        for each in breached[:MOST_WORST]
    ]


def _indicator_lines(
    outcomes: Sequence[Data],
    declared: Sequence[Declared],
    queues: Mapping[tuple[str, str], QueuePolicy],
    pack: Pack,
) -> list[IndicatorLine]:
    lines = []
    for tenant in sorted({policy.tenant for policy in queues.values()}):
        for rule in pack.indicators:
            ours = {
                policy.queue: ZoneInfo(policy.zone)
                for policy in queues.values()
                if policy.tenant == tenant and policy.sector in rule.sectors
            }
            if not ours:
                continue
            voice = [
                each
                for each in outcomes
                if each["tenant"] == tenant and each["queue"] in ours and each["channel"] == "voice"
            ]
            net = [each for each in voice if not _is_atypical(each, declared, ours[each["queue"]])]
            lines.append(_indicator(tenant, rule, _counts(voice), _counts(net)))
    return lines


def _indicator(tenant: str, rule: IndicatorRule, full: ServiceCounts, net: ServiceCounts) -> IndicatorLine:
    full_value, net_value = percent(rule.formula, full), percent(rule.formula, net)
    return IndicatorLine(
        tenant=tenant,
        rule=rule.id,
        formula=rule.formula,
        force=rule.force,
        confidence=rule.confidence,
        full_percent=None if full_value is None else float(full_value),
        net_percent=None if net_value is None else float(net_value),
        full_passes=passes(rule, full_value),
        net_passes=passes(rule, net_value),
    )


def _counts(outcomes: Iterable[Data]) -> ServiceCounts:
    """By the wait since the entry into human service, which is the offer."""
    return service_counts(
        (each["outcome"].partition("_")[0], round((each.get("wait_seconds") or 0.0) * 1000)) for each in outcomes
    )


def _is_atypical(outcome: Data, declared: Sequence[Declared], zone: ZoneInfo) -> bool:
    return any(
        each.told.kind == "atypical_day" and each.is_of(outcome) and each.is_on_day_of(outcome, zone)
        for each in declared
    )


def _excused_by(outcome: Data, declared: Sequence[Declared]) -> str | None:
    """The evidence of a declared exception under which the limit of this visit may be exceeded."""
    flags = outcome.get("tolerated_if", ())
    covering = (each for each in declared if each.told.kind in flags and each.covers(outcome, each.told.kind))
    return next((each.told.evidence for each in covering), None)


def _judged_wait(outcome: Data) -> float | None:
    judged: float | None = outcome.get("judged_wait_seconds", outcome.get("wait_seconds"))
    return judged


def _seconds_over(outcome: Data) -> float:
    wait = _judged_wait(outcome)
    return float("inf") if wait is None else wait - outcome["max_wait_seconds"]


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
