"""Staffing: the newest fact of an agent stands, every queue served is told, silence is not freedom."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

import msgspec
import pytest

from streams.domain.decisions import Decisions, Ledger, Output, Reason
from streams.domain.encoding import iso_time, read_event
from streams.domain.staffing import FORGOTTEN_AFTER_MS, QUEUE_STAFFING_TYPE, QueueStaffing, StaffingCore
from tests.callback_records import MINUTE_MS, NINE_MS, KafkaRecord, directory, event_of, policy, stored

TTL_MS = 5 * MINUTE_MS


def staffing(partition: int = 0, partitions: dict[str, int] | None = None) -> StaffingCore:
    return StaffingCore(partition, directory(partitions=partitions), ttl_ms=TTL_MS)


def agent_record(
    state: str = "available",
    *,
    minute: float = 0,
    queues: Iterable[str] = ("sac",),
    event_type: str = "agent.state",
    source: str = "pbx-1",
    event_id: str | None = None,
    **changes: Any,
) -> KafkaRecord:
    time_ms = NINE_MS + int(minute * MINUTE_MS)
    data = {"tenant": "acme", "site": "fortaleza", "agent_id": "ana", "state": state, "queues": list(queues)} | changes
    event = {
        "specversion": "1.0",
        "id": event_id or f"{data['agent_id']}@{minute}",
        "source": source,
        "type": event_type,
        "time": iso_time(time_ms),
        "data": data,
    }
    key = f"{data['tenant']}/{data['agent_id']}".encode()
    return KafkaRecord(msgspec.json.encode(event), key, timestamp=time_ms)


def take(core: StaffingCore, *records: KafkaRecord) -> Decisions:
    return core.apply("agent-events", records, NINE_MS, NINE_MS)


def told(outputs: Iterable[Output]) -> dict[bytes, str | None]:
    """Compacted: the last state each queue was told of each agent."""
    return {output.key: event_of(output)["data"]["state"] if output.value else None for output in outputs}


def states(core: StaffingCore, site: str = "fortaleza", minute: float = 0) -> dict[str, int]:
    """The states of one site that some agent is in."""
    figures = {figure.site: figure.agents for figure in core.figures(NINE_MS + int(minute * MINUTE_MS))}
    return {state: count for state, count in figures[site].items() if count}


def test_every_queue_served_is_told_in_its_own_partition() -> None:
    """One record per queue, keyed by queue and agent."""
    outputs = take(staffing(partitions={"acme/vendas": 4}), agent_record(queues=("sac", "vendas", "sac"))).outputs
    assert [(output.topic, output.key, output.partition) for output in outputs] == [
        ("queue-staffing", b"acme/sac/ana", 0),
        ("queue-staffing", b"acme/vendas/ana", 4),
    ]


def test_a_queue_reads_state_and_freshness() -> None:
    """From ``fresh_until_ms`` on the agent is not free for it."""
    [output] = take(staffing(), agent_record("busy")).outputs
    assert event_of(output)["type"] == "queue.staffing"
    assert read_event(output.value, {QUEUE_STAFFING_TYPE: QueueStaffing}) == QueueStaffing(
        tenant="acme",
        site="fortaleza",
        queue="sac",
        agent_id="ana",
        state="busy",
        revision=NINE_MS,
        at_ms=NINE_MS,
        fresh_until_ms=NINE_MS + TTL_MS,
    )


def test_a_queue_no_longer_served_gets_a_tombstone() -> None:
    """Its record of the agent goes away, the others are renewed."""
    core = staffing()
    take(core, agent_record(queues=("sac", "vendas")))
    outputs = take(core, agent_record("paused", minute=1, queues=("vendas",))).outputs
    assert [output.key for output in outputs] == [b"acme/sac/ana", b"acme/vendas/ana"]
    assert told(outputs) == {b"acme/sac/ana": None, b"acme/vendas/ana": "paused"}


def test_an_older_fact_changes_nothing_and_a_repeat_is_a_duplicate() -> None:
    """By event time, whatever the order of arrival."""
    core = staffing()
    take(core, agent_record("busy", minute=2))
    assert take(core, agent_record("available", minute=1), agent_record("busy", minute=2)).outputs == []
    assert states(core) == {"busy": 1}
    assert core.ledger == Ledger(applied=2, duplicate=1)


def test_of_two_facts_of_one_instant_the_greater_event_id_stands() -> None:
    """So that order of arrival does not matter there either."""
    for events in permutations([("a", "paused"), ("b", "busy")]):
        core = staffing()
        take(core, *(agent_record(state, event_id=event_id) for event_id, state in events))
        assert states(core) == {"busy": 1}


def test_any_order_of_arrival_ends_in_the_same_rows_and_records() -> None:
    """Twenty-four orders of four facts, one of which changes site and queues."""
    records = [
        agent_record("available", minute=1, queues=("sac", "vendas")),
        agent_record("busy", minute=2, queues=("vendas",)),
        agent_record("wrap_up", minute=3, site="recife"),
        agent_record("offline", minute=2.5, queues=()),
    ]
    ends = set()
    for order in permutations(records):
        core = staffing()
        compacted = {key: state for key, state in told(take(core, *order).outputs).items() if state}
        ends.add((tuple(sorted(stored(core).items())), tuple(compacted.items())))
    assert len(ends) == 1


def test_each_agent_counts_once_at_the_site_by_state() -> None:
    """However many queues it serves; offline counts too, and a site without agents shows zeros."""
    core = staffing()
    take(core, agent_record(queues=("sac", "vendas")), agent_record("offline", agent_id="bia"))
    assert states(core) == {"available": 1, "offline": 1}
    assert states(core, "recife") == {}
    assert {figure.site: len(figure.agents) for figure in core.figures(NINE_MS)} == {"fortaleza": 6, "recife": 6}


def test_an_agent_unheard_of_for_the_time_to_live_counts_as_offline() -> None:
    """From that very instant, until it is heard of again."""
    core = staffing()
    take(core, agent_record())
    assert states(core, minute=4.999) == {"available": 1}
    assert states(core, minute=5) == {"offline": 1}
    take(core, agent_record(minute=5))
    assert states(core, minute=5) == {"available": 1}


def test_an_agent_of_a_site_no_longer_configured_is_not_shown() -> None:
    """Labels come from the configuration."""
    core = staffing()
    take(core, agent_record())
    other = StaffingCore(0, directory(), ttl_ms=TTL_MS)
    other._directory.sites.pop(("acme", "fortaleza"))
    other.restore(stored(core))
    assert [(figure.site, sum(figure.agents.values())) for figure in other.figures(NINE_MS)] == [("recife", 0)]


def test_an_agent_that_is_long_gone_is_forgotten() -> None:
    """Once a week has passed without a word, its rows go and its queues are told."""
    core = staffing()
    week = FORGOTTEN_AFTER_MS // MINUTE_MS
    take(core, agent_record(), agent_record(agent_id="bia"), agent_record("busy", minute=1))
    assert b"acme/sac/bia" not in told(take(core, agent_record(agent_id="caio", minute=week - 1)).outputs)
    outputs = take(core, agent_record(agent_id="caio", minute=week)).outputs
    assert told(outputs) == {b"acme/sac/caio": "available", b"acme/sac/bia": None}
    outputs = take(core, agent_record(agent_id="caio", minute=week + 1)).outputs
    assert told(outputs) == {b"acme/sac/caio": "available", b"acme/sac/ana": None}
    assert [key for key in stored(core) if key.startswith(b"a/")] == [b"a/acme/caio"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (KafkaRecord(b"{"), Reason.NOT_JSON),
        (agent_record(queues=("nowhere",)), Reason.UNKNOWN_QUEUE),
        (agent_record(agent_id="elsewhere"), Reason.WRONG_PARTITION),
    ],
)
def test_a_record_that_is_no_agent_state_is_rejected(record: KafkaRecord, reason: Reason) -> None:
    """It goes to the dead letters, and the count stays whole."""
    core = staffing(partitions={"acme/elsewhere": 7})
    [letter] = take(core, record).dead_letters
    assert (letter.topic, letter.offset, letter.record, letter.rejection.reason) == ("agent-events", 0, record, reason)
    assert core.ledger == Ledger(rejected=1)


def test_an_event_of_another_type_is_ignored() -> None:
    """A contact event on the agents' topic as well."""
    core = staffing()
    assert take(core, agent_record(event_type="contact.offered")) == Decisions()
    assert core.ledger == Ledger(ignored=1)


