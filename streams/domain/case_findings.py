"""What the cases stage tells the outside: one record per duty that is at risk, not met, or met after all."""

from __future__ import annotations

from typing import Final

import msgspec

from streams.domain.case_duties import AT_RISK, CONFIRMED, OPEN, RETRACTED, CaseDuty, CaseRow
from streams.domain.decisions import Output
from streams.domain.encoding import cloud_event, iso_time
from streams.domain.outcomes import SLA_BREACHES

RANK: Final = {AT_RISK: 1, OPEN: 2, CONFIRMED: 3, RETRACTED: 4}
NOT_YET_DUE: Final = 0
"""The rank of a retraction because the term became longer: what comes later is told of the same facts."""
_RANKS: Final = 5


class CaseFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deadline of a case at risk (before its strict date), open (after it), confirmed (after the rolled one, or what
    ended it came later) or retracted. A ``keep`` rule is broken by what came before its date, a ``never`` rule by what
    happened at all."""

    finding_id: str
    state: str
    revision: int
    rule: str
    policy_version: str
    tenant: str
    case_id: str
    started_at: str
    due_strict: str
    due_rolled: str
    force: str
    confidence: str
    source: str
    ended_at: str | None = None
    note: str | None = None
    is_extended: bool = False


def case_finding(row: CaseRow, duty: CaseDuty, state: str, *, rank: int | None = None) -> Output:
    """The record of one duty in one state; its revision is the facts of the case, then the rank of the state."""
    rule, period, due, is_extended = duty.duty
    revision = len(row.facts) * _RANKS + (RANK[state] if rank is None else rank)
    record = CaseFinding(
        finding_id=duty.key,
        state=state,
        revision=revision,
        rule=rule.id,
        policy_version=duty.policy_version,
        tenant=row.tenant,
        case_id=row.case_id,
        started_at=iso_time(duty.started_ms),
        due_strict=iso_time(due.strict_ms),
        due_rolled=iso_time(due.rolled_ms),
        force=period.force,
        confidence=period.confidence,
        source=period.source,
        ended_at=None if duty.ended_ms is None else iso_time(duty.ended_ms),
        note=period.note,
        is_extended=is_extended,
    )
    value = cloud_event(
        event_type=f"deadline.{state}",
        event_id=f"{duty.key}#{revision}",
        time_ms=due.strict_ms,
        subject=duty.key,
        data=record,
    )
    return Output(SLA_BREACHES, duty.key.encode(), value)
