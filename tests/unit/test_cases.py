"""Cases and their deadlines: what is told when, what takes it back, and what a restart or another order changes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace as changed

from streams.domain.policy import Term
from tests.case_bench import DESK, CaseBench, happened, rules
from tests.policy_cases import CASES

NO_PROTOCOL = changed(CASES, deadlines=tuple(rule for rule in CASES.deadlines if rule.id not in ("PROT-1", "REC-3")))


def bench(**options: Any) -> CaseBench:
    return CaseBench(rules(NO_PROTOCOL, **options))


def registered(when: str = "2026-03-02T10:00:00", demand: str = "complaint", **changes: Any) -> Any:
    return happened("registered", when, demand=demand, **changes)


# -- one deadline -----------------------------------------------------------------------------------------------------

ANSWERS = [
    # seven days from Monday 2 March: Monday the 9th is the last; from Saturday 7 March: Saturday 14, rolled Monday 16
    ("2026-03-02T10:00:00", "2026-03-09T23:59:59.999", None),
    ("2026-03-02T10:00:00", "2026-03-10T00:00:00.000", "confirmed"),
    ("2026-03-07T10:00:00", "2026-03-14T23:59:59.999", None),
    ("2026-03-07T10:00:00", "2026-03-15T00:00:00.000", None),
    ("2026-03-07T10:00:00", "2026-03-16T23:59:59.999", None),
    ("2026-03-07T10:00:00", "2026-03-17T00:00:00.000", "confirmed"),
    ("2026-04-14T10:00:00", "2026-04-22T23:59:59.999", None),  # the 21st is a holiday
    ("2026-04-14T10:00:00", "2026-04-23T00:00:00.000", "confirmed"),
    ("2022-10-02T10:00:00", "2022-10-07T23:59:59.999", None),  # old regime: five business days
    ("2022-10-02T10:00:00", "2022-10-08T00:00:00.000", "confirmed"),
]


@pytest.mark.parametrize(("begins", "answered", "expected"), ANSWERS)
def test_an_answer_counts_up_to_the_last_millisecond_of_the_rolled_date(
    begins: str, answered: str, expected: str | None
) -> None:
    """Told as late as it likes: only the times of the events count."""
    each = bench()
    each.take(registered(begins))
    each.take(happened("answered", answered))
    assert list(each.findings().values()) == ([expected] if expected else [])


def test_waiting_alone_tells_at_risk_open_and_confirmed() -> None:
    """From four fifths of the term on, after the strict date, after the rolled one; each once."""
    each = bench()
    each.take(registered("2026-03-07T10:00:00"))
    assert each.tick("2026-03-13T01:00:00") == []
    assert each.tick("2026-03-13T12:00:00") == [("DEM-1", "at_risk")]
    assert each.tick("2026-03-14T23:59:59.999") == []
    assert each.tick("2026-03-15T00:00:00.000") == [("DEM-1", "open")]
    assert each.tick("2026-03-16T23:59:59.999") == []
    assert each.tick("2026-03-17T00:00:00.000") == [("DEM-1", "confirmed")]
    assert each.tick("2027-01-01T00:00:00") == []
    [finding] = each.last.values()
    assert finding["due_strict"] == "2026-03-15T02:59:59.999Z"
    assert finding["due_rolled"] == "2026-03-17T02:59:59.999Z"
    assert (finding["force"], finding["confidence"], finding["policy_version"]) == ("law", "VS", "br-cases@2026.11.0")


def test_an_answer_in_time_takes_back_what_waiting_had_told() -> None:
    """An answer that was told late, whoever told the finding."""
    each = bench()
    each.take(registered("2026-03-02T10:00:00"))
    each.tick("2026-03-10T12:00:00")
    assert each.states() == {"DEM-1": "confirmed"}
    each.take(happened("answered", "2026-03-05T10:00:00", delay=5 * 86_400))
    assert each.states() == {"DEM-1": "retracted"}


def test_a_successor_takes_back_what_it_never_told() -> None:
    """The rows know nothing of a tick that was not recorded yet; the late word is enough."""
    each = bench()
    each.take(registered("2026-03-02T10:00:00"))
    each.flush()
    each.tick("2026-03-12T12:00:00")
    each.restart()
    each.take(happened("answered", "2026-03-05T10:00:00", delay=8 * 86_400))
    assert each.states() == {"DEM-1": "retracted"}


def test_what_was_told_is_not_told_again_by_a_successor() -> None:
    """Once it is recorded with whatever comes next; before that once more, in the same words."""
    each = bench()
    each.take(registered("2026-03-02T10:00:00"))
    each.tick("2026-03-12T12:00:00")
    each.restart()
    assert each.tick("2026-03-12T12:00:01") == [("DEM-1", "confirmed")]
    each.take(registered("2026-03-12T12:00:02", case="case-2"))
    each.restart()
    assert each.tick("2026-03-12T12:00:03") == []


def test_an_answer_that_is_not_conclusive_answers_nothing() -> None:
    each = bench()
    each.take(registered(), happened("answered", "2026-03-03T10:00:00", conclusive=False))
    each.tick("2026-03-12T12:00:00")
    assert each.states() == {"DEM-1": "confirmed"}


# -- which rules ------------------------------------------------------------------------------------------------------

SECTORS = [
    ("card", "complaint", {"DEM-1"}),
    ("telecom", "complaint", {"TEL-1", "TEL-2"}),
    ("telecom", "request", {"TEL-1", "TEL-2-REQUEST"}),
    ("telecom", "cancellation", {"TEL-1", "TEL-4-CANCEL", "DEM-1"}),
    ("health", "high_complexity", {"HLT-2-HIGH"}),
    ("health", "complaint", {"DEM-1"}),
    ("bank", "ombudsman", {"FIN-1"}),
    ("air", "platform_complaint", {"GOV-1"}),
    ("card", "undue_charge", {"DEM-1", "DEM-2"}),
]


@pytest.mark.parametrize(("sector", "demand", "expected"), SECTORS)
def test_a_demand_begins_the_deadlines_of_its_sector(sector: str, demand: str, expected: set[str]) -> None:
    """What the event says of the sector goes before what the configuration says."""
    each = bench(sector="insurance")
    each.take(registered(demand=demand, sector=sector))
    each.tick("2026-05-01T00:00:00")
    assert set(each.states()) == expected
    assert set(each.states().values()) == {"confirmed"}


def test_a_case_begun_in_one_channel_and_continued_in_another_is_one_case() -> None:
    each = bench()
    each.take(registered(channel="whatsapp", contact_id="w-1"))
    each.take(happened("answered", "2026-03-04T10:00:00", channel="voice", contact_id="v-9"))
    each.tick("2026-04-01T00:00:00")
    assert each.findings() == {}
    each.flush()
    assert [key for key in each.rows if key.startswith(b"c/")] == [b"c/acme/case-1"]


def test_each_request_is_due_by_itself_and_items_are_apart() -> None:
    """Two recordings asked for on two days; a copy of the one is no copy of the other."""
    each = bench()
    each.take(
        happened("recording_requested", "2026-03-02T10:00:00", item="call-1"),
        happened("recording_requested", "2026-03-03T10:00:00", item="call-2"),
        happened("recording_delivered", "2026-03-05T10:00:00", item="call-2"),
    )
    each.tick("2026-03-20T00:00:00")
    [(key, state)] = each.findings().items()
    assert (key.startswith("acme/case-1:REC-2:call-1@"), state) == (True, "confirmed")


KEPT = [
    # what is kept, what deletes it, when, the state
    ("recording_stored", "2026-01-10T10:00:00", "recording_deleted", "2026-04-10T23:59:59.999", "confirmed"),
    ("recording_stored", "2026-01-10T10:00:00", "recording_deleted", "2026-04-11T00:00:00.000", None),
    ("recording_stored", "2024-01-10T10:00:00", "recording_deleted", "2024-04-09T23:59:59.999", "confirmed"),
    ("recording_stored", "2024-01-10T10:00:00", "recording_deleted", "2024-04-10T00:00:00.000", None),
    ("resolved", "2026-03-15T10:00:00", "record_deleted", "2028-03-15T23:59:59.999", "confirmed"),
    ("resolved", "2026-03-15T10:00:00", "record_deleted", "2028-03-16T00:00:00.000", None),
    ("resolved", "2024-02-29T10:00:00", "record_deleted", "2026-03-01T23:59:59.999", "confirmed"),
    ("resolved", "2024-02-29T10:00:00", "record_deleted", "2026-03-02T00:00:00.000", None),
]


@pytest.mark.parametrize(("stored", "since", "deleted", "when", "expected"), KEPT)
def test_what_must_be_kept_is_not_deleted_early(
    stored: str, since: str, deleted: str, when: str, expected: str | None
) -> None:
    """Through a restart years later too; a retention does not roll."""
    each = CaseBench()
    each.take(happened(stored, since, item="call-1"))
    each.restart()
    each.take(happened(deleted, when, item="call-1"))
    assert list(each.findings().values()) == ([expected] if expected else [])


def test_what_must_never_happen_is_a_breach_at_once() -> None:
    each = bench()
    each.take(registered(), happened("restated", "2026-03-02T10:05:00"))
    each.take(happened("cancel_refused", "2026-03-02T10:06:00"))
    assert {(data["rule"], data["state"], data["force"]) for data in each.last.values()} == {
        ("CALL-1", "confirmed", "adv"),
        ("CAN-1", "confirmed", "law"),
    }


def test_a_cancellation_takes_effect_whatever_retention_does() -> None:
    """Vector 35: asked for at 14:00, done the next morning. The help desk's own promises are judged beside it."""
    each = CaseBench(rules(NO_PROTOCOL, DESK))
    each.take(
        happened("cancel_requested", "2026-05-05T14:00:00"),
        happened("leader_alerted", "2026-05-05T14:04:00"),
        happened("retention_entered", "2026-05-05T14:20:00"),
        happened("retention_closed", "2026-05-06T08:00:00", outcome="cancelled", handled_by="human"),
    )
    assert each.tick("2026-05-05T15:00:00.001") == []
    each.take(
        happened("cancel_effective", "2026-05-06T09:00:00"), happened("cancel_receipt_sent", "2026-05-06T09:01:00")
    )
    assert {key.split(":")[1]: state for key, state in each.findings().items()} == {
        "CAN-2": "confirmed",
        "RET-QUEUE": "confirmed",
    }


