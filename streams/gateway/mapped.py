"""A vendor's webhooks through its mapping to Kafka, such that a crash loses no event and invents none.

What a mapping remembers has changed before its events are in Kafka. So the two are kept together, in one file: the
mapping's snapshot, and the events it has made that Kafka has not acknowledged. They are sent again, with the next
request or a few seconds later, and by the next process before anything else; the worker counts an event id once. A
request is answered with success once its events are in Kafka and the file is on the disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from streams.errors import ConfigError, Unavailable
from streams.gateway.messages import Accepted, Refused
from streams.movers.kept import keep, kept
from streams.movers.unmapped import UnmappedNames
from streams.routing import Route, Unroutable, route
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import InvalidEvent, SourceMapping

logger = logging.getLogger(__name__)

MOST_OWED: Final = 5_000
"""Events that Kafka has not acknowledged, of one source; beyond them nothing more is taken."""
Mapping = Callable[[QueueDictionary, dict[str, Any] | None], SourceMapping[bytes]]


class Deliverer(Protocol):
    async def deliver(self, records: Sequence[Accepted]) -> None: ...


class MappedFeed:
    """One source's mapping, and the file it is kept in; from `begin` to `end` the only one of this source."""

    def __init__(self, dictionary: QueueDictionary, make: Mapping, folder: Path, delivery: Deliverer) -> None:
        """Raises ConfigError where the folder cannot be used, or another process feeds the same source."""
        self._lock = _locked(folder / f"{dictionary.source}.gateway.lock")
        self._path = folder / f"{dictionary.source}.gateway.json"
        content = kept(self._path) or {}
        self._mapping = make(dictionary, content.get("mapping"))
        self._names = UnmappedNames(folder, dictionary)
        self._owed = [Accepted(Route(topic, key), value.encode()) for topic, key, value in content.get("owed", ())]
        self._under_way: dict[int, Sequence[Accepted]] = {}
        self._delivery = delivery
        self._saving = asyncio.Lock()
        self._fed = self._saved = 0

    @property
    def ignored(self) -> dict[str, int]:
        """How many records made no event, by kind; kinds are bounded."""
        return dict(self._mapping.ignored.by_kind)

    @property
    def owed(self) -> int:
        """Events that Kafka has not acknowledged."""
        return len(self._owed) + sum(map(len, self._under_way.values()))

    async def take(self, record: bytes, received_ms: int) -> int:
        """The number of events the record makes, once they are safe. Raises Refused, or Unavailable."""
        if self.owed > MOST_OWED:
            raise Unavailable("too much waits for Kafka")
        try:
            records = [_accepted(event) for event in self._mapping.feed(record, received_ms)]
        except InvalidEvent as invalid:
            raise Refused(400, str(invalid)) from None
        self._fed += 1
        await self._delivered(records)
        await self._safe(self._fed)
        return len(records)

    async def settle(self) -> None:
        """Send what is owed, and write down which names were met in vain."""
        self._names.save()
        if self._owed:
            await self._delivered(())
            await self._safe(self._fed)

    async def end(self) -> None:
        """Write everything down and let others feed this source."""
        self._names.save()
        self._fed += 1
        try:
            await self._safe(self._fed)
        finally:
            os.close(self._lock)

    async def _delivered(self, records: Sequence[Accepted]) -> None:
        sent, self._owed = [*self._owed, *records], []
        number = id(sent)
        self._under_way[number] = sent
        try:
            await self._delivery.deliver(sent)
        except BaseException:
            self._owed = [*sent, *self._owed]
            raise
        finally:
            del self._under_way[number]

    async def _safe(self, fed: int) -> None:
        """Return once a file at least as new as the record of this number is on the disk; one writing serves all who
        wait."""
        async with self._saving:
            if self._saved >= fed:
                return
            newest = self._fed
            owed = [record for each in (*self._under_way.values(), self._owed) for record in each]
            content = {
                "mapping": msgspec.Raw(msgspec.json.encode(self._mapping.snapshot())),
                "owed": [(record.route.topic, record.route.key, record.value.decode()) for record in owed],
            }
            await asyncio.to_thread(keep, self._path, content)
            self._saved = newest


def _accepted(event: dict[str, Any]) -> Accepted:
    target = route(event)
    if isinstance(target, Unroutable):  # a mapping that writes such an event is a bug of ours
        raise TypeError(f"a mapping wrote an event without a place: {target.reason}")
    return Accepted(target, msgspec.json.encode(event))


def _locked(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError([(str(path), f"expected a folder to keep files in: {error.strerror}")]) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ConfigError([(str(path), "expected no other gateway to feed this source; one is running")]) from None
    return descriptor
