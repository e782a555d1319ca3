"""Deadlines of a month: due, met, missed, extended; the calls that are owed to whoever was cut off."""

from __future__ import annotations

from typing import Any

import pytest

from streams.cli.compliance_report import print_evidence
from streams.compliance import Evidence
from streams.compliance_deadlines import DeadlineLine, deadline_lines
from streams.policy_packs import packaged
from tests.case_bench import CaseBench, happened, rules
from tests.policy_cases import SAO_PAULO, instant

CASES = packaged("br-cases@2026.11.1")


def lines(
    bench: CaseBench | None = None, plans: Any = (), *, now: str, month: str = "2026-10"
) -> dict[str, DeadlineLine]:
    """By rule."""
    found = deadline_lines(
        month,
        deadlines=bench.deadlines.values() if bench else [],
        findings=bench.last.values() if bench else [],
        plans=plans,
        owed_within_ms=lambda _tenant, _queue: 600_000,
        zone=SAO_PAULO,
        now_ms=instant(now),
    )
    return {line.rule: line for line in found}


def october() -> CaseBench:
    """Five complaints: answered at once, on the rolled Monday, too late, not yet, and due in November."""
    bench = CaseBench(rules(CASES, sector="retail"))
    for number, (day, answered) in enumerate(
        [
            ("2026-10-05", "2026-10-05T11:00:00"),
            ("2026-10-10", "2026-10-19T10:00:00"),
            ("2026-10-06", "2026-10-14T00:00:00"),
            ("2026-10-24", None),
            ("2026-10-26", None),
        ]
    ):
        case = f"case-{number}"
        bench.take(happened("registered", f"{day}T10:00:00", case=case, demand="complaint"))
        bench.take(happened("protocol_issued", f"{day}T10:05:00", case=case, protocol=f"{number}"))
        if answered:
            bench.take(happened("answered", answered, case=case))
    return bench


def test_deadlines_are_due_met_and_missed_by_their_strict_date() -> None:
    """From Saturday the 10th seven days end on Saturday the 17th, rolled to Monday the 19th; from the 24th on the 31st,
    rolled to the 3rd of November because the 2nd is a holiday."""
    bench = october()
    found = lines(bench, now="2026-11-01T00:00:00")
    answer, protocol = found["DEM-1"], found["PROT-1"]
    assert (answer.due, answer.met, answer.met_rolled, answer.missed, answer.open, answer.pending) == (4, 2, 1, 1, 1, 0)
    assert (protocol.due, protocol.met, protocol.missed) == (5, 5, 0)
    assert answer.policy_version == "br-cases@2026.11.1"
    later = lines(bench, now="2026-11-04T00:00:00")["DEM-1"]
    assert (later.missed, later.open) == (2, 0)
    assert lines(bench, now="2026-11-01T00:00:00", month="2026-11")["DEM-1"].pending == 1


def test_findings_stand_beside() -> None:
    """One was confirmed, one is at risk of being so; what was at risk and met is retracted."""
    bench = october()
    bench.tick("2026-11-04T00:00:00")
    states = lines(bench, now="2026-11-04T00:00:00")["DEM-1"].states
    assert states == {"confirmed": 2, "retracted": 1}


def test_what_was_taken_back_is_told_apart() -> None:
    """Two cancellations whose customers stay, one of them decided too late; one that took effect."""
    bench = CaseBench(rules(packaged("br-cases@2026.11.2")))
    ends = [
        ("retention_closed", "10:30:00", {"outcome": "retained"}),
        ("retention_closed", "12:00:00", {"outcome": "retained"}),
        ("cancel_effective", "10:10:00", {}),
    ]
    for number, (moment, clock, more) in enumerate(ends):
        bench.take(
            happened("cancel_requested", "2026-10-06T10:00:00", case=f"case-{number}"),
            happened(moment, f"2026-10-06T{clock}", case=f"case-{number}", **more),
        )
    line = lines(bench, now="2026-11-01T00:00:00")["CAN-2"]
    assert (line.due, line.met, line.missed, line.withdrawn) == (3, 2, 1, 2)


@pytest.mark.parametrize(("extended", "percent", "passes"), [(1, 10.0, True), (2, 20.0, False)])
def test_extensions_are_a_share_of_the_month(extended: int, percent: float, *, passes: bool) -> None:
    """Of ten demands to the ombudsman that are due in the month, one in ten may be extended."""
    bench = CaseBench(rules(CASES, sector="bank"))
    for number in range(10):
        case = f"case-{number}"
        bench.take(happened("registered", "2026-10-01T10:00:00", case=case, demand="ombudsman"))
        if number < extended:
            bench.take(happened("answered", "2026-10-02T10:00:00", case=case, extension_reason="a document is missing"))
    line = lines(bench, now="2026-10-30T00:00:00")["FIN-1"]
    assert (line.due, line.extended, line.extended_percent, line.extensions_pass) == (10, extended, percent, passes)
    assert (line.missed, line.pending) == (10 - extended, extended)


def plan(state: str, cause: str = "", *, ended: str | None = None, **changes: Any) -> dict[str, Any]:
    told = {
        "tenant": "acme",
        "callback_queue": "retorno",
        "is_owed": True,
        "state": state,
        "cause": cause,
        "opened_at": "2026-10-05T10:00:00-03:00",
        "ended_at": ended,
    }
    return told | changes


PLANS = [
    (plan("recovered", ended="2026-10-05T10:10:00-03:00"), "met"),
    (plan("recovered", ended="2026-10-05T10:10:00.001-03:00"), "missed"),
    (plan("cancelled", "served", ended="2026-10-05T10:02:00-03:00"), "met"),
    (plan("cancelled", "command", ended="2026-10-05T10:02:00-03:00"), "missed"),
    (plan("blocked", "attempts", ended="2026-10-05T10:09:00-03:00"), "missed"),
    (plan("waiting"), "missed"),
    (plan("waiting", opened_at="2026-10-30T23:55:00-03:00"), "pending"),
    (plan("cancelled", "opt_out", ended="2026-10-05T10:02:00-03:00"), None),
    (plan("recovered", ended="2026-10-05T10:10:00-03:00", is_owed=False), None),
    (plan("recovered", opened_at="2026-10-31T23:55:00-03:00", ended="2026-10-31T23:56:00-03:00"), None),
]


@pytest.mark.parametrize(("told", "expected"), PLANS)
def test_an_owed_call_is_due_within_minutes(told: dict[str, Any], expected: str | None) -> None:
    """By its end; whoever opted out is owed nothing any more, and one due after midnight is of the next month."""
    line = lines(plans=[told], now="2026-10-31T00:00:00").get("CALL-2")
    if expected is None:
        assert line is None
    else:
        assert line is not None
        assert (line.due, getattr(line, expected)) == (1, 1)
        assert (line.force, line.confidence) == ("op", "configured")


def test_the_table_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    found = deadline_lines(
        "2026-10",
        deadlines=october().deadlines.values(),
        findings=[],
        plans=[PLANS[0][0]],
        owed_within_ms=lambda _tenant, _queue: 600_000,
        zone=SAO_PAULO,
        now_ms=instant("2026-11-01T00:00:00"),
    )
    print_evidence(Evidence("2026-10", [], [], [], deadlines=found))
    shown = " ".join(capsys.readouterr().out.split())
    assert "acme DEM-1 br-cases@2026.11.1 4 2 1 1 1 0 0 0 0 0 law VS" in shown
    assert "acme CALL-2 configuration 1 1 0 0 0 0 0 0 0 0 op configured" in shown
