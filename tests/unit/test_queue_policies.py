"""Visits under a policy: which limit each is judged by, what its records name, and what another policy changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from streams.domain.directory import Directory
from streams.domain.limits import Place, WaitRules
from streams.domain.opening_hours import OpeningHours
from streams.domain.policy import Pack
from streams.domain.queue_limits import QueueLimits
from tests.builders import Fact, abandoned, answered, offered, wrapped_up
from tests.callback_records import directory, policy
from tests.policy_cases import SAC, SAO_PAULO, TABLE, instant
from tests.queue_bench import Bench

VISIT = "acme/sac/1/c1"
BANK = "WAIT-FIN:br-sac@2026.11.0"
NEXT_VERSION = changed(SAC, version="2026.12.0")
TUESDAY = "2026-11-24T10:00:00"
MONDAY = "2026-11-23T10:00:00"


def bank(pack: Pack = SAC, *, max_wait_ms: int | None = None, sector: str = "bank") -> Directory:
    """The queue sac under a policy."""
    limits = QueueLimits(max_wait_ms=max_wait_ms, rules=WaitRules(pack, TABLE, Place(sector, "voice", "CE")))
    return directory(policy("sac", max_wait_ms=max_wait_ms, limits={"voice": limits}), policy("retornos"))


def at(when: str, fact: Fact, **changes: Any) -> Fact:
    """A fact so many seconds after an instant in São Paulo instead of after nine."""
    return replace(fact, time_ms=instant(when) + fact.time_ms - offered(0).time_ms, **changes)


def run(places: Directory, *facts: Fact) -> Bench:
    bench = Bench(places)
    for fact in facts:
        bench.take(fact)
    bench.flush()
    return bench


JUDGED = [
    # when it was offered, its wait, the limit, force, verdict
    (TUESDAY, 45.0, 45.0, "adv", "met"),
    (TUESDAY, 45.001, 45.0, "adv", "breached"),
    (MONDAY, 90.0, 90.0, "adv", "met"),
    (MONDAY, 90.001, 90.0, "adv", "breached"),
    ("2021-10-06T10:00:00", 46.0, 45.0, "law", "breached"),
    ("2021-10-07T10:00:00", 46.0, 90.0, "law", "met"),
    ("2021-10-31T23:59:30", 70.0, 45.0, "law", "breached"),  # answered on Monday
    ("2020-04-15T10:00:00", 600.0, None, "law", "no_limit"),
    ("2008-11-30T10:00:00", 600.0, None, "", "no_limit"),
]


@pytest.mark.parametrize(("when", "wait", "limit", "force", "verdict"), JUDGED)
def test_a_visit_is_judged_by_the_limit_of_its_own_day(
    when: str, wait: float, limit: float | None, force: str, verdict: str
) -> None:
    """Outcome, finding, interval and the figures of the day agree."""
    bench = run(bank(), at(when, offered(0)), at(when, answered(wait, delay=0)))
    [outcome] = bench.outcomes().values()
    assert (outcome.get("max_wait_seconds"), outcome["force"], outcome["verdict"]) == (limit, force, verdict)
    assert (outcome["rule"], outcome["policy_version"]) == ("WAIT-FIN", "br-sac@2026.11.0")
    finding = bench.findings().get(VISIT)
    assert (finding is not None) == (verdict == "breached")
    if finding is not None:
        assert finding["finding_id"] == f"{VISIT}:{BANK}"
        assert (finding["limit_seconds"], finding["force"], finding["confidence"]) == (limit, force, "VS")
    assert [data["breaches"] for data in bench.intervals().values()] == [int(verdict == "breached")]


def test_a_finding_says_under_which_reading_it_would_be_none() -> None:
    """The eve of Corpus Christi is busy for banks only."""
    bench = run(bank(), at("2022-06-15T10:00:00", offered(0)), at("2022-06-15T10:00:00", abandoned(50)))
    assert bench.findings()[VISIT]["tolerated_if"] == ["calendar=bank"]


def test_the_wait_of_a_rule_starts_when_a_person_was_asked_for() -> None:
    """30 s in the menu after the selection count; the wait in the queue is what it was."""
    asked = offered(0, requested_at="2026-11-24T09:59:30-03:00")
    bench = run(bank(), at(TUESDAY, asked), at(TUESDAY, answered(16)))
    finding, [outcome] = bench.findings()[VISIT], bench.outcomes().values()
    assert (finding["started_at"], finding["breached_at"]) == ("2026-11-24T12:59:30.000Z", "2026-11-24T13:00:15.000Z")
    assert (finding["wait_seconds"], finding["limit_seconds"]) == (46.0, 45.0)
    assert (outcome["wait_seconds"], outcome["judged_wait_seconds"], outcome["is_breach"]) == (16.0, 46.0, True)


def test_a_tick_knows_the_wait_before_the_offer() -> None:
    """The finding opens 15 s after the offer, and the share of the limit used is that of the whole wait."""
    bench = Bench(bank())
    bench.take(at(TUESDAY, offered(0, requested_at="2026-11-24T09:59:30-03:00")))
    start = (instant(TUESDAY) - offered(0).time_ms) / 1000
    assert bench.tick(start + 15) == []
    live = bench.figures().live
    assert live is not None
    assert (live.wait_limit_used_ratio, live.longest_wait_seconds) == (1.0, 15.0)
    assert [told["state"] for told in bench.tick(start + 17.001)] == ["open"]
    assert bench.figures().day_breaches == {"WAIT-FIN": 1}


def test_a_transferred_visit_has_its_own_rule_and_clock() -> None:
    """From the transfer on, however long the contact has asked before."""
    told = offered(0, transferred_from="sac-triagem", requested_at="2026-11-24T09:00:00-03:00")
    bench = run(bank(), at(TUESDAY, told), at(TUESDAY, answered(61)))
    finding = bench.findings()[VISIT]
    assert (finding["rule"], finding["limit_seconds"], finding["wait_seconds"]) == ("WAIT-XFER", 60.0, 61.0)


def test_another_offer_takes_its_own_rule() -> None:
    """What the rule of the later offer had found is taken back under its own name."""
    bench = Bench(bank())
    bench.take(at(TUESDAY, offered(10, transferred_from="sac-triagem")), at(TUESDAY, answered(80)))
    bench.take(at(TUESDAY, offered(0)))
    bench.flush()
    states = {data["finding_id"]: data["state"] for data in bench._data_of("sla-breaches").values()}
    assert states == {
        f"{VISIT}:WAIT-XFER:br-sac@2026.11.0": "retracted",
        f"{VISIT}:{BANK}": "confirmed",
    }


def test_an_earlier_offer_with_a_higher_limit_is_not_overdue_yet() -> None:
    """Open by the 45 s of Tuesday; the offer that stands came a minute earlier, on Monday, and has 90 s."""
    bench = Bench(bank())
    midnight = "2026-11-24T00:00:00"
    bench.take(at(midnight, offered(0)))
    start = (instant(midnight) - offered(0).time_ms) / 1000
    assert len(bench.tick(start + 48)) == 1
    bench.take(at(midnight, offered(-30)), now=start + 48)
    bench.flush()
    assert bench.finding(VISIT) == "open"
    assert bench.tick(start + 59) == []
    bench.take(at(midnight, answered(59.5, delay=0)), now=start + 59.5)
    assert bench.finding(VISIT) == "retracted"


def test_a_new_policy_does_not_touch_what_was_judged() -> None:
    """A fact that comes after the change is added to a visit that keeps its limit; new visits have the new one."""
    bench = run(bank(), at(TUESDAY, offered(0)), at(TUESDAY, answered(50)))
    bench._places = bank(NEXT_VERSION)
    bench.restart()
    bench.take(at(TUESDAY, wrapped_up(60, wrap_up_seconds=5)), at(TUESDAY, offered(61, contact="c2")))
    bench.take(at(TUESDAY, answered(161, contact="c2")))
    bench.flush()
    assert set(bench._data_of("sla-breaches")) == {
        f"{VISIT}:{BANK}",
        "acme/sac/1/c2:WAIT-FIN:br-sac@2026.12.0",
    }
    versions = {visit: data["policy_version"] for visit, data in bench.outcomes().items()}
    assert versions == {VISIT: "br-sac@2026.11.0", "acme/sac/1/c2": "br-sac@2026.12.0"}


def test_a_new_policy_does_not_touch_whoever_waits() -> None:
    """The limit was chosen with the offer: of a queue that had only its own, that one."""
    bench = Bench(directory(policy("sac", max_wait_ms=20_000), policy("retornos")))
    bench.take(at(TUESDAY, offered(0)))
    bench._places = bank()
    bench.restart()
    start = (instant(TUESDAY) - offered(0).time_ms) / 1000
    assert [told["policy_version"] for told in bench.tick(start + 30)] == ["plain-1"]


def test_where_a_policy_has_no_limit_the_queues_own_is_in_force() -> None:
    """During a suspension; with a limit of its own the policy's counts, also where that is higher."""
    suspended = run(
        bank(max_wait_ms=30_000), at("2020-04-15T10:00:00", offered(0)), at("2020-04-15T10:00:00", answered(40))
    )
    assert suspended.findings()[VISIT]["rule"] == "MAX-WAIT"
    tuesday = run(bank(max_wait_ms=30_000), at(TUESDAY, offered(0)), at(TUESDAY, answered(40)))
    assert tuesday.findings() == {}


