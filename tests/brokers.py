"""The broker a test talks to, embedded or real, behind one small face."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from streams.embedded.broker import EmbeddedBroker
from tests.kafka_server import KafkaServer

_numbers = itertools.count(1)


@dataclass(frozen=True)
class BrokerUnderTest:
    """Where to connect, which kind it is, and a name prefix that no other test uses on the same broker."""

    kind: Literal["embedded", "kafka"]
    bootstrap: str
    prefix: str
    create_topic: Callable[..., None]
    """`create_topic(name, partitions, cleanup_policy="compact", …)`; the embedded broker has no topic settings."""


def of_embedded(broker: EmbeddedBroker) -> BrokerUnderTest:
    def create_topic(name: str, partitions: int, **configs: str) -> None:
        broker.create_topic(name, partitions)

    return BrokerUnderTest("embedded", broker.bootstrap, fresh_prefix(), create_topic)


def of_kafka(server: KafkaServer) -> BrokerUnderTest:
    return BrokerUnderTest("kafka", server.bootstrap, fresh_prefix(), server.create_topic)


def fresh_prefix() -> str:
    return f"t{os.getpid()}-{next(_numbers)}"
