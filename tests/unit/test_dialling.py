"""Dial jobs: one out per plan at most, with the address revealed, taken back when the customer was served."""

from __future__ import annotations

import pytest

from streams.domain.decisions import OWN_PARTITION, Decisions, Ledger, Output, Reason
from streams.domain.dialling import RETENTION_MS, CancelJob, DialJob, DiallingCore
from streams.domain.encoding import cloud_event, read_event
from streams.domain.signals import Ready, Withdrawn
from tests.callback_records import (
    MINUTE_MS,
    NINE_MS,
    TOKEN,
    PlainSealer,
    directory,
    event_of,
    feed,
    ready,
    record_of,
    stored,
    withdrawn,
)

TOPIC = "dialling-log"
PLAN_ID = f"{TOKEN}.abc"


def dialling(partition: int = 0) -> DiallingCore:
    return DiallingCore(partition, directory(), PlainSealer())


def say(core: DiallingCore, *entries: Ready | Withdrawn) -> list[Output]:
    return feed(core, TOPIC, *entries).outputs


def jobs(outputs: list[Output]) -> list[tuple[str, str]]:
    """Type and job of every record for the dialer, without the plan's id."""
    return [(event_of(output)["type"], output.key.decode().removeprefix(PLAN_ID)) for output in outputs]


def test_a_ready_plan_becomes_a_dial_job_with_the_address() -> None:
    """In the partition of this stage, keyed by job, which begins with the customer's token."""
    [output] = say(dialling(), ready(priority=2))
    assert (output.topic, output.key, output.partition) == ("callback-jobs", f"{PLAN_ID}.1".encode(), OWN_PARTITION)
    assert read_event(output.value, {"callback.dial": DialJob}) == DialJob(
        job_id=f"{PLAN_ID}.1",
        plan_id=PLAN_ID,
        attempt=1,
        revision=1,
        tenant="acme",
        callback_queue="retornos",
        address="+5585997465553",
        not_before="2026-11-23T12:01:00.000Z",
        expires="2026-11-24T12:00:00.000Z",
        priority=2,
        uf="CE",
        zone="America/Fortaleza",
    )


def test_a_dial_job_prints_without_its_address() -> None:
    """A log line cannot give it away."""
    [output] = say(dialling(), ready())
    assert repr(read_event(output.value, {"callback.dial": DialJob})) == f"DialJob({PLAN_ID}.1)"


def test_a_withdrawn_plan_cancels_the_job_that_is_out() -> None:
    """In the same partition, after the dial, and once."""
    core = dialling()
    say(core, ready())
    [output] = say(core, withdrawn())
    assert output.partition == OWN_PARTITION
    assert read_event(output.value, {"callback.cancel": CancelJob}) == CancelJob(
        job_id=f"{PLAN_ID}.1",
        plan_id=PLAN_ID,
        attempt=1,
        revision=2,
        tenant="acme",
        callback_queue="retornos",
        cause="served",
    )
    assert say(core, withdrawn(3)) == []


def test_withdrawn_before_ready_dials_nothing() -> None:
    """The higher revision holds, whichever came first."""
    assert say(dialling(), withdrawn(2), ready(1)) == []


def test_a_plan_that_is_ready_again_in_its_attempt_is_not_dialled_twice() -> None:
    """More reasons change its priority, not the call that is out."""
    core = dialling()
    say(core, ready(1))
    assert say(core, ready(2, priority=2)) == []
    assert jobs(say(core, withdrawn(3))) == [("callback.cancel", ".1")]


def test_an_attempt_withdrawn_before_it_was_dialled_never_is() -> None:
    """So there is nothing to cancel either."""
    assert say(dialling(), withdrawn(2), ready(3), withdrawn(4)) == []


def test_a_plan_reopened_is_dialled_as_its_next_attempt() -> None:
    """After its first job was cancelled."""
    outputs = say(dialling(), ready(1), withdrawn(2), ready(3, attempt=2))
    assert jobs(outputs) == [("callback.dial", ".1"), ("callback.cancel", ".1"), ("callback.dial", ".2")]


