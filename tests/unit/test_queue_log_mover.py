"""From a queue_log into Kafka: what is written down when, and what a mover that died leaves to the next."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from streams.errors import ConfigError, Unavailable
from streams.movers.kept import kept
from streams.movers.queue_log import QueueLogMover
from streams.movers.unmapped import unmapped_names
from streams.routing import Route
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.queue_log import QueueLogMapping
from tests.queue_log_writer import queue_log

SAC = Place("acme", "fortaleza", "sac", "voice", frozenset({"1"}))


def dictionary() -> QueueDictionary:
    return QueueDictionary("pbx-1", {"600": SAC, "601": Place("acme", "fortaleza", "vendas", "voice")})


class Topics:
    """Where events go: handed over, and acknowledged at each ``settle`` unless it is away."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[Route, bytes]] = []
        self.handed_over: list[tuple[Route, bytes]] = []
        self.is_away = False
        self.dies_at: int | None = None

    def send(self, route: Route, value: bytes) -> None:
        if self.dies_at == len(self.handed_over):
            raise _Killed
        self.handed_over.append((route, value))

    def settle(self) -> None:
        if self.is_away:
            raise Unavailable("Kafka is away")
        self.acknowledged, self.handed_over = self.acknowledged + self.handed_over, []

    def dies(self, *, delivered: int) -> None:
        """The mover is killed: of what it handed over, so many first records had reached Kafka."""
        self.acknowledged += self.handed_over[:delivered]
        self.handed_over, self.dies_at = [], None

    @property
    def effect(self) -> dict[str, bytes]:
        """What the worker makes of it: repeats are duplicates."""
        effect: dict[str, bytes] = {}
        for _, value in self.acknowledged:
            event = msgspec.json.decode(value)
            assert effect.setdefault(event["id"], value) == value, "one id with two contents"
        return effect


class _Killed(BaseException):
    """SIGKILL."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "queue_log"


def mover(log: Path, topics: Topics, names: QueueDictionary | None = None) -> QueueLogMover:
    return QueueLogMover(log, names or dictionary(), log.parent / "pbx-1.json", topics)


def drained(moving: QueueLogMover) -> QueueLogMover:
    while moving.step():
        pass
    moving.save()
    moving.close()
    return moving


def expected(lines: list[bytes]) -> dict[str, bytes]:
    """What the mapping makes of the whole log in one go."""
    mapping = QueueLogMapping(dictionary())
    return {
        event["id"]: msgspec.json.encode(event)
        for line in lines
        for event in mapping.feed(line, time.time_ns() // 1_000_000)
    }


def written(log: Path, lines: list[bytes]) -> None:
    with log.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


LINES = [line.encode() for line in queue_log(400, seed=3)]


def test_a_log_is_moved_once(log: Path) -> None:
    """A second run has nothing to do; a third goes on with what came."""
    topics = Topics()
    written(log, LINES[:500])
    assert drained(mover(log, topics)).lines == 500
    assert drained(mover(log, topics)).events == 0
    written(log, LINES[500:])
    assert drained(mover(log, topics)).lines == len(LINES)
    assert topics.effect == expected(LINES)
    assert len(topics.effect) == len(topics.acknowledged)


@pytest.mark.parametrize("seed", range(25))
def test_a_mover_killed_anywhere_loses_nothing_and_doubles_nothing(log: Path, seed: int) -> None:
    """Between any two records, with any part of them delivered, before and after writing down; with rotations."""
    chance = random.Random(seed)
    topics = Topics()
    todo = list(LINES)
    kills = rotations = 0
    while todo:
        cut = chance.randrange(1, 120)
        written(log, todo[:cut])
        del todo[:cut]
        moving = mover(log, topics)
        topics.dies_at = chance.randrange(120)
        try:
            while moving.step():
                if chance.random() < 0.5:
                    moving.save()
        except _Killed:
            kills += 1
        topics.dies(delivered=chance.randrange(len(topics.handed_over) + 1) if topics.handed_over else 0)
        moving.close()
        if chance.random() < 0.3 and log.exists():
            rotations += 1
            log.rename(log.with_name(f"queue_log.{rotations}"))
    log.touch()
    drained(mover(log, topics))
    assert topics.effect == expected(LINES)
    assert (kills > 0, rotations > 0) == (True, True)


def test_nothing_is_written_down_before_kafka_has_it(log: Path) -> None:
    """What was read while Kafka was away is read again."""
    topics = Topics()
    written(log, LINES[:100])
    topics.is_away = True
    moving = mover(log, topics)
    with pytest.raises(Unavailable):
        drained(moving)
    moving.close()
    assert kept(log.parent / "pbx-1.json") is None, "not even where it began: Kafka was away before"
    topics.dies(delivered=30)
    topics.is_away = False
    drained(mover(log, topics))
    assert topics.effect == expected(LINES[:100])


def test_malformed_lines_are_counted_and_told_and_the_rest_is_moved(log: Path) -> None:
    """Blank lines and the holes that a truncation leaves are no lines."""
    topics, told = Topics(), []
    written(log, [LINES[0], b"", b"\0\0\0", b"nonsense", b"x|1.1|600|NONE|ABANDON|1|1|4", *LINES[1:50]])
    moving = drained(QueueLogMover(log, dictionary(), log.parent / "pbx-1.json", topics, told.append))
    assert moving.malformed == {"missing_field": 1, "bad_time": 1}
    assert [str(error.reason) for error in told] == ["missing_field", "bad_time"]
    assert topics.effect == expected(LINES[:50])


def test_names_that_no_dictionary_has_are_written_down(log: Path) -> None:
    """For filaviva ingest discover."""
    written(log, LINES)
    drained(mover(log, Topics()))
    assert unmapped_names(log.parent)["pbx-1"].keys() == {"602"}


def test_a_heartbeat_goes_to_every_site_that_expects_the_source(log: Path) -> None:
    """Read to the end, nothing to tell."""
    topics = Topics()
    log.touch()
    mover(log, topics).beat({("acme", "fortaleza")})
    [(target, value)] = topics.acknowledged
    assert (target, msgspec.json.decode(value)["type"]) == (Route("site-events", "acme/fortaleza"), "source.heartbeat")


@pytest.fixture
def states(log: Path) -> Iterator[Path]:
    written(log, LINES[:10])
    drained(mover(log, Topics()))
    return log.parent / "pbx-1.json"


@pytest.mark.parametrize(
    ("field", "value", "expected_words"),
    [
        ("log", "/elsewhere/queue_log", "it is that of /elsewhere/queue_log"),
        ("kind", "ami", "move it away to begin anew"),
        ("position", 7, "expected what filaviva ingest wrote"),
        ("mapping", {}, "expected what this version wrote"),
    ],
)
def test_the_state_of_something_else_is_refused(
    log: Path, states: Path, field: str, value: object, expected_words: str
) -> None:
    """Nobody goes on in the wrong file."""
    content = kept(states)
    assert content is not None
    states.write_bytes(msgspec.json.encode({**content, field: value}))
    with pytest.raises(ConfigError, match=expected_words):
        mover(log, Topics())
