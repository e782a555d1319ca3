"""An owner's discipline: outputs, then rows with offsets, then done; and what a successor finds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from streams.engine import owner as owner_module
from streams.engine.changelog import row_record
from streams.engine.skips import skip_row
from streams.errors import Superseded, Unavailable
from tests.wiring.engine_doubles import TOPIC, Broker, Stage, Watch, batch_of, recovered_owner


def run(scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_outputs_are_written_before_the_rows_and_done_comes_last():
    """A batch is done only when its outputs and the flush that covers it are acknowledged, in that order."""

    async def scenario() -> None:
        broker = Broker()
        owner, _ = recovered_owner(broker)
        broker.open.clear()
        batch = batch_of(0, 1, 2)
        owner.take(TOPIC, batch)
        flushing = asyncio.create_task(owner.flush())
        await asyncio.sleep(0)
        assert not batch.is_done
        broker.open.set()
        await flushing
        assert batch.is_done
        assert broker.order == ["sums", Stage.changelog]

    run(scenario)


def test_a_flush_is_a_picture_of_one_instant():
    """What is applied while a flush is under way belongs to the next one: rows and offsets stay together."""

    async def scenario() -> None:
        broker = Broker()
        owner, _ = recovered_owner(broker)
        broker.open.clear()
        first, second = batch_of(0, 1), batch_of(1, 10)
        owner.take(TOPIC, first)
        flushing = asyncio.create_task(owner.flush())
        await asyncio.sleep(0)
        owner.take(TOPIC, second)
        broker.open.set()
        await flushing
        recovered = broker.log(Stage.changelog).recovered()
        assert recovered.rows[b"k"] == b"1"
        assert recovered.positions()[TOPIC].next_offset == 1
        assert first.is_done
        assert not second.is_done

    run(scenario)


def test_a_flush_between_two_slices_of_a_batch_covers_the_first_and_not_the_batch(monkeypatch):
    """Rows and positions stand in the middle of the batch, which is not done; a successor takes the rest of it once."""
    monkeypatch.setattr(owner_module, "MOST_AT_A_STRETCH", 2)

    async def scenario() -> None:
        broker = Broker()
        owner, _ = recovered_owner(broker)
        await owner.claim()
        batch = batch_of(0, 1, 10, 100, 1000, 10_000)
        slices = owner.take_in_slices(TOPIC, batch)
        next(slices)
        await owner.flush()
        assert not batch.is_done
        recovered = broker.log(Stage.changelog).recovered()
        assert (recovered.rows[b"k"], recovered.positions()[TOPIC].next_offset) == (b"11", 2)
        successor, core = recovered_owner(broker, generation=2)
        await successor.claim()
        again = batch_of(0, 1, 10, 100, 1000, 10_000)
        assert len(list(successor.take_in_slices(TOPIC, again))) == 1
        await successor.flush()
        assert (core.sums, again.is_done) == ({b"k": 11_111}, True)

    run(scenario)


def test_a_successor_goes_on_where_the_flush_stood_and_repeats_count_once():
    """Records delivered again below the state's position are passed over."""

    async def scenario() -> None:
        broker = Broker()
        owner, _ = recovered_owner(broker)
        await owner.claim()
        owner.take(TOPIC, batch_of(0, 1, 2, 3))
        await owner.flush()
        owner.take(TOPIC, batch_of(3, 100))
        successor, core = recovered_owner(broker, generation=2)
        await successor.claim()
        assert successor.positions == {TOPIC: 3}
        successor.take(TOPIC, batch_of(1, 2, 3, 100))
        assert core.sums == {b"k": 106}

    run(scenario)


def test_a_late_writer_is_ignored_by_recovery_and_overwritten():
    """Rows a former owner appends after its successor's claim do not count, and the successor writes its own again."""

    async def scenario() -> None:
        broker = Broker()
        former, _ = recovered_owner(broker, generation=1)
        await former.claim()
        former.take(TOPIC, batch_of(0, 1))
        await former.flush()
        owner, _ = recovered_owner(broker, generation=2)
        await owner.claim()
        owner.take(TOPIC, batch_of(1, 10))
        await owner.flush()
        former.take(TOPIC, batch_of(1, 5000))
        with pytest.raises(Superseded, match="taken over under epoch 2, ours is 1"):
            await former.flush()
        assert broker.log(Stage.changelog).recovered().rows[b"k"] == b"11"
        newest_of_key = [record for record in broker.log(Stage.changelog).records if record.key == b"k"][-1]
        assert newest_of_key.value.endswith(b"5001"), "compaction would keep the former owner's row"
        owner.take(TOPIC, batch_of(2, 0, key=b"other"))
        await owner.flush()
        owner.take(TOPIC, batch_of(3, 0, key=b"other"))
        await owner.flush()
        newest_of_key = [record for record in broker.log(Stage.changelog).records if record.key == b"k"][-1]
        assert newest_of_key.value.endswith(b"11")
        assert broker.log(Stage.changelog).recovered().rows[b"k"] == b"11"

    run(scenario)


