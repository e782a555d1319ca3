"""Dial jobs: released while an agent is free for them, read back before they go out, taken back when not wanted."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from streams.domain.decisions import OWN_PARTITION, Decisions, Ledger, Output, Reason
from streams.domain.dialling import RETENTION_MS, DiallingCore
from streams.domain.encoding import cloud_event, read_event
from streams.domain.jobs import CancelJob, DialJob
from streams.domain.signals import Connected, LiveCaller, Ready, Settled, Withdrawn
from tests.callback_records import (
    MINUTE_MS,
    NINE_MS,
    TOKEN,
    KafkaRecord,
    PlainSealer,
    directory,
    event_of,
    feed,
    ready,
    record_of,
    stored,
    withdrawn,
)
from tests.dial_bench import HOUR, DialBench, at_ms, callback_policy

TOPIC = "dialling-log"
PLAN_ID = f"{TOKEN}.abc"
JOB = f"{PLAN_ID}.1"


def token(number: int) -> str:
    return f"{number:032x}"


def plan(number: int = 0, **changes: Any) -> Ready:
    """A plan of another customer each, opened one after the other."""
    return ready(**({"plan_id": f"{token(number)}.abc", "opened_ms": NINE_MS + 1000 * number} | changes))


def settled(outcome: str = "no_answer", *, minute: float = 3, plan_id: str = PLAN_ID, attempt: int = 1) -> Settled:
    return Settled(
        tenant="acme",
        callback_queue="retornos",
        at_ms=at_ms(minute),
        plan_id=plan_id,
        attempt=attempt,
        outcome=outcome,
    )


def connected(agent_id: str | None, *, minute: float = 4, plan_id: str = PLAN_ID) -> Connected:
    return Connected(
        tenant="acme", callback_queue="retornos", at_ms=at_ms(minute), plan_id=plan_id, attempt=1, agent_id=agent_id
    )


def live(visit: str, *, minute: float, is_over: bool = True) -> LiveCaller:
    return LiveCaller(tenant="acme", callback_queue="retornos", at_ms=at_ms(minute), visit=visit, is_over=is_over)


def bench(free: int = 1, **changes: Any) -> DialBench:
    """So many agents free since nine."""
    made = DialBench(callback_policy(**changes))
    made.agents([f"a{number}" for number in range(free)])
    return made


def released(made: DialBench, minute: float) -> int:
    return len(made.decide(minute))


# -- one job ----------------------------------------------------------------------------------------------------------


def test_a_ready_plan_becomes_a_job_when_an_agent_is_free() -> None:
    """With the address, keyed by job, in the partition of this stage; good for as long as the agent is held."""
    made = bench()
    made.say(ready(priority=2))
    [freed] = made.decided(5)
    decisions = made.core.apply(TOPIC, [KafkaRecord(freed.value, freed.key)], 0, 0)
    job, signal = decisions.outputs
    assert (job.topic, job.key, job.partition) == ("callback-jobs", JOB.encode(), OWN_PARTITION)
    assert read_event(job.value, {"callback.dial": DialJob}) == DialJob(
        job_id=JOB,
        plan_id=PLAN_ID,
        attempt=1,
        revision=1,
        tenant="acme",
        callback_queue="retornos",
        address="+5585997465553",
        not_before="2026-11-23T12:05:00.000Z",
        expires="2026-11-23T12:08:00.000Z",
        priority=2,
        uf="CE",
        zone="America/Fortaleza",
    )
    assert (signal.topic, event_of(signal)["type"]) == ("callback-signals", "callback.signal.released")


def test_a_dial_job_prints_without_its_address() -> None:
    """A log line cannot give it away."""
    made = bench()
    made.say(ready())
    made.decide(5)
    assert repr(DialJob(**made.dialled[0])) == f"DialJob({JOB})"


@pytest.mark.parametrize("minute", [0.99, 24 * HOUR])
def test_nobody_is_called_before_or_after_the_time_to_call(minute: float) -> None:
    """From the minute after the abandon, for a day."""
    made = bench()
    made.say(ready())
    assert made.decide(minute) == []


def test_withdrawn_before_its_release_is_read_back_nobody_is_called() -> None:
    """The log's content decides: the release comes after the withdrawal there, whatever was thought when it was
    written. The place is free again."""
    made = bench()
    made.say(ready(), plan(1))
    decided = made.decided(5)
    made.say(withdrawn())
    assert made.read_back(decided) == []
    assert made.decide(6) == [("dial", f"{token(1)}.abc.1")]


def test_withdrawn_after_the_release_the_job_is_taken_back() -> None:
    """Once, after the dial; its agent stays held, since it may ring already."""
    made = bench()
    made.say(ready())
    made.decide(5)
    assert made.say(withdrawn()) == [("cancel", JOB)]
    assert made.dialled[-1]["cause"] == "served"
    assert made.say(withdrawn(3)) == []
    assert made.in_flight == 1


def test_of_two_releases_of_an_attempt_the_first_in_the_log_stands() -> None:
    """A former owner may have written one too: there is one job, with the times of the first."""
    made, other = bench(), bench()
    made.say(ready())
    other.say(ready())
    assert made.read_back([*other.decided(7), *made.decided(5)]) == [("dial", JOB)]
    assert made.dialled[0]["not_before"] == "2026-11-23T12:07:00.000Z"


def test_more_reasons_do_not_dial_again() -> None:
    """A newer entry of an attempt that is out changes nothing."""
    made = bench(2)
    made.say(ready())
    made.decide(5)
    assert made.say(ready(2, priority=2)) == []
    assert made.decide(6) == []


def test_the_next_attempt_takes_the_job_before_it_back_unless_that_is_over() -> None:
    """A plan that ended and opened again; one whose attempt was reported."""
    made = bench()
    made.say(ready())
    made.decide(5)
    assert made.say(ready(3, attempt=2)) == [("cancel", JOB)]
    made = bench()
    made.say(ready())
    made.decide(5)
    assert made.say(ready(3, attempt=2, settled=1)) == []


def test_entries_in_any_order_end_the_same() -> None:
    """The highest revision holds."""
    for turned in permutations([ready(1), withdrawn(2), ready(3, attempt=2)]):
        made = bench()
        made.say(*turned)
        assert made.decide(5) == [("dial", f"{PLAN_ID}.2")]


# -- agents -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "boost", "expected"), [(0, 3.0, 0), (1, 1.0, 1), (3, 1.0, 3), (3, 1.5, 4), (10, 1.1, 11), (1, 0.5, 0)]
)
def test_exactly_as_many_calls_as_free_agents_times_boost(free: int, boost: float, expected: int) -> None:
    """Whole calls, and no more while they are out."""
    made = bench(free, boost=boost)
    made.say(*(plan(number) for number in range(20)))
    assert released(made, 5) == expected
    assert released(made, 6) == 0


@pytest.mark.parametrize("state", ["busy", "ringing", "wrap_up", "paused", "offline"])
def test_only_an_available_agent_is_free(state: str) -> None:
    """All busy or paused: dialling stops."""
    made = DialBench()
    made.agents(a1=state)
    made.say(ready())
    assert made.decide(5) == []


def test_an_agent_unheard_of_for_too_long_is_not_free() -> None:
    """Whatever the last word was."""
    made = bench(life_ms=100 * HOUR * MINUTE_MS)
    made.say(ready(expires_ms=at_ms(100 * HOUR)))
    assert made.decide(11.9 * HOUR) == [("dial", JOB)]
    made = bench()
    made.say(ready(expires_ms=at_ms(100 * HOUR)))
    assert made.decide(25 * HOUR) == []


def test_what_is_sent_and_not_read_back_counts_as_out() -> None:
    """The next tick does not send it again, nor another in its place."""
    made = bench()
    made.say(ready(), plan(1))
    decided = made.decided(5)
    assert made.decided(5.1) == []
    assert made.read_back(decided) == [("dial", decided[0].key and made.jobs[0][1])]


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "failed", "invalid_number", "refused", "voicemail"])
def test_a_call_that_reached_nobody_gives_its_agent_back(outcome: str) -> None:
    """At once, to the next plan."""
    made = bench()
    made.say(ready(), plan(1))
    made.decide(5)
    made.say(settled(outcome))
    assert released(made, 6) == 1


def test_an_answered_call_holds_its_agent_until_the_agent_shows_busy() -> None:
    """Not only until the dialer says answered: the customer waits for the agent who is still free on paper."""
    made = bench()
    made.say(ready(), plan(1))
    [(_, job_id)] = made.decide(5)
    plan_id = job_id.removesuffix(".1")
    made.say(settled("answered", plan_id=plan_id, minute=5.5))
    assert released(made, 5.6) == 0
    made.say(connected("a0", plan_id=plan_id, minute=5.7))
    assert released(made, 5.8) == 0
    made.agents(a0="busy", minute=5.7)
    assert made.in_flight == 0
    made.agents(["a0"], minute=9)
    assert released(made, 9.1) == 1


def test_whoever_hangs_up_in_the_callback_queue_gives_the_agent_back() -> None:
    """The agent was never asked for."""
    made = bench()
    made.say(ready(), plan(1))
    [(_, job_id)] = made.decide(5)
    plan_id = job_id.removesuffix(".1")
    made.say(settled("answered", plan_id=plan_id), connected(None, plan_id=plan_id))
    assert released(made, 6) == 1


def test_a_lease_ends_in_the_log_and_counts_as_one_attempt() -> None:
    """At its exact time; the word to the customer's owner follows when that is read back, once."""
    made = bench()
    made.say(ready())
    made.decide(5)
    assert made.decided(7.99) == []
    ended = made.decided(8.5)
    assert len(ended) == 1
    assert made.decided(9) == []
    made.read_back(ended)
    assert made.in_flight == 0
    assert [(signal["kind"], signal.get("outcome"), signal["at_ms"]) for signal in made.signals] == [
        ("released", None, at_ms(5)),
        ("attempted", "no_result", at_ms(8)),
    ]


