"""Attempts of a callback plan: when the next one may be made, and after which there is none."""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import permutations
from typing import Any

import pytest

from streams.domain.callbacks import CallbacksCore
from streams.domain.decisions import Output, Reason
from streams.domain.directory import RETRY_MS
from streams.domain.events import ATTEMPT_OUTCOMES
from streams.domain.results import ResultsCore
from streams.domain.signals import CALLBACK_SIGNALS, Owed, Released, Requested
from tests.callback_records import (
    MINUTE_MS,
    NINE_MS,
    PLAN_ID,
    TOKEN,
    KafkaRecord,
    attempted,
    command,
    data_of,
    directory,
    event_of,
    feed,
    policy,
    reason,
    record_of,
    served,
    stored,
)

TOPIC = CALLBACK_SIGNALS


def callbacks() -> CallbacksCore:
    return CallbacksCore(0, directory(policy(), policy("vendas", callback_queue="outra")))


def say(core: CallbacksCore, *signals: Any) -> list[Output]:
    return feed(core, TOPIC, *signals).outputs


def order(core: CallbacksCore, *commands: KafkaRecord) -> list[Output]:
    """What comes of commands once they are read back among the signals."""
    told = core.apply("commands", commands, NINE_MS, NINE_MS).outputs
    assert {output.topic for output in told} <= {TOPIC}
    return core.apply(TOPIC, [KafkaRecord(output.value) for output in told], NINE_MS, NINE_MS).outputs


def plans(outputs: list[Output]) -> list[tuple[str, str, int]]:
    """State, cause and attempt of every revision."""
    return [(plan["state"], plan["cause"], plan["attempt"]) for plan in data_of(outputs, "callback-plans")]


def dialling(outputs: list[Output]) -> list[tuple[str, str, int, float | None]]:
    """Type, callback queue and attempt of every entry for the dialler, and from which minute it is ready."""
    events = [event_of(output) for output in outputs if output.topic == "dialling-log"]
    return [
        (
            event["type"].removeprefix("dialling."),
            event["data"]["callback_queue"],
            event["data"]["attempt"],
            (event["data"]["not_before_ms"] - NINE_MS) / MINUTE_MS if "not_before_ms" in event["data"] else None,
        )
        for event in events
    ]


@pytest.mark.parametrize("outcome", [*ATTEMPT_OUTCOMES, "abandoned", "no_result"])
def test_every_outcome_has_its_own_wait_until_the_next_attempt(outcome: str) -> None:
    """Counted from the attempt; an invalid number is never called again."""
    core = callbacks()
    say(core, reason())
    outputs = say(core, attempted(1, outcome, minute=5))
    retry_ms = RETRY_MS[outcome]
    if retry_ms is None:
        assert plans(outputs) == [("blocked", "invalid_number", 1)]
        assert dialling(outputs) == [("withdrawn", "retornos", 1, None)]
    else:
        assert plans(outputs) == [("waiting", "", 2)]
        assert dialling(outputs) == [("ready", "retornos", 2, 5 + retry_ms / MINUTE_MS)]
        assert data_of(outputs, "callback-plans")[0]["last_outcome"] == outcome


def test_after_the_last_attempt_the_plan_is_blocked_and_a_later_abandon_opens_another() -> None:
    """For that case only: the customer who calls again is called again."""
    core = callbacks()
    say(core, reason())
    last = [say(core, attempted(number, minute=60 * number)) for number in (1, 2, 3)][-1]
    assert plans(last) == [("blocked", "attempts", 3)]
    assert data_of(last, "callback-plans")[0]["ended_at"] == "2026-11-23T15:00:00.000Z"
    assert [(kind, attempt) for kind, _, attempt, _ in dialling(last)] == [("withdrawn", 3)]
    again = say(core, reason("visit-2", minute=200))
    assert plans(again) == [("ready", "", 1)]