def test_the_end_check_finds_a_late_writer_without_a_flush_of_our_own():
    """A foreign row at the end of the changelog makes the next flush write every row again."""

    async def scenario() -> None:
        broker = Broker()
        owner, _ = recovered_owner(broker)
        await owner.claim()
        owner.take(TOPIC, batch_of(0, 7))
        await owner.flush()
        log = broker.log(Stage.changelog)
        await owner.check_end(len(log.records))
        before = len(log.records)
        await owner.flush()
        assert len(log.records) == before, "nothing new, nothing foreign: nothing to write"
        log.append([row_record(b"k", b"9", epoch=0)])
        await owner.check_end(len(log.records))
        await owner.flush()
        assert [record.value[6:] for record in log.records if record.key == b"k"][-1] == b"7"

    run(scenario)


def test_an_owner_that_was_never_told_learns_from_the_changelog_that_it_was_superseded():
    """The claim of a successor, found by a look at the end: the idle former owner must let go, or neither ever will."""

    async def scenario() -> None:
        broker = Broker()
        former, _ = recovered_owner(broker, generation=1)
        await former.claim()
        owner, _ = recovered_owner(broker, generation=2)
        await owner.claim()
        log = broker.log(Stage.changelog)
        with pytest.raises(Superseded, match="taken over"):
            await former.check_end(len(log.records))
        await owner.check_end(len(log.records))

    run(scenario)


def test_a_write_during_recovery_makes_the_claim_fail():
    """What a former owner wrote between our reading and our claim would be missing from our state."""

    async def scenario() -> None:
        broker = Broker()
        former, _ = recovered_owner(broker)
        await former.claim()
        owner, _ = recovered_owner(broker, generation=2)
        former.take(TOPIC, batch_of(0, 1))
        await former.flush()
        with pytest.raises(Unavailable, match="a former owner wrote"):
            await owner.claim()

    run(scenario)


def test_a_flush_too_large_for_one_batch_counts_only_with_its_offsets(monkeypatch):
    """Cut off before its offsets, a split flush never happened."""
    monkeypatch.setattr(owner_module, "FLUSH_BATCH_BYTES", 200)

    async def scenario() -> None:
        broker = Broker()
        owner, _ = recovered_owner(broker)
        await owner.claim()
        for number in range(20):
            owner.take(TOPIC, batch_of(number, 1, key=b"key-%d" % number))
        await owner.flush()
        log = broker.log(Stage.changelog)
        assert len(log.recovered().rows) == 21
        cut = log.records[:-1]
        log.records = cut
        assert log.recovered().positions()[TOPIC].next_offset == 0
        assert set(log.recovered().rows) == {b"offsets"}

    run(scenario)


def test_a_record_given_up_is_dead_lettered_and_the_rest_applied():
    """An operator's skip takes out exactly one record."""

    async def scenario() -> None:
        broker = Broker()
        broker.log(Stage.changelog).append([(*skip_row(TOPIC, 1), [])])
        owner, core = recovered_owner(broker)
        owner.take(TOPIC, batch_of(0, 1, b"bug", 10))
        await owner.flush()
        assert core.sums == {b"k": 11}
        letters = broker.log("dead-letters").records
        assert [(letter.key, letter.value) for letter in letters] == [(b"1", b"internal_error")]

    run(scenario)


def test_rejected_records_are_dead_lettered_before_their_offsets_are_flushed():
    """Nothing is lost: the dead letter is acknowledged first."""

    async def scenario() -> None:
        broker = Broker()
        owner, _ = recovered_owner(broker)
        owner.take(TOPIC, batch_of(0, b"bad"))
        await owner.flush()
        assert broker.order == ["dead-letters", Stage.changelog]

    run(scenario)


def test_an_idle_partition_writes_its_clock_only_after_ten_seconds():
    """Without news the changelog grows by one small row every ten seconds, not by one a flush."""

    async def scenario() -> None:
        broker, watch = Broker(), Watch()
        owner, _ = recovered_owner(broker, watch=watch)
        await owner.claim()
        owner.take(TOPIC, batch_of(0, 1))
        await owner.flush()
        written = len(broker.log(Stage.changelog).records)
        watch.now_ms += 9_999
        await owner.flush()
        assert len(broker.log(Stage.changelog).records) == written
        watch.now_ms += 1
        await owner.flush()
        assert len(broker.log(Stage.changelog).records) == written + 1

    run(scenario)


@pytest.mark.parametrize("failing", ["core", "broker"])
def test_an_unexpected_error_ends_the_process_before_anything_is_done(failing: str):
    """Exit code 1, no flush, no done: the next owner reads the same records again."""
    script = textwrap.dedent(
        """
        import asyncio, sys
        from streams.delivery import end_process
        from tests.wiring.engine_doubles import TOPIC, Broker, batch_of, recovered_owner

        async def scenario():
            broker = Broker()
            owner, _ = recovered_owner(broker)
            broker.fails = sys.argv[1] == "broker"
            batch = batch_of(0, b"bug" if sys.argv[1] == "core" else 1)
            try:
                owner.take(TOPIC, batch)
                await owner.flush()
            except Exception as error:
                print("done" if batch.is_done else "not done", flush=True)
                end_process("it failed", error)

        asyncio.run(scenario())
        """
    )
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", script, failing], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1, ended.stderr
    assert "loses nothing" in ended.stderr
    assert ended.stdout.strip() == "not done"
