"""The dialer as a process: a consumer group on callback-jobs, commits by hand, reports on callback-results.

A job's record is committed once the job is reported or dropped, so a dialer that dies is given its jobs again. What it
had dialled by then stands in its journal: such a job is reported as failed and not dialled twice. Every instance has a
journal of its own and takes its partitions from the group. What time it is says its clock.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
WAIT_MS: Final = 1000
"""Nothing waits longer for the brokers, so that a dialer that is told to stop hears of it whatever they do."""


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
        self._committed: dict[TopicPartition, int] = {}
        self._reports: dict[str, Any] = {}
        """What was sent and is not acknowledged yet, by job."""
        options = {"reconnect_backoff_max_ms": WAIT_MS, **client_options}
        try:
            self._consumer: Any = KafkaConsumer(
                self._jobs_topic,
                bootstrap_servers=brokers,
                group_id=f"{prefix}-dialer",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                **options,
            )
            self._producer: Any = KafkaProducer(bootstrap_servers=brokers, acks="all", **options)
            self._producer.partitions_for(self._results_topic)  # from now on sending does not wait to learn them
        except KafkaError as error:
            raise Unavailable(f"the brokers do not answer: {error}") from None

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Read, dial, report, commit, again and again; once stopped it ends within seconds, also while the brokers are
        away. Until then it waits for them to return, with its calls. Raises Unavailable."""
        try:
            while not is_stopped():
                self.step()
        except KafkaError as error:
            raise Unavailable(f"the dialer lost its brokers: {error}") from None
        finally:
            self._close()

    def step(self) -> None:
        with _passing():
            self._read()
        now_ms = self._clock.now_ms()
        for job in self._desk.due(now_ms) if self._is_at_the_end() else ():
            if self._desk.was_interrupted(job.job_id):
                self._report(job.job_id, "failed", 0.0, now_ms)
                continue
            self._journal.note(job.job_id, "dialling")
            self._line.start(job, now_ms)
        for call in self._line.ended(now_ms):
            self._report(call.job_id, call.outcome, call.seconds, now_ms)
        self._note_reported()
        with _passing():
            self._commit()

    def _read(self) -> None:
        polled = self._consumer.poll(timeout_ms=POLL_MS)
        now_ms = self._clock.now_ms()
        for place, records in polled.items():
            for record in records:
                job_id = self._desk.take(record.value or b"", now_ms)
                self._unfinished.setdefault(place, {})[record.offset] = job_id or ""

    def _report(self, job_id: str, outcome: str, seconds: float, now_ms: int) -> None:
        value = self._desk.ended(job_id, outcome, seconds, now_ms)
        if value is None:
            return
        key = f"{json.loads(value)['data']['tenant']}/{job_id}".encode()
        self._reports[job_id] = self._producer.send(self._results_topic, value, key, timestamp_ms=now_ms)

    def _note_reported(self) -> None:
        """Raises what went wrong with a report that Kafka has not taken within the producer's delivery timeout."""
        for job_id in [job_id for job_id, sending in self._reports.items() if sending.is_done]:
            self._reports.pop(job_id).get(timeout=0)
            self._journal.note(job_id, "reported")

    def _commit(self) -> None:
        """Up to the first record whose job waits, rings or is being reported."""
        assigned = self._consumer.assignment()
        for place in self._unfinished.keys() - assigned:  # somebody else's now, who is given them again
            del self._unfinished[place]
            self._committed.pop(place, None)
        reached = {}
        for place, records in self._unfinished.items():
            for offset in [offset for offset, job_id in records.items() if self._is_finished(job_id)]:
                del records[offset]
            next_offset = min(records, default=self._position(place))
            if next_offset is not None and next_offset != self._committed.get(place):
                reached[place] = next_offset
        offsets = {place: OffsetAndMetadata(offset, "", -1) for place, offset in reached.items()}
        if offsets:
            with suppress(CommitFailedError):  # a rebalance took the partitions: whoever has them reads them again
                self._consumer.commit(offsets, timeout_ms=WAIT_MS)
        self._committed |= reached

    def _is_finished(self, job_id: str) -> bool:
        return self._desk.is_finished(job_id) and job_id not in self._reports

    def _is_at_the_end(self) -> bool:
        """Whether every job that was written a moment ago is read: one further on may take back the one at hand."""
        return all(
            (end := self._consumer.highwater(place)) is not None
            and (position := self._position(place)) is not None
            and position >= end
            for place in self._consumer.assignment()
        )

    def _position(self, place: TopicPartition) -> int | None:
        """None while it is not known yet where to begin."""
        position: int | None = self._consumer.position(place, timeout_ms=POLL_MS)
        return position

    def _close(self) -> None:
        """What is not written down by the end of it, the next start finds in the journal."""
        self._line.close()
        with suppress(KafkaError):
            self._producer.flush(timeout=WAIT_MS / 1000)
        with suppress(KafkaError):
            self._note_reported()
            self._commit()
        self._producer._sender.force_close()  # noqa: SLF001 - by itself it holds on to what is unsent for two minutes
        self._producer.close(timeout=WAIT_MS / 1000)
        self._clock.close()
        self._consumer.close(timeout_ms=WAIT_MS)
        self._journal.close()


@contextmanager
def _passing() -> Iterator[None]:
    """What Kafka's clients say passes by itself is tried again by the next step."""
    try:
        yield
    except KafkaError as error:
        if not error.retriable:
            raise