def test_any_order_of_attempts_and_repeats_ends_the_same() -> None:
    """Of two answers to one job the earlier stands, whichever comes first."""
    said = [attempted(1, "busy", minute=5), attempted(1, "no_answer", minute=4), attempted(2, "busy", minute=70)]
    for turned in permutations(said):
        core = callbacks()
        say(core, reason())
        outputs = say(core, *turned, *turned)
        plan = data_of(outputs, "callback-plans")[-1]
        assert (plan["state"], plan["attempt"], plan["attempts_made"], plan["last_outcome"]) == (
            "waiting",
            3,
            2,
            "busy",
        )
        assert plan["not_before"] == "2026-11-24T03:00:00.000Z"  # two calls a day are enough


def test_an_attempt_whose_answer_leads_to_an_agent_recovers_the_plan() -> None:
    """The visit carries the job: its answer is the plan's recovery, whatever the dialer says and when."""
    for turned in permutations([attempted(1, "answered", minute=5), served(minute=6, job_id=f"{PLAN_ID}.1")]):
        core = callbacks()
        outputs = say(core, reason(), *turned)
        assert plans(outputs)[-1][:2] == ("recovered", "")


def test_a_call_to_another_number_of_the_customer_recovers_nothing_here() -> None:
    """It serves the customer all the same."""
    outputs = say(callbacks(), reason(), served(minute=6, job_id=f"{'ab' * 16}.cd.1"))
    assert plans(outputs)[-1][:2] == ("cancelled", "served")


def test_whoever_picks_up_and_leaves_again_is_called_again_soon() -> None:
    """The word of the callback queue counts more than the dialer's, which was right too."""
    core = callbacks()
    say(core, reason(), attempted(1, "answered", minute=5))
    outputs = say(core, attempted(1, "abandoned", minute=7, by="queue", visit="acme/retornos/1/c9"))
    assert dialling(outputs) == [("ready", "retornos", 2, 22)]
    retracted = attempted(1, "abandoned", minute=7, by="queue", visit="acme/retornos/1/c9", revision=2, stands=False)
    assert dialling(say(core, retracted)) == [("ready", "retornos", 2, 65)]


def test_an_answered_last_attempt_is_not_given_up_before_the_queue_has_spoken() -> None:
    """No further attempt, and no end either."""
    core = callbacks()
    say(core, reason(), attempted(1, minute=10), attempted(2, minute=80))
    outputs = say(core, attempted(3, "answered", minute=150))
    [plan] = data_of(outputs, "callback-plans")
    assert (plan["state"], plan["not_before"]) == ("waiting", None)
    outputs = say(core, attempted(3, "abandoned", minute=152, by="queue", visit="acme/retornos/1/c9"))
    assert plans(outputs) == [("blocked", "attempts", 4)]


def test_the_next_attempt_is_for_the_callback_queue_of_the_most_pressing_reason() -> None:
    """Not the one that is open: its job may be out."""
    core = callbacks()
    say(core, reason())
    asked = reason("visit-2", minute=2, kind=Requested, callback_queue="outra")
    assert [entry[:3] for entry in dialling(say(core, asked))] == [("ready", "retornos", 1)]
    outputs = say(core, attempted(1, "busy", minute=5))
    assert [entry[:3] for entry in dialling(outputs)] == [("withdrawn", "retornos", 1), ("ready", "outra", 2)]


def test_a_plan_whose_job_is_with_the_dialer_is_released() -> None:
    """Nothing changes for the dialling stage, which said so; the attempt's end makes it wait again."""
    core = callbacks()
    say(core, reason())
    released = Released(
        tenant="acme",
        token=TOKEN,
        visit=f"{PLAN_ID}.1",
        revision=1,
        stands=True,
        at_ms=NINE_MS + MINUTE_MS,
        plan_id=PLAN_ID,
        attempt=1,
    )
    outputs = say(core, released)
    assert plans(outputs) == [("released", "", 1)]
    assert dialling(outputs) == []
    assert plans(say(core, attempted(1, minute=5))) == [("waiting", "", 2)]
    assert say(core, released) == []


