"""Who waits in live queues for longer than callback queues may dial meanwhile, as it is told to their owners.

That somebody waits too long is found by time and told by the tick, which remembers it in memory only: a new owner tells
it again. That it is over is told of everybody of whom it may have been told.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from streams.domain.decisions import Output
from streams.domain.directory import CallbackPolicy, Directory
from streams.domain.events import INTAKE_OF_CHANNEL
from streams.domain.signals import LiveCaller, log_output
from streams.domain.visits import Visit

LIVE_TOPIC = INTAKE_OF_CHANNEL["voice"]


class LiveCallers:
    """The callers of one partition's queues, for the callback queues that yield to them."""

    def __init__(self, partition: int, directory: Directory) -> None:
        self._directory = directory
        self._yielding: dict[str, list[CallbackPolicy]] = {
            queue.owner_key: directory.yielding_to(queue) for queue in directory.queues_of_partition(partition)
        }
        self._due: list[tuple[int, str, int]] = []
        self._waiting: dict[str, Visit] = {}

    def see(self, visit: Visit) -> list[Output]:
        """Look at a visit that has changed, or was read back."""
        policies = self._yielding.get(visit.policy.owner_key)
        if not policies:
            return []
        is_known = visit.visit_id in self._waiting
        if visit.is_waiting and visit.channel == "voice" and not visit.state.is_historic:
            self._waiting[visit.visit_id] = visit
            for number, policy in enumerate(() if is_known else policies):
                heappush(self._due, (visit.offered_ms + (policy.yield_ms or 0), visit.visit_id, number))
            return []
        if not is_known:
            return []
        del self._waiting[visit.visit_id]
        left_ms = visit.state.exits[0].time_ms if visit.state.exits else visit.state.last_ms
        late = [policy for policy in policies if left_ms > visit.offered_ms + (policy.yield_ms or 0)]
        return [self._told(policy, visit, left_ms, is_over=False) for policy in late]

    def tick(self, now_ms: Mapping[str, int]) -> list[Output]:
        """Who has waited too long by now."""
        outputs = []
        while self._due and self._due[0][0] < now_ms.get(LIVE_TOPIC, 0):
            due_ms, visit_id, number = heappop(self._due)
            visit = self._waiting.get(visit_id)
            if visit is not None:
                policy = self._yielding[visit.policy.owner_key][number]
                outputs.append(self._told(policy, visit, due_ms, is_over=True))
        return outputs

    def _told(self, policy: CallbackPolicy, visit: Visit, at_ms: int, *, is_over: bool) -> Output:
        caller = LiveCaller(
            tenant=policy.tenant, callback_queue=policy.queue, at_ms=at_ms, visit=visit.visit_id, is_over=is_over
        )
        return log_output(caller, self._directory)
