"""What comes into the queues core: classes of the ledger, the clock it moves, bounds of what is kept and done."""

from __future__ import annotations

from streams.domain.decisions import Ledger
from streams.domain.queues import MOST_DUE_AT_ONCE
from tests.builders import abandoned, answered, fact, offered
from tests.callback_records import KafkaRecord
from tests.queue_bench import Bench, centre

VISIT = "acme/sac/1/c1"


def test_every_record_ends_in_one_class() -> None:
    """Applied, duplicate, ignored, rejected: also what cannot be read and what an operator gives up."""
    bench = Bench()
    bench.take(offered(0), offered(0), fact("promised", 1), offered(2, queue="nowhere"))
    bench.core.skip("call-events", KafkaRecord(b"", offset=4))
    assert bench.core.inputs.ledger == Ledger(applied=1, duplicate=1, ignored=1, rejected=2)
    assert bench.letters == [("call-events", 3, "unknown_queue")]


def test_a_record_given_up_is_dead_lettered() -> None:
    """Without looking at it."""
    record = offered(0).record(9)
    [letter] = Bench().core.skip("call-events", record).dead_letters
    assert (letter.topic, letter.offset, letter.rejection.reason, letter.record) == (
        "call-events",
        9,
        "internal_error",
        record,
    )


def test_the_newest_event_time_is_told() -> None:
    """Of all that could be read; it moves the clock while a partition catches up."""
    bench = Bench()
    [decisions] = bench.take(offered(5), offered(3), fact("promised", 9))
    assert decisions.newest_event_ms == offered(5).time_ms
    [nothing] = bench.take(fact("promised", 9))
    assert nothing.newest_event_ms is None


def test_a_flush_is_announced_by_the_rows_that_changed() -> None:
    """Visits, intervals and what is deleted; none after a flush."""
    bench = Bench()
    bench.take(offered(0), offered(0, contact="c2"))
    assert bench.core.changed_rows() == 3
    bench.flush()
    assert bench.core.changed_rows() == 0


def test_a_fault_of_a_source_is_bounded() -> None:
    """Of more offers, exits or endings than anyone needs the earliest few are kept, and the first still stands."""
    bench = Bench()
    bench.take(
        *(offered(100 - second) for second in range(40)),
        *(abandoned(200 - second) for second in range(40)),
    )
    bench.flush()
    [state] = [visit.state for visit in bench.core.book.visits.values()]
    assert (len(state.offers), len(state.exits)) == (16, 16)
    assert bench.outcomes()[VISIT]["wait_seconds"] == 100.0
    assert bench.core.inputs.ledger.total == 80


def test_what_time_does_to_many_is_done_in_portions() -> None:
    """No call lets more than a thousand visits change, so that a flush fits its batch; the rest follow."""
    bench = Bench(centre(callback_queue=None))
    bench.take(*(offered(0, contact=f"c{number}") for number in range(MOST_DUE_AT_ONCE + 5)))
    bench.tick(30)
    bench.tick(30)
    assert [len(bench.tick(100)), len(bench.tick(100)), len(bench.tick(100))] == [MOST_DUE_AT_ONCE, 5, 0]
    assert bench.figures().day_breaches == {"MAX-WAIT": MOST_DUE_AT_ONCE + 5}
    bench.take(answered(90, contact=f"c{MOST_DUE_AT_ONCE}"), answered(90, contact="c999"))
    assert bench.figures().day_breaches == {"MAX-WAIT": MOST_DUE_AT_ONCE + 5}
