"""Rejected records on the ``dead-letters`` topic: the original bytes as they came, the reason beside them in headers.

A reader identifies a dead letter by the coordinates of the record it stands for; written twice it is still one. An
offer that was applied first and displaced by an earlier one later has no bytes here (``filaviva_bytes: elsewhere``):
its coordinates say where to read them.

Beside the letters lie notes, each without a value: that the record at some coordinates was published again, and where
it came to lie (``filaviva_replayed_as``). The published copy says in ``filaviva_replay_of`` what it is a copy of; if it
is rejected too, that is a letter of its own.

What a mover cannot make events of (a malformed line of a log) is a letter too, of stage ``ingest``. Its coordinates are
no topic's: ``SourcePlace`` says what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Self

import msgspec

from streams.delivery import RecordToSend, header
from streams.domain.decisions import DeadLetter, Record, Rejection
from streams.domain.decoding import attributes_of
from streams.routing import Route, route

DEAD_LETTERS: Final = "dead-letters"
REASON: Final = "filaviva_reason"
DETAIL: Final = "filaviva_detail"
STAGE: Final = "filaviva_stage"
TOPIC: Final = "filaviva_topic"
PARTITION: Final = "filaviva_partition"
OFFSET: Final = "filaviva_offset"
TIMESTAMP: Final = "filaviva_timestamp_ms"
BYTES: Final = "filaviva_bytes"
NO_KEY: Final = "filaviva_no_key"
REPLAYED_AS: Final = "filaviva_replayed_as"
REPLAY_OF: Final = "filaviva_replay_of"
OUR_HEADERS: Final = frozenset({REASON, DETAIL, STAGE, TOPIC, PARTITION, OFFSET, TIMESTAMP, BYTES, NO_KEY, REPLAYED_AS})
"""What the headers of a letter or a note say; a source that sends one of these does not get it kept."""
MAX_ORIGINAL_BYTES: Final = 3 * 1024 * 1024
MAX_SOURCE_BYTES: Final = 1024 * 1024
"""Of what movers refuse: no line, header or message of a platform is as long."""
INGEST: Final = "ingest"
"""The stage that movers are."""
_ELSEWHERE: Final = "elsewhere"
_OF_SOURCES: Final = f"{INGEST}:"

Headers = Sequence[tuple[str, bytes | None]]


class Coordinates(NamedTuple):
    """Where a record lies; ``topic`` is the full name."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def is_of_source(self) -> bool:
        """Whether it is a place outside of Kafka: see ``SourcePlace``."""
        return self.topic.startswith(_OF_SOURCES)


class SourcePlace(NamedTuple):
    """Where a record of a platform lay. ``name`` is the file, mailbox or connection, ``part`` tells those of one name
    apart, ``offset`` the records in one: of a log the digest of its first line and the byte at which the line begins,
    of a mailbox on a server UIDVALIDITY and UID, of a connection 0 and the microsecond at which the message came."""

    source: str
    name: str
    part: int
    offset: int

    @property
    def coordinates(self) -> Coordinates:
        return Coordinates(f"{_OF_SOURCES}{self.source}:{self.name}", self.part, self.offset)


