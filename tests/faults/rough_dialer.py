"""A dialer as bad as they come: it fails, falls silent, answers twice and out of order, and dies with calls in hand."""

from __future__ import annotations

import heapq
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from confluent_kafka import Consumer, Producer

from streams.topics import full_name
from tests.faults.bench import Bench
from tests.faults.centre import SITE, SOURCES, TENANT, VOICE
from tests.faults.load import PRODUCER, Ledger, Sender, now_text
from tests.faults.plan import Fault

FAILS: Final = 0.3
SILENT: Final = 0.1
TWICE: Final = 0.05
HANGS_UP: Final = 0.15
OTHERS: Final = ("answered", "answered", "answered", "no_answer", "busy", "voicemail", "refused")


@dataclass
class RoughDialer:
    """``kill`` forgets every call in hand and begins again where it last committed, a second later."""

    bed: Bench
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    ledger: Ledger = field(default_factory=Ledger)
    """Of the visits it leads to; the bench gets them at the end."""
    _due: list[tuple[float, int, str, dict[str, Any]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _killed: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None

    def start(self) -> None:
        broker = self.bed.installation.broker
        self._visits = Sender(broker.bootstrap, broker.prefix, self.bed.installation.partitions, self.ledger)
        self._thread = threading.Thread(target=self._run, name="dialer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the calls in hand go; raises what went wrong."""
        self._stopped.set()
        self._thread.join(60)
        if self._failure:
            raise self._failure
        self._visits.flush(60)
        bench = self.bed.ledger
        bench.sent += self.ledger.sent
        bench.refused += self.ledger.refused
        bench.acknowledged |= self.ledger.acknowledged
        bench.acknowledged_at |= self.ledger.acknowledged_at

    def kill(self, fault: Fault) -> str:
        self._killed.set()
        return f"dialer killed with {len(self._due)} calls in hand"

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._live()
        except BaseException as error:  # noqa: BLE001 - told to whoever stops it
            self._failure = error

    def _live(self) -> None:
        """From a start to a kill."""
        broker = self.bed.installation.broker
        settings = {"bootstrap.servers": broker.bootstrap, "log_level": 0}
        consumer = Consumer(
            {
                **settings,
                "group.id": f"{broker.prefix}-rough",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        producer = Producer({**PRODUCER, "bootstrap.servers": broker.bootstrap})
        consumer.subscribe([full_name(broker.prefix, "callback-jobs")])
        try:
            while not self._killed.is_set() and not self._stopped.is_set():
                for message in consumer.consume(200, timeout=0.05):
                    if message.error() is None:
                        self._take(json.loads(message.value() or b"{}"))
                        consumer.commit(message, asynchronous=True)
                self._tell(producer)
        finally:
            producer.flush(30)
            consumer.close()
        self._due.clear()
        self._killed.clear()

    def _take(self, event: dict[str, Any]) -> None:
        data = event["data"]
        luck = random.Random(f"{self.seed}/{data['job_id']}")
        if event["type"] == "callback.cancel":
            self.counts["cancels"] += 1
            self._due = [due for due in self._due if due[3]["job_id"] != data["job_id"]]
            heapq.heapify(self._due)
            return
        self.counts["jobs"] += 1
        outcome = "failed" if luck.random() < FAILS else luck.choice(OTHERS)
        if luck.random() < SILENT:
            self.counts["silent"] += 1
            return
        at = time.time() + luck.choice((0.1, 0.3, 1.0, 3.0))
        heapq.heappush(self._due, (at, next(self._numbers), outcome, data))
        if luck.random() < TWICE:
            self.counts["twice"] += 1
            heapq.heappush(self._due, (at + 1.0, next(self._numbers), luck.choice(OTHERS[3:]), data))

    def _tell(self, producer: Producer) -> None:
        while self._due and self._due[0][0] <= time.time():
            _, number, outcome, job = heapq.heappop(self._due)
            self.counts[outcome] += 1
            self._report(producer, job, outcome, number)
            if outcome == "answered":
                self._connect(job, random.Random(f"{self.seed}/{job['job_id']}/queue"))
        producer.poll(0)

    def _report(self, producer: Producer, job: dict[str, Any], outcome: str, number: int) -> None:
        event = {
            "specversion": "1.0",
            "id": f"{job['job_id']}/{number}",
            "source": "rough-dialer",
            "type": "dial.attempted",
            "time": now_text(time.time()),
            "data": {
                "tenant": job["tenant"],
                "callback_queue": job["callback_queue"],
                "job_id": job["job_id"],
                "outcome": outcome,
            },
        }
        topic = full_name(self.bed.installation.broker.prefix, "callback-results")
        producer.produce(topic, json.dumps(event), str(number))

    def _connect(self, job: dict[str, Any], luck: random.Random) -> None:
        """The customer enters the callback queue, and an agent comes, or the customer leaves before."""
        contact = f"back-{job['job_id'][-24:]}"
        now = time.time()
        left = "abandoned" if luck.random() < HANGS_UP else "answered"
        customer = {"customer": {"address": job["address"]}, "callback_job_id": job["job_id"]}
        for at, kind, more in ((now, "offered", customer), (now + 0.01, left, {})):
            event = {
                "specversion": "1.0",
                "id": f"{contact}/{kind}/{at}",
                "source": SOURCES[0],
                "type": f"contact.{kind}",
                "time": now_text(at),
                "data": {
                    "tenant": TENANT,
                    "site": SITE,
                    "queue": VOICE[0],
                    "channel": "voice",
                    "contact_id": f"{contact}-{round(now * 1000)}",
                    **more,
                },
            }
            self._visits.send(event)
