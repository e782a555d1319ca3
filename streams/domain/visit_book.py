"""The retained visits of one partition, and the counts they add up to.

Whatever changes a visit ends in ``settle``: what the visit added before is taken away, what it adds now is added, and
the live line and the counters of this process follow. History touches only the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from streams.domain.channel_queue import ChannelQueue
from streams.domain.counts import ABANDONED_LATE, ANSWERED_LATE, UNKNOWN_EXIT, WAITING, Counts, Standing
from streams.domain.directory import Directory, QueuePolicy
from streams.domain.facts import NOTHING_TOLD, ChosenLimit, VisitState, revision_of
from streams.domain.figures import OUTCOMES, LiveCounters
from streams.domain.time import SiteCalendar
from streams.domain.visit_limits import choose_limit
from streams.domain.visit_signals import called_for, refusal_of
from streams.domain.visits import Visit, standing_of

Row = tuple[bytes, bytes | None]
Place = tuple[ChannelQueue, int]
"""A queue's interval, by its start."""
_VISIT_ROW = b"v/"
_INTERVAL_ROW = b"i/"
_CLOSED_DAY_ROW = b"d/"
_encode = msgspec.msgpack.Encoder().encode
_decode_visit = msgspec.msgpack.Decoder(VisitState).decode
_decode_counts = msgspec.msgpack.Decoder(Counts).decode