def test_two_versions_of_a_policy_run_side_by_side() -> None:
    """Each finding under the version that found it; only the stricter one finds."""
    [answer] = [rule for rule in NO_PROTOCOL.deadlines if rule.id == "DEM-1"]
    two_days = tuple(changed(period, within=Term(days=2)) for period in answer.periods)
    stricter = changed(NO_PROTOCOL, version="2026.12.0", deadlines=(changed(answer, periods=two_days),))
    each = CaseBench(rules(NO_PROTOCOL, stricter))
    each.take(registered(), happened("answered", "2026-03-06T10:00:00"))
    assert [key.rpartition(":")[2] for key in each.findings()] == ["br-cases@2026.12.0"]


# -- disorder, lateness, time -----------------------------------------------------------------------------------------


def test_any_order_and_any_repeat_end_in_the_same_findings_and_rows() -> None:
    """Also the answer before the registration, and an earlier registration that comes last."""
    facts = [
        registered("2026-03-03T10:00:00", event_id="second"),
        registered("2026-03-02T10:00:00", demand="undue_charge", event_id="first"),
        happened("answered", "2026-03-11T10:00:00"),
        happened("billing_suspended", "2026-03-02T10:30:00"),
    ]
    expected = None
    for order in permutations(facts):
        each = bench()
        for fact in (*order, *order[:2]):
            each.take(fact, now="2026-03-20T00:00:00")
            each.restart()
        facts_of_rows = [key for key in each.rows if key.startswith(b"c/")]
        found = (each.findings(), facts_of_rows, each.core.ledger.duplicate)
        assert expected is None or found == expected
        expected = found
    assert expected is not None
    assert list(expected[0].values()) == ["confirmed"]


