"""Laws of the callback stages: order, repeats and restarts make no difference, and nobody is called in vain.

Histories are small on purpose (two customers, a few visits and minutes), so that everything collides with everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from hypothesis import given, strategies as st

from streams.domain.callbacks import CallbacksCore
from streams.domain.decisions import Changes, Decisions, Output, Record
from streams.domain.dialling import DiallingCore
from streams.domain.figures import CallbackCounters, CallbackFigures
from streams.domain.input_counts import LEDGER_ROW
from streams.domain.signals import Abandoned, Ready, Requested, Served, Signal, Withdrawn
from tests.callback_records import (
    MINUTE_MS,
    NINE_MS,
    TOKEN,
    KafkaRecord,
    data_of,
    directory,
    feed,
    ready,
    reason,
    record_of,
    served,
    stored,
    withdrawn,
)
from tests.dial_bench import DialBench

OTHER_TOKEN = "aa" * 16
DAY_MINUTES = 24 * 60
Plans = set[tuple[str, str, frozenset[str]]]


def signal(kind: type[Signal], visit: str, **changes: Any) -> Signal:
    if kind is Served:
        return served(visit, **changes)
    made: Signal = reason(visit, kind=kind, **changes)
    return made


@st.composite
def any_signal(draw: st.DrawFn) -> Signal:
    kind = draw(st.sampled_from([Abandoned, Abandoned, Requested, Served]))
    return signal(
        kind,
        draw(st.sampled_from(["v1", "v2", "v3", "v4"])),
        token=draw(st.sampled_from([TOKEN, TOKEN, OTHER_TOKEN])),
        minute=draw(st.integers(0, 6)),
        revision=draw(st.integers(1, 3)),
        stands=draw(st.sampled_from([True, True, False])),
    )


histories = st.lists(any_signal(), max_size=14, unique_by=lambda made: (made.subject, made.rank))


def callbacks() -> CallbacksCore:
    return CallbacksCore(0, directory())


def say(core: CallbacksCore, history: Iterable[Signal]) -> list[Output]:
    return feed(core, "callback-signals", *history).outputs


def newest_plans(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """What a compacted reader of callback-plans ends up with."""
    newest: dict[str, dict[str, Any]] = {}
    for plan in data_of(outputs, "callback-plans"):
        if plan["revision"] > newest.get(plan["plan_id"], {"revision": 0})["revision"]:
            newest[plan["plan_id"]] = plan
    return list(newest.values())


def plans_published(outputs: Iterable[Output]) -> Plans:
    """Customer, state and reasons of every plan that has reasons."""
    return {
        (plan["token"], plan["state"], frozenset(plan["reasons"])) for plan in newest_plans(outputs) if plan["reasons"]
    }


def plans_recounted(history: Sequence[Signal]) -> Plans:
    """The same from the whole history at once: walk each customer's event time, serving before nothing it ties with."""
    latest: dict[str, Signal] = {}
    for said in sorted(history, key=lambda said: said.rank):
        latest[said.subject] = said
    standing = [said for said in latest.values() if said.stands]
    plans: Plans = set()
    for token, of_customer in groupby(sorted(standing, key=lambda said: said.token), key=lambda said: said.token):
        moments = one_per_visit(of_customer)
        joined: set[str] = set()
        for moment in sorted(moments, key=lambda said: (said.at_ms, isinstance(said, Served))):
            if not isinstance(moment, Served):
                joined.add(moment.visit)
            elif joined:
                plans.add((token, "cancelled", frozenset(joined)))
                joined = set()
        if joined:
            plans.add((token, "ready", frozenset(joined)))
    return plans


def one_per_visit(standing: Iterable[Signal]) -> list[Signal]:
    """Being served counts as often as it was said, of two reasons of one visit the newer (then the request)."""
    moments: list[Signal] = []
    reasons: dict[str, Signal] = {}
    for said in standing:
        if isinstance(said, Served):
            moments.append(said)
        else:
            other = reasons.get(said.visit, said)
            reasons[said.visit] = max(said, other, key=lambda one: (one.revision, isinstance(one, Requested)))
    return moments + list(reasons.values())


