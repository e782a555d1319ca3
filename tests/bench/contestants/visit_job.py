"""The job of one event for a framework that keeps state by key: the row of its visit in, row and records out.

Everything that decides is the core's own: decoding, facts, standing, findings, records. What the framework's user has
to write is the order of the calls.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from streams.domain import outcomes
from streams.domain.channel_queue import ChannelQueue
from streams.domain.counts import WAITING
from streams.domain.decisions import Output, Record
from streams.domain.decoding import decode
from streams.domain.directory import Directory, QueuePolicy
from streams.domain.events import ContactEvent, Offered
from streams.domain.facts import Told, VisitState, revision_of, with_fact
from streams.domain.findings import finding_revision, finding_state
from streams.domain.intake import Facts
from streams.domain.time import SiteCalendar
from streams.domain.visit_limits import choose_limit
from streams.domain.visits import Visit, standing_of

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(VisitState).decode


class Step(NamedTuple):
    """What one event makes of its visit."""

    row: bytes
    outputs: list[Output]


class VisitJob:
    """Knows the configuration and nothing of any visit."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._facts = Facts(None, None)
        self._queues = {
            (policy.owner_key, channel): ChannelQueue(policy, channel, SiteCalendar(policy.zone))
            for policy in directory.queues.values()
            for channel in policy.channels
        }

    def event_of(self, topic: str, partition: int, record: Record) -> ContactEvent:
        """The checked event of a record of one input topic (bare name)."""
        event = decode(topic, partition, record, self._directory)
        assert isinstance(event, ContactEvent), event
        return event

    @staticmethod
    def visit_id(event: ContactEvent) -> str:
        data = event.data
        return f"{data.tenant}/{data.queue}/{data.entry}/{data.contact_id}"

    def take(self, event: ContactEvent, visit_id: str, offset: int, row: bytes | None) -> Step | None:
        """None when the event changes nothing."""
        data = event.data
        policy = self._directory.queues[data.tenant, data.queue]
        state = VisitState(data.channel, 0, False) if row is None else _decode(row)
        if isinstance(data, Offered):
            before = state.offers
            state.offers = with_fact(before, self._facts.offer(event, data, policy, offset))
            is_new = state.offers is not before
        else:
            is_new = self._facts.add(event, state, policy)
        if not is_new:
            return None
        state.last_ms = max(state.last_ms, event.time_ms)
        told = self._outputs(visit_id, policy, state) if state.offers else []
        return Step(_encode(state), told)

    def _outputs(self, visit_id: str, policy: QueuePolicy, state: VisitState) -> list[Output]:
        visit = Visit(visit_id, policy, state)
        choose_limit(visit)
        standing = standing_of(visit, self._queues[policy.owner_key, state.offers[0].channel])
        if standing.outcome == WAITING:
            return []
        told, outputs, revision = state.told, [], revision_of(state)
        if told.outcome_revision != revision:
            told = Told(revision, told.finding_state, told.finding_revision)
            outputs.append(outcomes.contact_outcome(visit_id, policy, state, standing, revision=revision))
        finding = finding_state(state, visit.limit_ms, exit_seen_ms=None, was_told=False)
        if finding is not None:
            rank = finding_revision(state, finding)
            if (finding, rank) != (told.finding_state, told.finding_revision):
                told = Told(told.outcome_revision, finding, rank)
                outputs.append(outcomes.finding(visit_id, policy, state, finding_state=finding, revision=rank))
        state.told = told
        return outputs