@dataclass(frozen=True, slots=True)
class Original:
    """A record as its source sent it; everything in it may be personal data."""

    key: bytes | None
    value: bytes | None
    headers: Headers

    @classmethod
    def of_record(cls, record: Record) -> Self:
        return cls(record.key, record.value, record.headers)

    def owner_key(self) -> str | None:
        """The key its data ask for; None where the data do not tell."""
        kind = attributes_of(self.headers).get("ce_type")
        body = _json(self.value)
        event = body if kind is None else {"type": kind.decode(errors="replace"), "data": body}
        target = route(event)
        return target.key if isinstance(target, Route) else None


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter as it is read back; ``original`` is None where the bytes are only at the coordinates.

    ``replay_of`` is where (topic/partition/offset) the rejected record was published again from, None for one that came
    from its source.
    """

    place: Coordinates
    reason: str
    detail: str
    stage: str
    replay_of: str | None
    original: Original | None

    @classmethod
    def from_record(cls, record: Record) -> Self | None:
        """None for anything that is not a dead letter of ours, such as a note."""
        ours = _ours(record.headers)
        place = _place(ours)
        if place is None or REASON not in ours or REPLAYED_AS in ours:
            return None
        original = None
        if ours.get(BYTES) != _ELSEWHERE:
            key = None if NO_KEY in ours else record.key
            original = Original(key, record.value, _without_ours(record.headers))
        replay_of = dict(record.headers).get(REPLAY_OF)
        return cls(
            place,
            reason=ours[REASON],
            detail=ours.get(DETAIL, ""),
            stage=ours.get(STAGE, ""),
            replay_of=None if replay_of is None else replay_of.decode(errors="replace"),
            original=original,
        )

    def without_bytes(self) -> Self:
        return replace(self, original=None)


@dataclass(frozen=True, slots=True)
class ReplayNote:
    """That the record at ``place`` was published again, and ``replayed_as`` where (topic/partition/offset)."""

    place: Coordinates
    replayed_as: str

    @classmethod
    def from_record(cls, record: Record) -> Self | None:
        """None for anything that is not a note."""
        ours = _ours(record.headers)
        place, replayed_as = _place(ours), ours.get(REPLAYED_AS)
        return None if place is None or replayed_as is None else cls(place, replayed_as)

    def to_record(self) -> RecordToSend:
        return b"", None, [*_place_headers(self.place), header(REPLAYED_AS, self.replayed_as)]


@dataclass(slots=True)
class Survey:
    """What a dead-letters topic holds, taken record by record in any order across partitions."""

    letters: dict[Coordinates, StoredDeadLetter] = field(default_factory=dict)
    """Each record that was rejected, once. Without its bytes unless ``keep_bytes``: there may be very many."""
    replayed_as: dict[Coordinates, str] = field(default_factory=dict)
    unreadable: int = 0
    """Records that are neither letters nor notes of ours."""
    keep_bytes: bool = False

    def take_all(self, records: Iterable[Record]) -> None:
        for record in records:
            self._take(record)

    def _take(self, record: Record) -> None:
        letter = StoredDeadLetter.from_record(record)
        if letter is not None:
            self.letters.setdefault(letter.place, letter if self.keep_bytes else letter.without_bytes())
            return
        note = ReplayNote.from_record(record)
        if note is None:
            self.unreadable += 1
        else:
            self.replayed_as[note.place] = note.replayed_as


def dead_letter_record(stage: str, topic: str, partition: int, letter: DeadLetter) -> RecordToSend:
    """``topic`` is the full name of the input topic the record came from."""
    headers = _letter_headers(stage, Coordinates(topic, partition, letter.offset), letter.rejection)
    record = letter.record
    if record is None:
        return b"", None, [*headers, header(BYTES, _ELSEWHERE), header(NO_KEY, "1")]
    value = record.value
    headers.append(header(TIMESTAMP, record.timestamp))
    if value is not None and len(value) > MAX_ORIGINAL_BYTES:
        value = None
        headers.append(header(BYTES, _ELSEWHERE))
    if record.key is None:
        headers.append(header(NO_KEY, "1"))
    return record.key or b"", value, [*headers, *_without_ours(record.headers)]


def source_letter(place: SourcePlace, rejection: Rejection, value: bytes) -> RecordToSend:
    """Of a platform's record that makes no event; always the same of the same record, so a repeat is the same bytes."""
    headers = [*_letter_headers(INGEST, place.coordinates, rejection), header(NO_KEY, "1")]
    if len(value) > MAX_SOURCE_BYTES:
        return b"", None, [*headers, header(BYTES, _ELSEWHERE)]
    return b"", value, headers


def replay_headers(original: Original, place: Coordinates) -> Headers:
    """The headers of a record that is published again from ``place``."""
    return [*(pair for pair in original.headers if pair[0] != REPLAY_OF), header(REPLAY_OF, place)]


def _letter_headers(stage: str, place: Coordinates, rejection: Rejection) -> list[tuple[str, bytes]]:
    return [
        header(REASON, rejection.reason.value),
        header(DETAIL, rejection.detail),
        header(STAGE, stage),
        *_place_headers(place),
    ]


def _place_headers(place: Coordinates) -> list[tuple[str, bytes]]:
    return [header(TOPIC, place.topic), header(PARTITION, place.partition), header(OFFSET, place.offset)]


def _place(ours: Mapping[str, str]) -> Coordinates | None:
    topic, partition, offset = ours.get(TOPIC), ours.get(PARTITION, ""), ours.get(OFFSET, "")
    if topic is None or not (partition.isdecimal() and offset.isdecimal()):
        return None
    return Coordinates(topic, int(partition), int(offset))


def _ours(headers: Headers) -> dict[str, str]:
    """Our headers, as text."""
    return {name: (text or b"").decode(errors="replace") for name, text in headers if name in OUR_HEADERS}


def _without_ours(headers: Headers) -> list[tuple[str, bytes | None]]:
    return [(name, text) for name, text in headers or () if name not in OUR_HEADERS]


def _json(value: bytes | None) -> Any:
    try:
        return msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