@pytest.mark.parametrize("entry", [settled("answered"), withdrawn()])
def test_a_lease_that_ends_after_a_word_is_no_attempt_of_its_own(entry: Settled | Withdrawn) -> None:
    """The dialer has reported, or the job was taken back."""
    made = bench()
    made.say(ready())
    made.decide(5)
    made.say(entry)
    made.decide(8)
    assert made.in_flight == 0
    assert [signal["kind"] for signal in made.signals] == ["released"]


def test_a_successor_ends_leases_and_releases_as_if_nothing_had_happened() -> None:
    """Held agents are in the rows."""
    made = bench(2)
    made.say(ready(), plan(1), plan(2))
    made.decide(5)
    made.restart()
    assert made.in_flight == 2
    assert made.decide(6) == []
    assert released(made, 8.1) == 0  # the leases end now, and are read back
    assert released(made, 8.2) == 1


def stray_release() -> tuple[DialBench, list[Output]]:
    """One free agent; an owner has decided to call the first customer, and loses the partition before that is
    written. Meanwhile somebody else is more pressing."""
    made = bench(1)
    made.say(plan(1))
    stray = made.decided(5)
    made.restart()
    made.say(plan(2, priority=9))
    return made, stray


def test_a_former_owners_release_after_the_claim_of_its_successor_is_void() -> None:
    """Or two calls were out for one agent. The customer is called when there is somebody for it."""
    made, stray = stray_release()
    [(kind, job_id)] = made.decide(6)
    assert (kind, token(2) in job_id) == ("dial", True)
    assert made.read_back(stray) == []
    assert made.in_flight == 1
    made.say(settled(plan_id=job_id.removesuffix(".1")))
    [(kind, job_id)] = made.decide(7)
    assert (kind, token(1) in job_id) == ("dial", True)


