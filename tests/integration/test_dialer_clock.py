"""The reference dialer in a simulation: it goes by the heartbeats of the centre, and whom it reaches comes in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from streams.cli.called_back import OtherDialer
from streams.cli.kafka_target import target_of_file
from streams.connections import client_options
from streams.dialer.clock import EventClock
from streams.dialer.lines import SimulatedLine, outcome_of
from streams.dialer.service import DialerService
from streams.domain.encoding import iso_time
from streams.settings_sections import Kafka
from streams.simulation.centre import SAC
from streams.simulation.day import DATE
from streams.simulation.simulation import Simulation
from streams.topic_feed import TopicFeed
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.core_chain import encode
from tests.deadlines import wait_until
from tests.installation import Installation, install_centre

SEED = 3
PATIENCE_SECONDS = 180


class Centre:
    """Tells heartbeats and jobs, as simulated time goes on."""

    def __init__(self, installation: Installation, start_ms: int) -> None:
        self._prefix = installation.broker.prefix
        bootstrap = installation.broker.bootstrap
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, **client_options(Kafka(brokers=(bootstrap,))))
        self.now_ms = start_ms

    def live(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        beat = {"type": "source.heartbeat", "time": iso_time(self.now_ms), "data": {"site": "fortaleza"}}
        self._send("site-events", beat)

    def write(self, job_id: str, *, not_before_ms: int) -> None:
        self._send("callback-jobs", {"type": "callback.dial", "data": job(job_id, not_before_ms)})

    def _send(self, topic: str, event: dict[str, Any]) -> None:
        value = encode({"specversion": "1.0", "id": "x", "source": "pbx-fortaleza-1", **event})
        self._producer.send(full_name(self._prefix, topic), value, partition=0).get(PATIENCE_SECONDS)

    def close(self) -> None:
        self._producer.close()


def job(job_id: str, not_before_ms: int) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "plan_id": job_id.rpartition(".")[0],
        "attempt": 1,
        "revision": 1,
        "tenant": SAC.tenant,
        "callback_queue": "retorno-sac",
        "address": "+5585012345678",
        "not_before": iso_time(not_before_ms),
        "expires": iso_time(not_before_ms + 10_800_000),
        "priority": 1,
        "uf": "CE",
        "zone": "America/Fortaleza",
    }


def job_that_is(outcome: str) -> str:
    """The id of a job whose simulated call ends like this."""
    ids = (f"{number:032x}.ab.1" for number in range(10_000))
    return next(job_id for job_id in ids if outcome_of(job_id, SEED)[0] == outcome)


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    return install_centre(broker, tmp_path, event_clock=True)


@pytest.fixture
def dialer(installation: Installation, tmp_path: Path) -> Iterator[DialerService]:
    target = target_of_file(installation.config)
    clock = EventClock(target.brokers, target.prefix, target.client_options, partitions=target.partitions)
    service = DialerService(
        list(target.brokers),
        target.prefix,
        target.client_options,
        line=SimulatedLine(SEED),
        clock=clock,
        lines=4,
        journal=tmp_path / "journal",
    )
    yield service
    service.run(lambda: True)


def test_a_dialer_goes_by_simulated_time_and_whom_it_reaches_stands_in_the_queue(
    installation: Installation, dialer: DialerService
) -> None:
    """It rings as long as the centre lives, not as the wall clock goes; it reports in the centre's time; who answered,
    and nobody else, comes into the callback queue with the job."""
    simulation = Simulation(SAC, 7, DATE, imitates_plans=False)
    simulation.advance(simulation.start_ms + 10 * 3_600_000)
    centre = Centre(installation, simulation.now_ms)
    target = target_of_file(installation.config)
    called_back = OtherDialer(target)
    topic = full_name(target.prefix, "callback-results")
    results = TopicFeed(target.brokers, target.client_options, [topic], partitions=target.partitions)
    told: dict[str, Any] = {}
    answered, busy = job_that_is("answered"), job_that_is("busy")
    try:
        centre.write(answered, not_before_ms=centre.now_ms + 5000)
        centre.write(busy, not_before_ms=centre.now_ms + 30_000)

        def both_reported() -> bool:
            """With a heartbeat each time: nothing else makes its clock go on."""
            dialer.step()
            centre.live(2)
            told.update({event["data"]["job_id"]: event for event in results.new()})
            return len(told) == 2

        wait_until(both_reported, "both calls are reported", seconds=PATIENCE_SECONDS)
        assert {job_id: event["data"]["outcome"] for job_id, event in told.items()} == {
            answered: "answered",
            busy: "busy",
        }
        for job_id, after_ms in ((answered, 5000), (busy, 30_000)):
            ringing_ms = round(1000 * outcome_of(job_id, SEED)[1])
            first, last = simulation.now_ms + after_ms + ringing_ms, centre.now_ms
            assert iso_time(first) <= told[job_id]["time"] <= iso_time(last)
        offers: list[str] = []

        def came_in() -> bool:
            called_back.tell(simulation)
            events = [event["data"] for event in simulation.advance(simulation.now_ms + 1000)]
            offers.extend(data["callback_job_id"] for data in events if data.get("callback_job_id"))
            return bool(offers)

        wait_until(came_in, "the customer comes into the queue", seconds=PATIENCE_SECONDS)
        assert offers == [answered]
    finally:
        results.close()
        called_back.close()
        centre.close()
