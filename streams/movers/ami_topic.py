"""From a topic that ``app_ami_kafka`` fills into ours: read, hold, bring into order, map, write down, send.

How records fall into order depends on when they come, so what came of them is written down before it is sent, with what
is held and where the reading stands: a mover that is killed in between sends it at its next start, byte for byte.
Records that are none go to the dead letters by the same rule. The group's offsets are committed once our topics have
acknowledged, and never beyond what is still held: a mover whose file is lost goes on there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.dead_letters import SourcePlace
from streams.errors import ConfigError
from streams.movers.figures import MoverFigures
from streams.movers.foreign_topic import ForeignTopic
from streams.movers.kept import keep, kept_state
from streams.movers.sending import Refusal, Sender, refusal, send_events, send_refusal
from streams.movers.unmapped import UnmappedNames
from streams.sources.ami_topic import AmiTopic, Heard, TopicRecord
from streams.sources.canonical import EventWriter
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import Event, InvalidEvent

MOST_HELD: Final = 20_000
"""While more is held, partitions that are ahead of the others wait for them."""
KIND: Final = "app-ami-kafka"


class _Kept(msgspec.Struct):
    kind: str
    topic: str
    positions: dict[str, int]
    mapping: dict[str, Any]
    unsent: list[Event]
    refused: list[Refusal] = []
    """Not sent either."""


class AmiTopicMover:
    """One exchange of a topic, and its source. ``refused`` counts records that are none, by reason; each is told as
    well. Raises ConfigError where the state file is none of ours or of another topic."""

    def __init__(
        self,
        topic: ForeignTopic,
        dictionary: QueueDictionary,
        state: Path,
        sender: Sender,
        *,
        system: str | None = None,
        told: Callable[[InvalidEvent], None] = lambda _: None,
        figures: MoverFigures | None = None,
    ) -> None:
        """``system``: see ``AmiTopic``; ``figures`` are those of the process."""
        known = kept_state(state, _Kept, kind=KIND, topic=topic.topic)
        snapshot = known.mapping if known else None
        try:
            self._ordered = AmiTopic(dictionary, topic.partitions, snapshot, system=system, now=time.monotonic())
        except InvalidEvent as error:
            raise ConfigError([(str(state), f"expected what this version wrote; {error.detail}")]) from None
        self.figures = figures or MoverFigures(dictionary.source, KIND)
        self.refused = self.figures.rejected
        self._ordered.ignored.by_kind = self.figures.ignored
        self._topic = topic
        self._state = state
        self._sender = sender
        self._told = told
        self._unmapped = UnmappedNames(state.parent, dictionary)
        self._writer = EventWriter(dictionary.source)
        if known:
            self._send(known.unsent, known.refused)
        topic.begin({int(partition): offset for partition, offset in known.positions.items()} if known else {})

    @property
    def ignored(self) -> Counter[str]:
        return self._ordered.ignored.by_kind

    @property
    def is_idle(self) -> bool:
        """Whether everything was read that was there, and nothing of it is held or undecided."""
        return self.is_read_to_end and not self._ordered.held and not self._ordered.mapping.is_undecided

    @property
    def is_read_to_end(self) -> bool:
        return self._topic.is_read_to_end

    @property
    def gaps(self) -> int:
        """Partitions that had lost what was to be read next."""
        return self._topic.gaps

    def step(self, wait_seconds: float) -> int:
        """Move what comes within so long; the number of records. Raises Unavailable, and is then of no more use:
        another one goes on from what was written down."""
        self.figures.step()
        records = self._topic.records(wait_seconds)
        now = time.monotonic()
        refused = [each for record in records if (each := self._taken(record, now)) is not None]
        held = len(self._ordered.held)
        events, unlike = self._ordered.settled(self._topic.read_to_end, now)
        refused += [self._refusal(heard.partition, heard.offset, error, _bytes(heard)) for heard, error in unlike]
        self._read_evenly(is_full=held > MOST_HELD)
        self.figures.records += len(records)
        if records or events or len(self._ordered.held) != held:
            self._write_down(events, refused)
            self._send(events, refused)
            self._topic.commit(self._safe_positions())
            self._unmapped.save()
        self._topic.tell(self.figures, records)
        return len(records)

    def beat(self, sites: Collection[tuple[str, str]]) -> None:
        """Say at these sites (tenant, site) that the source is heard: that its topic is read to the end."""
        now_ms = time.time_ns() // 1_000_000
        self._send(self._writer.heartbeat(site, now_ms) for site in sorted(sites))

    def _taken(self, record: TopicRecord, now: float) -> Refusal | None:
        try:
            self._ordered.take(record, now)
        except InvalidEvent as error:
            return self._refusal(record.partition, record.offset, error, record.value)
        return None

    def _refusal(self, partition: int, offset: int, error: InvalidEvent, value: bytes) -> Refusal:
        self.refused[error.reason] += 1
        self._told(error)
        return refusal(SourcePlace(self._writer.source, self._topic.topic, partition, offset), error, value)

    def _read_evenly(self, *, is_full: bool) -> None:
        ahead = self._ordered.ahead(self._topic.read_to_end) if is_full else set()
        self._topic.wait_for({each for each in self._topic.partitions if each not in ahead} if ahead else ())

    def _write_down(self, events: list[Event], refused: list[Refusal]) -> None:
        positions = {str(partition): offset for partition, offset in self._topic.positions.items()}
        content = _Kept(KIND, self._topic.topic, positions, self._ordered.snapshot(), events, refused)
        keep(self._state, msgspec.to_builtins(content))

    def _send(self, events: Iterable[Event], refused: Iterable[Refusal] = ()) -> None:
        self.figures.events += send_events(self._sender, events)
        for each in refused:
            send_refusal(self._sender, each)
        self._sender.settle()

    def _safe_positions(self) -> dict[int, int]:
        positions = dict(self._topic.positions)
        for each in self._ordered.held:
            positions[each.partition] = min(positions[each.partition], each.offset)
        return positions


def _bytes(heard: Heard) -> bytes:
    """What was held of a record: its fields."""
    return msgspec.json.encode(heard.fields)
