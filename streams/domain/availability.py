"""The availability stage: which sources of a site are heard, told to each queue they feed, and what the site offers.

Of a source's heartbeats the newest stands, by event time, but never later than it reached Kafka: a source ahead of time
must not hide its own silence. Queues are told in steps of event time, a quarter of the expected silence and at most
10 s, so that hundreds of queues and a heartbeat every second are no flood. A step is told whole: the source was heard
before its end. A reader therefore never calls a source silent too early, and at most one step too late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from streams.domain.decisions import Decisions, Output, Reason, Record, Rejection
from streams.domain.decoding import decode
from streams.domain.directory import Directory, QueuePolicy, SourcePolicy
from streams.domain.encoding import cloud_event
from streams.domain.events import SITE_EVENTS
from streams.domain.figures import ServiceFigures
from streams.domain.intake import is_historic, is_skewed, seen_ms
from streams.domain.rows import PartitionState, Rows
from streams.domain.site_book import SiteBook
from streams.domain.site_events import SiteEvent, SourceHeartbeat
from streams.domain.site_findings import SiteRules
from streams.domain.site_service import heard_from
from streams.domain.spans import Spans
from streams.domain.staffing import QUEUE_STAFFING

SOURCE_HEARD_TYPE: Final = "source.heard"
LONGEST_STEP_MS: Final = 10_000
TOO_LATE: Final = Rejection(Reason.TOO_LATE, "$.time: more than a week before the newest that is known of the site")


class SourceHeard(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A source that feeds the queue was heard at or after ``at_ms`` and before ``heard_before_ms``.

    ``revision`` is ``at_ms``: a later step replaces an earlier one.
    """

    tenant: str
    site: str
    queue: str
    source: str
    revision: int
    at_ms: int
    heard_before_ms: int


class _Source(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """When a source was heard last, and the times for which it counts as heard."""

    heard_ms: int
    cover: Spans = ()


class AvailabilityCore(PartitionState):
    """The sources and the sites of one partition of ``site-events``.

    Whatever a source tells is a sign of life. Sites without ``rules`` are judged by none; their days tell of their
    sources alone.
    """

    def __init__(
        self,
        partition: int,
        directory: Directory,
        *,
        clock: Literal["wall", "event"],
        rules: Mapping[tuple[str, str], SiteRules] | None = None,
    ) -> None:
        self._sources = Rows(b"s/", _Source)
        self._sites = SiteBook(partition, directory, rules or {})
        super().__init__(self._sources, self._sites.rows)
        self._now_ms = 0
        self._partition = partition
        self._directory = directory
        self._clock = clock
        self._fed: dict[str, list[QueuePolicy]] = {}

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Take site events. A batch tells each queue once; what a site failed to offer is told at its end."""
        self._now_ms = max(now_ms, self._now_ms)
        decisions = Decisions()
        before: dict[SourcePolicy, int | None] = {}
        for record in records:
            event = decode(topic, self._partition, record, self._directory)
            if isinstance(event, Rejection):
                self._reject(decisions, topic, record, event)
            elif isinstance(event, SiteEvent):
                decisions.see(event.time_ms)
                source = self._directory.sources[event.data.tenant, event.data.site, event.source]
                before.setdefault(source, self._heard_ms(source))
                if self._sites.is_too_late(event) and not isinstance(event.data, SourceHeartbeat):
                    self._reject(decisions, topic, record, TOO_LATE)
                else:
                    alive_ms = seen_ms(event, record, self._clock)
                    decisions.outputs += self._sites.enter(source, alive_ms, self._now_ms)
                    self._take(topic, record, event, source)
                    self.inputs.observe(source.identity, topic, time_ms=event.time_ms, wall_ms=wall_ms)
            else:
                self.inputs.count_ignored(topic)
        for source, heard_ms in before.items():
            decisions.outputs += self._fan_out(source, heard_ms)
        decisions.outputs += self._sites.settle(self._now_ms)
        return decisions

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        """What a site can no longer offer on a date that is passing."""
        self._now_ms = max(self._now_ms, now_ms.get(SITE_EVENTS, 0))
        return self._sites.foresee(self._now_ms)

    def figures(self, now_ms: int) -> list[ServiceFigures]:
        """What the sites that are held to rules offer at an instant."""
        return self._sites.figures(now_ms)

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        super().restore(rows)
        sources = self._directory.sources
        known = {identity: row for identity in sources if (row := self._sources.get("/".join(identity))) is not None}
        self._sites.restore({identity: (row.heard_ms, row.cover) for identity, row in known.items()})

    def _take(self, topic: str, record: Record, event: SiteEvent, source: SourcePolicy) -> None:
        """Keep when its source was heard, and what else it says; what tells nothing new is a duplicate."""
        heard_ms = seen_ms(event, record, self._clock)
        if is_skewed(event, record, self._clock) and not is_historic(event, record, self._clock):
            self.inputs.count_skewed(source.identity)
        is_heard = self._hear(source, heard_ms)
        if self._sites.take(event) or is_heard:
            self.inputs.count_applied(topic, event.kind)
        else:
            self.inputs.count_duplicate(topic)

    def _hear(self, source: SourcePolicy, heard_ms: int) -> bool:
        """A sign of life; False when it tells of no time that was not known already."""
        row = self._sources.get(_key(source)) or _Source(heard_ms)
        newest_ms = max(heard_ms, row.heard_ms)
        cover = heard_from(row.cover, heard_ms, source.expected_silence_ms, newest_ms)
        if cover == row.cover and newest_ms == row.heard_ms:
            return False
        self._sources.put(_key(source), _Source(newest_ms, cover))
        self._sites.hear(source, heard_ms, cover)
        return True

    def _heard_ms(self, source: SourcePolicy) -> int | None:
        row = self._sources.get(_key(source))
        return None if row is None else row.heard_ms

    def _fan_out(self, source: SourcePolicy, before_ms: int | None) -> list[Output]:
        heard_ms = self._heard_ms(source)
        assert heard_ms is not None, "a source that was taken is kept"
        step_ms = step_of(source)
        step = heard_ms // step_ms
        if before_ms is not None and step == before_ms // step_ms:
            return []
        return [self._output(source, queue, step * step_ms) for queue in self._queues_of(source)]

    def _queues_of(self, source: SourcePolicy) -> list[QueuePolicy]:
        key = _key(source)
        if key not in self._fed:
            self._fed[key] = self._directory.queues_fed_by(source)
        return self._fed[key]

    def _output(self, source: SourcePolicy, queue: QueuePolicy, at_ms: int) -> Output:
        heard = SourceHeard(
            tenant=source.tenant,
            site=source.site,
            queue=queue.queue,
            source=source.source,
            revision=at_ms,
            at_ms=at_ms,
            heard_before_ms=at_ms + step_of(source),
        )
        value = cloud_event(
            event_type=SOURCE_HEARD_TYPE,
            event_id=f"{_key(source)}/{queue.queue}@{at_ms}",
            time_ms=at_ms,
            subject=source.source,
            data=heard,
        )
        partition = self._directory.partition(queue.owner_key)
        return Output(QUEUE_STAFFING, f"{queue.owner_key}/{source.source}".encode(), value, partition)


def step_of(source: SourcePolicy) -> int:
    """How much event time one word to the queues stands for, in milliseconds."""
    return max(1, min(source.expected_silence_ms // 4, LONGEST_STEP_MS))


def _key(source: SourcePolicy) -> str:
    return "/".join(source.identity)