def test_a_former_owners_release_before_the_claim_counts() -> None:
    """It stands, and its successor knows of it before it decides anything."""
    made, stray = stray_release()
    assert len(made.read_back(stray)) == 1
    assert made.decide(6) == []
    assert made.in_flight == 1


def test_nothing_is_released_before_the_claim_is_read_back() -> None:
    """And it is written once; a successor of the successor takes over in its turn, the one before is heard no more."""
    made, _ = stray_release()
    clocks = {"dialling-log": at_ms(6)}
    first, again = made.core.decide(clocks, 2), made.core.decide(clocks, 2)
    assert [event_of(output)["type"] for output in first] == ["dialling.claimed"]
    assert again == []
    made.read_back(first)
    released_by_second = made.core.decide(clocks, 2)
    assert [event_of(output)["type"] for output in released_by_second] == ["dialling.released"]
    made.restart()
    made.read_back(made.core.decide(clocks, 3))
    assert made.core.decide(clocks, 2) == []
    assert made.read_back(released_by_second) == []
    made.restart()
    assert made.read_back(released_by_second) == [], "the claim is in the rows"


# -- who and when -----------------------------------------------------------------------------------------------------


def order_of(made: DialBench, minute: float) -> list[str]:
    """The plans in the order of their jobs."""
    return [job_id.removesuffix(".abc.1").lstrip("0") or "0" for _, job_id in made.decide(minute)]


def test_owed_calls_go_first_then_source_queues_take_turns() -> None:
    """Ten lost in a flood do not shut out the one of another queue."""
    made = bench(5)
    flood = [plan(number, queue="sac", priority=9) for number in range(1, 9)]
    made.say(*flood, plan(10, queue="vendas"), plan(11, queue="vendas"), plan(12, queue="sac", is_owed=True))
    assert order_of(made, 5) == ["c", "a", "1", "b", "2"]  # the owed one was the turn of sac


