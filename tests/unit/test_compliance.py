"""The evidence of a month: counts by rule and day, the worst waits, monthly figures checked by hand, what excuses."""

from __future__ import annotations

import csv
import json
from typing import Any

import msgspec
import pytest

from streams.cli.compliance_reading import RawEvent, declared_in, issued_in
from streams.cli.compliance_report import csv_text, print_evidence
from streams.compliance import NOT_JUDGED, Evidence, evidence
from streams.compliance_protocols import protocol_lines
from streams.domain.directory import Directory
from streams.domain.limits import Place, WaitRules
from streams.domain.queue_limits import QueueLimits
from tests.builders import Fact, abandoned, answered, fact, flowed_out, offered
from tests.callback_records import directory, policy
from tests.case_bench import happened
from tests.policy_cases import ANEEL, CASES, SAC, SAO_PAULO, TABLE, instant
from tests.queue_bench import BY_EVENTS, Bench

NINE = offered(0).time_ms

MONTH = [
    # day and time of the offer, how it left, after how many seconds; by hand:
    ("2026-10-05T10:00:00", answered, 10),
    ("2026-10-05T10:01:00", answered, 30),  # A30: the limit complies
    ("2026-10-05T10:02:00", answered, 30.001),
    ("2026-10-05T10:03:00", answered, 61),  # over the 60 s of WAIT-ENE
    ("2026-10-06T10:00:00", abandoned, 30),  # AB30in
    ("2026-10-06T10:01:00", abandoned, 31),  # AB30over
    ("2026-10-06T10:02:00", abandoned, 75),  # AB30over, over 60 s
    ("2026-10-07T10:00:00", answered, 20),
    ("2026-10-20T10:00:00", answered, 200),  # the day of the storm
    ("2026-10-20T10:01:00", abandoned, 100),
    ("2026-10-21T10:00:00", flowed_out, 5),  # counted where it went
    ("2026-11-01T10:00:00", answered, 500),  # another month
]
# CR 10 (11 offers of October less the flow-out), AB30in 1, AB30over 3, A30 3: INS 300/9, IAb 300/9.
# Without the 20th: CR 8, AB30in 1, AB30over 2, A30 3: INS 300/7, IAb 200/7.


def energy() -> Directory:
    limits = QueueLimits(max_wait_ms=None, rules=WaitRules(SAC, TABLE, Place("energy")))
    return directory(policy("sac", max_wait_ms=None, limits={"voice": limits}, sector="energy"), policy("retornos"))


def outcomes_of_month() -> list[dict[str, Any]]:
    """As the queues stage tells them."""
    bench = Bench(energy(), BY_EVENTS)
    for number, (when, leave, wait) in enumerate(MONTH):
        reason = {"reason": "transfer"} if leave is flowed_out else {}
        for each in (offered(0, contact=f"c{number}"), leave(wait, contact=f"c{number}", **reason)):
            told = Fact(each.kind, instant(when) + each.time_ms - NINE, each.contact, data=each.data)
            bench.take(told, now=(told.time_ms - NINE) / 1000)
        bench.flush()
    return list(bench.outcomes().values())


def exception(kind: str, starts_at: str, ends_at: str, **changes: Any) -> bytes:
    data = {"tenant": "acme", "site": "fortaleza", "kind": kind, "starts_at": starts_at, "ends_at": ends_at}
    return json.dumps(
        {"type": "exception.declared", "time": starts_at, "data": {**data, "evidence": "COD 4711", **changes}}
    ).encode()


STORM = ("2026-10-20T00:00:00-03:00", "2026-10-20T23:59:59-03:00")


def of_month(*exceptions: bytes, month: str = "2026-10") -> Evidence:
    return evidence(
        month,
        outcomes=outcomes_of_month(),
        declared=list(declared_in(map(RawEvent, exceptions))),
        queues=energy().queues,
        indicators=ANEEL,
    )


def test_waits_are_counted_by_queue_day_and_rule() -> None:
    """Answered, abandoned and every verdict; the other month is not in it."""
    found = of_month()
    days = {line.date: (line.visits, line.answered, line.abandoned, line.met, line.breached) for line in found.waits}
    assert days == {
        "2026-10-05": (4, 4, 0, 3, 1),
        "2026-10-06": (3, 0, 3, 2, 1),
        "2026-10-07": (1, 1, 0, 1, 0),
        "2026-10-20": (2, 1, 1, 0, 2),
        "2026-10-21": (1, 0, 0, 1, 0),
    }
    assert {(line.rule, line.policy_version, line.force) for line in found.waits} == {
        ("WAIT-ENE", "br-sac@2026.11.0", "adv")
    }
    assert [each.judged_wait_seconds for each in found.worst] == [200, 100, 75, 61]


def test_the_figures_of_the_month_are_those_worked_out_by_hand() -> None:
    """All days, and net of the day of the storm; ICO is unknown, because nobody tells the busy calls."""
    found = of_month(exception("atypical_day", *STORM))
    figures = {line.formula: (line.full_percent, line.net_percent, line.full_passes) for line in found.indicators}
    assert figures == {
        "INS": (pytest.approx(300 / 9), pytest.approx(300 / 7), False),
        "IAb": (pytest.approx(300 / 9), pytest.approx(200 / 7), False),
        "ICO": (None, None, None),
    }
    assert {line.confidence for line in found.indicators} == {"M", "U"}


