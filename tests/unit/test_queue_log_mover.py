"""From a queue_log into Kafka: what is written down when, and what a mover that died leaves to the next."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from streams.dead_letters import DEAD_LETTERS, Coordinates, Original, StoredDeadLetter, Survey
from streams.errors import ConfigError, Unavailable
from streams.movers.kept import kept
from streams.movers.queue_log import QueueLogMover
from streams.movers.unmapped import unmapped_names
from streams.routing import Route
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.queue_log import QueueLogMapping
from tests.event_records import StoredRecord
from tests.queue_log_writer import queue_log

SAC = Place("acme", "fortaleza", "sac", "voice", frozenset({"1"}))


def dictionary() -> QueueDictionary:
    return QueueDictionary("pbx-1", {"600": SAC, "601": Place("acme", "fortaleza", "vendas", "voice")})


class Sent(NamedTuple):
    """A record on its way."""

    route: Route
    value: bytes
    headers: Sequence[tuple[str, bytes | None]] = ()


class Topics:
    """Where records go: handed over, and acknowledged at each ``settle`` unless it is away."""

    def __init__(self) -> None:
        self.acknowledged: list[Sent] = []
        self.handed_over: list[Sent] = []
        self.is_away = False
        self.dies_at: int | None = None

    def send(self, route: Route, value: bytes | None, *, headers: Sequence[tuple[str, bytes | None]] = ()) -> None:
        if self.dies_at == len(self.handed_over):
            raise _Killed
        assert value is not None
        self.handed_over.append(Sent(route, value, headers))

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
        for sent in self.acknowledged:
            if sent.route.topic != DEAD_LETTERS:
                event = msgspec.json.decode(sent.value)
                assert effect.setdefault(event["id"], sent.value) == sent.value, "one id with two contents"
        return effect

    @property
    def letters(self) -> list[StoredDeadLetter]:
        """What `filaviva dead-letters` shows; one that came again is the same to the byte."""
        survey, first = Survey(keep_bytes=True), dict[Coordinates, Sent]()
        for sent in self.acknowledged:
            if sent.route.topic == DEAD_LETTERS:
                record = StoredRecord(sent.value, sent.route.key.encode(), sent.headers)
                survey.take_all([record])
                letter = StoredDeadLetter.from_record(record)
                assert letter is not None
                assert first.setdefault(letter.place, sent) == sent
        assert survey.unreadable == 0
        return [survey.letters[place] for place in sorted(survey.letters)]


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
    first, second = topics.letters
    assert (first.place.topic, first.stage) == (f"ingest:pbx-1:{log}", "ingest")
    assert [first.original, second.original] == [
        Original(None, b"nonsense", []),
        Original(None, b"x|1.1|600|NONE|ABANDON|1|1|4", []),
    ]
    assert first.detail == "line 4: expected time|call|queue|agent|event"
    assert second.detail.startswith("line 5: time: ")
    content = log.read_bytes()
    for letter in (first, second):
        assert letter.original is not None
        assert content[letter.place.offset :].startswith(letter.original.value or b"?")


def broken(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """The lines, with others among them that are none; every one of these is told from the others."""
    mixed = list(lines)
    for number in range(len(lines) // 10):
        mixed.insert(chance.randrange(1, len(mixed)), b"nonsense %d" % number)
    return mixed


@pytest.mark.parametrize("seed", range(4))
def test_malformed_lines_are_dead_letters_once_each_however_often_the_mover_is_killed(log: Path, seed: int) -> None:
    """Sent before they are passed, also across rotations; what was sent twice is one."""
    chance, topics = random.Random(seed), Topics()
    lines = broken(LINES[:300], chance)
    todo, kills = list(lines), 0
    while todo:
        portion, todo = todo[:60], todo[60:]
        written(log, portion)
        moving = mover(log, topics)
        topics.dies_at = chance.randrange(80)
        try:
            drained(moving)
            topics.dies(delivered=0)
        except _Killed:
            topics.dies(delivered=chance.randrange(100))
            kills += 1
        moving.close()
        if todo and chance.random() < 0.5:
            log.rename(log.with_name(f"queue_log.{time.time_ns()}"))
    drained(mover(log, topics))
    assert kills > 0
    bad = [line for line in lines if line.startswith(b"nonsense")]
    assert sorted(letter.original.value or b"" for letter in topics.letters if letter.original) == sorted(bad)
    assert topics.effect == expected(LINES[:300])


def test_a_line_number_that_nobody_counted_is_not_told(log: Path) -> None:
    """A state file of before: the byte is known all the same."""
    written(log, LINES[:5])
    drained(mover(log, Topics()))
    state = log.parent / "pbx-1.json"
    content = kept(state)
    assert content is not None
    del content["position"]["line"]
    state.write_bytes(msgspec.json.encode(content))
    written(log, [b"nonsense"])
    topics = Topics()
    drained(mover(log, topics))
    [letter] = topics.letters
    assert letter.detail == "expected time|call|queue|agent|event"
    assert log.read_bytes()[letter.place.offset :] == b"nonsense\n"


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
    [(target, value, _)] = topics.acknowledged
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
