"""Brokers for the tests that need one, Hypothesis profiles, and the summary of lanes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from streams.embedded.broker import EmbeddedBroker
from streams.errors import Unavailable
from tests import brokers
from tests.brokers import BrokerUnderTest
from tests.embedded_process import EmbeddedProcess
from tests.kafka_server import KafkaServer, kafka_unavailable_reason
from tests.lanes import LaneReport, missing

_PATIENT = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=_PATIENT)
settings.register_profile("ci", max_examples=200, deadline=None, suppress_health_check=_PATIENT, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") == "true" else "quick"))


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in a background job of a shell: the commands under test would inherit it, and never hear of Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(LaneReport(), "lanes")


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """An embedded broker of this test's own, without topics."""
    try:
        broker = EmbeddedBroker({})
    except Unavailable as error:
        missing("embedded", str(error))
    with broker:
        yield broker


@pytest.fixture
def embedded_broker_process() -> Iterator[EmbeddedProcess]:
    """The same outside this process."""
    try:
        EmbeddedBroker({}).close()
    except Unavailable as error:
        missing("embedded", str(error))
    process = EmbeddedProcess()
    yield process
    process.close()


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    """One real Kafka for the whole run; a test that stops or kills it makes its own instead."""
    with new_kafka_server() as server:
        yield server


def new_kafka_server(**configuration: str) -> KafkaServer:
    """A real Kafka not yet started, or the end of the test where Java, Maven or the jars are missing."""
    reason = kafka_unavailable_reason()
    if reason:
        missing("kafka", reason)
    try:
        return KafkaServer(**configuration)
    except RuntimeError as error:
        missing("kafka", str(error))


@pytest.fixture(
    params=[pytest.param("embedded", marks=pytest.mark.embedded), pytest.param("kafka", marks=pytest.mark.kafka)]
)
def broker(request: pytest.FixtureRequest) -> BrokerUnderTest:
    """The test runs once on each kind of broker and makes its topics under `broker.prefix`."""
    if request.param == "embedded":
        return brokers.of_embedded(request.getfixturevalue("embedded_broker"))
    return brokers.of_kafka(request.getfixturevalue("kafka_server"))