def test_the_demand_of_an_earlier_registration_changes_the_rules() -> None:
    """What the later one had begun is taken back."""
    each = bench(sector="telecom")
    each.take(registered("2026-03-03T10:00:00", demand="complaint"), now="2026-03-20T00:00:00")
    assert {key.split(":")[1] for key in each.findings()} == {"TEL-1", "TEL-2"}
    each.take(registered("2026-03-02T10:00:00", demand="request"), now="2026-03-20T00:00:00")
    assert {key.split(":")[1] for key in each.findings()} == {"TEL-1", "TEL-2-REQUEST"}


def test_history_is_told_to_its_end_before_the_clock_judges_it() -> None:
    """A source that tells last month's cases has an hour to tell the rest of each; what stays open is told then."""
    each = bench()
    month = 30 * 86_400
    each.take(
        registered("2026-03-02T10:00:00", delay=month), registered("2026-03-02T11:00:00", case="case-2", delay=month)
    )
    assert each.tick("2026-04-01T10:30:00") == []
    each.take(happened("answered", "2026-03-04T10:00:00", delay=28 * 86_400 + 2400))
    assert each.tick("2026-04-01T12:30:00") == [("DEM-1", "confirmed")]
    assert list(each.findings()) == [key for key in each.findings() if "case-2" in key]


