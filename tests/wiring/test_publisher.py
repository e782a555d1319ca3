"""Publishing through a broker that refuses a request."""

from __future__ import annotations

import random
from contextlib import closing

import pytest

from streams.embedded.broker import EmbeddedBroker
from streams.publisher import Publisher
from streams.routing import Route
from tests.topic_reader import TopicReader

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(60)]

PRODUCE_API = 0
NOT_LEADER = 6
ROUND_TRIP_MS = 300
REQUEST_BYTES = 400_000
"""Two such records do not fit one request."""


def test_a_refused_request_is_not_taken_for_acknowledged_when_a_later_one_is() -> None:
    """librdkafka takes an acknowledged request as proof that all before it arrived. A broker that knows nothing yet of
    a producer takes any sequence number, so on a fresh partition that is wrong while several are under way at once."""
    records = [random.Random(number).randbytes(REQUEST_BYTES) for number in range(3)]
    with EmbeddedBroker({"p-calls": 1}) as broker:
        publisher = Publisher([broker.bootstrap], "p", {})
        broker.set_round_trip(ROUND_TRIP_MS)
        broker.fail_requests(PRODUCE_API, [NOT_LEADER])
        for record in records:
            publisher.send(Route("calls", "key"), record)
        publisher.close()
        broker.set_round_trip(0)
        with closing(TopicReader(broker.bootstrap, "p")) as reader:
            assert [record.value for record in reader.records("calls")] == records