def test_a_customer_gets_no_more_calls_than_a_day_and_a_month_have() -> None:
    """Over all plans; two on this Monday, so the third waits for the customer's next day. A restart forgets none."""
    core = callbacks()
    say(core, reason(), attempted(1, minute=10), served(minute=20))
    restored = callbacks()
    restored.restore(stored(core))
    other = f"{TOKEN}.{sha256(b'visit-2').hexdigest()[:16]}"
    assert dialling(say(restored, reason("visit-2", minute=30)))[0][3] == 31
    [entry] = dialling(say(restored, attempted(1, minute=40, plan_id=other)))
    assert entry[3] == 15 * 60  # midnight in Fortaleza
    owed = say(restored, reason("visit-3", minute=50, kind=Owed))
    assert dialling(owed)[0][3] == 100  # an hour after the last attempt: the law does not wait for tomorrow


def test_an_attempt_of_a_plan_nobody_knows_changes_nothing() -> None:
    """A dialer may report what it likes."""
    core = callbacks()
    say(core, reason())
    assert say(core, attempted(1, plan_id=f"{TOKEN}.ffff")) == []


def tick(core: CallbacksCore, minute: float) -> list[Output]:
    return core.tick({TOPIC: NINE_MS + round(minute * MINUTE_MS)})


def test_a_plan_expires_at_its_time_once_that_is_read_back() -> None:
    """The tick changes nothing but says so, once; the end bears the time of the expiry."""
    core = callbacks()
    say(core, reason())
    rows = stored(core)
    assert tick(core, 24 * 60 - 0.001) == []
    [expired] = tick(core, 24 * 60)
    assert tick(core, 24 * 60 + 1) == []
    assert stored(core) == rows
    outputs = core.apply(TOPIC, [KafkaRecord(expired.value, expired.key)], NINE_MS, NINE_MS).outputs
    [plan] = data_of(outputs, "callback-plans")
    assert (plan["state"], plan["ended_at"]) == ("expired", "2026-11-24T12:00:00.000Z")
    assert [entry[0] for entry in dialling(outputs)] == ["withdrawn"]


def test_a_successor_says_again_what_was_not_read_back() -> None:
    """Byte for byte."""
    core, successor = callbacks(), callbacks()
    say(core, reason())
    successor.restore(stored(core))
    assert tick(successor, 25 * 60) == tick(core, 26 * 60)


def test_a_served_of_before_the_expiry_wins_although_it_comes_after() -> None:
    """Event time decides how a plan ended."""
    core = callbacks()
    say(core, reason())
    [expired] = tick(core, 24 * 60)
    core.apply(TOPIC, [KafkaRecord(expired.value, expired.key)], NINE_MS, NINE_MS)
    assert plans(say(core, served(minute=30)))[-1][:2] == ("cancelled", "served")


def test_an_owed_call_ends_neither_by_time_nor_by_attempts() -> None:
    """It is tried on and on, and even an invalid number leaves the duty open."""
    core = callbacks()
    say(core, reason(kind=Owed))
    assert tick(core, 48 * 60) == []
    for number in range(1, 6):
        outputs = say(core, attempted(number, minute=60 * number))
    assert plans(outputs) == [("waiting", "", 6)]
    assert data_of(outputs, "callback-plans")[0]["expires"] is None
    [plan] = data_of(say(core, attempted(6, "invalid_number", minute=400)), "callback-plans")
    assert (plan["state"], plan["not_before"], plan["is_owed"]) == ("waiting", None, True)
    assert plans(say(core, served(minute=500)))[0][:2] == ("cancelled", "served")


