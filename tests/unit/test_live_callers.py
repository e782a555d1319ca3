"""Live callers who wait too long, as the queues stage tells it to callback queues; calls that reached an agent."""

from __future__ import annotations

from typing import Any

from tests.builders import ANA, Fact, abandoned, answered, customer, offered
from tests.callback_records import TOKEN
from tests.dial_bench import callback_policy, places
from tests.queue_bench import Bench


def words(bench: Bench, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in bench.log_entries if event["type"] == f"dialling.{kind}"]


def bench(*facts: Fact, **changes: Any) -> Bench:
    made = Bench(places(callback_policy(**changes)))
    made.take(*facts)
    return made


def over(made: Bench) -> list[tuple[str, bool]]:
    return [(word["visit"].rsplit("/", 1)[-1], word["is_over"]) for word in words(made, "live_caller")]


def test_whoever_waits_longer_than_the_callback_queue_allows_is_told_when_it_happens_and_when_it_ends() -> None:
    """Past the minute, once; whoever leaves before is never spoken of."""
    made = bench(offered(0, contact="c1"), offered(0, contact="c2"), answered(30, contact="c2"))
    made.tick(60)
    assert over(made) == []
    made.tick(60.001)
    made.tick(61)
    assert over(made) == [("c1", True)]
    made.take(abandoned(70, contact="c1"))
    assert over(made) == [("c1", True), ("c1", False)]


def test_a_successor_tells_again_and_ends_what_its_predecessor_told() -> None:
    """It cannot know what was told."""
    made = bench(offered(0, contact="c1"))
    made.tick(61)
    made.restart()
    made.take(answered(70, contact="c1"))
    assert over(made)[-1] == ("c1", False)


def test_queues_that_nobody_yields_to_tell_nothing() -> None:
    """Another queue, or a callback queue that yields to none."""
    made = bench(offered(0, contact="c1", queue="vendas"))
    made.tick(600)
    assert over(made) == []
    made = bench(offered(0, contact="c1"), yield_ms=None)
    made.tick(600)
    assert over(made) == []


def test_a_call_back_that_reaches_an_agent_is_told_to_its_callback_queue() -> None:
    """With the agent; one that reaches nobody with none. Other visits and foreign jobs are not."""
    job = {"queue": "retornos", "customer": customer(ANA), "callback_job_id": f"{TOKEN}.ab.2"}
    made = bench(offered(0, contact="c1", **job), answered(5, contact="c1", queue="retornos", agent_id="a7"))
    assert [(word["attempt"], word["agent_id"]) for word in words(made, "connected")] == [(2, "a7")]
    made = bench(offered(0, contact="c1", **job), abandoned(5, contact="c1", queue="retornos"))
    assert [(word["attempt"], word["agent_id"]) for word in words(made, "connected")] == [(2, None)]
    made = bench(offered(0, contact="c1", **{**job, "callback_job_id": "theirs"}), answered(5, queue="retornos"))
    assert words(made, "connected") == []
