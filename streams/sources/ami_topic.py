"""Manager events that an Asterisk publishes to Kafka by its module ``app_ami_kafka``, back in their order. Pure.

After the module's README and source (VirtualSistemas/vsgroup-app_ami_kafka and -res_kafka, read in 2026):

- A record is one event, as a flat JSON object of texts (``format = json``) or as the text of the manager interface
  (``format = ami``), with ``EntityID`` and, where asterisk.conf has one, ``SystemName`` put in. Several exchanges may
  write to one topic.
- **Its key is the event's name.** So the events of one call lie in different partitions, and one partition holds one
  kind of them: order between them is lost.
- **It has no time of its own**, but for ``Timestamp`` where manager.conf has ``timestampevents``. The record's time is
  that of handing it to the producer, by the exchange's clock (by the broker's in a topic of LogAppendTime).

So records are held until nothing earlier can come any more (``HELD_MS``), brought into the order of time, and those of
one call (``Linkedid``) and one instant into the order in which Asterisk says such things.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import msgspec

from streams.domain.decisions import Reason
from streams.sources.ami import AmiMapping
from streams.sources.dictionary import QueueDictionary
from streams.sources.mapping import Event, Ignored, InvalidEvent

HELD_MS: Final = 2000
"""How much later than others a record may come. The producer waits 5 ms for a batch, and sends again what failed."""
MAX_BYTES: Final = 256 * 1024
_END_MS: Final = 253_370_764_800_000
_DECIDES: Final = frozenset({"QUEUESTATUS", "QUEUE_WITHDRAW_INFO", "ABANDONED"})
_IN_ORDER: Final[Mapping[str, int]] = {
    name: place
    for place, names in enumerate(
        (
            ("AgentCalled", "QueueMember", "QueueEntry"),
            ("QueueCallerAbandon",),
            ("QueueCallerLeave", "Leave"),
            ("AgentConnect",),
            ("AgentComplete",),
            ("VarSet",),
            ("Newexten",),
            ("Hangup",),
        ),
        start=1,
    )
    for name in names
}
"""How Asterisk says what happens to a call at one instant. Who joins does so first, who joins anew last."""
_read_fields: Final = msgspec.json.Decoder(dict[str, str])


class TopicRecord(NamedTuple):
    """A record of somebody else's topic; its time in milliseconds since the epoch."""

    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Heard(msgspec.Struct, array_like=True):
    """An event as it came: where it lies, its record's time (milliseconds), and when it was read, by a clock of the
    reader's that only goes forward (seconds)."""

    partition: int
    offset: int
    time_ms: int
    fields: dict[str, str]
    read_at: float = 0.0

    @property
    def time_us(self) -> int:
        """Microseconds, by its own word where it has one; to be ordered by."""
        seconds, _, parts = self.fields.get("Timestamp", "").partition(".")
        if not (seconds.isdecimal() and seconds.isascii() and len(seconds) <= 12):
            return self.time_ms * 1000
        known = parts[:6] if parts.isdecimal() and parts.isascii() else ""
        return int(seconds) * 1_000_000 + int(known.ljust(6, "0"))

    @property
    def call(self) -> str:
        return self.fields.get("Linkedid") or self.fields.get("Uniqueid", "")


class _Snapshot(msgspec.Struct):
    mapping: dict[str, Any]
    held: list[Heard]


