"""A stage and its batches: nobody waits for long, and what is given up is left to the next owner."""

from __future__ import annotations

import asyncio

import pytest

from streams.app import build_worker
from streams.engine import owner as owner_module
from streams.engine.stage import Stage, StageSpec, StageSurroundings
from streams.partition_clock import Instant, PartitionClock
from streams.settings import parse_settings
from tests.wiring.engine_doubles import TOPIC, Broker, SumCore, Watch, batch_of, recovered_owner
from tests.wiring.test_worker_service import CONFIGURATION

PREFIX = "filaviva"
KEY = b"k"


def stage_of_sums() -> Stage:
    app, _ = build_worker(parse_settings(CONFIGURATION, environment={}))

    def clock(restored_now_ms: int | None) -> PartitionClock:
        return PartitionClock("event", lateness_ms=0, restored_now_ms=restored_now_ms, started=Instant(0, 0))

    around = StageSurroundings(app, PREFIX, partitions=1, instant=Watch(), make_clock=clock)
    return Stage(StageSpec("sums", (TOPIC,), lambda _: SumCore()), around)


def test_a_changelog_is_applied_while_it_is_read() -> None:
    """Whole batches a few at a time, never all of them at the end; and not one, which Faust takes for a table that is
    read for ever."""
    stage = stage_of_sums()
    assert stage._table.recovery_buffer_size == 2


@pytest.mark.parametrize("is_given_up", [False, True])
def test_a_batch_is_taken_in_slices_and_no_further_than_the_partition_is_held(
    monkeypatch: pytest.MonkeyPatch, *, is_given_up: bool
) -> None:
    """Whoever waits has a turn after the first slice; a partition given up in that turn gets none of the rest."""
    monkeypatch.setattr(owner_module, "MOST_AT_A_STRETCH", 4)

    async def play() -> int:
        stage = stage_of_sums()
        stage.owners[0], core = recovered_owner(Broker())
        batch = batch_of(0, *([1] * 10), topic=f"{PREFIX}-{TOPIC}")
        stage._consumer.seek_number = batch.seek_number
        taking = asyncio.create_task(stage._take(batch))
        await asyncio.sleep(0)
        assert core.sums == {KEY: 4}
        if is_given_up:
            stage.owners.clear()
        await taking
        return core.sums[KEY]

    assert asyncio.run(asyncio.wait_for(play(), 20)) == (4 if is_given_up else 10)