def test_the_stage_counts_its_input_and_knows_each_source() -> None:
    """How fresh a source is and how many rows the state has."""
    core = staffing()
    take(core, agent_record(minute=-1), agent_record(minute=-2))
    figures = core.stage_figures()
    assert figures.applied == {("agent-events", "agent.state"): 2}
    assert figures.last_event_ms == {("acme", "fortaleza", "pbx-1"): NINE_MS - MINUTE_MS}
    assert figures.rows == 1


def test_a_restored_core_goes_on_where_the_flush_was() -> None:
    """Same outputs, same rows, same ledger as one that never stopped, through the forgetting of an agent too."""
    week = FORGOTTEN_AFTER_MS // MINUTE_MS
    history = [
        agent_record(queues=("sac", "vendas")),
        agent_record(agent_id="bia"),
        agent_record("busy", minute=3),
        agent_record("busy", minute=2),
        agent_record("busy", minute=3),
        agent_record(agent_id="caio", minute=week + 1),
        agent_record(agent_id="caio", minute=week + 3),
        agent_record(agent_id="eva", minute=week + 5),
        agent_record(agent_id="caio", minute=2 * week + 4),
        agent_record(agent_id="dora", minute=week + 4),
    ]
    for cut in range(len(history) + 1):
        steady, restored = staffing(), staffing()
        take(steady, *history[:cut])
        restored.restore(stored(steady))
        assert take(restored, *history[cut:]) == take(steady, *history[cut:])
        assert stored(restored) == stored(steady)


def marks(outputs: Iterable[Output]) -> set[str | None]:
    """The callback queue that may count on the agent, as every queue is told."""
    return {event_of(output)["data"]["callback_queue"] for output in outputs if output.value}


def test_an_agent_of_several_callback_queues_is_free_for_one_of_them() -> None:
    """Told to all queues alike, the same for as long as the agent stays free; another time perhaps the other one."""
    places = directory(policy(), policy("vendas", callback_queue="outra"), policy("outra"), policy("retornos"))
    core = StaffingCore(0, places, ttl_ms=TTL_MS)
    served = ("sac", "retornos", "outra")
    [first] = marks(take(core, agent_record(queues=served)).outputs)
    seen = {first}
    for minute in range(1, 10):
        assert marks(take(core, agent_record(queues=served, minute=minute)).outputs) == {first}
    for minute in range(10, 60):
        seen |= marks(take(core, agent_record("busy", queues=served, minute=minute)).outputs)
        [again] = marks(take(core, agent_record(queues=served, minute=minute + 0.5)).outputs)
        seen.add(again)
    assert seen == {"retornos", "outra"}
    assert marks(take(core, agent_record(queues=("sac",), minute=90)).outputs) == {None}