class AmiTopic:
    """The events of one exchange, partition by partition. ``system`` is its SystemName or EntityID, where others write
    to the same topic; None takes whatever comes. Raises InvalidEvent for a snapshot that is none of ours."""

    def __init__(
        self,
        dictionary: QueueDictionary,
        partitions: Collection[int],
        snapshot: Mapping[str, Any] | None = None,
        *,
        system: str | None = None,
        now: float = 0.0,
    ) -> None:
        """``now``: what was held before is taken as read at this moment."""
        try:
            known = None if snapshot is None else msgspec.convert(snapshot, _Snapshot)
        except msgspec.ValidationError as error:
            raise InvalidEvent(Reason.BAD_VALUE, f"snapshot: {error}") from None
        self.mapping = AmiMapping(dictionary, known.mapping if known else None, hears_all=True)
        self._held = [each for each in known.held if each.partition in set(partitions)] if known else []
        for each in self._held:
            each.read_at = now
        self._system = system
        self._newest_ms = dict.fromkeys(partitions, 0)
        self._quiet_at = now

    @property
    def ignored(self) -> Ignored:
        return self.mapping.ignored

    @property
    def held(self) -> Sequence[Heard]:
        """What waits for earlier words."""
        return self._held

    def take(self, record: TopicRecord, now: float) -> None:
        """One record, in the order of its partition. Raises InvalidEvent."""
        if not 0 <= record.time_ms < _END_MS:
            raise InvalidEvent(Reason.BAD_TIME, "expected a record with a time from 1970 to 9998")
        self._newest_ms[record.partition] = max(self._newest_ms[record.partition], record.time_ms)
        self._quiet_at = now
        fields = read_event(record.key, record.value)
        if self._system is not None and self._system not in (fields.get("SystemName"), fields.get("EntityID")):
            self.ignored.count("of another system")
        elif not self.mapping.understands(fields.get("Event", "")):
            self.ignored.count(fields.get("Event", ""))
        elif fields.get("Event") != "VarSet" or fields.get("Variable") in _DECIDES:
            self._held.append(Heard(record.partition, record.offset, record.time_ms, fields, now))

    def ahead(self, read_to_end: Collection[int]) -> set[int]:
        """The partitions that have been read further than the others: there is no hurry to read on in them."""
        until_ms = self._settled_until_ms(read_to_end)
        return {partition for partition, newest_ms in self._newest_ms.items() if newest_ms > until_ms + 2 * HELD_MS}

    def settled(self, read_to_end: Collection[int], now: float) -> tuple[list[Event], list[tuple[Heard, InvalidEvent]]]:
        """What is told by the records before which nothing can come any more; and those refused, with the reason.

        ``read_to_end`` are the partitions of which everything was read that is there.
        """
        until_ms = self._settled_until_ms(read_to_end)
        is_at_end = len(read_to_end) == len(self._newest_ms)
        self._held.sort(key=lambda each: (each.time_us, each.partition, each.offset))
        count = 0
        for each in self._held:
            if each.time_ms > until_ms and not (is_at_end and now - each.read_at >= HELD_MS / 1000):
                break
            count += 1
        done, self._held = self._held[:count], self._held[count:]
        events: list[Event] = []
        refused: list[tuple[Heard, InvalidEvent]] = []
        for _, together in groupby(done, key=lambda each: each.time_us):
            for each in self._in_causal_order(list(together)):
                try:
                    events += self.mapping.feed(each.fields, each.time_ms)
                except InvalidEvent as error:
                    refused.append((each, error))
        if is_at_end and not self._held and self.mapping.is_undecided:
            passed_ms = round((now - self._quiet_at) * 1000)
            events += self.mapping.feed({}, max(self._newest_ms.values()) + max(0, passed_ms - HELD_MS))
        return events, refused

    def snapshot(self) -> dict[str, Any]:
        snapshot: dict[str, Any] = msgspec.to_builtins(_Snapshot(self.mapping.snapshot(), self._held))
        return snapshot

    def _settled_until_ms(self, read_to_end: Collection[int]) -> int:
        """A record that comes now into a partition read to its end is no older than what is read elsewhere."""
        newest_ms = max(self._newest_ms.values(), default=0)
        reached = (newest_ms if each in read_to_end else told_ms for each, told_ms in self._newest_ms.items())
        return min(reached, default=0) - HELD_MS

    def _in_causal_order(self, together: list[Heard]) -> list[Heard]:
        """Of one instant. A record that was sent twice is one."""
        if len(together) == 1:
            return together
        waiting = {call for call, _ in self.mapping.waiting}
        once = list({tuple(sorted(each.fields.items())): each for each in together}.values())

        def place(each: Heard) -> tuple[str, int]:
            name = each.fields.get("Event", "")
            if name in ("QueueCallerJoin", "Join"):
                return each.call, 99 if each.fields.get("Uniqueid") in waiting else 0
            return each.call, _IN_ORDER.get(name, 50)

        return sorted(once, key=place)


def read_event(key: bytes | None, value: bytes) -> dict[str, str]:
    """A record's event as the manager interface would have it. Raises InvalidEvent."""
    if len(value) > MAX_BYTES:
        raise InvalidEvent(Reason.TOO_LARGE, f"$: expected at most {MAX_BYTES} bytes")
    fields = _of_json(value) if value.lstrip()[:1] == b"{" else _of_text(value)
    if "Event" not in fields and key:
        fields["Event"] = key.decode("utf-8", "replace")
    if not fields.get("Event"):
        raise InvalidEvent(Reason.MISSING_FIELD, "$.Event: expected the event's name")
    return fields


def _of_json(value: bytes) -> dict[str, str]:
    try:
        return _read_fields.decode(value)
    except (RecursionError, UnicodeDecodeError, msgspec.ValidationError):
        raise InvalidEvent(Reason.WRONG_TYPE, "$: expected a JSON object of texts") from None
    except msgspec.DecodeError:
        raise InvalidEvent(Reason.NOT_JSON, "$: not JSON") from None


def _of_text(value: bytes) -> dict[str, str]:
    try:
        lines = value.decode().splitlines()
    except UnicodeDecodeError as error:
        raise InvalidEvent(Reason.NOT_UTF8, f"$: not UTF-8 at byte {error.start}") from None
    pairs = (line.partition(": ") for line in lines)
    return {name: text for name, separator, text in pairs if separator}
