"""Publishing rejected records again: the original bytes, to the topic they came on, where their owner can take them.

Nothing is taken out of the dead letters. A note beside each letter says that it was replayed; it is written after the
copy is acknowledged, so a replay cut short is at worst repeated, and the worker takes a repeat for a duplicate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from streams.dead_letters import DEAD_LETTERS, Coordinates, Original, ReplayNote, StoredDeadLetter, replay_headers
from streams.partitioning import partition_of
from streams.record_sender import RecordSender
from streams.topic_reading import TopicReader
from streams.topics import TOPICS, bare_name, full_name, stages_reading

MOST_WITHOUT_NOTE: Final = 500
"""How many copies are sent before their notes are."""
_INPUTS: Final = frozenset(spec.name for spec in TOPICS if spec.is_input)


@dataclass(slots=True)
class Outcome:
    """What a replay came to: copies by the reason of their letters, and the letters whose bytes are gone."""

    replayed: Counter[str] = field(default_factory=Counter)
    gone: list[Coordinates] = field(default_factory=list)


class Replayer:
    """Replays letters of one installation; without a sender it only says what it would do."""

    def __init__(self, reader: TopicReader, sender: RecordSender | None, prefix: str) -> None:
        self._reader = reader
        self._sender = sender
        self._prefix = prefix
        self._dead_letters = full_name(prefix, DEAD_LETTERS)
        self._unnoted: list[tuple[int, ReplayNote]] = []

    def can_take(self, place: Coordinates) -> bool:
        """Whether a record came on a topic that a stage of this installation reads."""
        bare = bare_name(self._prefix, place.topic)
        return bool(stages_reading(bare)) and place.topic == full_name(self._prefix, bare)

    def replay(self, wanted: Collection[Coordinates], dead_letters: Iterable[Any]) -> Outcome:
        """Publish each of the wanted letters once; ``dead_letters`` are all records of that topic."""
        outcome, waiting = Outcome(), set(wanted)
        for record in dead_letters:
            letter = StoredDeadLetter.from_record(record)
            if letter is None or letter.place not in waiting:
                continue
            waiting.remove(letter.place)
            original = letter.original or self._fetched(letter.place)
            if original is None:
                outcome.gone.append(letter.place)
                continue
            outcome.replayed[letter.reason] += 1
            if self._sender is not None:
                self._publish(self._sender, original, letter.place, record.partition)
        if self._sender is not None:
            self._write_notes(self._sender)
        outcome.gone += sorted(waiting)
        return outcome

    def _fetched(self, place: Coordinates) -> Original | None:
        record = self._reader.record_at(*place)
        return None if record is None else Original.of_record(record)

    def _publish(self, sender: RecordSender, original: Original, place: Coordinates, letter_partition: int) -> None:
        key, partition = self._target(original, place)

        def stored(offset: int) -> None:
            copy = Coordinates(place.topic, partition, offset)
            self._unnoted.append((letter_partition, ReplayNote(place, str(copy))))

        sender.send(
            place.topic,
            partition,
            key=key,
            value=original.value,
            headers=replay_headers(original, place),
            on_stored=stored,
        )
        if len(self._unnoted) >= MOST_WITHOUT_NOTE:
            self._write_notes(sender)

    def _target(self, original: Original, place: Coordinates) -> tuple[bytes | None, int]:
        """Key and partition by what the data say; as they were where the data say nothing, or between our stages."""
        owner_key = original.owner_key() if bare_name(self._prefix, place.topic) in _INPUTS else None
        if owner_key is None:
            return original.key, place.partition
        return owner_key.encode(), partition_of(owner_key, self._reader.partitions(place.topic))

    def _write_notes(self, sender: RecordSender) -> None:
        sender.flush()
        notes, self._unnoted = self._unnoted, []
        for partition, note in notes:
            key, value, headers = note.to_record()
            sender.send(self._dead_letters, partition, key=key, value=value, headers=headers)
