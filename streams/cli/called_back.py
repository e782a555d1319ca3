"""How a simulated centre hears of the calls that the product has made: by a dialer of its own, or of another's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from streams.cli.kafka_target import KafkaTarget
from streams.domain.events import CALLBACK_RESULTS
from streams.simulation.simulation import Simulation
from streams.topic_feed import TopicFeed
from streams.topics import CALLBACK_JOBS, full_name

Calls = Callable[[Simulation], None]
"""Tells a simulation what has become of its callbacks since it was last told."""


class OwnDialer:
    """Every job from now on is the simulation's to dial. Jobs that were written before are another dialer's.

    Raises Unavailable when the brokers do not answer.
    """

    def __init__(self, target: KafkaTarget) -> None:
        self._jobs = _feed(target, CALLBACK_JOBS)

    def tell(self, simulation: Simulation) -> None:
        for job in self._jobs.new():
            with suppress(KeyError, ValueError):  # a job that is not whole is nobody to call
                simulation.dial(job)

    def close(self) -> None:
        self._jobs.close()


class OtherDialer:
    """Another dialer works the jobs: whoever it says has answered comes into the callback queue, once a job.

    Raises Unavailable when the brokers do not answer.
    """

    def __init__(self, target: KafkaTarget) -> None:
        self._jobs = _feed(target, CALLBACK_JOBS)
        self._results = _feed(target, CALLBACK_RESULTS)
        self._open: dict[str, Mapping[str, Any]] = {}
        self._answered: set[str] = set()

    def tell(self, simulation: Simulation) -> None:
        for result in self._results.new():
            if result["data"].get("outcome") == "answered":
                self._answered.add(str(result["data"].get("job_id")))
        for job in self._jobs.new():
            if job["type"] == "callback.dial":
                self._open[str(job["data"].get("job_id"))] = job
        for job_id in sorted(self._answered & self._open.keys()):  # of a result its job may be read a moment later
            self._answered.remove(job_id)
            with suppress(KeyError, ValueError):
                simulation.picked_up(self._open.pop(job_id))

    def close(self) -> None:
        self._jobs.close()
        self._results.close()


def _feed(target: KafkaTarget, topic: str) -> TopicFeed:
    names = [full_name(target.prefix, topic)]
    return TopicFeed(target.brokers, target.client_options, names, partitions=target.partitions)
