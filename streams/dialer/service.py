"""The dialer as a process: a consumer group on callback-jobs, commits by hand, reports on callback-results.

A job's record is committed once the job is reported or dropped, so a dialer that dies is given its jobs again. What it
had dialled by then stands in its journal: such a job is reported as failed and not dialled twice. Every instance has a
journal of its own and takes its partitions from the group. What time it is says its clock.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError

from streams.dialer.clock import Clock
from streams.dialer.desk import Desk
from streams.dialer.lines import Line
from streams.domain.events import CALLBACK_RESULTS
from streams.errors import Unavailable
from streams.topics import CALLBACK_JOBS, full_name

POLL_MS: Final = 200
DELIVERY_SECONDS: Final = 30


class Journal:
    """Which jobs were dialled and which reported, on disk before anything else happens; a line each."""

    def __init__(self, path: Path) -> None:
        states: dict[str, str] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                job_id, _, state = line.partition(" ")
                states[job_id] = state
        self.reported = [job_id for job_id, state in states.items() if state == "reported"]
        self.uncertain = [job_id for job_id, state in states.items() if state == "dialling"]
        self._file = path.open("a")

    def note(self, job_id: str, state: str) -> None:
        """``dialling`` or ``reported``."""
        self._file.write(f"{job_id} {state}\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class DialerService:
    """``run`` until told to stop. ``client_options`` are ``connections.client_options``."""

    def __init__(
        self,
        brokers: list[str],
        prefix: str,
        client_options: Mapping[str, Any],
        *,
        line: Line,
        clock: Clock,
        lines: int,
        journal: Path,
    ) -> None:
        self._line = line
        self._clock = clock
        self._journal = Journal(journal)
        self._desk = Desk(lines, self._journal.reported, self._journal.uncertain)
        self._jobs_topic = full_name(prefix, CALLBACK_JOBS)
        self._results_topic = full_name(prefix, CALLBACK_RESULTS)
        self._unfinished: dict[TopicPartition, dict[int, str]] = {}
        try:
            self._consumer: Any = KafkaConsumer(
                self._jobs_topic,
                bootstrap_servers=brokers,
                group_id=f"{prefix}-dialer",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                **client_options,
            )
            self._producer: Any = KafkaProducer(bootstrap_servers=brokers, acks="all", **client_options)
        except KafkaError as error:
            raise Unavailable(f"the brokers do not answer: {error}") from None

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Read, dial, report, commit, again and again. Raises Unavailable."""
        try:
            while not is_stopped():
                self.step()
        except KafkaError as error:
            raise Unavailable(f"the dialer lost its brokers: {error}") from None
        finally:
            self._line.close()
            self._clock.close()
            self._consumer.close()
            self._producer.close()
            self._journal.close()

    def step(self) -> None:
        polled = self._consumer.poll(timeout_ms=POLL_MS)
        now_ms = self._clock.now_ms()
        for place, records in polled.items():
            for record in records:
                job_id = self._desk.take(record.value or b"", now_ms)
                self._unfinished.setdefault(place, {})[record.offset] = job_id or ""
        for job in self._desk.due(now_ms) if self._is_at_the_end() else ():
            if self._desk.was_interrupted(job.job_id):
                self._report(job.job_id, "failed", 0.0, now_ms)
                continue
            self._journal.note(job.job_id, "dialling")
            self._line.start(job, now_ms)
        for call in self._line.ended(now_ms):
            self._report(call.job_id, call.outcome, call.seconds, now_ms)
        self._commit()

    def _report(self, job_id: str, outcome: str, seconds: float, now_ms: int) -> None:
        value = self._desk.ended(job_id, outcome, seconds, now_ms)
        if value is None:
            return
        tenant = json.loads(value)["data"]["tenant"]
        sending = self._producer.send(self._results_topic, value, f"{tenant}/{job_id}".encode(), timestamp_ms=now_ms)
        sending.get(timeout=DELIVERY_SECONDS)
        self._journal.note(job_id, "reported")

    def _commit(self) -> None:
        """Up to the first record whose job still waits or rings."""
        assigned = self._consumer.assignment()
        offsets = {}
        for place, records in list(self._unfinished.items()):
            if place not in assigned:
                del self._unfinished[place]  # somebody else's now, who is given them again
                continue
            for offset in [offset for offset, job_id in records.items() if self._desk.is_finished(job_id)]:
                del records[offset]
            offsets[place] = OffsetAndMetadata(min(records, default=self._consumer.position(place)), "", -1)
            if not records:
                del self._unfinished[place]
        if offsets:
            with suppress(CommitFailedError):  # a rebalance took the partitions: whoever has them reads them again
                self._consumer.commit(offsets)

    def _is_at_the_end(self) -> bool:
        """Whether every job that was written a moment ago is read: one further on may take back the one at hand."""
        return all(
            (end := self._consumer.highwater(place)) is not None and self._consumer.position(place) >= end
            for place in self._consumer.assignment()
        )
