"""A client that names a header in another encoding: nobody checks, and no worker may stop for it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from kafka import KafkaProducer

from streams.connections import client_options
from streams.domain.decisions import Ledger
from streams.partitioning import partition_of
from streams.settings_sections import Kafka
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.faults import centre
from tests.faults.lanes.traps import offer
from tests.installation import install
from tests.wiring.test_tolerant_records import ODD

WORK_SECONDS = 60


def test_an_event_with_an_odd_header_name_is_applied_like_any_other(broker: BrokerUnderTest, tmp_path: Path) -> None:
    """Neither it nor its neighbours are lost, and the worker stays up."""
    centre.write_keys(tmp_path)
    installation = install(broker, tmp_path, centre.document(), session_timeout_seconds=6, flush_seconds=0.2)
    place = partition_of(f"{centre.TENANT}/{centre.VOICE[1]}", installation.partitions)
    options = client_options(Kafka(brokers=(broker.bootstrap,)))
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=200, **options)
    for number, name in enumerate(["plain", ODD, "plain"]):
        event = offer(centre.VOICE[1], f"c-{number}-{time.time_ns()}")
        key = f"{centre.TENANT}/{centre.VOICE[1]}".encode()
        topic = full_name(broker.prefix, "call-events")
        producer.send(topic, json.dumps(event).encode(), key, headers=[(name, b"x")], partition=place)
    producer.flush()
    producer.close()
    with installation.worker() as worker, installation.state("queues") as state:
        wait_until(lambda: state.refresh().records_done("call-events") == 3, "all are done", seconds=WORK_SECONDS)
        assert worker.exit_code is None
        assert state.ledger() == Ledger(applied=3)
