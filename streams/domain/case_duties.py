"""One case: the facts known of it, and the duties that the policies of its tenant derive from them.

A case keeps its facts, the earliest ones in order of event time, so that repeats and the order of arrival do not
matter. What is due, by when and whether it was met is derived afresh from them; only what was told is kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from streams.domain.calendars import Calendar
from streams.domain.deadlines import NO_PROMISES, Beginning, Due, Duty, Promises, duties
from streams.domain.policy import Pack

MOST_FACTS: Final = 200
"""How many facts a case keeps: the earliest. A case with more has a recording an hour for a week."""
AT_RISK_FROM: Final = 0.8
"""A duty is at risk from this share of its strict term on."""
PENDING: Final = "pending"
AT_RISK: Final = "at_risk"
OPEN: Final = "open"
CONFIRMED: Final = "confirmed"
RETRACTED: Final = "retracted"
MET: Final = "met"
OVERDUE: Final = "overdue"
"""In figures alone: confirmed, and owed still."""
EXTENDED: Final = "extended"
ANSWERED_IN_PART: Final = "answered_in_part"
ANSWERS: Final = ("answered", ANSWERED_IN_PART, EXTENDED)
"""How answers are kept, as facts: conclusive, not conclusive, and that it takes longer."""


class CaseFact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Something that happened. ``identity`` is event id, then source; ``sector`` and ``demand`` are set where it is
    registered, ``outcome`` where retention is closed."""

    time_ms: int
    moment: str
    item: str | None
    identity: str
    sector: str | None = None
    demand: str | None = None
    outcome: str | None = None

    @property
    def order(self) -> tuple[int, str, str]:
        return (self.time_ms, self.moment, self.identity)


class CaseRow(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """The durable part of a case. ``told`` are the states of findings told to the outside, by the finding's key.

    ``hold_ms``: until this instant no clock opens a finding, because a source that tells late has just told something.
    """

    tenant: str
    case_id: str
    facts: tuple[CaseFact, ...] = ()
    told: dict[str, str] = {}
    hold_ms: int = 0

    @property
    def key(self) -> str:
        return f"{self.tenant}/{self.case_id}"

    @property
    def registered(self) -> CaseFact | None:
        """The registration that stands: the earliest."""
        return next((fact for fact in self.facts if fact.moment == "registered"), None)


class CasePack:
    """A pack with its base calendar and that of banks, what the tenant promises by it, and what begins a deadline."""

    __slots__ = ("bank", "base", "begins", "pack", "promises")

    def __init__(self, pack: Pack, base: Calendar, bank: Calendar, promises: Promises = NO_PROMISES) -> None:
        self.pack = pack
        self.base = base
        self.bank = bank
        self.promises = promises
        self.begins = frozenset(rule.starts for rule in pack.deadlines)


@dataclass(frozen=True, slots=True)
class CaseRules:
    """What the cases of one tenant are held to, and the sector of cases that name none."""

    packs: tuple[CasePack, ...] = ()
    sector: str | None = None


class CaseDuty(NamedTuple):
    """One duty of a case. ``ended_ms`` is when what ends it first happened, from its start on; ``is_withdrawn``: that
    was the customer taking back what had begun it."""

    key: str
    policy_version: str
    started_ms: int
    ended_ms: int | None
    duty: Duty
    is_withdrawn: bool = False

    @property
    def at_risk_ms(self) -> int:
        strict_ms = self.duty.due.strict_ms
        return self.started_ms + round((strict_ms - self.started_ms) * AT_RISK_FROM)

    def state(self, now_ms: int) -> str:
        """Pending, at risk, open (past the strict date), confirmed (past the rolled one, or ended after it) or met."""
        kind = self.duty.rule.kind
        state = standing(kind, ended_ms=self.ended_ms, due=self.duty.due, now_ms=now_ms)
        is_at_risk = state == PENDING and kind == "within" and now_ms > self.at_risk_ms
        return AT_RISK if is_at_risk else state

    @property
    def is_owed(self) -> bool:
        """Whether something is to come that has not."""
        return self.duty.rule.kind == "within" and self.ended_ms is None

    def changes_after(self, now_ms: int) -> int | None:
        """The next instant at which waiting alone changes its state."""
        if not self.is_owed:
            return None
        instants = (self.at_risk_ms, *self.duty.due)
        return min((instant + 1 for instant in instants if instant >= now_ms), default=None)


def standing(kind: str, *, ended_ms: int | None, due: Due, now_ms: int) -> str:
    """Pending, open (past the strict date), confirmed (not met) or met, as of an instant."""
    if kind == "never":
        return CONFIRMED
    if kind == "keep":
        if ended_ms is not None and ended_ms <= due.strict_ms:
            return CONFIRMED
        return MET if now_ms > due.strict_ms else PENDING
    if ended_ms is not None:
        return CONFIRMED if ended_ms > due.rolled_ms else MET
    if now_ms > due.rolled_ms:
        return CONFIRMED
    return OPEN if now_ms > due.strict_ms else PENDING


def case_duties(row: CaseRow, rules: CaseRules) -> Iterator[CaseDuty]:
    """Every duty of a case. Its registration is one: of several the earliest; everything else begins anew each time."""
    registered = row.registered
    sector = (registered.sector if registered else None) or rules.sector
    demand = registered.demand if registered else None
    extended_ms = tuple(fact.time_ms for fact in row.facts if fact.moment == EXTENDED)
    for fact in row.facts:
        if fact.moment == "registered" and fact is not registered:
            continue
        regime_ms = registered.time_ms if registered else fact.time_ms
        begun = Beginning(fact.moment, fact.time_ms, regime_ms, sector, demand, extended_ms)
        for each in rules.packs:
            if fact.moment not in each.begins:
                continue
            version = each.pack.cited_as
            for duty in duties(each.pack, begun, base=each.base, bank=each.bank, promises=each.promises):
                item = f"{fact.item}@" if fact.item else ""
                key = f"{row.key}:{duty.rule.id}:{item}{fact.time_ms}:{version}"
                end = _end(row, fact, duty)
                ended_ms = end.time_ms if end else None
                yield CaseDuty(key, version, fact.time_ms, ended_ms, duty, end is not None and _is_retained(end, duty))


def _end(row: CaseRow, begun: CaseFact, duty: Duty) -> CaseFact | None:
    """The first end of the same item from the beginning on."""
    moments = ANSWERS if duty.rule.any_answer else (duty.rule.ends,)
    later = (fact for fact in row.facts if fact.time_ms >= begun.time_ms and fact.item == begun.item)
    return next((fact for fact in later if fact.moment in moments or _is_retained(fact, duty)), None)


def _is_retained(fact: CaseFact, duty: Duty) -> bool:
    """Whether the customer has been won back, and the rule takes that for an end."""
    return duty.rule.or_retained and (fact.moment, fact.outcome) == ("retention_closed", "retained")
