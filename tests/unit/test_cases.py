"""Cases and their deadlines: what is told when, what takes it back, and what a restart or another order changes."""

from __future__ import annotations

import dataclasses
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace as changed

from streams.domain.deadlines import Promises
from streams.domain.opening_hours import OpeningHours
from streams.domain.policy import Term
from streams.policy_packs import packaged
from tests.case_bench import DESK, CaseBench, happened, rules
from tests.policy_cases import CASES, SAO_PAULO, TABLE, instant

WITH_EXTENSION = packaged("br-cases@2026.11.1")
WITH_WITHDRAWAL = packaged("br-cases@2026.11.2")
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


TAKEN_BACK = [
    # asked for at 14:00; retention closed when and how; what stands of the hour for its effect in the end
    ("2026-05-05T14:30:00", "retained", None),
    ("2026-05-05T15:00:00", "retained", None),
    ("2026-05-05T15:00:00.001", "retained", "confirmed"),
    ("2026-05-05T13:59:59.999", "retained", "confirmed"),  # of an earlier request
    ("2026-05-05T14:30:00", "cancelled", "confirmed"),
    ("2026-05-05T14:30:00", "undecided", "confirmed"),
]


@pytest.mark.parametrize(("closed", "outcome", "expected"), TAKEN_BACK)
def test_a_cancellation_that_is_taken_back_in_time_need_not_take_effect(
    closed: str, outcome: str, expected: str | None
) -> None:
    """Told in either order, through a restart; the receipt of the request stays due."""
    asked = happened("cancel_requested", "2026-05-05T14:00:00")
    decided = happened("retention_closed", closed, outcome=outcome)
    for facts in ((asked, decided), (decided, asked)):
        each = CaseBench(rules(WITH_WITHDRAWAL))
        each.take(*facts)
        each.restart()
        each.tick("2026-05-08T00:00:00")
        found = {key.split(":")[1]: state for key, state in each.findings().items()}
        assert found == {"CAN-3": "confirmed"} | ({"CAN-2": expected} if expected else {})
        [effect] = [told for told in each.deadlines.values() if told["rule"] == "CAN-2"]
        assert effect.get("is_withdrawn", False) == (outcome == "retained" and closed > "2026-05-05T14")


def test_a_cancellation_asked_for_again_is_due_again() -> None:
    """And whoever was won back after it had taken effect changes nothing of that."""
    each = CaseBench(rules(WITH_WITHDRAWAL))
    each.take(
        happened("cancel_requested", "2026-05-05T14:00:00"),
        happened("retention_closed", "2026-05-05T14:10:00", outcome="retained"),
        happened("cancel_requested", "2026-05-06T14:00:00"),
        happened("cancel_effective", "2026-05-06T14:10:00"),
        happened("retention_closed", "2026-05-06T14:20:00", outcome="retained"),
    )
    effects = [told for told in each.deadlines.values() if told["rule"] == "CAN-2"]
    assert [told.get("is_withdrawn", False) for told in sorted(effects, key=lambda told: told["started_at"])] == [
        True,
        False,
    ]
    assert not any(":CAN-2:" in key for key in each.findings())


def test_the_packaged_versions_before_know_no_withdrawal() -> None:
    each = CaseBench(rules(WITH_EXTENSION))
    each.take(
        happened("cancel_requested", "2026-05-05T14:00:00"),
        happened("retention_closed", "2026-05-05T14:10:00", outcome="retained"),
    )
    each.tick("2026-05-05T15:00:00.001")
    assert each.states()["CAN-2"] == "confirmed"