class VisitBook:
    """Visits by id, and one ChannelQueue for every configured queue and channel of the partition."""

    def __init__(self, partition: int, directory: Directory) -> None:
        self._directory = directory
        self.visits: dict[str, Visit] = {}
        self.queues: dict[tuple[str, str], ChannelQueue] = {}
        self._calendars: dict[str, SiteCalendar] = {}
        self.changed_visits: dict[Visit, None] = {}
        """As a set that keeps the order, so that the same input gives the same output; likewise the next ones."""
        self.farewells: list[Visit] = []
        """Visits forgotten with news still unsaid."""
        self.changed_intervals: dict[Place, None] = {}
        self.past_intervals: list[tuple[ChannelQueue, int, Counts]] = []
        """Intervals of days closed with news still unsaid."""
        self.changed_days: dict[tuple[ChannelQueue, int], None] = {}
        """Days closed since the last flush."""
        self.deleted_rows: dict[bytes, None] = {}
        self._sole_places: dict[Place, tuple[Place, ...]] = {}
        """What visits with one offer hold, shared by all of an interval."""
        self._limits_read: dict[ChosenLimit, ChosenLimit] = {}
        """One value for all visits read back with the same limit, as it was when it was chosen."""
        for policy in directory.queues_of_partition(partition):
            for channel in sorted(policy.channels):
                self._add_queue(policy, channel)

    def _add_queue(self, policy: QueuePolicy, channel: str) -> ChannelQueue:
        calendar = self._calendars.setdefault(policy.zone, SiteCalendar(policy.zone))
        queue = ChannelQueue(policy, channel, calendar)
        self.queues[policy.owner_key, channel] = queue
        return queue

    def add(self, visit: Visit) -> None:
        self.visits[visit.visit_id] = visit

    def drop(self, visit: Visit) -> None:
        """Forget a visit; what it added stays counted for good."""
        del self.visits[visit.visit_id]
        if visit in self.changed_visits:
            del self.changed_visits[visit]
            self.farewells.append(visit)
        self.deleted_rows[visit.row_key] = None
        for queue, interval_ms in visit.places:
            queue.release_interval(interval_ms)

    @staticmethod
    def leave_line(visit: Visit) -> None:
        """A waiting visit waits no longer, as far as anyone can see."""
        assert visit.queue is not None, "who waits is counted somewhere"
        visit.queue.line.leave(visit)

    def forget_changes(self) -> None:
        """Everything changed so far has been written down."""
        self.changed_visits.clear()
        self.farewells.clear()
        self.changed_intervals.clear()
        self.past_intervals.clear()
        self.changed_days.clear()
        self.deleted_rows.clear()

    def settle(self, visit: Visit) -> None:
        """Count the visit anew after its facts, or what time has made of them, changed."""
        self.changed_visits[visit] = None
        if not visit.state.offers:
            return
        choose_limit(visit)
        self._reopen_days(visit)
        old_queue, old = visit.queue, visit.standing
        queue = self.queues[visit.policy.owner_key, visit.state.offers[0].channel]
        new = standing_of(visit, queue)
        visit.queue, visit.standing, visit.offered_ms = queue, new, visit.state.offers[0].time_ms
        if (queue, new) != (old_queue, old):
            if old is not None and old_queue is not None:
                self._change(old_queue, old, -1)
            self._change(queue, new, 1)
        self._rest_on(visit, revision_of(visit.state))
        known_refusal, visit.refusal = visit.refusal, refusal_of(visit)
        if not visit.state.is_historic:
            _follow_line(visit, old_queue, queue)
            _count_live(visit, queue, old, new)
            if visit.refusal is not None and known_refusal is None:
                queue.counters.refusals[visit.refusal] += 1

    def _change(self, queue: ChannelQueue, standing: Standing, sign: int) -> None:
        queue.change(standing, sign)
        self.changed_intervals[queue, standing.interval_ms] = None

    def _rest_on(self, visit: Visit, revision: int) -> None:
        """Every interval that has an offer of the visit rests on all of the visit: whatever changes the counts of one
        raises the revision of each."""
        growth = revision - visit.revision
        if not growth:
            return
        for queue, interval_ms in visit.places:
            queue.rest_on(interval_ms, growth)
            self.changed_intervals[queue, interval_ms] = None
        if len(visit.places) < len(visit.state.offers):
            for queue, interval_ms in self._hold_new_places(visit):
                queue.rest_on(interval_ms, revision)
                self.changed_intervals[queue, interval_ms] = None
                if queue.opens_day(interval_ms):
                    self._close_old_days(queue)
        visit.revision = revision

    def _hold_new_places(self, visit: Visit) -> Sequence[Place]:
        assert visit.queue is not None, "who has an offer is counted somewhere"
        assert visit.standing is not None, "who has an offer is counted somewhere"
        if len(visit.state.offers) == 1:
            place = (visit.queue, visit.standing.interval_ms)
            visit.queue.hold_interval(visit.standing.interval_ms)
            visit.places = self._sole_places.setdefault(place, (place,))
            return visit.places
        new_places: list[Place] = []
        for number, offer in enumerate(visit.state.offers):
            if number == 0:
                place = (visit.queue, visit.standing.interval_ms)
            else:
                queue = self.queues[visit.policy.owner_key, offer.channel]
                place = (queue, queue.calendar.interval_start_ms(offer.time_ms))
            if place in visit.places or place in new_places:
                continue
            new_places.append(place)
            place[0].hold_interval(place[1])
        visit.places += tuple(new_places)
        return new_places

    def _reopen_days(self, visit: Visit) -> None:
        """Open the closed days that the visit has a new offer in, before anything is counted there."""
        if len(visit.places) == len(visit.state.offers):
            return
        for offer in visit.state.offers:
            queue = self.queues[visit.policy.owner_key, offer.channel]
            day = queue.calendar.day(offer.time_ms)
            for interval_ms in queue.reopen(day):
                self.changed_intervals[queue, interval_ms] = None
                self.changed_days.pop((queue, day), None)
                self.deleted_rows[queue.day_row_key(day)] = None

    def _close_old_days(self, queue: ChannelQueue) -> None:
        for day, intervals in queue.close_old_days().items():
            self.changed_days[queue, day] = None
            for interval_ms, counts in intervals.items():
                self.deleted_rows[queue.row_key(interval_ms)] = None
                self._sole_places.pop((queue, interval_ms), None)
                if (queue, interval_ms) in self.changed_intervals:
                    del self.changed_intervals[queue, interval_ms]
                    self.past_intervals.append((queue, interval_ms, counts))
        for day in queue.forget_oldest_days():
            self.changed_days.pop((queue, day), None)
            self.deleted_rows[queue.day_row_key(day)] = None

    def unsaid_intervals(self) -> Iterator[tuple[ChannelQueue, int, Counts]]:
        """Every interval changed since the last flush with its counts, those of closed days first."""
        yield from self.past_intervals
        for queue, interval_ms in self.changed_intervals:
            yield queue, interval_ms, queue.intervals[interval_ms]

    def changed_rows(self) -> dict[bytes, bytes | None]:
        """Every row that differs from the last flush, once: what was forgotten and came again is as it is now."""
        rows: dict[bytes, bytes | None] = dict.fromkeys(self.deleted_rows)
        rows.update(self.rows(visits=self.changed_visits, intervals=self.changed_intervals, days=self.changed_days))
        return rows

    @staticmethod
    def rows(*, visits: Iterable[Visit], intervals: Iterable[Place], days: Iterable[Place]) -> Iterator[Row]:
        """The rows of these visits, intervals and closed days as they are now."""
        for visit in visits:
            yield visit.row_key, _encode(visit.state)
        for queue, interval_ms in intervals:
            yield queue.row_key(interval_ms), _encode(queue.intervals[interval_ms])
        for queue, day in days:
            yield queue.day_row_key(day), queue.closed_days[day]

    def all_rows(self) -> Iterator[Row]:
        intervals = ((queue, start) for queue in self.queues.values() for start in queue.intervals)
        days = ((queue, day) for queue in self.queues.values() for day in queue.closed_days)
        return self.rows(visits=self.visits.values(), intervals=intervals, days=days)

    def size(self) -> int:
        counted = sum(len(queue.intervals) + len(queue.closed_days) for queue in self.queues.values())
        return len(self.visits) + counted

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Intervals first (they hold the sums), then visits, which are placed but not counted again.

        Rows of queues or channels that are no longer configured are left alone.
        """
        for key, value in rows.items():
            if key.startswith((_INTERVAL_ROW, _CLOSED_DAY_ROW)):
                _, tenant, queue_name, channel, place = key.decode().split("/")
                queue = self.queues.get((f"{tenant}/{queue_name}", channel))
                if queue is None:
                    continue
                if key.startswith(_INTERVAL_ROW):
                    queue.restore_interval(int(place), _decode_counts(value))
                else:
                    queue.restore_closed_day(int(place), value)
        for key, value in rows.items():
            if key.startswith(_VISIT_ROW):
                self._restore_visit(key[len(_VISIT_ROW) :].decode(), _decode_visit(value))

    def _restore_visit(self, visit_id: str, state: VisitState) -> None:
        tenant, queue_name, _ = visit_id.split("/", 2)
        policy = self._directory.queue(tenant, queue_name)
        if policy is None or not _is_of_channels(state, policy):
            return
        if state.limit is not None:
            state.limit = self._limits_read.setdefault(state.limit, state.limit)
        if state.told == NOTHING_TOLD:
            state.told = NOTHING_TOLD
        visit = Visit(visit_id, policy, state)
        self.visits[visit_id] = visit
        if not state.offers:
            return
        choose_limit(visit)
        visit.queue = self.queues[policy.owner_key, state.offers[0].channel]
        visit.standing = standing_of(visit, visit.queue)
        visit.offered_ms = state.offers[0].time_ms
        visit.revision = revision_of(state)
        visit.crossed_target = visit.crossed_limit = state.is_overdue
        visit.said = called_for(visit)
        visit.refusal = refusal_of(visit)
        self._hold_new_places(visit)
        if not state.is_historic:
            _follow_line(visit, None, visit.queue)


def _is_of_channels(state: VisitState, policy: QueuePolicy) -> bool:
    """Whether all that is known of a visit came on channels its queue has."""
    if len(state.offers) <= 1:
        return (state.offers[0].channel if state.offers else state.channel) in policy.channels
    return all(offer.channel in policy.channels for offer in state.offers)


def _follow_line(visit: Visit, old_queue: ChannelQueue | None, queue: ChannelQueue) -> None:
    """Keep the waiting lines in step with a visit that went from one queue to another, or stays where it was."""
    if old_queue is not None and visit.place is not None:
        old_queue.line.leave(visit)
    if visit.is_waiting:
        queue.line.join(visit, shows_wait=not visit.state.is_doubtful)
        if visit.crossed_limit and not visit.state.is_doubtful:
            queue.line.over.add(visit)


def _count_live(visit: Visit, queue: ChannelQueue, old: Standing | None, new: Standing) -> None:
    """Counters of this process: each visit once per entry, once per exit, once per ending; they never go back."""
    counters = queue.counters
    if old is None:
        counters.offered += 1
    if new.outcome != WAITING and (old is None or old.outcome == WAITING):
        counters.exits[OUTCOMES[new.outcome]] += 1
        if new.outcome != UNKNOWN_EXIT:
            _count_exit(visit, counters, new)
    if new.is_handled and (old is None or not old.is_handled):
        counters.handle.observe((new.talk_ms + new.hold_ms + new.wrap_up_ms) / 1000)


def _count_exit(visit: Visit, counters: LiveCounters, new: Standing) -> None:
    if new.outcome <= ANSWERED_LATE:
        counters.wait_answered.observe(new.wait_ms / 1000)
    elif new.outcome <= ABANDONED_LATE:
        counters.wait_abandoned.observe(new.wait_ms / 1000)
    cross(visit, new.wait_ms, counters)


def cross(visit: Visit, wait_ms: int, counters: LiveCounters | None) -> None:
    """Let a wait cross its limits, each once; counted when the visit is live."""
    if wait_ms > visit.policy.answer_target_ms and not visit.crossed_target:
        visit.crossed_target = True
        if counters is not None:
            counters.breaches["target"] += 1
    if wait_ms > visit.limit_ms and not visit.crossed_limit:
        visit.crossed_limit = True
        if counters is not None:
            counters.breaches["max"] += 1
