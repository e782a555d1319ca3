"""From a manager interface into Kafka: connections that break in the middle of calls, and movers that die."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.ami_connection import AmiAddress, AmiConnection
from streams.dead_letters import Original
from streams.domain.recount import read_events, recount
from streams.errors import ConfigError, Unavailable
from streams.movers.ami import EVENTS, AmiMover
from streams.sources.dictionary import Place, QueueDictionary
from tests.conformance.delivery import Delivered
from tests.deadlines import wait_until
from tests.queue_bench import Bench
from tests.scripted_manager import ScriptedManager
from tests.unit.test_queue_log_mover import Topics

DROPS = 20
OUTCOME = {
    "hangs_up": "abandoned_short",
    "times_out": "timed_out",
    "presses": "key_exit",
    "answered": "answered_in_target",
}


def dictionary() -> QueueDictionary:
    places = {name: Place("acme", "fortaleza", queue, "voice") for name, queue in (("600", "sac"), ("601", "vendas"))}
    return QueueDictionary("pbx-1", places)


@pytest.fixture
def manager() -> Iterator[ScriptedManager]:
    manager = ScriptedManager(seed=5)
    yield manager
    manager.close()


def mover(manager: ScriptedManager, folder: Path, topics: Topics) -> AmiMover:
    address = AmiAddress("127.0.0.1", manager.port, "filaviva", "right")
    state = folder / "pbx-1.json"
    return AmiMover(lambda: AmiConnection(address, events=EVENTS), dictionary(), state, topics, wait_seconds=0.01)


def events_of(topics: Topics) -> list[dict[str, Any]]:
    """What the worker reads: each event, however often it was sent."""
    return [msgspec.json.decode(value) for value in topics.effect.values()]


def counted(topics: Topics) -> Bench:
    bench = Bench()
    bench.take(*(Delivered(event, 0.1) for event in events_of(topics) if event["type"].startswith("contact.")))
    bench.flush()
    assert bench.letters == []
    return bench


def equals_the_truth(moving: AmiMover, manager: ScriptedManager) -> bool:
    moving.step()
    return moving.mapping.waiting == manager.waiting


@pytest.mark.parametrize("kills", [0, 10], ids=["connections break", "and movers die"])
def test_after_each_broken_connection_the_wall_is_right_again(
    manager: ScriptedManager, tmp_path: Path, kills: int
) -> None:
    """Twenty breaks in the middle of a message, with calls going on in the dark: within five seconds of the next
    connection exactly those wait who do. Whatever could be heard counts as it was, the rest is unknown, and all equals
    a recount."""
    chance, topics = random.Random(3), Topics()
    moving = mover(manager, tmp_path, topics)
    wait_until(lambda: moving.step() or moving.is_connected, "the first connection", seconds=10)  # type: ignore[func-returns-value]
    for number in range(DROPS):
        for _ in range(chance.randrange(4, 12)):
            manager.act()
            wait_until(lambda: equals_the_truth(moving, manager), "it is heard", seconds=10)  # noqa: B023
            manager.touched.clear()
        for _ in range(chance.randrange(3)):
            manager.act()
        manager.drop()
        for _ in range(chance.randrange(6)):
            manager.act()
        if number < kills:
            moving.close()
            moving = mover(manager, tmp_path, topics)
        lists = manager.lists
        wait_until(lambda: moving.step() or manager.lists > lists, "a new connection", seconds=10)  # type: ignore[func-returns-value]  # noqa: B023
        wait_until(lambda: equals_the_truth(moving, manager), "the wall is right again", seconds=5)  # noqa: B023
    moving.close()
    assert moving.malformed == {}
    assert manager.sessions > DROPS
    bench = counted(topics)
    for name, queue in (("600", "sac"), ("601", "vendas")):
        live = bench.figures(queue).live
        assert live is not None
        assert live.waiting_contacts == sum(place == name for _, place in manager.waiting)
    judge(manager, {contact_of(each["contact_id"]): each["outcome"] for each in bench.outcomes().values()})
    naive = recount(read_events([msgspec.json.encode(event) for event in events_of(topics)]))
    assert {each["visit_id"]: each["outcome"] for each in bench.outcomes().values()} == {
        f"{visit.tenant}/{visit.queue}/{visit.entry}/{visit.contact_id}": outcome
        for visit, outcome in naive.outcomes().items()
    }


def contact_of(contact_id: str) -> str:
    return contact_id.removesuffix("@pbx-1")


def judge(manager: ScriptedManager, outcomes: dict[str, str]) -> None:
    """Who was heard from the first to the last counts as it was; of the others nothing wrong is told."""
    seen = unknown = 0
    for call in manager.calls:
        if call.outcome in ("waiting", "talking"):
            continue
        told = outcomes.get(call.call, "never heard of")
        is_right = told.startswith(OUTCOME[call.outcome])
        if not call.in_dark:
            seen += 1
            assert is_right, call
            continue
        unknown += told == "unknown_exit"
        assert is_right or told in ("unknown_exit", "never heard of") or told.startswith("answered"), (call, told)
    print(f"{len(manager.calls)} calls, {manager.sessions} sessions, {seen} heard whole, {unknown} unknown exits")
    assert seen > 20
    assert unknown > 0


def test_what_was_heard_and_not_sent_is_sent_by_the_next_mover(manager: ScriptedManager, tmp_path: Path) -> None:
    """It is written down first: nobody can be asked again."""
    topics = Topics()
    moving = mover(manager, tmp_path, topics)
    wait_until(lambda: moving.step() or manager.lists > 0, "a connection", seconds=10)  # type: ignore[func-returns-value]
    wait_until(lambda: equals_the_truth(moving, manager), "the list", seconds=5)
    topics.is_away = True
    manager.act()
    with pytest.raises(Unavailable):
        wait_until(lambda: moving.step() or False, "Kafka is missed", seconds=5)  # type: ignore[func-returns-value]
    moving.close()
    topics.dies(delivered=0)
    topics.is_away = False
    mover(manager, tmp_path, topics).close()
    assert [event["type"] for event in events_of(topics) if event["type"].startswith("contact.")] == ["contact.offered"]


def test_what_is_refused_is_a_dead_letter_even_after_a_kill(manager: ScriptedManager, tmp_path: Path) -> None:
    """Its bytes as Asterisk wrote them, written down before they are sent; two of one content are two."""
    topics = Topics()
    moving = mover(manager, tmp_path, topics)
    wait_until(lambda: moving.step() or manager.lists > 0, "a connection", seconds=10)  # type: ignore[func-returns-value]
    wait_until(lambda: equals_the_truth(moving, manager), "the list", seconds=5)
    bad = b"Event: QueueCallerJoin\r\nQueue: 600\r\nCallerIDNum: \xff8599\r\nCallerIDNum: 2"
    topics.is_away = True
    manager.say(bad + b"\r\n\r\n" + bad + b"\r\n\r\n")
    with pytest.raises(Unavailable):
        wait_until(lambda: moving.step() or False, "Kafka is missed", seconds=5)  # type: ignore[func-returns-value]
    assert moving.malformed == {"missing_field": 2}
    moving.close()
    topics.dies(delivered=1)
    topics.is_away = False
    mover(manager, tmp_path, topics).close()
    assert [letter.original for letter in topics.letters] == [Original(None, bad, [])] * 2
    assert [letter.place.topic for letter in topics.letters] == ["ingest:pbx-1:ami"] * 2
    assert topics.letters[0].detail == "QueueCallerJoin: Uniqueid is missing"


def test_a_heartbeat_is_told_while_asterisk_answers(manager: ScriptedManager, tmp_path: Path) -> None:
    """Not while it is away."""
    topics = Topics()
    moving = mover(manager, tmp_path, topics)
    sites = {("acme", "fortaleza")}
    moving.beat(sites)
    assert topics.acknowledged == []
    wait_until(lambda: moving.step() or moving.is_connected, "a connection", seconds=10)  # type: ignore[func-returns-value]
    moving.beat(sites)
    assert [event["type"] for event in events_of(topics)][-1] == "source.heartbeat"
    moving.close()


def test_an_asterisk_that_is_away_is_tried_again(tmp_path: Path) -> None:
    """Until it is there."""
    late = ScriptedManager(seed=1)
    port = late.port
    late.close()
    topics = Topics()
    address = AmiAddress("127.0.0.1", port, "filaviva", "right")
    moving = AmiMover(
        lambda: AmiConnection(address, events=EVENTS), dictionary(), tmp_path / "s.json", topics, wait_seconds=0.01
    )
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:
        moving.step()
    assert not moving.is_connected
    moving.close()


def test_the_state_of_a_log_is_refused(manager: ScriptedManager, tmp_path: Path) -> None:
    """One source has one mover."""
    (tmp_path / "pbx-1.json").write_bytes(b'{"kind": "queue-log", "mapping": {}, "unsent": []}')
    with pytest.raises(ConfigError, match="move it away"):
        mover(manager, tmp_path, Topics())