def test_an_owed_call_joins_an_open_plan_and_keeps_it() -> None:
    """The plan that would have been blocked becomes one of law."""
    core = callbacks()
    say(core, reason(), *(attempted(number, minute=60 * number) for number in (1, 2)))
    say(core, reason("visit-2", minute=130, kind=Owed))
    assert plans(say(core, attempted(3, minute=180)))[0][:2] == ("waiting", "")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("cancel", ("cancelled", "command")),
        ("opt_out", ("cancelled", "opt_out")),
        ("block", ("blocked", "command")),
    ],
)
def test_a_command_ends_the_open_plan(name: str, end: tuple[str, str]) -> None:
    """Whether it comes before or after what it ends, an owed one too; a repeat of it is a duplicate."""
    for kind in (Requested, Owed):
        core = callbacks()
        say(core, reason(kind=kind))
        outputs = order(core, command(name, minute=5))
        assert plans(outputs)[0][:2] == end
        assert [entry[0] for entry in dialling(outputs)] == ["withdrawn"]
        assert order(core, command(name, minute=5)) == []
        early = callbacks()
        order(early, command(name, minute=5))
        assert plans(say(early, reason(kind=kind)))[0][:2] == end
    assert core.ledger.duplicate == 1


def test_commands_and_signals_read_on_in_another_order_tell_nothing_twice_differently() -> None:
    """A worker dies after it has told what came of them and before it has written how far it is; its successor reads
    the same records of the two topics the other way round, and every id it tells has the content that it had."""
    before = callbacks()
    say(before, reason())
    opted_out, signals = command("opt_out", minute=5), [record_of(reason("visit-2", minute=1))]
    told: dict[tuple[str, str], bytes | None] = {}

    def lived(topics: tuple[str, str]) -> None:
        core = callbacks()
        core.restore(stored(before))
        position = 0
        for topic in (*topics, TOPIC):
            records = [opted_out] if topic == "commands" else signals[position:]
            position += len(records) if topic == TOPIC else 0
            for output in core.apply(topic, records, NINE_MS, NINE_MS).outputs:
                if output.topic == TOPIC:
                    signals.append(KafkaRecord(output.value))
                known = told.setdefault((output.topic, event_of(output)["id"]), output.value)
                assert known == output.value

    lived(("commands", TOPIC))
    lived((TOPIC, "commands"))
    assert len(told) == 5, "a command, and two revisions for whoever reads plans and whoever dials"


@pytest.mark.parametrize(
    ("name", "abandon_opens", "request_opens"),
    [("cancel", True, True), ("opt_out", False, True), ("block", False, False)],
)
def test_what_a_command_bars_afterwards(name: str, *, abandon_opens: bool, request_opens: bool) -> None:
    """Until the customer is unblocked, for as long as it takes."""
    core = callbacks()
    order(core, command(name, minute=-5))
    assert bool(plans(say(core, reason()))) == abandon_opens
    assert bool(plans(say(core, reason("visit-2", kind=Requested, minute=1)))) == (request_opens or abandon_opens)
    order(core, command("unblock", minute=10))
    assert plans(say(core, reason("visit-3", minute=11)))


def test_a_block_is_remembered_for_ever() -> None:
    """Days later, through a restart; the customer who was unblocked is forgotten like any other."""
    core = callbacks()
    order(core, command("block"), command("unblock", token="ab" * 16))
    later = record_of(served("v", token="ff"), timestamp=NINE_MS + 40 * 24 * 60 * MINUTE_MS)
    core.apply(TOPIC, [later], NINE_MS, NINE_MS)
    assert len([key for key in stored(core) if b"commanded" in key]) == 1
    restored = callbacks()
    restored.restore(stored(core))
    restored.apply(TOPIC, [later], NINE_MS, NINE_MS)
    assert say(restored, reason(minute=60_000)) == []


