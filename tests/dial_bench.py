"""One dialling core at work without a broker: what it writes into its own log is read back at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streams.domain.decisions import Decisions, Output
from streams.domain.dialling import DiallingCore
from streams.domain.directory import CallbackPolicy, Directory
from streams.domain.encoding import cloud_event
from streams.domain.signals import DIALLING_LOG, Entry
from streams.domain.staffing import QUEUE_STAFFING, QueueStaffing
from tests.callback_records import (
    MINUTE_MS,
    NINE_MS,
    KafkaRecord,
    PlainSealer,
    command,
    data_of,
    event_of,
    policy,
    record_of,
    stored,
)

HOUR = 60


def at_ms(minute: float) -> int:
    return NINE_MS + round(minute * MINUTE_MS)


def callback_policy(queue: str = "retornos", **changes: Any) -> CallbackPolicy:
    known: dict[str, Any] = {
        "tenant": "acme",
        "site": "fortaleza",
        "queue": queue,
        "zone": "America/Fortaleza",
        "yields_to": frozenset({"sac"}),
    }
    return CallbackPolicy(**(known | changes))


def places(*policies: CallbackPolicy) -> Directory:
    """Two queues that lose customers and the callback queues, all in partition 0."""
    return Directory(
        (policy(), policy("vendas"), policy("retornos", callback_queue=None)),
        sites={("acme", "fortaleza"): "America/Fortaleza"},
        partition_of=lambda _: 0,
        callback_queues=policies or (callback_policy(),),
    )


class DialBench:
    """Minutes count from nine on a Monday. ``jobs`` are types and job ids of all that the dialer was told."""

    def __init__(self, *policies: CallbackPolicy) -> None:
        self._places = places(*policies)
        self.core = self._new_core()
        self.epoch = 1
        self.jobs: list[tuple[str, str]] = []
        self.signals: list[dict[str, Any]] = []
        self.dialled: list[dict[str, Any]] = []
        self.log: list[KafkaRecord] = []

    def _new_core(self) -> DiallingCore:
        return DiallingCore(0, self._places, PlainSealer())

    def restart(self) -> None:
        """Another owner goes on from the rows."""
        rows = stored(self.core)
        self.epoch += 1
        self.core = self._new_core()
        self.core.restore(rows)

    def say(self, *entries: Entry, minute: float = 0) -> list[tuple[str, str]]:
        """Entries of the log; returns what the dialer is told because of them."""
        return self._read([record_of(entry, timestamp=at_ms(minute)) for entry in entries])

    def agents(self, free: Iterable[str] = (), *, minute: float = 0, **states: str) -> None:
        """Agents who are available, and others by their state."""
        for agent_id, state in {**dict.fromkeys(free, "available"), **states}.items():
            word = QueueStaffing(
                tenant="acme",
                site="fortaleza",
                queue="retornos",
                agent_id=agent_id,
                state=state,  # type: ignore[arg-type]  # the tests write states as plain words
                revision=at_ms(minute),
                at_ms=at_ms(minute),
                fresh_until_ms=at_ms(minute + 12 * HOUR),
                callback_queue="retornos",
            )
            value = cloud_event(
                event_type="queue.staffing", event_id="e", time_ms=at_ms(minute), subject=agent_id, data=word
            )
            record = KafkaRecord(value, f"acme/retornos/{agent_id}".encode())
            self.core.apply(QUEUE_STAFFING, [record], 0, 0)

    def command(self, order: str, minute: float) -> None:
        self.core.apply("commands", [command(order, minute=minute, token=None, callback_queue="retornos")], 0, 0)

    def decide(self, minute: float) -> list[tuple[str, str]]:
        """What is decided at that time, read back; returns what the dialer is told."""
        return self.read_back(self.decided(minute))

    def decided(self, minute: float) -> list[Output]:
        """What is written into the log, not read back yet; claims of queues apart."""
        clocks = {DIALLING_LOG: at_ms(minute), QUEUE_STAFFING: at_ms(minute)}
        outputs = self.core.decide(clocks, self.epoch)
        claims = [output for output in outputs if b'"dialling.claimed"' in (output.value or b"")]
        if not claims:
            return outputs
        self.read_back(claims)
        return [output for output in outputs if output not in claims] + self.core.decide(clocks, self.epoch)

    def read_back(self, outputs: Iterable[Output]) -> list[tuple[str, str]]:
        return self._read([KafkaRecord(output.value, output.key) for output in outputs])

    def _read(self, records: list[KafkaRecord]) -> list[tuple[str, str]]:
        self.log += records
        decisions: Decisions = self.core.apply(DIALLING_LOG, records, 0, 0)
        assert decisions.dead_letters == []
        self.signals += data_of(decisions.outputs, "callback-signals")
        told = []
        for output in decisions.outputs:
            if output.topic == "callback-jobs":
                event = event_of(output)
                told.append((event["type"].removeprefix("callback."), event["data"]["job_id"]))
                self.dialled.append(event["data"])
        self.jobs += told
        return told

    @property
    def in_flight(self) -> int:
        return sum(key.startswith(b"j/") for key in stored(self.core))
