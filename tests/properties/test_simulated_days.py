"""Whole simulated days through all cores, without a broker, judged by the recount of the same events."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.comparison import Check, Facts
from streams.domain.encoding import iso_time
from streams.domain.recount import read_events
from streams.domain.recount_cases import case_duties_of, read_cases
from streams.event_lines import event_time_ms
from streams.recount_terms import case_terms_of
from streams.simulation.centre import SAC
from streams.simulation.day import arrivals, day
from streams.simulation.incidents import parse_incidents
from streams.simulation.telling import Event
from streams.told import Told
from tests.core_chain import CoreChain, centre_settings, encode

LAST_PART = 0.1


@dataclass(frozen=True)
class Judged:
    """One day: what arrived, what the cores told, and both sides of the comparison."""

    events: Sequence[Event]
    told: Told
    expected: Facts
    facts: Facts

    @property
    def checks(self) -> dict[str, Check]:
        return {check.name: check for check in comparison.compare(self.expected, self.facts)}

    def unequal(self) -> dict[str, tuple[str, ...]]:
        return {name: check.differences[:3] for name, check in self.checks.items() if not check.is_equal}


@pytest.fixture(autouse=True)
def garbage_waits() -> Iterator[None]:
    """A day is many small things that stay to its end; looking for garbage among them costs an eighth of the time."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def judged(seed: int, *, disorder_seconds: float, batch_records: int, with_agents: bool = False) -> Judged:
    """A day of contacts through the cores."""
    told = day(seed) if with_agents else [event for event in day(seed) if event["type"].startswith("contact.")]
    events = arrivals(told, disorder_seconds=disorder_seconds, repeat_share=0.02, seed=seed)
    return judged_arrivals(events, batch_records=batch_records)


def judged_arrivals(events: list[Event], *, batch_records: int, policy: str | None = None) -> Judged:
    """Events through the cores as they arrive. The last part comes when all before is applied: what time has made true
    is recorded by the next facts of its topic, so there must be some."""
    configured = centre_settings(policy=policy)
    chain = CoreChain(configured, batch_records=batch_records)
    held_back = round(len(events) * (1 - LAST_PART))
    for part in (events[:held_back], events[held_back:]):
        chain.send(part, [event_time_ms(event["time"]) or 0 for event in part])
        chain.run()
    rules = rules_of(configured)
    expected = comparison.expected_facts(read_events(map(encode, events)), rules, chain.told.plan_facts)
    del expected[comparison.DAY]  # is on the metrics page alone
    expected[comparison.JOBS] = comparison.expected_jobs(chain.told)
    return Judged(events, chain.told, expected, comparison.told_facts(chain.told, rules))


@pytest.mark.parametrize("seed", range(30))
def test_what_the_cores_tell_of_a_day_equals_its_recount(seed: int) -> None:
    """Whatever the disorder and the size of the batches: outcomes, intervals, findings, plans with reasons, jobs."""
    day_judged = judged(seed, disorder_seconds=(0, 20, 90, 600)[seed % 4], batch_records=(20, 100, 500)[seed % 3])
    assert day_judged.unequal() == {}
    nothing_compared = {name for name, check in day_judged.checks.items() if not check.compared}
    assert nothing_compared == {comparison.JOBS}  # no agent is told of here, so nobody is called


def test_a_day_on_which_everything_goes_wrong_equals_its_recount() -> None:
    """A platform that tells a quarter of an hour late, another that loses one, a flood, and nobody to answer it."""
    script = (
        "silent-source source=pbx-fortaleza-1 at=10:00 for=15m",
        "silent-source source=messaging-hub at=14:00 for=15m then=drop",
        "flood queue=sac-telecom at=10:15 for=20m contacts=300",
        "agents-leave queue=sac-banco at=09:20 for=40m",
    )
    incidents = parse_incidents([(line, line) for line in script], SAC)
    wrong = judged_arrivals(day(4, incidents), batch_records=200)
    assert wrong.unequal() == {}
    assert len(wrong.told.newest["sla-breaches"]) > 300


