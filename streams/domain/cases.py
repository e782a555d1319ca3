"""The cases stage: what happens to each case, and the deadlines that run from it, for days or for years.

``apply`` takes facts and says what they change; ``tick`` says what waiting alone has made true and changes nothing
durable, the next apply records it. A finding is at risk before its strict date, open after it, confirmed after the
rolled one, and retracted by whatever shows that it was met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Final, Literal

from msgspec.structs import replace

from streams.domain.case_deadlines import changed_deadlines
from streams.domain.case_duties import (
    ANSWERED_IN_PART,
    CONFIRMED,
    EXTENDED,
    MET,
    MOST_FACTS,
    OVERDUE,
    PENDING,
    RETRACTED,
    CaseDuty,
    CaseFact,
    CaseRow,
    CaseRules,
    case_duties,
)
from streams.domain.case_findings import NOT_YET_DUE, RANK, case_finding
from streams.domain.decisions import Decisions, Output, Record, Rejection
from streams.domain.decoding import decode
from streams.domain.directory import DAY_MS, HOUR_MS, Directory
from streams.domain.events import CASE_EVENTS, CaseEvent
from streams.domain.figures import CaseFigures
from streams.domain.intake import HISTORIC_AFTER_MS
from streams.domain.policy import leading
from streams.domain.rows import PartitionState, Rows

MOST_DUE_AT_ONCE: Final = 1000
"""How many cases one call lets time change; the rest follow at the next."""
FORGOTTEN_AFTER_MS: Final = 30 * DAY_MS
"""A case is kept so long after its last fact and its last date."""
HELD_FOR_MS: Final = HOUR_MS
"""How long a fact that came late keeps the clock from judging its case: its source is telling what it had kept."""
_NO_RULES: Final = CaseRules()


class CasesCore(PartitionState):
    """The cases of one partition of ``case-events``."""

    def __init__(
        self,
        partition: int,
        directory: Directory,
        *,
        rules: Mapping[str, CaseRules],
        clock: Literal["wall", "event"],
    ) -> None:
        self._cases = Rows(b"c/", CaseRow)
        super().__init__(self._cases)
        self._partition = partition
        self._directory = directory
        self._rules = rules
        self._counted = {tenant: leading(each.pack for each in held.packs) for tenant, held in rules.items()}
        self._clock = clock
        self._now_ms = 0
        self._due: list[tuple[int, str]] = []
        self._next: dict[str, int] = {}
        """Case to the instant it is looked at next; other entries of it in the heap are void."""
        self._over: set[str] = set()
        """Cases that nothing can change any more."""
        self._said: dict[str, dict[str, str]] = {}
        """What ticks have told and no row has yet: case to finding to state."""
        self._stages: dict[str, Counter[tuple[str, str, str]]] = {}
        """Case to (tenant, rule, state) of its duties, as last judged."""
        self._totals: Counter[tuple[str, str, str]] = Counter()

    # -- facts --------------------------------------------------------------------------------------------------------

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        self._now_ms = max(now_ms, self._now_ms)
        decisions = Decisions()
        for record in records:
            event = decode(topic, self._partition, record, self._directory)
            if isinstance(event, Rejection):
                self._reject(decisions, topic, record, event)
            elif isinstance(event, CaseEvent):
                decisions.see(event.time_ms)
                self._take(topic, record, event, decisions.outputs)
                source = (event.data.tenant, event.data.site or "", event.source)
                self.inputs.observe(source, topic, time_ms=event.time_ms, wall_ms=wall_ms)
            else:
                self.inputs.count_ignored(topic)
        self._record(decisions.outputs)
        return decisions

    def _take(self, topic: str, record: Record, event: CaseEvent, outputs: list[Output]) -> None:
        data = event.data
        row = self._cases.get(f"{data.tenant}/{data.case_id}") or CaseRow(data.tenant, data.case_id)
        fact = _fact_of(event)
        if any(known.order == fact.order for known in row.facts):
            self.inputs.count_duplicate(topic)
            return
        facts = tuple(sorted((*row.facts, fact), key=lambda each: each.order)[:MOST_FACTS])
        self.inputs.count_applied(topic, f"case.{event.moment}")
        hold_ms = row.hold_ms
        if self._clock == "wall" and record.timestamp - event.time_ms > HISTORIC_AFTER_MS:
            self.inputs.count_historic(topic)
            hold_ms = max(hold_ms, record.timestamp + HELD_FOR_MS)
        seen_ms = record.timestamp if self._clock == "wall" else self._now_ms
        changed = replace(row, facts=facts, hold_ms=hold_ms)
        self._judge(row, changed, seen_ms, outputs)

    def _judge(self, before: CaseRow, row: CaseRow, seen_ms: int, outputs: list[Output]) -> None:
        """Say what is new of a case whose facts have changed, and keep what was said with it.

        What was met in time is retracted also if this owner told nothing: seen after it was at risk, an earlier owner
        may have told it.
        """
        told = {**row.told, **self._said.pop(row.key, {})}
        now_ms = self._judging_ms(row)
        known = {duty.key: duty for duty in self._duties(before)}
        current = {duty.key: duty for duty in self._duties(row)}
        outputs += changed_deadlines(row, known, current)
        for key in known.keys() - current.keys():
            if _may_be_told(known[key], told, seen_ms):
                told.pop(key, None)
                outputs.append(case_finding(row, known[key], RETRACTED))
        for key, duty in current.items():
            state = duty.state(now_ms)
            if state == MET and _may_be_told(duty, told, seen_ms):
                state = RETRACTED
            if state == PENDING and _is_later_due(known.get(key), duty) and _may_be_told(known[key], told, seen_ms):
                told[key] = RETRACTED
                outputs.append(case_finding(row, duty, RETRACTED, rank=NOT_YET_DUE))
            is_held = _is_taken_back_by_a_hold(told.get(key), state) and not _is_later_due(known.get(key), duty)
            if state in (PENDING, MET) or is_held:
                continue
            if (state, duty) != (told.get(key), known.get(key)):
                told[key] = state
                outputs.append(case_finding(row, duty, state))
        self._keep(replace(row, told=told), list(current.values()))

    def _keep(self, row: CaseRow, duties: list[CaseDuty]) -> None:
        self._cases.put(row.key, row)
        self._look_again(row, duties)

    def _duties(self, row: CaseRow) -> list[CaseDuty]:
        return list(case_duties(row, self._rules.get(row.tenant, _NO_RULES)))

    def _judging_ms(self, row: CaseRow) -> int:
        """The clock of a case; while its source tells late, no further than it told itself."""
        if self._now_ms < row.hold_ms:
            return max((fact.time_ms for fact in row.facts), default=0)
        return self._now_ms

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        self._now_ms = max(self._now_ms, now_ms.get(CASE_EVENTS, 0))
        outputs: list[Output] = []
        for _ in range(MOST_DUE_AT_ONCE):
            if not self._due or self._due[0][0] > self._now_ms:
                break
            due_ms, key = heappop(self._due)
            row = self._cases.get(key)
            if row is not None and self._next.get(key) == due_ms:
                del self._next[key]
                duties = self._duties(row)
                self._foresee(row, duties, outputs)
                self._look_again(row, duties)
        return outputs

    def _foresee(self, row: CaseRow, duties: list[CaseDuty], outputs: list[Output]) -> None:
        """Say what waiting has made true of a case; the next apply records it."""
        said = self._said.get(row.key, {})
        now_ms = self._judging_ms(row)
        for duty in duties:
            state = duty.state(now_ms)
            if state not in (PENDING, MET) and state != said.get(duty.key, row.told.get(duty.key)):
                self._said.setdefault(row.key, {})[duty.key] = state
                outputs.append(case_finding(row, duty, state))

    def _record(self, outputs: list[Output]) -> None:
        """Keep what ticks have told since, and forget cases that are over."""
        outputs += self.tick({})
        for key in sorted(self._said)[:MOST_DUE_AT_ONCE]:
            row, said = self._cases.get(key), self._said.pop(key)
            if row is not None:
                self._cases.put(key, replace(row, told={**row.told, **said}))
        for key in sorted(self._over):
            row = self._cases.get(key)
            if row is not None and self._forget_ms(row, self._duties(row)) <= self._now_ms:
                self._count(row, [])
                self._cases.drop(key)
        self._over.clear()

    def _look_again(self, row: CaseRow, duties: list[CaseDuty]) -> None:
        """Count what the case is now, and come back when waiting may change it or it may be forgotten."""
        self._count(row, duties)
        now_ms = max(self._judging_ms(row), 0)
        instants = [instant for duty in duties if (instant := duty.changes_after(now_ms)) is not None]
        forget_ms = self._forget_ms(row, duties)
        if not instants and forget_ms <= self._now_ms:
            self._over.add(row.key)
            return
        next_ms = max(min([*instants, forget_ms]), row.hold_ms, self._now_ms + 1)
        if next_ms < self._next.get(row.key, next_ms + 1):
            self._next[row.key] = next_ms
            heappush(self._due, (next_ms, row.key))

    @staticmethod
    def _forget_ms(row: CaseRow, duties: list[CaseDuty]) -> int:
        last_ms = max((fact.time_ms for fact in row.facts), default=0)
        return max([last_ms, row.hold_ms, *(duty.duty.due.rolled_ms for duty in duties)]) + FORGOTTEN_AFTER_MS

    # -- state and figures --------------------------------------------------------------------------------------------

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore(rows)
        for row in self._cases.values():
            self._count(row, self._duties(row))
            self._next[row.key] = 0
            heappush(self._due, (0, row.key))

    def _count(self, row: CaseRow, duties: list[CaseDuty]) -> None:
        now_ms, versions = self._judging_ms(row), self._counted.get(row.tenant, ())
        counted = Counter(
            (row.tenant, duty.duty.rule.id, _shown(duty, now_ms)) for duty in duties if duty.policy_version in versions
        )
        self._totals.subtract(self._stages.pop(row.key, Counter()))
        if duties:
            self._stages[row.key] = counted
            self._totals.update(counted)

    def figures(self) -> list[CaseFigures]:
        """Duties by rule and state; only what there is. Of several versions of a policy the first counts."""
        return [CaseFigures(*key, count) for key, count in sorted(self._totals.items()) if count]


def _fact_of(event: CaseEvent) -> CaseFact:
    data = event.data
    moment: str = event.moment
    if moment == "answered" and data.extension_reason is not None:
        moment = EXTENDED
    elif moment == "answered" and not data.conclusive:
        moment = ANSWERED_IN_PART
    is_registration, is_closing = moment == "registered", moment == "retention_closed"
    return CaseFact(
        event.time_ms,
        moment,
        data.item,
        f"{event.event_id}\0{event.source}",
        data.sector if is_registration else None,
        data.demand if is_registration else None,
        data.outcome if is_closing else None,
    )


def _is_taken_back_by_a_hold(told: str | None, state: str) -> bool:
    """A clock that is held judges earlier than one before it has: what was told of time stands."""
    return told in RANK and told != RETRACTED and state in RANK and RANK[told] > RANK[state]


def _shown(duty: CaseDuty, now_ms: int) -> str:
    """Its state in figures: whoever is called because of it can still do what is owed."""
    state = duty.state(now_ms)
    return OVERDUE if state == CONFIRMED and duty.is_owed else state


def _is_later_due(known: CaseDuty | None, duty: CaseDuty) -> bool:
    """The term has become longer."""
    return known is not None and duty.duty.due.strict_ms > known.duty.due.strict_ms


def _may_be_told(duty: CaseDuty, told: Mapping[str, str], seen_ms: int) -> bool:
    return duty.key in told or (duty.duty.rule.kind == "within" and duty.at_risk_ms < seen_ms)