def test_a_bad_record_is_rejected_and_counted() -> None:
    each = bench()
    each.take(
        registered(tenant="other"),
        registered(demand="wish"),
        registered(site="recife-2"),
        happened("dissolved", "2026-03-02T10:00:00"),
        registered(),
        registered(),
    )
    assert each.letters == ["unknown_tenant", "bad_value", "wrong_site"]
    ledger = each.core.ledger
    assert (ledger.applied, ledger.duplicate, ledger.ignored, ledger.rejected) == (1, 1, 1, 3)


def test_a_case_is_forgotten_a_month_after_its_last_date() -> None:
    """Not by a tick, which changes nothing that lasts."""
    each = bench()
    each.take(registered(), happened("answered", "2026-03-04T10:00:00"))
    each.flush()
    each.tick("2026-04-10T00:00:00")
    each.flush()
    assert b"c/acme/case-1" in each.rows
    each.take(registered("2026-04-10T00:01:00", case="case-2"))
    each.flush()
    assert b"c/acme/case-1" not in each.rows


def test_the_figures_count_duties_by_rule_and_state() -> None:
    each = bench()
    each.take(
        registered(), registered("2026-03-02T10:00:00", case="case-2"), happened("answered", "2026-03-03T10:00:00")
    )
    assert each.figures() == {("DEM-1", "pending"): 1, ("DEM-1", "met"): 1}
    each.tick("2026-03-12T00:00:00")
    assert each.figures() == {("DEM-1", "confirmed"): 1, ("DEM-1", "met"): 1}
    each.restart()
    each.tick("2026-03-12T00:00:01")
    assert each.figures() == {("DEM-1", "confirmed"): 1, ("DEM-1", "met"): 1}


def test_a_tenant_without_policies_has_cases_without_deadlines() -> None:
    each = CaseBench({})
    each.take(registered())
    each.tick("2027-01-01T00:00:00")
    assert (each.heard, each.core.ledger.applied) == ([], 1)