def test_a_sector_that_is_not_bound_follows_by_choice() -> None:
    bench = run(bank(sector="retail"), at(TUESDAY, offered(0)), at(TUESDAY, answered(61)))
    assert (bench.findings()[VISIT]["rule"], bench.findings()[VISIT]["force"]) == ("WAIT-GEN", "op")


OPEN = OpeningHours(
    week=(((8 * 60, 12 * 60), (13 * 60, 18 * 60)),) * 5 + (((8 * 60, 12 * 60),), ()),
    zone=SAO_PAULO,
    holidays=TABLE.named("national"),
)

OPENING = [
    # offered, what of the limit of two hours is over where
    ("2026-11-24T09:00:00", "2026-11-24T11:00:00"),
    ("2026-11-24T11:00:00", "2026-11-24T14:00:00"),  # over noon
    ("2026-11-24T17:00:00", "2026-11-25T09:00:00"),
    ("2026-11-24T18:00:00", "2026-11-25T10:00:00"),
    ("2026-11-24T03:00:00", "2026-11-24T10:00:00"),
    ("2026-11-19T17:00:00", "2026-11-21T09:00:00"),  # Friday the 20th is a holiday
    ("2026-11-21T11:30:00", "2026-11-23T09:30:00"),  # over Sunday
    ("2018-11-03T11:00:00", "2018-11-05T09:00:00"),  # clocks go forward in between
]