def test_turns_go_on_from_one_decision_to_the_next() -> None:
    """One agent at a time, and still both queues get theirs."""
    made = bench(1)
    made.say(*(plan(number, queue="sac") for number in (1, 2, 3)), plan(10, queue="vendas"), plan(11, queue="vendas"))
    order = []
    for minute in range(5, 10):
        order += order_of(made, minute)
        made.say(settled(plan_id=made.jobs[-1][1].removesuffix(".1")))
    assert order == ["1", "a", "2", "b", "3"]


def test_waiting_makes_a_plan_as_pressing_as_more_abandons() -> None:
    """Half an hour counts as much as one more."""
    made = bench(1)
    made.say(plan(1, priority=1, opened_ms=at_ms(0)), plan(2, priority=2, opened_ms=at_ms(29)))
    assert order_of(made, 60) == ["2"]
    made = bench(1)
    made.say(plan(1, priority=1, opened_ms=at_ms(0)), plan(2, priority=2, opened_ms=at_ms(31)))
    assert order_of(made, 60) == ["1"]


def test_one_customer_has_one_call_at_a_time() -> None:
    """Of two plans of one customer only one is out; the other follows."""
    made = bench(3)
    made.say(ready(), ready(plan_id=f"{TOKEN}.def"))
    assert released(made, 5) == 1
    made.say(settled(plan_id=made.jobs[0][1].removesuffix(".1")))
    assert released(made, 6) == 1


@pytest.mark.parametrize(
    ("minute", "changes", "expected"),
    [
        (-30, {}, 0),  # half past eight
        (5, {}, 1),
        (12 * HOUR - 1, {}, 1),
        (12 * HOUR, {}, 0),  # nine in the evening
        (-30, {"zone": "America/Noronha"}, 1),  # half past nine there
        (5, {"zone": "America/Manaus", "uf": "AM"}, 0),  # eight there
        (5, {"zone": None, "uf": None}, 1),  # on the clock of the callback queue
        (-30, {"is_owed": True, "opened_ms": at_ms(-35)}, 1),  # on the telephone just now
        (-30, {"is_owed": True, "opened_ms": at_ms(-45)}, 0),
    ],
)
def test_calls_are_made_within_the_customers_hours(minute: float, changes: dict[str, Any], expected: int) -> None:
    """In the zone of the customer's number."""
    made = bench()
    made.agents(["a0"], minute=-60)
    made.say(ready(not_before_ms=at_ms(-60), **changes))
    assert released(made, minute) == expected


def test_on_a_sunday_only_what_was_asked_for() -> None:
    """Six days later, at eleven."""
    minute = (6 * 24 + 2) * HOUR
    for is_requested in (False, True):
        made = DialBench()
        made.agents(["a0"], minute=minute)
        made.say(ready(expires_ms=at_ms(minute + HOUR), is_requested=is_requested))
        assert released(made, minute) == int(is_requested)


def test_nobody_is_dialled_while_a_live_caller_waits_too_long() -> None:
    """Until the last of them has left, in whatever order that is told; one of whom nothing is heard for half an hour
    holds up nobody."""
    made = bench()
    made.say(ready(), live("v1", minute=2), live("v2", minute=3))
    assert released(made, 5) == 0
    made.say(live("v1", minute=4, is_over=False))
    assert released(made, 5) == 0
    made.restart()
    assert released(made, 5) == 0
    made.say(live("v2", minute=4, is_over=False), live("v2", minute=3))
    assert released(made, 5) == 1
    stuck = bench()
    stuck.say(ready(), live("v3", minute=5))
    assert released(stuck, 34) == 0
    assert released(stuck, 35) == 1


def test_paused_nothing_is_released_and_the_latest_command_stands() -> None:
    """What is out is left alone; a restart forgets nothing."""
    made = bench(2)
    made.say(ready())
    made.decide(5)
    made.command("pause", 6)
    made.say(plan(1))
    made.restart()
    assert released(made, 7) == 0
    made.command("resume", 5)  # an older word that comes late
    assert released(made, 7) == 0
    made.command("resume", 8)
    assert released(made, 9) == 1


