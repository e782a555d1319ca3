"""From a queue_log that is written into Kafka, line by line: read, map, send, be acknowledged, write down where.

Where the reading stands and what the mapping knows are one file, written after Kafka has everything that came of it. A
mover that is killed in between reads those lines again with what the mapping knew before them, and so sends the very
same events, which the worker counts as duplicates: every line counts once. Malformed lines go to the dead letters
by the same rule; written twice they are one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.dead_letters import SourcePlace
from streams.errors import ConfigError
from streams.movers.figures import MoverFigures
from streams.movers.followed_log import FollowedLog, Position, first_line, last_line
from streams.movers.kept import keep, kept_state
from streams.movers.sending import Sender, refusal, send_events, send_refusal
from streams.movers.unmapped import UnmappedNames
from streams.sources.canonical import EventWriter
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import InvalidEvent
from streams.sources.queue_log import QueueLogMapping
from streams.sources.queue_log_lines import time_ms_of

SAVE_SECONDS: Final = 1.0
"""While lines come without a pause, what was done is written down so often."""
KIND: Final = "queue-log"


class _Kept(msgspec.Struct):
    kind: str
    log: str
    position: Position | None
    mapping: dict[str, Any]
    lines: int
    read_ms: int | None = None
    """The time of the last line read."""


class QueueLogMover:
    """One log and its source. ``malformed`` counts refused lines by reason; each is a dead letter, and told to
    ``refused`` as well. ``figures`` are those of the process, ``lines`` is of all runs.

    Raises ConfigError where the state file is none of ours or of another log.
    """

    def __init__(
        self,
        path: Path,
        dictionary: QueueDictionary,
        state: Path,
        sender: Sender,
        refused: Callable[[InvalidEvent], None] = lambda _: None,
        *,
        figures: MoverFigures | None = None,
    ) -> None:
        known = kept_state(state, _Kept, kind=KIND, log=str(path))
        self.figures = figures or MoverFigures(dictionary.source, KIND)
        self.malformed = self.figures.rejected
        self.lines = known.lines if known else 0
        self._read_ms = known.read_ms if known else None
        self.log = FollowedLog(path, known.position if known else None)
        try:
            self.mapping = QueueLogMapping(dictionary, known.mapping if known else None)
        except InvalidEvent as error:
            raise ConfigError([(str(state), f"expected what this version wrote; {error.detail}")]) from None
        self.mapping.ignored.by_kind = self.figures.ignored
        self.figures.log_behind_seconds = self.behind_seconds
        self._state = state
        self._path = path
        self._sender = sender
        self._refused = refused
        self._unmapped = UnmappedNames(state.parent, dictionary)
        self._writer = EventWriter(dictionary.source)
        self._is_begun = known is not None and known.position is not None
        self._is_saved = True
        self._saved_at = time.monotonic()

    def step(self) -> int:
        """Move what has come, and write down how far when it is time; the number of lines. Raises Unavailable, and is
        then of no more use: another one goes on from what was written down."""
        self.figures.step()
        self.figures.is_connected = self.log.begin()
        if not self._is_begun:
            if not self.figures.is_connected:
                return 0
            self.save()  # or a mover that dies before its first word would not know which file it was in
            self._is_begun = True
        gaps = self.log.gaps
        lines = self.log.lines()
        self.figures.breaks += self.log.gaps - gaps
        received_ms = time.time_ns() // 1_000_000
        for index, line in enumerate(lines):
            if line.strip(b"\0 \r"):
                try:
                    events = self.mapping.feed(line, received_ms)
                except InvalidEvent as error:
                    self._refuse(error, lines, index)
                    continue
                self.figures.events += send_events(self._sender, events)
        self._count(lines)
        self._is_saved = self._is_saved and not lines
        if not self._is_saved and (not lines or time.monotonic() - self._saved_at >= SAVE_SECONDS):
            self.save()
        return len(lines)

    def _count(self, lines: list[bytes]) -> None:
        self.lines += len(lines)
        self.figures.records += len(lines)
        told_ms = next((ms for ms in map(time_ms_of, reversed(lines)) if ms is not None), None)
        if told_ms is not None:
            self._read_ms = told_ms
            self.figures.last_record_ms = told_ms

    @property
    def events(self) -> int:
        return self.figures.events

    def behind_seconds(self) -> float:
        """From the last line read to the last one there is, by their own times. Of any thread."""
        newest_ms = time_ms_of(last_line(self._path))
        read_ms = time_ms_of(first_line(self._path)) if self._read_ms is None else self._read_ms
        return max(0, newest_ms - read_ms) / 1000 if newest_ms is not None and read_ms is not None else 0.0

    def save(self) -> None:
        """Wait for Kafka, then write down where the reading stands."""
        self._sender.settle()
        known = _Kept(KIND, str(self._path), self.log.position, self.mapping.snapshot(), self.lines, self._read_ms)
        keep(self._state, msgspec.to_builtins(known))
        self._unmapped.save()
        self._is_saved = True
        self._saved_at = time.monotonic()

    def beat(self, sites: Collection[tuple[str, str]]) -> None:
        """Say at these sites (tenant, site) that the source is heard: that its log is read to the end."""
        now_ms = time.time_ns() // 1_000_000
        self.figures.events += send_events(
            self._sender, (self._writer.heartbeat(site, now_ms) for site in sorted(sites))
        )
        self._sender.settle()

    def close(self) -> None:
        self.log.close()

    def _refuse(self, error: InvalidEvent, lines: list[bytes], index: int) -> None:
        at = self.log.start.of(lines, index)
        place = SourcePlace(self._writer.source, str(self._path), at.head or 0, at.offset)
        found_at = "" if at.line is None else f"line {at.line + 1}"
        send_refusal(self._sender, refusal(place, error, lines[index], found_at=found_at))
        self.malformed[error.reason] += 1
        self._refused(error)
