"""Which records a replay sends where, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from streams.dead_letters import REPLAY_OF, Coordinates, ReplayNote, Survey, dead_letter_record
from streams.domain.decisions import DeadLetter, Reason, Rejection
from streams.errors import Unavailable
from streams.partitioning import partition_of
from streams.replaying import MOST_WITHOUT_NOTE, Replayer
from tests.event_records import PARTITIONS, StoredRecord, event, structured

PREFIX = "acme"
CALLS = "acme-call-events"
LETTERS = "acme-dead-letters"
OWNER_PARTITION = partition_of("acme/sac", PARTITIONS)


class Topics:
    """Topics as a reader sees them and a sender fills them: records by topic and partition."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int], list[StoredRecord]] = {}
        self.order: list[str] = []
        self.fails_at = -1
        self.acknowledges_at_once = False
        self._unacknowledged: list[Callable[[], None]] = []

    def partitions(self, topic: str) -> int:
        return PARTITIONS

    def record_at(self, topic: str, partition: int, offset: int) -> StoredRecord | None:
        found = self.records.get((topic, partition), [])
        return found[offset] if offset < len(found) else None

    def send(
        self,
        topic: str,
        partition: int,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        on_stored: Callable[[int], None] | None = None,
    ) -> None:
        if len(self.order) == self.fails_at:
            raise Unavailable("the broker is gone")
        log = self.records.setdefault((topic, partition), [])
        log.append(StoredRecord(value, key, headers, offset=len(log), partition=partition))
        self.order.append(topic)
        if on_stored:
            offset = len(log) - 1
            self._unacknowledged.append(lambda: on_stored(offset))
        if self.acknowledges_at_once:
            self.flush()

    def flush(self) -> None:
        acknowledged, self._unacknowledged = self._unacknowledged, []
        for each in acknowledged:
            each()

    def all_of(self, topic: str) -> list[StoredRecord]:
        return [record for (name, _), log in sorted(self.records.items()) if name == topic for record in log]


def letter(
    record: StoredRecord | None, offset: int = 0, *, topic: str = CALLS, partition: int = 5, stored_in: int = 2
) -> StoredRecord:
    rejection = Rejection(Reason.UNKNOWN_QUEUE, "somewhere")
    dead = DeadLetter("call-events", offset, rejection, record)
    key, value, headers = dead_letter_record("queues", topic, partition, dead)
    return StoredRecord(value, key, headers, partition=stored_in)


def replayed(topics: Topics, letters: list[StoredRecord], *, dry_run: bool = False) -> tuple[Any, Replayer]:
    """The outcome of a replay of all these letters."""
    survey = Survey()
    survey.take_all(letters)
    sender: Any = None if dry_run else topics
    reader: Any = topics
    replayer = Replayer(reader, sender, PREFIX)
    return replayer.replay(survey.letters.keys(), letters), replayer


def test_a_record_goes_where_its_data_belong():
    """Same topic, same bytes; key and partition of the owner, whatever they were; the header says what it copies."""
    topics = Topics()
    record = structured(event(), key=b"wrong", headers=[("x", b"1")])
    outcome, _ = replayed(topics, [letter(record, 7)])
    assert outcome.replayed == {"unknown_queue": 1}
    (copy,) = topics.all_of(CALLS)
    assert (copy.key, copy.value, copy.partition) == (b"acme/sac", record.value, OWNER_PARTITION)
    assert copy.headers == [("x", b"1"), (REPLAY_OF, b"acme-call-events/5/7")]


@pytest.mark.parametrize("key", [b"some key", b"", None])
def test_a_record_that_does_not_say_its_owner_goes_where_it_was(key: bytes | None):
    """Same key, same partition: whether it can be read now is the worker's to say."""
    topics = Topics()
    replayed(topics, [letter(StoredRecord(b"no event", key=key))])
    (copy,) = topics.all_of(CALLS)
    assert (copy.key, copy.partition) == (key, 5)


def test_what_travels_between_stages_goes_where_it_was():
    """There the key is the compaction key, not the reader's owner key."""
    topics = Topics()
    signal = structured(event(), key=b"acme/token")
    replayed(topics, [letter(signal, topic="acme-callback-signals")])
    (copy,) = topics.all_of("acme-callback-signals")
    assert (copy.key, copy.partition) == (b"acme/token", 5)


def test_a_displaced_offer_is_read_from_where_it_came():
    """Its letter has no bytes."""
    topics = Topics()
    topics.send(CALLS, 5, key=b"acme/sac", value=structured(event()).value, headers=[("x", b"1")])
    outcome, _ = replayed(topics, [letter(None, 0)])
    assert outcome.gone == []
    copy = topics.records[CALLS, OWNER_PARTITION][-1]
    assert copy.value == structured(event()).value
    assert copy.headers == [("x", b"1"), (REPLAY_OF, b"acme-call-events/5/0")]


def test_what_its_topic_has_deleted_is_told():
    """Nothing is sent for it, and nothing remembered."""
    topics = Topics()
    outcome, _ = replayed(topics, [letter(None, 3)])
    assert outcome.gone == [Coordinates(CALLS, 5, 3)]
    assert not outcome.replayed
    assert topics.order == []


def test_a_letter_written_twice_is_replayed_once():
    """It stands for one record."""
    topics = Topics()
    outcome, _ = replayed(topics, [letter(structured(event())), letter(structured(event()))])
    assert outcome.replayed.total() == 1
    assert len(topics.all_of(CALLS)) == 1


def test_each_replay_leaves_a_note_beside_its_letter():
    """In the letter's partition, saying where the copy lies; the next survey finds it."""
    topics = Topics()
    letters = [letter(structured(event()), offset) for offset in range(3)]
    replayed(topics, letters)
    notes = topics.records[LETTERS, 2]
    assert [ReplayNote.from_record(note) for note in notes] == [
        ReplayNote(Coordinates(CALLS, 5, offset), f"{CALLS}/{OWNER_PARTITION}/{offset}") for offset in range(3)
    ]


def test_notes_come_after_the_copies_are_acknowledged_and_not_too_late():
    """A replay cut short loses no copy, and repeats no more than the few without a note."""
    topics = Topics()
    letters = [letter(structured(event()), offset) for offset in range(2 * MOST_WITHOUT_NOTE)]
    topics.fails_at = 3 * MOST_WITHOUT_NOTE
    topics.acknowledges_at_once = True
    with pytest.raises(Unavailable):
        replayed(topics, letters)
    assert topics.order[: 2 * MOST_WITHOUT_NOTE] == [CALLS] * MOST_WITHOUT_NOTE + [LETTERS] * MOST_WITHOUT_NOTE


def test_a_dry_run_sends_nothing_and_says_the_same():
    """Also what is gone."""
    topics = Topics()
    outcome, _ = replayed(topics, [letter(structured(event()), 1), letter(None, 9)], dry_run=True)
    assert outcome.replayed == {"unknown_queue": 1}
    assert outcome.gone == [Coordinates(CALLS, 5, 9)]
    assert topics.order == []


@pytest.mark.parametrize(
    ("topic", "can"),
    [
        ("acme-call-events", True),
        ("acme-callback-signals", True),
        ("call-events", False),
        ("other-call-events", False),
        ("acme-callback-jobs", False),
        ("acme-queues-changelog", False),
    ],
)
def test_only_topics_of_this_installation_that_a_stage_reads_are_written(topic: str, *, can: bool):
    """A letter that somebody else put there cannot make us write elsewhere."""
    _, replayer = replayed(Topics(), [])
    assert replayer.can_take(Coordinates(topic, 0, 0)) is can