def test_a_day_under_a_policy_equals_its_recount() -> None:
    """Which rule binds each call, transfers included, and with which limit: a Monday, so 90 s and 60 s."""
    events = arrivals(day(7), disorder_seconds=90, repeat_share=0.02, seed=7)
    under = judged_arrivals(events, batch_records=100, policy="br-sac@2026.11.0")
    assert under.unequal() == {}
    findings = (each for each in under.told.newest["sla-breaches"].values() if "visit_id" in each)
    found = Counter((each["rule"], each["limit_seconds"]) for each in findings)
    assert found["WAIT-FIN", 90.0] > 5
    assert found["WAIT-XFER", 60.0] > 0
    assert deadlines_told(under) == deadlines_recounted(events)


def deadlines_told(judged_day: Judged) -> dict[str, str]:
    """Every deadline of a case by its id, with its strict date."""
    records = judged_day.told.newest["case-deadlines"].values()
    return {each["deadline_id"]: each["due_strict"] for each in records if not each.get("is_void")}


def deadlines_recounted(events: list[Event]) -> dict[str, str]:
    moments = read_cases(encode(event) for event in events if event["type"].startswith("case."))
    duties = case_duties_of(moments, case_terms_of(centre_settings()), now_ms=0)
    assert len(duties) > 300
    return {key: iso_time(each.strict_ms) for key, each in duties.items()}


@pytest.fixture(scope="module")
def of_seed_3() -> Judged:
    return judged(3, disorder_seconds=300, batch_records=50, with_agents=True)


def test_late_exits_take_back_what_was_said_too_early(of_seed_3: Judged) -> None:
    """With disorder beyond the lateness bound findings open and are retracted, and still the end is right."""
    findings = [each for each in of_seed_3.told.newest["sla-breaches"].values() if "visit_id" in each]
    assert any(finding["state"] == "retracted" for finding in findings)
    assert of_seed_3.unequal() == {}


def test_one_event_less_for_the_recount_is_found(of_seed_3: Judged) -> None:
    """The comparison can fail: without one answer it differs in that contact, its queue and its interval."""
    answer = next(event for event in of_seed_3.events if event["type"] == "contact.answered")
    others = [event for event in of_seed_3.events if event["id"] != answer["id"]]
    falsified = comparison.expected_facts(read_events(map(encode, others)), rules_of(centre_settings()))
    checks = {check.name: check for check in comparison.compare(falsified, of_seed_3.facts)}
    differing = {name: len(check.differences) for name, check in checks.items() if name != comparison.DAY}
    assert differing["outcomes"] == differing["queues"] == differing["intervals"] == 1
    assert answer["data"]["contact_id"] in checks["outcomes"].differences[0]


@pytest.mark.parametrize("name", ["outcomes", "queues", "intervals", "findings", "plans", "records"])
def test_one_thing_said_otherwise_is_found(name: str, of_seed_3: Judged) -> None:
    """In every check, and in no other. A day told in two parts has no dial jobs: `test_called_back_days` has."""
    key = next(iter(of_seed_3.expected[name]))
    falsified = {**of_seed_3.expected, name: {**of_seed_3.expected[name], key: "something else"}}
    unequal = [check for check in comparison.compare(falsified, of_seed_3.facts) if not check.is_equal]
    assert [check.name for check in unequal] == [name]
    assert len(unequal[0].differences) == 1
    assert key in unequal[0].differences[0]


@pytest.mark.parametrize("side", ["expected", "told"])
def test_what_only_one_side_knows_is_found(side: str, of_seed_3: Judged) -> None:
    """A contact that the stream forgot, and one that it invented."""
    plus_one = {"acme/sac-banco/1/invented": ("closed", 0.4, None, None, None)}
    expected, told = dict(of_seed_3.expected), dict(of_seed_3.facts)
    changed = expected if side == "expected" else told
    changed[comparison.OUTCOMES] = changed[comparison.OUTCOMES] | plus_one
    unequal = [check for check in comparison.compare(expected, told) if not check.is_equal]
    assert [(check.name, len(check.differences)) for check in unequal] == [("outcomes", 1)]
    assert "invented" in unequal[0].differences[0]


def test_no_address_is_in_what_is_compared(of_seed_3: Judged) -> None:
    """Differences are printed: neither side may hold a number or a mailbox."""
    said = f"{of_seed_3.expected} {of_seed_3.facts}"
    assert "+55" not in said
    assert "@example.com" not in said