@pytest.mark.parametrize(("when", "expected"), OPENING)
def test_a_limit_in_opening_hours_stops_while_the_queue_is_closed(when: str, expected: str) -> None:
    """To the millisecond; holidays and Sundays do not count."""
    limits = {"voice": QueueLimits(max_wait_ms=7_200_000, hours=OPEN)}
    places = directory(policy("sac", max_wait_ms=7_200_000, limits=limits), policy("retornos"))
    over = (instant(expected) - instant(when)) / 1000
    for wait, finding in ((over, None), (over + 0.001, "confirmed")):
        bench = run(places, at(when, offered(0)), at(when, abandoned(wait, delay=0)))
        assert bench.finding(VISIT) == finding
    assert OPEN.is_open(instant("2026-11-24T12:00:00")) is False
    assert OPEN.is_open(instant("2026-11-24T13:00:00")) is True


def test_a_queue_that_never_opens_has_no_limit_in_opening_hours() -> None:
    closed = OpeningHours(week=((),) * 7, zone=SAO_PAULO, holidays=TABLE.named("national"))
    limits = {"voice": QueueLimits(max_wait_ms=60_000, hours=closed)}
    places = directory(policy("sac", limits=limits), policy("retornos"))
    bench = run(places, at(TUESDAY, offered(0)), at(TUESDAY, answered(3000)))
    assert bench.findings() == {}
    assert [data["verdict"] for data in bench.outcomes().values()] == ["no_limit"]
