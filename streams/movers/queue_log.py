"""From a queue_log that is written into Kafka, line by line: read, map, send, be acknowledged, write down where.

Where the reading stands and what the mapping knows are one file, written after Kafka has everything that came of it. A
mover that is killed in between reads those lines again with what the mapping knew before them, and so sends the very
same events, which the worker counts as duplicates: every line counts once. Malformed lines go to the dead letters
by the same rule; written twice they are one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.dead_letters import SourcePlace
from streams.errors import ConfigError
from streams.movers.followed_log import FollowedLog, Position
from streams.movers.kept import keep, kept
from streams.movers.sending import Sender, refusal, send_events, send_refusal
from streams.movers.unmapped import UnmappedNames
from streams.sources.canonical import EventWriter
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import InvalidEvent
from streams.sources.queue_log import QueueLogMapping

SAVE_SECONDS: Final = 1.0
"""While lines come without a pause, what was done is written down so often."""
_KIND: Final = "queue-log"


class _Kept(msgspec.Struct):
    kind: str
    log: str
    position: Position | None
    mapping: dict[str, Any]
    lines: int


class QueueLogMover:
    """One log and its source. ``malformed`` counts refused lines by reason; each is a dead letter, and told to
    ``refused`` as well.

    Raises ConfigError where the state file is none of ours or of another log.
    """

    def __init__(
        self,
        path: Path,
        dictionary: QueueDictionary,
        state: Path,
        sender: Sender,
        refused: Callable[[InvalidEvent], None] = lambda _: None,
    ) -> None:
        known = _read_state(state, path)
        self.malformed: Counter[str] = Counter()
        self.events = 0
        self.lines = known.lines if known else 0
        """Of all runs."""
        self.log = FollowedLog(path, known.position if known else None)
        try:
            self.mapping = QueueLogMapping(dictionary, known.mapping if known else None)
        except InvalidEvent as error:
            raise ConfigError([(str(state), f"expected what this version wrote; {error.detail}")]) from None
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
        if not self._is_begun:
            if not self.log.begin():
                return 0
            self.save()  # or a mover that dies before its first word would not know which file it was in
            self._is_begun = True
        lines = self.log.lines()
        received_ms = time.time_ns() // 1_000_000
        for index, line in enumerate(lines):
            if line.strip(b"\0 \r"):
                try:
                    events = self.mapping.feed(line, received_ms)
                except InvalidEvent as error:
                    self._refuse(error, lines, index)
                    continue
                self.events += send_events(self._sender, events)
        self.lines += len(lines)
        self._is_saved = self._is_saved and not lines
        if not self._is_saved and (not lines or time.monotonic() - self._saved_at >= SAVE_SECONDS):
            self.save()
        return len(lines)

    def save(self) -> None:
        """Wait for Kafka, then write down where the reading stands."""
        self._sender.settle()
        known = _Kept(_KIND, str(self._path), self.log.position, self.mapping.snapshot(), self.lines)
        keep(self._state, msgspec.to_builtins(known))
        self._unmapped.save()
        self._is_saved = True
        self._saved_at = time.monotonic()

    def beat(self, sites: Collection[tuple[str, str]]) -> None:
        """Say at these sites (tenant, site) that the source is heard: that its log is read to the end."""
        now_ms = time.time_ns() // 1_000_000
        self.events += send_events(self._sender, (self._writer.heartbeat(site, now_ms) for site in sorted(sites)))
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


def _read_state(state: Path, log: Path) -> _Kept | None:
    content = kept(state)
    if content is None:
        return None
    try:
        known = msgspec.convert(content, _Kept)
    except msgspec.ValidationError as error:
        raise ConfigError([(str(state), f"expected what filaviva ingest wrote: {error}")]) from None
    if (known.kind, known.log) != (_KIND, str(log)):
        expected = f"expected the state of {log}; it is that of {known.log}: move it away to begin anew"
        raise ConfigError([(str(state), expected)])
    return known
