"""Callback plans: one open plan per customer, ended by being served, whatever order the signals come in."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from streams.domain.callbacks import RETENTION_MS, CallbacksCore
from streams.domain.decisions import OWN_PARTITION, Decisions, Ledger, Output, Reason
from streams.domain.encoding import cloud_event
from streams.domain.signals import Linked, Owed, Requested, Signal
from tests.callback_records import (
    MINUTE_MS,
    NINE_MS,
    PLAN_ID,
    TOKEN,
    KafkaRecord,
    data_of,
    directory,
    event_of,
    feed,
    output_of,
    policy,
    reason,
    record_of,
    served,
    stored,
)

TOPIC = "callback-signals"


def callbacks(*queues: Any, partition: int = 0) -> CallbacksCore:
    return CallbacksCore(partition, directory(*queues))


def say(core: CallbacksCore, *signals: Signal | bytes | None) -> list[Output]:
    return feed(core, TOPIC, *signals).outputs


def say_at(core: CallbacksCore, minute: int, *signals: Signal) -> list[Output]:
    """Signals that arrive so many minutes after nine."""
    records = [record_of(signal, timestamp=NINE_MS + minute * MINUTE_MS) for signal in signals]
    return core.apply(TOPIC, records, NINE_MS, NINE_MS).outputs


def published(outputs: list[Output]) -> list[tuple[str, tuple[str, ...]]]:
    """State and reasons of the newest revision of each plan that has reasons."""
    newest = {plan["plan_id"]: plan for plan in sorted(data_of(outputs, "callback-plans"), key=lambda p: p["revision"])}
    return sorted((plan["state"], tuple(plan["reasons"])) for plan in newest.values() if plan["reasons"])


def dialling(outputs: list[Output]) -> list[tuple[str, int]]:
    """Type and attempt of every entry for the dialler, in order."""
    events = [event_of(output) for output in outputs if output.topic == "dialling-log"]
    return [(event["type"].removeprefix("dialling."), event["data"]["attempt"]) for event in events]


def test_an_abandon_opens_a_plan_and_asks_for_dialling() -> None:
    """The published plan and the word to the owner of the callback queue; a call no sooner than a minute after."""
    plan, ready = say(callbacks(), reason())

    assert (plan.topic, plan.key, plan.partition) == ("callback-plans", PLAN_ID.encode(), OWN_PARTITION)
    assert event_of(plan)["data"] == {
        "plan_id": PLAN_ID,
        "revision": 1,
        "tenant": "acme",
        "token": TOKEN,
        "callback_queue": "retornos",
        "state": "ready",
        "cause": "",
        "reasons": ["visit-1"],
        "opened_at": "2026-11-23T12:00:00.000Z",
        "not_before": "2026-11-23T12:01:00.000Z",
        "expires": "2026-11-24T12:00:00.000Z",
        "priority": 1,
        "ended_at": None,
        "is_requested": False,
        "is_owed": False,
        "attempt": 1,
        "attempts_made": 0,
        "last_outcome": "",
        "uf": "CE",
        "zone": "America/Fortaleza",
        "last_digits": "53",
    }
    assert (ready.topic, ready.key, ready.partition) == ("dialling-log", b"acme/retornos", 0)
    assert event_of(ready)["data"]["sealed_address"] == "sealed:+5585997465553"


@pytest.mark.parametrize("lateness_ms", [0, 5000, 3_600_000])
def test_the_first_call_waits_for_the_lateness_bound_of_the_configuration(lateness_ms: int) -> None:
    """Exactly so long after the customer was lost."""
    core = CallbacksCore(0, directory(lateness_ms=lateness_ms))
    _, ready = say(core, reason())
    assert event_of(ready)["data"]["not_before_ms"] == NINE_MS + lateness_ms


def test_no_published_plan_holds_an_address() -> None:
    """Not even a sealed one."""
    outputs = say(callbacks(), reason(), reason("visit-2"), served())
    assert all(b"sealed" not in (output.value or b"") for output in outputs if output.topic == "callback-plans")


def test_more_abandons_join_the_open_plan_and_raise_its_priority() -> None:
    """In any queue; the plan keeps its id and callback queue, the dialler is told the new priority."""
    core = callbacks()
    say(core, reason())
    outputs = say(core, reason("visit-2", minute=3, callback_queue="outra", kind=Requested))
    [plan] = data_of(outputs, "callback-plans")
    assert (plan["plan_id"], plan["revision"], plan["reasons"]) == (PLAN_ID, 2, ["visit-1", "visit-2"])
    assert (plan["priority"], plan["callback_queue"]) == (2, "retornos")
    assert dialling(outputs) == [("ready", 1)]


def test_an_earlier_abandon_found_later_joins_and_the_plan_keeps_its_id() -> None:
    """Only its times move to the earlier one."""
    core = callbacks()
    say(core, reason(minute=5))
    [plan] = data_of(say(core, reason("visit-0", minute=2)), "callback-plans")
    assert (plan["plan_id"], plan["reasons"]) == (PLAN_ID, ["visit-0", "visit-1"])
    assert plan["opened_at"] == "2026-11-23T12:02:00.000Z"


@pytest.mark.parametrize("minute", [5, 6])
def test_being_served_ends_the_plan(minute: int) -> None:
    """At the very instant of the abandon too."""
    core = callbacks()
    say(core, reason(minute=5))
    outputs = say(core, served(minute=minute))
    [plan] = data_of(outputs, "callback-plans")
    assert (plan["state"], plan["cause"], plan["reasons"], plan["revision"]) == ("cancelled", "served", ["visit-1"], 2)
    assert dialling(outputs) == [("withdrawn", 1)]


def test_a_served_that_comes_before_its_abandon_wins_as_well() -> None:
    """The plan is published as ended and nobody is asked to dial."""
    core = callbacks()
    assert say(core, served(minute=6)) == []
    outputs = say(core, reason(minute=5))
    assert published(outputs) == [("cancelled", ("visit-1",))]
    assert dialling(outputs) == []


def test_a_served_before_the_abandon_does_not_end_it() -> None:
    """Event time decides: the customer came back and gave up again."""
    core = callbacks()
    assert say(core, served(minute=4)) == []
    assert dialling(say(core, reason(minute=5))) == [("ready", 1)]


def test_an_abandon_after_being_served_opens_another_plan() -> None:
    """With its own id and dialling."""
    core = callbacks()
    say(core, reason(minute=1), served(minute=2))
    outputs = say(core, reason("visit-2", minute=3))
    assert published(outputs) == [("ready", ("visit-2",))]
    assert dialling(outputs) == [("ready", 1)]


def test_an_owed_plan_ends_when_the_customer_is_served_under_another_identifier_days_later() -> None:
    """It never expires, so whoever knows that identifier is told of it again each day, in the words it was told in."""
    core, other, day = callbacks(), "cc" * 16, 24 * 60
    owed = reason(kind=Owed, tokens=(TOKEN, other))
    about = {name: getattr(owed, name) for name in ("tenant", "visit", "revision", "stands", "at_ms")}
    link = Linked(**about, token=other, plan_token=TOKEN)
    say(core, owed, link)
    for days in range(1, 5):
        told = core.tick({TOPIC: NINE_MS + days * day * MINUTE_MS})
        assert [output.value for output in told] == [output_of(link).value]
        assert core.tick({TOPIC: NINE_MS + days * day * MINUTE_MS + 1}) == [], "once a day"
        records = [KafkaRecord(output.value, timestamp=NINE_MS + days * day * MINUTE_MS) for output in told]
        assert core.apply(TOPIC, records, NINE_MS, NINE_MS).outputs == []
        say_at(core, days * day, served(f"visit-{days}", minute=days * day, token="aa" * 16))
    [end] = say_at(core, 4 * day, served(minute=4 * day, token=other))
    ended = core.apply(TOPIC, [KafkaRecord(end.value, timestamp=NINE_MS + 4 * day * MINUTE_MS)], NINE_MS, NINE_MS)
    [plan] = data_of(ended.outputs, "callback-plans")
    assert (plan["plan_id"], plan["state"], plan["ended_at"]) == (PLAN_ID, "cancelled", "2026-11-27T12:00:00.000Z")
    assert core.tick({TOPIC: NINE_MS + 9 * day * MINUTE_MS}) == []


def test_a_late_served_between_two_abandons_parts_their_plan() -> None:
    """The first is answered for, the second still waits for its call; the old job goes before the new one comes."""
    core = callbacks()
    opened = say(core, reason(minute=1), reason("visit-2", minute=5))
    outputs = say(core, served(minute=3))
    assert published(opened + outputs) == [("cancelled", ("visit-1",)), ("ready", ("visit-2",))]
    assert dialling(outputs) == [("withdrawn", 1), ("ready", 1)]


def test_a_served_taken_back_reopens_the_plan_as_its_next_attempt() -> None:
    """The job of the attempt before was cancelled and stays so."""
    core = callbacks()
    say(core, reason(minute=1), served(minute=2))
    outputs = say(core, served(minute=2, revision=2, stands=False))
    assert published(outputs) == [("ready", ("visit-1",))]
    assert dialling(outputs) == [("ready", 2)]


def test_two_plans_become_one_when_the_served_between_them_is_taken_back() -> None:
    """The open plan takes the reasons of the ended one, which is left without any."""
    core = callbacks()
    before = say(core, reason(minute=1), served(minute=2), reason("visit-2", minute=3))
    outputs = say(core, served(minute=2, revision=2, stands=False))
    assert published(before + outputs) == [("ready", ("visit-1", "visit-2"))]
    assert dialling(outputs) == [("ready", 1)]


def test_the_last_reason_taken_back_cancels_the_plan() -> None:
    """With no reason left; one before the last, be it the one that opened the plan, only lowers the priority."""
    core = callbacks()
    say(core, reason(), reason("visit-2", minute=1))
    outputs = say(core, reason(revision=2, stands=False))
    [plan] = data_of(outputs, "callback-plans")
    assert (plan["plan_id"], plan["state"], plan["reasons"]) == (PLAN_ID, "ready", ["visit-2"])
    outputs = say(core, reason("visit-2", minute=1, revision=2, stands=False))
    [plan] = data_of(outputs, "callback-plans")
    assert (plan["plan_id"], plan["state"], plan["cause"], plan["reasons"]) == (PLAN_ID, "cancelled", "served", [])
    assert dialling(outputs) == [("withdrawn", 1)]


def test_an_abandon_corrected_to_a_request_stays_one_plan() -> None:
    """Both signals carry one revision, and their order does not matter."""
    gone, asked = reason(revision=2, stands=False), reason(revision=2, kind=Requested)
    for order in permutations([gone, asked]):
        core = callbacks()
        outputs = say(core, reason(), *order)
        assert published(outputs) == [("ready", ("visit-1",))]
        assert len({plan["plan_id"] for plan in data_of(outputs, "callback-plans")}) == 1


def test_a_visit_that_stands_by_two_kinds_counts_once_by_the_newer() -> None:
    """Until the correction of the other one comes."""
    core = callbacks()
    outputs = say(core, reason(kind=Requested, minute=3, revision=2), reason(minute=1))
    assert published(outputs) == [("ready", ("visit-1",))]
    assert data_of(outputs, "callback-plans")[-1]["opened_at"] == "2026-11-23T12:03:00.000Z"


def test_an_older_revision_changes_nothing() -> None:
    """It is counted as applied; the same one again is a duplicate."""
    core = callbacks()
    say(core, reason(revision=3))
    assert say(core, reason(revision=2, stands=False), reason(revision=3)) == []
    assert core.ledger == Ledger(applied=2, duplicate=1)


def test_of_one_revision_the_signal_that_stands_holds() -> None:
    """A visit whose abandon only moved in time is taken back and said again under one revision."""
    moved, gone = reason(revision=2, minute=1), reason(revision=2, stands=False)
    for order in permutations([moved, gone]):
        assert published(say(callbacks(), reason(), *order)) == [("ready", ("visit-1",))]


def test_customers_and_tenants_do_not_mix() -> None:
    """Being served ends the plans of that customer alone."""
    core = callbacks()
    say(core, reason(), reason(token="aa" * 16), reason(tenant="other"))
    assert published(say(core, served(minute=1))) == [("cancelled", ("visit-1",))]


def test_pending_counts_the_open_plans_of_each_callback_queue() -> None:
    """At the site of the callback queue; zero where there is none, nothing for a queue not in the configuration."""
    queues = (policy(site="recife"), policy("retornos", callback_queue=None), policy("vendas", callback_queue="fora"))
    core = callbacks(*queues)
    say(
        core,
        reason(),
        reason(token="aa"),
        reason(token="bb", callback_queue="desconhecida"),
        served(token="aa", minute=1),
    )
    assert [(f.tenant, f.site, f.queue, f.pending, f.overdue_seconds) for f in core.figures(NINE_MS)] == [
        ("acme", "fortaleza", "retornos", 1, 0.0),
        ("acme", "fortaleza", "fora", 0, 0.0),
    ]


@pytest.mark.parametrize(
    ("value", "expected"), [(b"not json", Reason.NOT_JSON), (None, Reason.NO_VALUE)], ids=["not json", "tombstone"]
)
def test_a_record_that_is_no_signal_is_rejected(value: bytes | None, expected: Reason) -> None:
    """It goes to the dead letters."""
    core = callbacks()
    decisions = feed(core, TOPIC, value)
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [expected]
    assert core.ledger == Ledger(rejected=1)


def test_a_signal_of_a_customer_that_another_partition_owns_is_rejected() -> None:
    """Nothing of it is applied."""
    decisions = feed(callbacks(partition=3), TOPIC, reason())
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [Reason.WRONG_PARTITION]
    assert decisions.outputs == []


def test_a_signal_of_a_type_unknown_is_ignored() -> None:
    """A later release may send more kinds."""
    core = callbacks()
    value = cloud_event(event_type="callback.signal.thanked", event_id="1", time_ms=0, subject="s", data=reason())
    assert feed(core, TOPIC, value) == Decisions()
    assert core.ledger == Ledger(ignored=1)


DAY_MINUTES = RETENTION_MS // MINUTE_MS


def kept(core: CallbacksCore) -> list[str]:
    """Kind of row and visit or plan, of every row but the ledger."""
    return sorted(key.decode().rsplit("/", 1)[-1] for key in stored(core) if key != b"ledger")


def elsewhere(minute: int) -> Signal:
    """A word of some other customer, that moves time on."""
    return served(f"other-{minute}", token="ff", minute=minute)


def test_a_served_customer_is_forgotten_after_the_retention() -> None:
    """A day after the last word of it, by event time and by arrival, whichever is later."""
    core = callbacks()
    say_at(core, 0, reason(minute=0), served(minute=30))
    say_at(core, DAY_MINUTES + 29, elsewhere(DAY_MINUTES + 29))
    assert len(kept(core)) == 4
    say_at(core, DAY_MINUTES + 30, elsewhere(DAY_MINUTES + 30))
    assert kept(core) == [f"other-{DAY_MINUTES + 29}", f"other-{DAY_MINUTES + 30}"]


def test_an_open_plan_is_kept_however_long_it_waits() -> None:
    """And its end starts the retention of the customer."""
    core = callbacks()
    say_at(core, 0, served(minute=-1), reason())
    say_at(core, 3 * DAY_MINUTES, elsewhere(0))
    assert [figure.pending for figure in core.figures(NINE_MS)] == [1]
    assert dialling(say_at(core, 3 * DAY_MINUTES + 1, served("visit-8", minute=3 * DAY_MINUTES))) == [("withdrawn", 1)]
    say_at(core, 5 * DAY_MINUTES, elsewhere(1))
    assert kept(core) == ["other-1"]


def test_a_customer_heard_of_again_is_kept_on() -> None:
    """The retention counts from the last word."""
    core = callbacks()
    say_at(core, 0, served())
    say_at(core, 600, served("visit-8", minute=600))
    say_at(core, DAY_MINUTES, elsewhere(0))
    assert kept(core) == ["other-0", "visit-8", "visit-9"]
    say_at(core, DAY_MINUTES + 600, elsewhere(1))
    assert kept(core) == ["other-0", "other-1"]


def test_an_open_plan_keeps_its_reasons_when_a_served_before_them_is_past() -> None:
    """The customer was due to be looked at from before the plan opened."""
    core = callbacks()
    say_at(core, 0, served(minute=0))
    say_at(core, 1, reason(minute=1))
    say_at(core, DAY_MINUTES + 1, elsewhere(0))
    restored = callbacks()
    restored.restore(stored(core))
    say_at(restored, DAY_MINUTES + 2, elsewhere(1))
    say_at(core, DAY_MINUTES + 2, elsewhere(1))
    assert kept(core) == kept(restored)
    assert {"visit-1", "visit-9"} <= set(kept(core))


def test_a_correction_with_an_older_timestamp_does_not_shorten_the_retention() -> None:
    """Kafka timestamps may go back; the newest one of a signal counts."""
    core = callbacks()
    say_at(core, 60, served(minute=0))
    say_at(core, 30, served(minute=0, revision=2))
    restored = callbacks()
    restored.restore(stored(core))
    say_at(restored, DAY_MINUTES + 59, elsewhere(0))
    assert "visit-9" in kept(restored)


def test_what_is_past_of_a_customer_goes_when_it_is_heard_of_again() -> None:
    """Ended plans whole, with what ended them; taken-back reasons; not what an open plan rests on."""
    core = callbacks()
    say_at(core, 0, reason(), served(minute=1), reason("visit-2", minute=2), reason("visit-3", minute=2, stands=False))
    say_at(core, 2 * DAY_MINUTES, served("visit-4", minute=-60))
    assert [name for name in kept(core) if name.startswith("visit")] == ["visit-2", "visit-4"]
    assert len(kept(core)) == 3


def test_a_served_is_kept_while_a_reason_it_answers_for_is() -> None:
    """A reason that came late must not stand open again because its served was forgotten."""
    core = callbacks()
    say_at(core, 0, served(minute=5))
    say_at(core, 1000, reason(minute=4))
    assert say_at(core, DAY_MINUTES + 10, served("visit-8", minute=-60)) == []
    assert {"visit-1", "visit-9"} <= set(kept(core))


def test_a_served_is_kept_while_its_plan_is_kept_for_another_visit() -> None:
    """Here for the late withdrawal of the abandon that opened it: the reason left must not stand open again."""
    core = callbacks()
    say_at(core, 0, served(minute=5), reason(minute=1), reason("visit-2", minute=3))
    say_at(core, 1000, reason(minute=10, revision=2, stands=False))
    assert say_at(core, DAY_MINUTES + 10, served("visit-8", minute=-60)) == []
    assert {"visit-1", "visit-2", "visit-9"} <= set(kept(core))


def test_a_restored_core_knows_how_far_the_stream_has_come() -> None:
    """A record with an older timestamp does not turn it back, and what is due goes as before."""
    core, restored = callbacks(), callbacks()
    say_at(core, 0, served())
    say_at(core, 20, served("visit-8"))
    say_at(core, DAY_MINUTES + 10, elsewhere(0))
    restored.restore(stored(core))
    for each in (core, restored):
        say_at(each, DAY_MINUTES - 5, served("visit-7"))
        assert kept(each) == ["other-0", "visit-7", "visit-8"]
        say_at(each, 3 * DAY_MINUTES, served("visit-6", token="bb", minute=3 * DAY_MINUTES))
        assert kept(each) == ["visit-6"]
