"""Laws of the cases stage: any order, batches, repeats, ticks and restarts end in the findings that a recount has."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from hypothesis import given, settings as effort, strategies as st

from streams.domain.case_duties import CaseRules
from streams.domain.recount_cases import case_duties_of, case_findings, read_cases
from streams.recount_terms import case_terms_of
from streams.settings import Settings
from tests.case_bench import CaseBench, Happened, happened
from tests.configuration import parsed
from tests.policy_cases import instant

END: Final = "2029-01-01T00:00:00"
MOMENTS: Final = [
    "registered", "registered", "answered", "answered", "protocol_issued", "protocol_sent", "restated", "resolved",
    "cancel_requested", "cancel_effective", "cancel_refused", "leader_alerted", "retention_entered", "retention_closed",
    "history_requested", "history_sent", "recording_stored", "recording_deleted", "record_deleted", "billing_suspended",
]  # fmt: skip
DEMANDS: Final = [None, "complaint", "request", "undue_charge", "ombudsman", "platform_complaint", "other_cover"]
DAYS: Final = [date(2022, 9, 28), date(2024, 2, 27), date(2026, 3, 5), date(2026, 4, 16), date(2026, 11, 17)]


def configuration(sector: str | None) -> Settings:
    """Two versions of one policy side by side, and the promises of a desk that is open on weekdays."""
    cases: dict[str, Any] = {
        "tenant": "acme",
        "policies": [
            "br-cases@2026.11.0",
            "br-cases@2026.11.2",
            "retention-desk@2026.11.0",
            "contract@2026.11.1",
        ],
        "first_response_seconds": 3600,
        "resolution_seconds": 8 * 3600,
        "next_response_seconds": 30 * 60.5,
        "seconds_count": "opening_hours",
        "hours": {"mon-fri": "08:00-12:00, 13:00-18:00"},
        "state": "SP",
    }
    return parsed(("cases", [cases | ({"sector": sector} if sector else {})]))


@st.composite
def histories(draw: st.DrawFn) -> list[Happened]:
    """What happens to one or two cases within a few weeks of a day on which something is special."""
    first = draw(st.sampled_from(DAYS))
    facts = []
    for _ in range(draw(st.integers(1, 7))):
        moment = draw(st.sampled_from(MOMENTS))
        day = first + timedelta(days=draw(st.one_of(st.integers(0, 14), st.sampled_from([90, 91, 730, 731, 732]))))
        clock = draw(st.sampled_from(["00:00:00", "00:00:00.001", "10:00:00", "10:59:59", "11:00:00", "23:59:59.999"]))
        changes: dict[str, Any] = {"case": draw(st.sampled_from(["case-1", "case-2"]))}
        if moment == "registered":
            changes |= {
                "demand": draw(st.sampled_from(DEMANDS)),
                "sector": draw(st.sampled_from([None, "telecom", "health"])),
            }
        elif moment.startswith("recording"):
            changes["item"] = draw(st.sampled_from(["call-1", "call-2"]))
        elif moment == "retention_closed":
            changes["outcome"] = draw(st.sampled_from(["retained", "retained", "cancelled", "undecided"]))
        elif moment == "answered":
            changes["conclusive"] = draw(st.booleans())
            if draw(st.integers(0, 3)) == 0:
                changes["extension_reason"] = "the bank statement is missing"
        facts.append(happened(moment, f"{day}T{clock}", **changes))
    return facts


@given(histories(), st.sampled_from([None, "bank", "telecom"]), st.data())
@effort(max_examples=60)
def test_findings_equal_a_recount(facts: list[Happened], sector: str | None, data: st.DataObject) -> None:
    """As of every instant at which a tick is made, and in the end; so do the records of all deadlines, met ones too."""
    configured = configuration(sector)
    rules: dict[str, CaseRules] = configured.case_rules()
    bench = CaseBench(rules, "event")
    first = min(fact.time_ms for fact in facts)
    repeated = data.draw(st.permutations([*facts, *facts[:2]]))
    while repeated:
        size = data.draw(st.integers(1, 3))
        part, repeated = repeated[:size], repeated[size:]
        bench.take(*part, now="1990-01-01T00:00:00")
        if data.draw(st.booleans()):
            bench.restart()
    terms = case_terms_of(configured)
    moments = list(read_cases(fact.value for fact in facts))
    instants = [first + days * 86_400_000 for days in (1, 4, 8, 12, 40)]
    for now_ms in [*instants, instant(END)]:
        bench.tick_ms(now_ms)
        assert bench.findings() == case_findings(moments, terms, now_ms=now_ms)
        duties = case_duties_of(moments, terms, now_ms=now_ms)
        assert bench.standing(now_ms) == {key: each.state for key, each in duties.items()}
        if data.draw(st.booleans()):
            bench.restart()
            bench.tick_ms(now_ms)