def test_a_month_without_calls_has_no_figures() -> None:
    empty = of_month(month="2026-09")
    assert [(line.full_percent, line.full_passes) for line in empty.indicators] == [(None, None)] * 3
    assert (empty.waits, empty.worst) == ([], [])


EXCEPTIONS = [
    (exception("systemic_outage", *STORM), 2),
    (exception("systemic_outage", "2026-10-20T10:00:30-03:00", "2026-10-20T12:00:00-03:00"), 1),
    (exception("systemic_outage", *STORM, queues=["retornos"]), 0),
    (exception("systemic_outage", *STORM, site="recife"), 0),
    (exception("atypical_day", *STORM), 0),
]


@pytest.mark.parametrize(("declared", "excused"), EXCEPTIONS)
def test_a_declared_outage_excuses_and_changes_nothing(declared: bytes, excused: int) -> None:
    """Only what started while it lasted, in its place; the breach stays one, and its evidence stands beside it."""
    found = of_month(declared)
    assert sum(line.excused for line in found.waits) == excused
    assert sum(line.breached for line in found.waits) == 4
    assert [each.excused_by for each in found.worst].count("COD 4711") == excused


def test_protocol_numbers_are_unique_well_formed_and_without_gaps() -> None:
    """By the format of the case's sector, in the month; a number that an older case has too is a repeat."""
    health, telecom = "123456" + "20261005", "2026"
    given = [
        ("case-1", "health", "2026-10-05", f"{health}000042"),
        ("case-2", "health", "2026-10-05", f"{health}000045"),  # 43 and 44 are left out
        ("case-3", "health", "2026-10-05", "123456"),  # too short
        ("case-4", "health", "2026-10-05", "12345620261305000001"),  # no such month
        ("case-5", None, "2026-10-06", f"{telecom}000000007"),
        ("case-5", None, "2026-10-07", f"{telecom}000000007"),  # told twice
        ("case-6", None, "2026-10-06", f"{telecom}000000008"),
        ("case-7", None, "2026-09-30", f"{telecom}000000008"),
        ("case-8", "retail", "2026-10-06", "A-1"),
    ]
    values = []
    for case, sector, day, number in given:
        values.append(happened("registered", f"{day}T10:00:00", case=case, sector=sector).value)
        values.append(happened("protocol_issued", f"{day}T10:01:00", case=case, protocol=number).value)
    issued = issued_in(map(RawEvent, [*values, b"{", None]), {"acme": "telecom"})
    lines = protocol_lines("2026-10", issued, {"acme": [CASES]}, SAO_PAULO)
    assert {line.format: (line.issued, line.repeated, line.malformed, line.missing) for line in lines} == {
        "HLT-PROTOCOL": (4, 0, 2, 2),
        "TEL-PROTOCOL": (2, 1, 0, 0),
        "no format": (1, 0, 0, 0),
    }


def test_what_cannot_be_read_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Other site events are no concern of it."""
    bad_time, bad_kind = exception("systemic_outage", "today", "tomorrow"), exception("strike", *STORM)
    values = [b"{", None, b'{"type": "source.heartbeat", "time": "", "data": {}}', bad_time, bad_kind]
    assert list(declared_in(map(RawEvent, values))) == []
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_every_format_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The table says what is not judged, too."""
    found = of_month(exception("systemic_outage", *STORM))
    rows = list(csv.DictReader(csv_text(found.waits).splitlines()))
    assert [row["date"] for row in rows] == [line.date for line in found.waits]
    assert sum(int(row["excused"]) for row in rows) == 2
    print_evidence(found)
    shown = capsys.readouterr().out
    assert "acme/sac/voice WAIT-ENE adv" in shown
    assert "33.333" in shown
    assert "COD 4711" in shown
    assert all(each in " ".join(shown.split()) for each in NOT_JUDGED)
    assert msgspec.json.decode(msgspec.json.encode(found))["not_judged"] == list(NOT_JUDGED)


def test_the_builders_of_this_file_make_the_month_it_says() -> None:
    assert len(MONTH) == len(outcomes_of_month()) == 12
    assert fact("offered", 0).time_ms == NINE


def binary(structured: bytes) -> RawEvent:
    """The same event with its attributes in headers."""
    event = json.loads(structured)
    attributes = {name: text for name, text in event.items() if name != "data"}
    headers = [(f"ce_{name}", str(text).encode()) for name, text in attributes.items()]
    return RawEvent(json.dumps(event["data"]).encode(), headers)


def test_events_in_binary_mode_are_read_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Exceptions and protocol numbers, the same as in structured form; a header that is no text is no event."""
    storm = exception("systemic_outage", *STORM)
    assert list(declared_in([binary(storm)])) == list(declared_in([RawEvent(storm)]))
    told = [
        happened("registered", "2026-10-05T10:00:00", sector="telecom").value,
        happened("protocol_issued", "2026-10-05T10:01:00", protocol="2026000000007").value,
    ]
    issued = issued_in(map(binary, told), {})
    assert issued == issued_in(map(RawEvent, told), {})
    assert [(each.number, each.sector) for each in issued] == [("2026000000007", "telecom")]
    assert not capsys.readouterr().err
    broken = RawEvent(b"{}", [("ce_type", b"exception.declared"), ("ce_time", b"\xff")])
    assert list(declared_in([broken])) == []
    assert "an exception that cannot be read" in capsys.readouterr().err