def test_commands_about_callback_queues_and_unknown_ones_are_not_ours() -> None:
    """Ignored; what is no command at all is rejected, here and nowhere else."""
    core = callbacks()
    records = [
        command("pause", token=None, callback_queue="retornos"),
        command("dance"),
        KafkaRecord(b"not json"),
        command("cancel", token="nobody"),
        command("cancel", tenant="unknown"),
    ]
    decisions = core.apply("commands", records, NINE_MS, NINE_MS)
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [
        Reason.NOT_JSON,
        Reason.BAD_VALUE,
        Reason.UNKNOWN_TENANT,
    ]
    assert (core.ledger.ignored, core.ledger.rejected) == (2, 3)


def result(**changes: Any) -> KafkaRecord:
    event = event_of_result(**changes)
    return KafkaRecord(event)


def event_of_result(**changes: Any) -> bytes:
    data = {
        "tenant": "acme",
        "callback_queue": "retornos",
        "job_id": f"{PLAN_ID}.2",
        "kind": "callback",
        "outcome": "busy",
        "seconds": 2.5,
    } | changes
    event = {
        "specversion": "1.0",
        "id": "r1",
        "source": "dialer",
        "type": "dial.attempted",
        "time": "2026-11-23T12:05:00Z",
        "data": data,
    }
    return json.dumps(event).encode()


def test_a_result_goes_to_the_customer_and_to_the_callback_queue() -> None:
    """Whatever its key and partition; a repeat says the same bytes again and leaves no row."""
    core = ResultsCore(5, directory())
    [signal, entry] = core.apply("callback-results", [result()], NINE_MS, NINE_MS).outputs
    assert (signal.topic, signal.key) == ("callback-signals", f"acme/{TOKEN}".encode())
    assert (entry.topic, entry.key) == ("dialling-log", b"acme/retornos")
    assert event_of(signal)["data"]["outcome"] == event_of(entry)["data"]["outcome"] == "busy"
    assert event_of(signal)["data"]["attempt"] == event_of(entry)["data"]["attempt"] == 2
    assert core.apply("callback-results", [result()], NINE_MS, NINE_MS).outputs == [signal, entry]
    assert list(stored(core)) == [b"ledger"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": "perhaps"}, Reason.BAD_VALUE),
        ({"job_id": "+5585997465553.1.1"}, Reason.BAD_VALUE),
        ({"callback_queue": "nowhere"}, Reason.UNKNOWN_QUEUE),
        ({"tenant": "nobody"}, Reason.UNKNOWN_TENANT),
        ({"kind": "survey"}, Reason.BAD_VALUE),
    ],
)
def test_a_result_that_cannot_be_one_is_rejected(changes: dict[str, Any], expected: Reason) -> None:
    """With a detail that repeats nothing of it."""
    core = ResultsCore(0, directory())
    [letter] = core.apply("callback-results", [result(**changes)], NINE_MS, NINE_MS).dead_letters
    assert letter.rejection.reason == expected
    assert "99746" not in letter.rejection.detail


def test_figures_tell_what_is_late_owed_and_won_back() -> None:
    """At noon: a plan of nine is an hour late, an owed one of ten past ten nearly two; one customer was recovered."""
    core = callbacks()
    say(core, reason(), reason("visit-2", minute=1))
    say(core, reason("v3", token="ab" * 16, minute=0), served(token="ab" * 16, minute=9, job_id=f"{'ab' * 16}.cd.1"))
    say(core, reason("v4", token="cd" * 16, minute=70, kind=Owed), attempted(1, "busy", minute=20))
    figures = core.figures(NINE_MS + 180 * MINUTE_MS)[0]
    assert (figures.queue, figures.pending, figures.overdue, figures.owed, figures.customers) == (
        "retornos",
        2,
        2,
        1,
        3,
    )
    assert figures.overdue_seconds == 100 * 60
    assert (figures.counters.plans["opened"], figures.counters.plans["recovered"]) == (3, 1)
    assert figures.counters.attempts["busy"] == 1
