"""The results stage: what dialers report, passed on to whoever owns the customer and the callback queue.

It keeps nothing but its ledger, so any partitioner will do, and any order and repeats: what they come to is decided
where they are passed on to, by the job a result names and the time it bears.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.domain.decisions import Decisions, Output, Record, Rejection
from streams.domain.decoding import decode
from streams.domain.directory import Directory
from streams.domain.events import DialAttempted, ResultEvent
from streams.domain.rows import PartitionState
from streams.domain.signals import Attempted, Settled, job_parts, log_output, signal_output

RESULT_TYPE: Final = "dial.attempted"


class ResultsCore(PartitionState):
    """One partition of ``callback-results``."""

    def __init__(self, partition: int, directory: Directory) -> None:
        super().__init__()
        self._partition = partition
        self._directory = directory

    def apply(self, topic: str, records: Sequence[Record], now_ms: int, wall_ms: int) -> Decisions:
        """Pass on every valid result, the repeats too: who knows the attempt recognises them."""
        del now_ms, wall_ms
        decisions = Decisions()
        for record in records:
            event = decode(topic, self._partition, record, self._directory)
            if isinstance(event, Rejection):
                self._reject(decisions, topic, record, event)
            elif isinstance(event, ResultEvent):
                decisions.see(event.time_ms)
                decisions.outputs += passed_on(event.data, event.time_ms, self._directory)
                self.inputs.count_applied(topic, RESULT_TYPE)
            else:
                self.inputs.count_ignored(topic)
        return decisions


def passed_on(result: DialAttempted, at_ms: int, directory: Directory) -> list[Output]:
    """The same to the owner of the customer and to the owner of the callback queue."""
    parts = job_parts(result.job_id)
    assert parts is not None, "it has been decoded"
    token, plan_id, attempt = parts
    attempted = Attempted(
        tenant=result.tenant,
        token=token,
        visit=result.job_id,
        revision=1,
        stands=True,
        at_ms=at_ms,
        callback_queue=result.callback_queue,
        plan_id=plan_id,
        attempt=attempt,
        outcome=result.outcome,
        by="dialer",
    )
    settled = Settled(
        tenant=result.tenant,
        callback_queue=result.callback_queue,
        plan_id=plan_id,
        attempt=attempt,
        at_ms=at_ms,
        outcome=result.outcome,
    )
    return [signal_output(attempted, directory), log_output(settled, directory)]