def jobs_out(jobs: Iterable[tuple[str, str]]) -> set[str]:
    """Jobs dialled and not cancelled; a plan never has two, and each is dialled once."""
    out: set[str] = set()
    dialled: set[str] = set()
    for kind, job_id in jobs:
        if kind == "dial":
            assert job_id not in dialled
            dialled.add(job_id)
            out.add(job_id)
        else:
            out.remove(job_id)
        assert len({job.rpartition(".")[0] for job in out}) == len(out)
    return out


@given(histories, st.data())
def test_any_order_gives_the_plans_of_a_recount(history: list[Signal], data: st.DataObject) -> None:
    """By customer, state and standing reasons; the ids of plans may differ."""
    recounted = plans_recounted(history)
    assert plans_published(say(callbacks(), history)) == recounted
    assert plans_published(say(callbacks(), data.draw(st.permutations(history)))) == recounted


@given(histories, st.data())
def test_repeats_change_nothing(history: list[Signal], data: st.DataObject) -> None:
    """A signal that was said before, or an older word on the same, writes nothing and leaves every row as it is."""
    core = callbacks()
    say(core, history)
    rows = stored(core)
    repeats = data.draw(st.lists(st.sampled_from(history), max_size=10)) if history else []
    assert say(core, repeats) == []
    assert [key for key, _ in core.changes().rows if key != b"ledger"] == []
    assert {key: row for key, row in stored(core).items() if key != b"ledger"} == {
        key: row for key, row in rows.items() if key != b"ledger"
    }
    assert core.ledger.total == core.ledger.applied + core.ledger.duplicate == len(history) + len(repeats)


@st.composite
def long_histories(draw: st.DrawFn) -> list[KafkaRecord]:
    """Signals that come over several days, in fits and starts and not quite in order, so that much is forgotten."""
    records, minute = [], 0
    for said in draw(st.lists(any_signal(), max_size=14)):
        minute += draw(st.sampled_from([-700, 0, 1, 700, DAY_MINUTES - 1, DAY_MINUTES, DAY_MINUTES + 1]))
        at_ms = said.at_ms + draw(st.sampled_from([0, minute])) * MINUTE_MS
        moved = signal(
            type(said),
            said.visit,
            token=said.token,
            revision=said.revision,
            stands=said.stands,
            at_ms=at_ms,
        )
        records.append(record_of(moved, timestamp=NINE_MS + minute * MINUTE_MS))
    return records


def apply(core: CallbacksCore, records: Sequence[Record]) -> Decisions:
    return core.apply("callback-signals", records, NINE_MS, NINE_MS)


def uncounted(figures: Iterable[CallbackFigures]) -> list[CallbackFigures]:
    """Without the counters, which begin anew with every owner, as Prometheus expects of counters."""
    return [replace(each, counters=CallbackCounters()) for each in figures]


@given(long_histories(), st.data())
def test_a_restart_anywhere_makes_no_difference(records: list[KafkaRecord], data: st.DataObject) -> None:
    """Outputs, rows, ledger and figures go on as if nothing had happened, whatever the batches were."""
    cut = data.draw(st.integers(0, len(records)))
    steady, restored = callbacks(), callbacks()
    apply(steady, records[:cut])
    restored.restore(stored(steady))
    one_by_one = [output for record in records[cut:] for output in apply(restored, [record]).outputs]
    assert apply(steady, records[cut:]).outputs == one_by_one
    assert stored(restored) == stored(steady)
    assert restored.ledger == steady.ledger
    assert uncounted(restored.figures(NINE_MS)) == uncounted(steady.figures(NINE_MS))


@given(long_histories())
def test_changes_add_up_to_the_snapshot(records: list[KafkaRecord]) -> None:
    """A changelog replayed over all flushes holds the same rows as the state."""
    core, changelog = callbacks(), dict[bytes, bytes | None]()
    for record in records:
        apply(core, [record])
        flushed: Changes = core.changes()
        changelog |= dict(flushed.rows)
    kept = {key: row for key, row in changelog.items() if row is not None}
    assert kept | {b"ledger": stored(core)[b"ledger"]} == stored(core)


