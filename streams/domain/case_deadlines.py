"""Every deadline of every case as a record for outside readers, met ones too: what was due when, and when it ended.

A record rests on facts alone. Whether what has not ended is still in time is a question of the reader's clock, which
``standing`` of ``case_duties`` answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from streams.domain.case_duties import CaseDuty, CaseRow
from streams.domain.decisions import Output
from streams.domain.encoding import cloud_event, iso_time

CASE_DEADLINES: Final = "case-deadlines"
CASE_DEADLINE_TYPE: Final = "case.deadline"


class CaseDeadline(msgspec.Struct, frozen=True, omit_defaults=True):
    """One deadline of one case. ``kind`` is within (due until then), keep (must not end before) or never (the beginning
    is the breach). ``is_extended``: the customer was told in time that it takes longer. ``is_withdrawn``: it ended
    because the customer took the cancellation back. ``is_void``: a later fact shows that it never was."""

    deadline_id: str
    revision: int
    rule: str
    policy_version: str
    tenant: str
    case_id: str
    kind: str
    started_at: str
    due_strict: str
    due_rolled: str
    force: str
    confidence: str
    ended_at: str | None = None
    is_extended: bool = False
    is_withdrawn: bool = False
    extensions_at_most_percent: float | None = None
    is_void: bool = False


def changed_deadlines(row: CaseRow, known: Mapping[str, CaseDuty], current: Mapping[str, CaseDuty]) -> list[Output]:
    """The records of what new facts have changed; the revision is the number of facts of the case."""
    changed = [case_deadline(row, duty) for key, duty in current.items() if known.get(key) != duty]
    return changed + [case_deadline(row, known[key], is_void=True) for key in sorted(known.keys() - current.keys())]


def case_deadline(row: CaseRow, duty: CaseDuty, *, is_void: bool = False) -> Output:
    rule, period, due, is_extended = duty.duty
    revision = len(row.facts)
    record = CaseDeadline(
        deadline_id=duty.key,
        revision=revision,
        rule=rule.id,
        policy_version=duty.policy_version,
        tenant=row.tenant,
        case_id=row.case_id,
        kind=rule.kind,
        started_at=iso_time(duty.started_ms),
        due_strict=iso_time(due.strict_ms),
        due_rolled=iso_time(due.rolled_ms),
        force=period.force,
        confidence=period.confidence,
        ended_at=None if duty.ended_ms is None else iso_time(duty.ended_ms),
        is_extended=is_extended,
        is_withdrawn=duty.is_withdrawn,
        extensions_at_most_percent=period.extensions_at_most_percent,
        is_void=is_void,
    )
    value = cloud_event(
        event_type=CASE_DEADLINE_TYPE,
        event_id=f"{duty.key}#{revision}",
        time_ms=duty.started_ms,
        subject=duty.key,
        data=record,
    )
    return Output(CASE_DEADLINES, duty.key.encode(), value)