def test_draining_calls_whoever_is_ready_by_then() -> None:
    """And nobody who comes later, until it is resumed."""
    made = bench(5)
    made.say(plan(1))
    made.command("drain", 2)
    made.say(plan(2, at_ms=at_ms(3)))
    assert order_of(made, 5) == ["1"]
    made.command("resume", 6)
    assert order_of(made, 7) == ["2"]


# -- the log ----------------------------------------------------------------------------------------------------------


def dialling(partition: int = 0) -> DiallingCore:
    return DiallingCore(partition, directory(), PlainSealer())


def test_repeats_write_nothing_and_are_counted_as_duplicates() -> None:
    """Older entries count as applied, and so does the claim."""
    made = bench()
    made.say(ready(1))
    decided = made.decided(5)
    made.read_back(decided)
    assert made.read_back(decided) == []
    assert made.say(ready(1)) == []
    assert made.core.ledger == Ledger(applied=4, duplicate=2)


def test_the_same_log_gives_the_same_bytes() -> None:
    """A job written again after a crash is recognisably the same."""
    made = bench()
    made.say(ready())
    made.decide(5)
    made.say(withdrawn())
    again = dialling()
    outputs = again.apply(TOPIC, made.log, 0, 0).outputs
    assert [event_of(output)["data"] for output in outputs if output.topic == "callback-jobs"] == made.dialled


def test_an_address_that_does_not_open_is_rejected_and_can_be_replayed() -> None:
    """Nothing is remembered of it, so the same record is dialled once the key is right."""
    core = dialling()
    decisions = feed(core, TOPIC, ready(sealed_address="under another key"))
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [Reason.BAD_VALUE]
    assert "under another key" not in decisions.dead_letters[0].rejection.detail
    assert core.ledger == Ledger(rejected=1)


def test_an_entry_of_a_callback_queue_that_another_partition_owns_is_rejected() -> None:
    """Only the owner dials."""
    decisions = feed(dialling(partition=3), TOPIC, ready())
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [Reason.WRONG_PARTITION]
    assert decisions.outputs == []


def test_a_record_that_is_no_entry_is_rejected_or_ignored() -> None:
    """Rejected when it cannot be read, ignored when its type is another."""
    core = dialling()
    other = cloud_event(event_type="dialling.dreamt", event_id="1", time_ms=0, subject="s", data=ready())
    decisions = feed(core, TOPIC, b"not json", other)
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [Reason.NOT_JSON]
    assert core.ledger == Ledger(rejected=1, ignored=1)


def at(minute: int, entry: Ready | Withdrawn, core: DiallingCore) -> Decisions:
    record = record_of(entry, timestamp=NINE_MS + minute * MINUTE_MS)
    return core.apply(TOPIC, [record], NINE_MS, NINE_MS)


def plans_kept(core: DiallingCore) -> list[str]:
    return sorted(key.decode().rsplit("/", 1)[-1] for key in stored(core) if key != b"ledger")


def test_a_plan_that_waits_is_kept_and_forgotten_a_day_after_its_end() -> None:
    """However long it waits."""
    core, day = dialling(), RETENTION_MS // MINUTE_MS
    at(0, ready(), core)
    at(5 * day, withdrawn(plan_id="other-1"), core)
    assert PLAN_ID in plans_kept(core)
    at(6 * day, withdrawn(), core)
    at(7 * day - 1, withdrawn(plan_id="other-2"), core)
    assert PLAN_ID in plans_kept(core)
    at(7 * day + 60, withdrawn(plan_id="other-3"), core)
    assert PLAN_ID not in plans_kept(core)


@pytest.mark.parametrize("cut", range(7))
def test_a_restored_core_goes_on_where_the_flush_was(cut: int) -> None:
    """Same outputs, same rows, same ledger as one that never stopped, through the forgetting of a plan too."""
    day = RETENTION_MS // MINUTE_MS
    history = [
        (0, ready()),
        (1, withdrawn()),
        (1, withdrawn()),
        (2, ready(3, attempt=2)),
        (day, ready(plan_id="other")),
        (2 * day + 1, withdrawn(plan_id="third")),
    ]
    steady, restored = dialling(), dialling()
    for minute, entry in history[:cut]:
        at(minute, entry, steady)
    restored.restore(stored(steady))
    for minute, entry in history[cut:]:
        assert at(minute, entry, restored) == at(minute, entry, steady)
    assert stored(restored) == stored(steady)


def test_a_cancelled_job_names_its_cause() -> None:
    """As the dialer reads it."""
    made = bench()
    made.say(ready())
    made.decide(5)
    made.say(withdrawn(cause="opt_out"))
    assert CancelJob(**made.dialled[-1]).cause == "opt_out"