def test_two_versions_of_a_policy_run_side_by_side() -> None:
    """Each finding under the version that found it; only the stricter one finds."""
    [answer] = [rule for rule in NO_PROTOCOL.deadlines if rule.id == "DEM-1"]
    two_days = tuple(changed(period, within=Term(days=2)) for period in answer.periods)
    stricter = changed(NO_PROTOCOL, version="2026.12.0", deadlines=(changed(answer, periods=two_days),))
    each = CaseBench(rules(NO_PROTOCOL, stricter))
    each.take(registered(), happened("answered", "2026-03-06T10:00:00"))
    assert [key.rpartition(":")[2] for key in each.findings()] == ["br-cases@2026.12.0"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_versions_side_by_side_the_figures_count_the_first(order: int) -> None:
    """One deadline is one in the figures, as the version that is listed first has it; other policies count beside."""
    older, newer = changed(NO_PROTOCOL, version="2026.11.0"), changed(NO_PROTOCOL, version="2026.12.0")
    [answer] = [rule for rule in newer.deadlines if rule.id == "DEM-1"]
    two_days = tuple(changed(period, within=Term(days=2)) for period in answer.periods)
    newer = changed(newer, deadlines=(changed(answer, periods=two_days),))
    each = CaseBench(rules(*(older, newer)[::order], DESK))
    each.take(registered(), happened("cancel_requested", "2026-03-02T10:00:00"))
    each.tick("2026-03-06T10:00:00")
    answers = {state: count for (rule, state), count in each.figures().items() if rule == "DEM-1"}
    assert answers == ({"pending": 1} if order == 1 else {"overdue": 1})
    assert each.figures()["RET-LEADER", "overdue"] == 1


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
    assert each.figures() == {("DEM-1", "overdue"): 1, ("DEM-1", "met"): 1}
    each.restart()
    each.tick("2026-03-12T00:00:01")
    assert each.figures() == {("DEM-1", "overdue"): 1, ("DEM-1", "met"): 1}
    each.take(happened("answered", "2026-03-12T10:00:00", case="case-2"))
    assert each.figures() == {("DEM-1", "confirmed"): 1, ("DEM-1", "met"): 1}


def test_a_leader_who_was_not_told_is_overdue_until_told() -> None:
    """What runs in minutes has one date only: past it somebody can still act, and is called until it is done."""
    each = CaseBench(rules(DESK))
    each.take(happened("cancel_requested", "2026-05-05T14:00:00"))
    each.tick("2026-05-05T14:05:00.001")
    assert each.figures()["RET-LEADER", "overdue"] == 1
    each.take(happened("leader_alerted", "2026-05-05T14:06:00"))
    assert each.figures()["RET-LEADER", "confirmed"] == 1


def test_a_tenant_without_policies_has_cases_without_deadlines() -> None:
    each = CaseBench({})
    each.take(registered())
    each.tick("2027-01-01T00:00:00")
    assert (each.heard, each.core.ledger.applied) == ([], 1)


# -- extensions, promises, records ------------------------------------------------------------------------------------

OMBUDSMAN = changed(WITH_EXTENSION, deadlines=tuple(rule for rule in WITH_EXTENSION.deadlines if rule.id == "FIN-1"))


def extended(when: str) -> Any:
    return happened("answered", when, conclusive=False, extension_reason="the contract is being looked for")


EXTENSIONS = [
    # registered Tuesday 10 February 2026; ten business days of banks (Carnival 16-17) end on the 26th, ten more on
    # 12 March
    (None, "2026-02-26T23:59:59.999", None),
    (None, "2026-02-27T00:00:00", "confirmed"),
    ("2026-02-26T23:59:59.999", "2026-03-12T23:59:59.999", None),
    ("2026-02-26T23:59:59.999", "2026-03-13T00:00:00", "confirmed"),
    ("2026-02-27T00:00:00", "2026-03-02T00:00:00", "confirmed"),  # told too late
]


@pytest.mark.parametrize(("told", "answered", "expected"), EXTENSIONS)
def test_the_ombudsman_may_take_as_long_again_once_told_in_time(
    told: str | None, answered: str, expected: str | None
) -> None:
    each = CaseBench(rules(OMBUDSMAN, sector="bank"))
    each.take(registered("2026-02-10T10:00:00", "ombudsman"))
    if told:
        each.take(extended(told), extended("2026-02-26T12:00:00") if told < "2026-02-27" else extended(told))
    each.take(happened("answered", answered))
    assert list(each.findings().values()) == ([expected] if expected else [])
    [record] = each.deadlines.values()
    assert record.get("is_extended", False) == (told == "2026-02-26T23:59:59.999")


def test_an_extension_that_arrives_late_takes_the_finding_back_until_the_longer_term_is_over() -> None:
    """Told to the customer in time, to us two days afterwards; what comes later is told afresh, also by a successor."""
    each = CaseBench(rules(OMBUDSMAN, sector="bank"))
    each.take(registered("2026-02-10T10:00:00", "ombudsman"))
    assert each.tick("2026-02-27T00:00:00") == [("FIN-1", "confirmed")]
    each.take(changed_delay(extended("2026-02-25T10:00:00"), 2 * 86_400))
    assert each.findings() == {}
    assert each.states() == {"FIN-1": "retracted"}
    each.restart()
    each.tick("2026-03-05T00:00:00")
    assert each.tick("2026-03-11T00:00:00") == [("FIN-1", "at_risk")]
    assert each.tick("2026-03-13T00:00:00") == [("FIN-1", "confirmed")]
    assert next(iter(each.last.values()))["is_extended"]


def changed_delay(fact: Any, seconds: float) -> Any:
    return dataclasses.replace(fact, delay=seconds)


def test_the_packaged_version_before_knows_no_extension() -> None:
    """Both versions side by side: a finding names the one it is of, and each judges by itself."""
    each = CaseBench(
        rules(changed(OMBUDSMAN, version="2026.11.0", deadlines=(fin_1_of_old(),)), OMBUDSMAN, sector="bank")
    )
    each.take(registered("2026-02-10T10:00:00", "ombudsman"))
    each.take(extended("2026-02-20T10:00:00"))
    each.tick("2026-03-01T00:00:00")
    assert [key.rpartition(":")[2] for key in each.findings()] == ["br-cases@2026.11.0"]
    each.tick("2026-03-13T00:00:00")
    assert sorted(key.rpartition(":")[2] for key in each.findings()) == ["br-cases@2026.11.0", "br-cases@2026.11.1"]


def fin_1_of_old() -> Any:
    return next(rule for rule in CASES.deadlines if rule.id == "FIN-1")


CONTRACT = packaged("contract@2026.11.1")
WEEKDAYS = tuple(((8 * 60, 18 * 60),) if day < 5 else () for day in range(7))
DESK_HOURS = OpeningHours(WEEKDAYS, SAO_PAULO, TABLE.named("national"))
PROMISES = {"first_response_seconds": 3_600_000, "next_response_seconds": 1_800_000, "resolution_seconds": 36_000_000}

CONTRACTS = [
    # registered on Friday 24 April 2026 at 17:30; open hours end at 18:00 and go on on Monday at 08:00
    (None, "answered", "2026-04-24T18:30:00", "FIRST-RESPONSE", "met"),
    (None, "answered", "2026-04-24T18:30:00.001", "FIRST-RESPONSE", "confirmed"),
    (DESK_HOURS, "answered", "2026-04-27T08:30:00", "FIRST-RESPONSE", "met"),
    (DESK_HOURS, "answered", "2026-04-27T08:30:00.001", "FIRST-RESPONSE", "confirmed"),
    (None, "resolved", "2026-04-25T03:30:00", "RESOLUTION", "met"),
    (DESK_HOURS, "resolved", "2026-04-27T17:30:00", "RESOLUTION", "met"),
    (DESK_HOURS, "resolved", "2026-04-27T17:30:00.001", "RESOLUTION", "confirmed"),
]


@pytest.mark.parametrize(("hours", "moment", "when", "rule", "expected"), CONTRACTS)
def test_a_desk_keeps_what_it_promises(hours: Any, moment: str, when: str, rule: str, expected: str) -> None:
    """In calendar time or its own opening hours, to the millisecond; any answer is a first response."""
    each = CaseBench(rules(CONTRACT, promises=Promises(PROMISES, hours)))
    each.take(registered("2026-04-24T17:30:00"))
    each.take(happened(moment, when, **({"conclusive": False} if moment == "answered" else {})))
    stands = {key.split(":")[1]: state for key, state in each.standing(instant("2026-05-30T00:00:00")).items()}
    assert stands[rule] == expected


def test_each_time_a_customer_asks_again_a_response_is_due() -> None:
    """Within half an hour; the first was answered in time, the second was not."""
    each = CaseBench(rules(CONTRACT, promises=Promises({"next_response_seconds": 1_800_000})))
    each.take(registered("2026-04-24T10:00:00"))
    each.take(happened("restated", "2026-04-24T11:00:00"), happened("answered", "2026-04-24T11:30:00"))
    each.take(happened("restated", "2026-04-24T12:00:00"))
    assert each.tick("2026-04-24T12:30:00.001") == [("NEXT-RESPONSE", "confirmed")]
    assert {key.split(":")[1] for key in each.deadlines} == {"NEXT-RESPONSE"}


def test_records_tell_of_every_deadline_and_of_those_that_never_were() -> None:
    """An earlier registration shows what the demand was: the deadlines of the later one are void."""
    each = bench()
    each.take(registered("2026-03-02T10:00:00"))
    each.take(happened("answered", "2026-03-03T10:00:00"))
    [first] = each.deadlines.values()
    assert (first["ended_at"], first["due_strict"]) == ("2026-03-03T13:00:00.000Z", "2026-03-10T02:59:59.999Z")
    assert each.findings() == {}
    each.take(registered("2026-03-01T10:00:00", "platform_complaint"))
    void = {key.split(":")[1]: record.get("is_void", False) for key, record in each.deadlines.items()}
    assert void == {"DEM-1": True, "GOV-1": False}
    each.restart()
    each.take(happened("resolved", "2026-03-04T10:00:00"))
    assert len(each.deadlines) == 2