def test_a_next_attempt_takes_the_job_before_it_back() -> None:
    """Even if the word that withdrew that one comes late."""
    outputs = say(dialling(), ready(1), ready(3, attempt=2), withdrawn(2))
    assert jobs(outputs) == [("callback.dial", ".1"), ("callback.cancel", ".1"), ("callback.dial", ".2")]


def test_repeats_write_nothing_and_are_counted_as_duplicates() -> None:
    """Older entries count as applied."""
    core = dialling()
    say(core, ready(1), withdrawn(2))
    assert say(core, withdrawn(2), ready(1)) == []
    assert core.ledger == Ledger(applied=3, duplicate=1)


def test_the_same_log_gives_the_same_bytes() -> None:
    """A job written again after a crash is recognisably the same."""
    assert say(dialling(), ready(), withdrawn()) == say(dialling(), ready(), withdrawn())


def test_an_address_that_does_not_open_is_rejected_and_can_be_replayed() -> None:
    """Nothing is remembered of it, so the same record is dialled once the key is right."""
    core = dialling()
    decisions = feed(core, TOPIC, ready(sealed_address="under another key"))
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [Reason.BAD_VALUE]
    assert "under another key" not in decisions.dead_letters[0].rejection.detail
    assert core.ledger == Ledger(rejected=1)
    assert jobs(say(core, ready())) == [("callback.dial", ".1")]


def test_an_entry_of_a_callback_queue_that_another_partition_owns_is_rejected() -> None:
    """Only the owner dials."""
    decisions = feed(dialling(partition=3), TOPIC, ready())
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [Reason.WRONG_PARTITION]
    assert decisions.outputs == []


def test_a_record_that_is_no_entry_is_rejected_or_ignored() -> None:
    """Rejected when it cannot be read, ignored when its type is another."""
    core = dialling()
    other = cloud_event(event_type="dialling.released", event_id="1", time_ms=0, subject="s", data=ready())
    decisions = feed(core, TOPIC, b"not json", other)
    assert [letter.rejection.reason for letter in decisions.dead_letters] == [Reason.NOT_JSON]
    assert core.ledger == Ledger(rejected=1, ignored=1)


def at(minute: int, entry: Ready | Withdrawn, core: DiallingCore) -> Decisions:
    record = record_of(entry, timestamp=NINE_MS + minute * MINUTE_MS)
    return core.apply(TOPIC, [record], NINE_MS, NINE_MS)


def plans_kept(core: DiallingCore) -> list[str]:
    return sorted(key.decode().rsplit("/", 1)[-1] for key in stored(core) if key != b"ledger")


def test_a_plan_is_kept_for_a_day_after_its_time_to_call() -> None:
    """However early its entries came."""
    core, day = dialling(), RETENTION_MS // MINUTE_MS
    at(0, ready(), core)
    at(2 * day - 1, withdrawn(plan_id="other-1"), core)
    assert plans_kept(core) == [PLAN_ID, "other-1"]
    at(2 * day, withdrawn(plan_id="other-2"), core)
    assert plans_kept(core) == ["other-1", "other-2"]


def test_a_restored_core_knows_how_far_the_log_has_come() -> None:
    """An entry from before the retention is not kept."""
    core, restored, day = dialling(), dialling(), RETENTION_MS // MINUTE_MS
    at(3 * day, withdrawn(), core)
    restored.restore(stored(core))
    for each in (core, restored):
        at(0, withdrawn(plan_id="late"), each)
        assert plans_kept(each) == [PLAN_ID]


def test_a_plan_is_forgotten_a_day_after_its_last_entry() -> None:
    """However long ago its time to call was over."""
    core, day = dialling(), RETENTION_MS // MINUTE_MS
    at(0, ready(), core)
    at(2 * day, withdrawn(), core)
    at(2 * day, withdrawn(plan_id="other-1"), core)
    at(3 * day - 1, withdrawn(plan_id="other-2"), core)
    assert PLAN_ID in plans_kept(core)
    at(3 * day, withdrawn(plan_id="other-3"), core)
    assert plans_kept(core) == ["other-2", "other-3"]


@pytest.mark.parametrize("cut", range(7))
def test_a_restored_core_goes_on_where_the_flush_was(cut: int) -> None:
    """Same jobs, same rows, same ledger as one that never stopped, through the forgetting of a plan too."""
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
