"""The queues stage: every visit of the queues one partition owns, from events to counts, findings and signals.

``apply`` takes facts, then records what the passing of time has made true; ``tick`` says what waiting alone has made
true and changes nothing durable. All counts are sums of what each visit adds now, so a late fact subtracts what its
visit added before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from streams.domain import outcomes
from streams.domain.counts import WAITING
from streams.domain.decisions import SKIPPED, Changes, DeadLetter, Decisions, Output, Reason, Record, Rejection
from streams.domain.decoding import decode
from streams.domain.directory import Directory
from streams.domain.due import DueTimes, Unrecorded
from streams.domain.events import CONTACT_TYPES, INTAKE_OF_CHANNEL, ContactEvent, Offered
from streams.domain.facts import ChosenLimit, Told, VisitState, unfinished, with_fact
from streams.domain.figures import QueueFigures, StageFigures
from streams.domain.findings import OPEN, RETRACTED, finding_revision, finding_state
from streams.domain.input_counts import LEDGER_ROW, InputCounts
from streams.domain.intake import Facts, Feeds, is_historic, is_skewed, seen_ms
from streams.domain.live_callers import LiveCallers
from streams.domain.queue_figures import queue_figures
from streams.domain.staffing import QUEUE_STAFFING
from streams.domain.staffing_of_queues import StaffingOfQueues
from streams.domain.visit_book import VisitBook, cross
from streams.domain.visit_signals import news
from streams.domain.visits import Visit

MOST_DUE_AT_ONCE: Final = 1000
"""How many visits one call lets time change; the rest follow at the next. Keeps a flush within one record batch."""


@dataclass(frozen=True, slots=True)
class ClockRules:
    """``kind`` wall or event; ``grace_ms`` is how long a tick waits past a limit for an answer in flight."""

    kind: Literal["wall", "event"] = "wall"
    grace_ms: int = 2000


class _Arrival(NamedTuple):
    """One decoded record on its way in."""

    topic: str
    record: Record
    event: ContactEvent


class _Heard(NamedTuple):
    """What one batch tells of a source: the times of its live events, and when each says that it was alive."""

    times_ms: list[int]
    alive_ms: list[int]


@dataclass(slots=True)
class _Batch:
    """What the records of one call come to before it is settled, once per visit and per source."""

    decisions: Decisions = field(default_factory=Decisions)
    touched: dict[str, Visit] = field(default_factory=dict)
    heard: dict[tuple[str, str, str], _Heard] = field(default_factory=dict)


class QueuesCore:
    """State of the queues of one partition. See ``streams.domain.decisions.Core`` for the calls."""

    def __init__(self, partition: int, directory: Directory, *, facts: Facts, clock: ClockRules) -> None:
        self.partition = partition
        self.directory = directory
        self.inputs = InputCounts()
        self.staffing = StaffingOfQueues(partition, directory, clock=clock.kind)
        self.book = VisitBook(partition, directory)
        self._facts = facts
        self._clock = clock
        self._feeds = Feeds()
        self._due = DueTimes()
        self._live = LiveCallers(partition, directory)
        self._now_ms: dict[str, int] = {}
        self._unrecorded = Unrecorded()
        self._ledger_changed = False

    # -- facts --------------------------------------------------------------------------------------------------------

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        self._ledger_changed = True
        self._now_ms[topic] = max(now_ms, self._now_ms.get(topic, 0))
        if topic == QUEUE_STAFFING:
            return self.staffing.take(records, self.inputs)
        batch = _Batch()
        decisions = batch.decisions
        for record in records:
            event = decode(topic, self.partition, record, self.directory)
            if isinstance(event, ContactEvent):
                decisions.see(event.time_ms)
                self._take(_Arrival(topic, record, event), batch)
            elif isinstance(event, Rejection):
                self._reject(topic, record, event, decisions)
            else:
                self.inputs.count_ignored(topic)
        for source, heard in batch.heard.items():
            self.inputs.observe_all(source, topic, times_ms=heard.times_ms, wall_ms=wall_ms)
            self.staffing.sources.hear(source, max(heard.alive_ms))
        for visit in batch.touched.values():
            self._settle(visit, decisions.outputs)
        self._record_time(topic, decisions.outputs)
        return decisions

    def _take(self, arrival: _Arrival, batch: _Batch) -> None:
        visit = self._visit_of(arrival, batch.touched)
        if isinstance(visit, Rejection):
            self._reject(arrival.topic, arrival.record, visit, batch.decisions)
            return
        data = arrival.event.data
        if isinstance(data, Offered):
            is_new = self._keep_offer(arrival, data, visit, batch.decisions)
        else:
            is_new = self._keep_fact(arrival, visit)
        if is_new:
            state, time_ms = visit.state, arrival.event.time_ms
            state.last_ms = max(state.last_ms, time_ms)
            batch.touched[visit.visit_id] = visit
        self._observe(arrival, visit, batch, is_new=is_new)

    def _visit_of(self, arrival: _Arrival, touched: dict[str, Visit]) -> Visit | Rejection:
        """The visit a fact belongs to, begun if need be; a Rejection when the fact comes too late to begin one."""
        topic, record, event = arrival
        data = event.data
        visit_id = f"{data.tenant}/{data.queue}/{data.entry}/{data.contact_id}"
        visit = self.book.visits.get(visit_id)
        if visit is not None:
            if visit_id in touched or not self._may_be_over(visit) or not self._is_over(visit):
                return visit
            self._forget(visit)
        policy = self.directory.queues[data.tenant, data.queue]
        feed = self._feeds.number(topic, event.source)
        historic = is_historic(event, record, self._clock.kind)
        clock_ms = self._feeds.feeds[feed].newest_ms if historic else self._now_ms[topic]
        if event.time_ms <= clock_ms - policy.retention_ms[data.channel]:
            return Rejection(Reason.TOO_LATE, "$.time: older than the visits of its feed that are still kept")
        if self.book.queues[policy.owner_key, data.channel].is_forgotten(event.time_ms):
            return Rejection(Reason.TOO_LATE, "$.time: older than every day whose counts its queue still keeps")
        visit = Visit(visit_id, policy, VisitState(data.channel, feed, historic))
        self.book.add(visit)
        return visit

    def _forget(self, visit: Visit) -> None:
        """Nothing of it can change any more: what its source never told of it is settled too."""
        missing = None if visit.state.is_historic else unfinished(visit.state)
        if missing is not None:
            policy, source = visit.policy, self._feeds.feeds[visit.state.feed].source
            self.inputs.count_unfinished((policy.tenant, policy.site, source), missing)
        self.book.drop(visit)

    def skip(self, topic: str, record: Record) -> Decisions:
        """Reject a record an operator has given up, without looking at it."""
        decisions = Decisions()
        self._ledger_changed = True
        self._reject(topic, record, SKIPPED, decisions)
        return decisions

    def _observe(self, arrival: _Arrival, visit: Visit, batch: _Batch, *, is_new: bool) -> None:
        """What the arrival tells of its source. A late repeat of a known fact casts no doubt on the visit."""
        topic, record, event = arrival
        state = visit.state
        if state.is_historic:
            self.inputs.count_historic(topic)
            if is_historic(event, record, self._clock.kind):
                self._feeds.advance(self._feeds.number(topic, event.source), event.time_ms)
            return
        source = (event.data.tenant, event.data.site, event.source)
        heard = batch.heard.get(source)
        if heard is None:
            heard = batch.heard[source] = _Heard([], [])
        heard.times_ms.append(event.time_ms)
        heard.alive_ms.append(seen_ms(event, record, self._clock.kind))
        if not is_new:
            self.inputs.count_odd(source, "duplicate")
        elif self.inputs.is_disordered(source, event.time_ms):
            self.inputs.count_odd(source, "disordered")
        if is_new and not state.offers:
            self.inputs.count_odd(source, "before_offer")
        if is_skewed(event, record, self._clock.kind):
            state.is_doubtful = state.is_doubtful or is_new
            self.inputs.count_skewed(source)

    def _keep_fact(self, arrival: _Arrival, visit: Visit) -> bool:
        """False for a repeat: a fact that is kept already, or is not kept and tells no newer time."""
        topic, record, event = arrival
        state = visit.state
        left_by = state.exits[0] if state.exits else None
        if not self._facts.add(event, state, visit.policy) and event.time_ms <= state.last_ms:
            self.inputs.count_duplicate(topic)
            return False
        if state.exits and state.exits[0] is not left_by and not state.is_historic:
            visit.exit_seen_ms = record.timestamp if self._clock.kind == "wall" else self._now_ms[topic]
        self.inputs.count_applied(topic, _type_name(event))
        return True

    def _keep_offer(self, arrival: _Arrival, data: Offered, visit: Visit, decisions: Decisions) -> bool:
        """The earliest offer stands; every other of the same visit is for the dead letters, whenever it came."""
        topic, record, event = arrival
        state = visit.state
        before = state.offers
        offer = self._facts.offer(event, data, visit.policy, record.offset)
        if any(known.order == offer.order for known in before):
            self.inputs.count_duplicate(topic)
            return False
        offers = state.offers = with_fact(before, offer)
        is_new = offers is not before
        if offers[0] is not offer:
            self._reject(topic, record, _ENTRY_REQUIRED, decisions)
            return is_new
        self.inputs.count_applied(topic, _type_name(event))
        if len(offers) > 1:
            loser = offers[1]
            loser_topic = INTAKE_OF_CHANNEL[loser.channel]
            self.inputs.withdraw_applied()
            self.inputs.count_rejected(loser_topic, _ENTRY_REQUIRED.reason)
            decisions.dead_letters.append(DeadLetter(loser_topic, loser.offset, _ENTRY_REQUIRED, None))
        return True

    def _reject(self, topic: str, record: Record, rejection: Rejection, decisions: Decisions) -> None:
        self.inputs.count_rejected(topic, rejection.reason)
        decisions.dead_letters.append(DeadLetter(topic, record.offset, rejection, record))

    # -- consequences -------------------------------------------------------------------------------------------------

    def _settle(self, visit: Visit, outputs: list[Output]) -> None:
        """Count the visit anew and say what is new of it: a finding, a signal. Its outcome follows with the flush."""
        state = visit.state
        if visit.told_revision is not None and not state.exits:
            state.is_overdue = True
        self._unrecorded.discard(visit)
        judged_by = state.limit
        self.book.settle(visit)
        if judged_by is not None and judged_by != state.limit:
            self._take_back(visit, judged_by, outputs)
        if state.offers:
            self._say_finding(visit, outputs)
            outputs += news(visit, self.directory)
            outputs += self._live.see(visit)
        visit.exit_seen_ms = None
        self._put_due(visit)

    def _say_finding(self, visit: Visit, outputs: list[Output]) -> None:
        told = visit.state.told
        was_told = visit.told_revision is not None
        finding = finding_state(visit.state, visit.limit_ms, exit_seen_ms=visit.exit_seen_ms, was_told=was_told)
        if finding is None:
            return
        revision = finding_revision(visit.state, finding)
        if (finding, revision) == (told.finding_state, told.finding_revision):
            return
        visit.state.told = Told(told.outcome_revision, finding, revision)
        if revision != visit.told_revision:
            outputs.append(self._finding(visit, finding, revision))

    @staticmethod
    def _finding(visit: Visit, finding: str, revision: int) -> Output:
        return outcomes.finding(visit.visit_id, visit.policy, visit.state, finding_state=finding, revision=revision)

    @staticmethod
    def _take_back(visit: Visit, judged_by: ChosenLimit, outputs: list[Output]) -> None:
        """Another offer stands, and with it another rule: whatever may have been told by the one before falls."""
        told_revision, visit.told_revision = visit.told_revision, None
        state, told = visit.state, visit.state.told
        if state.limit is None or judged_by.cited_as == state.limit.cited_as or judged_by.limit_ms is None:
            if told_revision is not None and told.finding_state is None:
                state.told = Told(told.outcome_revision, OPEN, told_revision)  # an exit in time takes it back
            return
        state.told = Told(told.outcome_revision)
        revision = finding_revision(state, RETRACTED)
        outputs.append(
            outcomes.finding(
                visit.visit_id, visit.policy, state, finding_state=RETRACTED, revision=revision, limit=judged_by
            )
        )

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        outputs: list[Output] = []
        for topic, topic_now_ms in now_ms.items():
            self._now_ms[topic] = max(topic_now_ms, self._now_ms.get(topic, 0))
            for visit in list(self._due.reached(topic, self._now_ms[topic], MOST_DUE_AT_ONCE)):
                self._foresee(visit, outputs)
        self.staffing.sources.pass_time(self._now_ms.get(QUEUE_STAFFING, 0))
        outputs += self._live.tick(self._now_ms)
        return outputs

    def _foresee(self, visit: Visit, outputs: list[Output]) -> None:
        """Say what waiting has made true of a live visit; the next apply records it."""
        if self._pass_limits(visit):
            self._unrecorded.overdue.add(visit)
            visit.told_revision = finding_revision(visit.state, OPEN)
            outputs.append(self._finding(visit, OPEN, visit.told_revision))
        if self._is_lost(visit):
            self._unrecorded.lost.add(visit)
            self.book.leave_line(visit)
        elif self._is_over(visit):
            self._unrecorded.over.add(visit)
        else:
            self._put_due(visit)

    def _record_time(self, topic: str, outputs: list[Output]) -> None:
        """Record what time has made true: of live visits by the topic's clock, of historic ones by their feeds'."""
        for visit in self._unrecorded.take(MOST_DUE_AT_ONCE):
            self._record(visit, outputs)
        for visit in list(self._due.reached(topic, self._now_ms[topic], MOST_DUE_AT_ONCE)):
            self._record(visit, outputs)
        for number, feed in enumerate(self._feeds.feeds):
            if feed.topic == topic:
                for visit in list(self._due.reached(number, feed.newest_ms, MOST_DUE_AT_ONCE)):
                    self._record(visit, outputs)

    def _record(self, visit: Visit, outputs: list[Output]) -> None:
        if self.book.visits.get(visit.visit_id) is not visit:
            return
        state = visit.state
        if self._is_over(visit):
            self._forget(visit)
            return
        passed = self._pass_limits(visit) or (visit.told_revision is not None and not state.is_overdue)
        lost = self._is_lost(visit)
        if passed or lost:
            state.is_overdue = state.is_overdue or passed
            if lost:
                state.is_lost = True
                state.last_ms = max(state.last_ms, visit.offered_ms + visit.unknown_exit_ms)
            self._settle(visit, outputs)
        else:
            self._put_due(visit)

    def _pass_limits(self, visit: Visit) -> bool:
        """Let a waiting visit cross its limits by its clock; True when its finding opens now."""
        state = visit.state
        if not visit.is_waiting or visit.queue is None or state.is_doubtful:
            return False
        waited_ms = self._clock_of(visit) - visit.offered_ms
        past_limit = waited_ms > visit.limit_ms + visit.grace_ms(self._clock.grace_ms)
        counters = None if state.is_historic else visit.queue.counters
        cross(visit, waited_ms if past_limit else min(waited_ms, visit.limit_ms), counters)
        if past_limit and visit.place is not None:
            visit.queue.line.over.add(visit)
        return past_limit and not state.is_overdue and visit.told_revision is None

    def _is_lost(self, visit: Visit) -> bool:
        return visit.is_waiting and self._clock_of(visit) > visit.offered_ms + visit.unknown_exit_ms

    def _may_be_over(self, visit: Visit) -> bool:
        """Whether it is due at all: nothing is over before. Cheaper to ask."""
        return visit.due_ms is None or self._clock_of(visit) >= visit.due_ms

    def _is_over(self, visit: Visit) -> bool:
        """Past its retention: nothing of it can change any more."""
        return not visit.is_waiting and self._clock_of(visit) >= visit.forget_ms

    def _clock_of(self, visit: Visit) -> int:
        feed = self._feeds.feeds[visit.state.feed]
        return feed.newest_ms if visit.state.is_historic else self._now_ms.get(feed.topic, 0)

    def _put_due(self, visit: Visit) -> None:
        state = visit.state
        clock = state.feed if state.is_historic else self._feeds.feeds[state.feed].topic
        self._due.put(clock, visit, visit.next_due_ms(self._clock.grace_ms))

    # -- state --------------------------------------------------------------------------------------------------------

    def changes(self) -> Changes:
        """Outcome and interval records of everything that changed, then the rows themselves."""
        book, changes = self.book, Changes()
        for visit in (*book.farewells, *book.changed_visits):
            self._say_outcome(visit, changes.outputs)
        for queue, interval_ms, counts in book.unsaid_intervals():
            changes.outputs.append(outcomes.queue_interval(queue, interval_ms, counts))
        changes.rows.extend(book.changed_rows().items())
        changes.rows.extend(self.staffing.changed_rows())
        changes.rows.extend(self._feeds.row(number) for number in self._feeds.changed)
        if self._ledger_changed:
            changes.rows.append(self.inputs.row())
        book.forget_changes()
        self._feeds.changed.clear()
        self._ledger_changed = False
        return changes

    @staticmethod
    def _say_outcome(visit: Visit, outputs: list[Output]) -> None:
        told = visit.state.told
        if visit.standing is None or visit.standing.outcome == WAITING or told.outcome_revision == visit.revision:
            return
        visit.state.told = Told(visit.revision, told.finding_state, told.finding_revision)
        outputs.append(
            outcomes.contact_outcome(
                visit.visit_id,
                visit.policy,
                visit.state,
                visit.standing,
                revision=visit.revision,
                refusal=visit.refusal,
            )
        )

    def changed_rows(self) -> int:
        """How many rows the next ``changes`` will write, about."""
        book = self.book
        return len(book.changed_visits) + len(book.changed_intervals) + len(book.changed_days) + len(book.deleted_rows)

    def snapshot(self) -> list[tuple[bytes, bytes | None]]:
        rows = list(self.book.all_rows())
        rows.extend(self.staffing.rows())
        rows.extend(self._feeds.row(number) for number in range(len(self._feeds.feeds)))
        rows.append(self.inputs.row())
        return rows

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        self.inputs.restore(rows.get(LEDGER_ROW))
        self._feeds.restore(rows)
        self.staffing.restore(rows)
        self.book.restore(rows)
        for visit in self.book.visits.values():
            self._put_due(visit)
            self._live.see(visit)

    # -- figures ------------------------------------------------------------------------------------------------------

    def figures(self, *, wall_ms: int, stale: Mapping[str, bool]) -> list[QueueFigures]:
        """Every configured queue and channel of the partition. ``stale`` tells by input topic."""
        return [
            queue_figures(
                queue,
                now_ms=self._now_ms.get(INTAKE_OF_CHANNEL[queue.channel], 0),
                wall_ms=wall_ms,
                is_stale=stale.get(INTAKE_OF_CHANNEL[queue.channel], True)
                or self.staffing.sources.is_silent(queue.policy, queue.channel),
                unrecorded=self._unrecorded,
                agents=self.staffing.agents.by_state(queue.policy, wall_ms, is_stale=stale.get(QUEUE_STAFFING, True)),
            )
            for queue in self.book.queues.values()
        ]

    def stage_figures(self) -> StageFigures:
        return self.inputs.figures(self.book.size() + self.staffing.size())


_ENTRY_REQUIRED: Final = Rejection(
    Reason.ENTRY_REQUIRED, "$.data.entry: an earlier offered of this visit stands; a re-entry must carry its number"
)


_TYPE_NAMES: Final = {data_type: name for name, data_type in CONTACT_TYPES.items()}


def _type_name(event: ContactEvent) -> str:
    return _TYPE_NAMES[type(event.data)]