@given(histories)
def test_pending_counts_the_open_plans(history: list[Signal]) -> None:
    """No more and no fewer than the published ones that are ready."""
    core = callbacks()
    outputs = say(core, history)
    pending = sum(figure.pending for figure in core.figures(NINE_MS))
    assert pending == sum(state == "ready" for _, state, _ in plans_published(outputs))


def log_of(outputs: Iterable[Output]) -> list[Output]:
    return [output for output in outputs if output.topic == "dialling-log"]


@given(histories)
def test_exactly_the_open_plans_have_a_job_out(history: list[Signal]) -> None:
    """Through both stages, with agents enough: one call per customer at most, none for a customer who was served."""
    outputs = say(callbacks(), history)
    bench = busy_bench()
    bench.read_back(log_of(outputs))
    bench.decide(8)
    open_plans = [plan for plan in newest_plans(outputs) if plan["state"] == "ready"]
    assert jobs_out(bench.jobs) == {f"{plan['plan_id']}.{plan['attempt']}" for plan in open_plans}
    assert len({plan["token"] for plan in open_plans}) == len(open_plans)


@given(histories, st.data())
def test_no_job_stays_out_of_a_plan_that_has_ended(history: list[Signal], data: st.DataObject) -> None:
    """Whenever agents are free in between, and whatever owner goes on: what was released in vain is taken back."""
    core, bench = callbacks(), busy_bench()
    outputs: list[Output] = []
    for said in history:
        told = say(core, [said])
        outputs += told
        bench.read_back(log_of(told))
        if data.draw(st.booleans()):
            bench.decide(8)
        if data.draw(st.booleans()):
            bench.restart()
    current = {
        f"{plan['plan_id']}.{plan['attempt']}"
        for plan in newest_plans(outputs)
        if plan["state"] in ("ready", "waiting")
    }
    assert jobs_out(bench.jobs) <= current


def busy_bench() -> DialBench:
    bench = DialBench()
    bench.agents([f"a{number}" for number in range(50)])
    return bench


@st.composite
def logs(draw: st.DrawFn) -> list[Ready | Withdrawn]:
    """The log of one plan as callbacks writes it: each return to ready is a new attempt."""
    entries: list[Ready | Withdrawn] = []
    attempt, is_ready = 0, False
    for revision, stays in enumerate(draw(st.lists(st.booleans(), max_size=8)), start=1):
        if is_ready and not stays:
            entries.append(withdrawn(revision, attempt=attempt))
            is_ready = False
            continue
        attempt, is_ready = attempt + (not is_ready), True
        entries.append(ready(revision, attempt=attempt, priority=revision))
    return entries


@given(logs(), st.data())
def test_the_newest_entry_decides_which_job_is_out(log: list[Ready | Withdrawn], data: st.DataObject) -> None:
    """In any order, with repeats: its attempt when it is ready, none when it is withdrawn."""
    entries = data.draw(st.permutations(log)) + (data.draw(st.lists(st.sampled_from(log))) if log else [])
    newest = log[-1] if log else None
    expected = {f"{newest.plan_id}.{newest.attempt}"} if isinstance(newest, Ready) else set()
    bench = busy_bench()
    for entry in entries:
        bench.say(entry)
        if data.draw(st.booleans()):
            bench.decide(5)
    bench.decide(9)  # a job taken back holds its agent and its customer until its lease ends
    bench.decide(10)
    assert jobs_out(bench.jobs) == expected


@given(logs(), st.data())
def test_the_dialler_restarted_anywhere_makes_no_difference(log: list[Ready | Withdrawn], data: st.DataObject) -> None:
    """Same jobs, same rows but for the claim of the successor, which its ledger counts."""
    cut = data.draw(st.integers(0, len(log)))
    steady, restarted = busy_bench(), busy_bench()
    for number, entry in enumerate(log):
        if number == cut:
            restarted.restart()
        for bench in (steady, restarted):
            bench.say(entry)
            bench.decide(5)
    assert restarted.dialled == steady.dialled
    assert besides_claims(restarted.core) == besides_claims(steady.core)


def besides_claims(core: DiallingCore) -> dict[bytes, bytes]:
    return {key: row for key, row in stored(core).items() if not key.startswith(b"e/") and key != LEDGER_ROW}
