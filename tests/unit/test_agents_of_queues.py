"""Agents as their queues see them: the newest word of each, and silence is not freedom."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.decisions import Decisions, Ledger
from streams.domain.encoding import cloud_event
from streams.domain.events import AGENT_STATES
from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from streams.domain.staffing import QUEUE_STAFFING, QUEUE_STAFFING_TYPE, QueueStaffing
from tests.builders import at_ms
from tests.callback_records import KafkaRecord
from tests.queue_bench import centre


def word(state: Any = "available", seconds: float = 0, *, agent: str = "ana", queue: str = "sac") -> KafkaRecord:
    """What staffing tells a queue of one agent; good for a minute."""
    staffing = QueueStaffing(
        tenant="acme",
        site="fortaleza",
        queue=queue,
        agent_id=agent,
        state=state,
        revision=at_ms(seconds),
        at_ms=at_ms(seconds),
        fresh_until_ms=at_ms(seconds + 60),
    )
    value = cloud_event(
        event_type=QUEUE_STAFFING_TYPE, event_id=f"{agent}@{seconds}", time_ms=0, subject=agent, data=staffing
    )
    return KafkaRecord(value, f"acme/{queue}/{agent}".encode(), timestamp=at_ms(seconds))


def gone(agent: str = "ana", queue: str = "sac") -> KafkaRecord:
    """A tombstone: the agent no longer serves the queue."""
    return KafkaRecord(None, f"acme/{queue}/{agent}".encode())


def new_core() -> QueuesCore:
    return QueuesCore(0, centre(), facts=Facts(None, None), clock=ClockRules())


def take(core: QueuesCore, *records: KafkaRecord) -> Decisions:
    return core.apply(QUEUE_STAFFING, records, at_ms(0), at_ms(0))


def agents(
    core: QueuesCore, seconds: float = 1, queue: str = "sac", *, is_staffing_stale: bool = False
) -> dict[str, int]:
    """The states somebody is in, as the figures show them at this instant."""
    stale = {"call-events": False, QUEUE_STAFFING: is_staffing_stale}
    figures = core.figures(wall_ms=at_ms(seconds), stale=stale)
    [live] = [each.live for each in figures if (each.queue, each.channel) == (queue, "voice")]
    assert live is not None
    assert tuple(live.agents) == AGENT_STATES
    return {state: count for state, count in live.agents.items() if count}


def test_each_agent_counts_once_in_the_newest_state() -> None:
    """By revision, whatever comes later; other queues have their own."""
    core = new_core()
    take(core, word("busy", 5), word("available", 1), word("paused", 2, agent="rui"), word("ringing", queue="vendas"))
    assert agents(core) == {"busy": 1, "paused": 1}
    assert agents(core, queue="vendas") == {"ringing": 1}


@pytest.mark.parametrize(("seconds", "state"), [(59.999, "available"), (60.0, "offline")])
def test_an_agent_unheard_of_is_not_free(seconds: float, state: str) -> None:
    """From the end of the time to live on."""
    core = new_core()
    take(core, word())
    assert agents(core, seconds) == {state: 1}


def test_a_tombstone_takes_the_agent_out_of_the_queue() -> None:
    """And the row with it; a second one is a duplicate."""
    core = new_core()
    take(core, word())
    core.changes()
    take(core, gone())
    assert (agents(core), core.changes().rows[0]) == ({}, (b"a/acme/sac/ana", None))
    take(core, gone())
    assert core.inputs.ledger == Ledger(applied=2, duplicate=1)


def test_what_is_known_or_older_is_a_duplicate() -> None:
    """It changes nothing."""
    core = new_core()
    take(core, word("busy", 5))
    core.changes()
    take(core, word("busy", 5), word("available", 4))
    assert core.inputs.ledger == Ledger(applied=1, duplicate=2)
    assert [key for key, _ in core.changes().rows] == [b"ledger"]


@pytest.mark.parametrize(
    "record",
    [
        KafkaRecord(b"{", b"acme/sac/ana"),
        KafkaRecord(b'{"type": "queue.staffing", "data": {}}', b"acme/sac/ana"),
        KafkaRecord(b"\xff", b"acme/sac/ana"),
        word(queue="nowhere"),
        KafkaRecord(word().value, b"acme/sac"),
        KafkaRecord(word().value, None),
    ],
)
def test_what_is_not_about_an_agent_of_ours_is_ignored(record: KafkaRecord) -> None:
    """The topic is our own: nothing there is a customer's fault."""
    core = new_core()
    assert take(core, record) == Decisions()
    assert core.inputs.ledger == Ledger(ignored=1)


def test_the_newest_word_moves_the_clock() -> None:
    """A tombstone has no time."""
    core = new_core()
    assert take(core, word(seconds=3), word(seconds=2)).newest_event_ms == at_ms(3)
    assert take(core, gone()).newest_event_ms is None


def test_agents_survive_a_restart() -> None:
    """Those of queues still configured; rows of others are left alone."""
    core, successor = new_core(), new_core()
    take(core, word("busy"), word("paused", agent="rui"))
    rows = {key: value for key, value in core.changes().rows if value is not None}
    assert dict(core.snapshot()) == rows
    rows[b"a/acme/nowhere/ana"] = rows[b"a/acme/sac/ana"]
    successor.restore(rows)
    assert agents(successor) == {"busy": 1, "paused": 1}
    assert successor.stage_figures().rows == 2
    assert successor.changes().rows == []


def test_stale_staffing_means_nobody_is_free() -> None:
    """While the words on agents are behind, the last one says nothing of now; caught up, it counts again."""
    core = new_core()
    take(core, word("available"), word("busy", agent="bia"))
    assert agents(core, is_staffing_stale=True) == {"offline": 2}
    assert agents(core) == {"available": 1, "busy": 1}
