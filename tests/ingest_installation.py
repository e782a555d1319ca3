"""Where movers are tried: the topics they write, a configuration with a dictionary, and what they told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from streams.dead_letters import DEAD_LETTERS
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.configuration import edited, queue
from tests.topic_reader import TopicReader

PARTITIONS = 2
TOPICS = ("call-events", "agent-events", "site-events")


def ingest_configuration(broker: BrokerUnderTest, folder: Path) -> Path:
    """Names 600 and 601 of pbx-1 are sac and vendas; 1 asks for a callback in sac."""
    for topic in (*TOPICS, DEAD_LETTERS):
        broker.create_topic(full_name(broker.prefix, topic), PARTITIONS)
    path = folder / "filaviva.yaml"
    place = {"source": "pbx-1", "tenant": "acme"}
    path.write_text(
        edited(
            ("kafka", {"brokers": [broker.bootstrap], "prefix": broker.prefix, "partitions": PARTITIONS}),
            ("privacy", {}),
            ("queues", [queue("sac"), queue("vendas")]),
            ("callback_queues", []),
            (
                "vendor_queues",
                [
                    place | {"name": "600", "queue": "sac", "callback_keys": ["1"]},
                    place | {"name": "601", "queue": "vendas"},
                ],
            ),
        )
    )
    return path


def told_on(broker: BrokerUnderTest) -> tuple[dict[str, Any], int]:
    """Every event of the topics by its id, which has one content; and how many came again."""
    reader = TopicReader(broker.bootstrap, broker.prefix)
    told: dict[str, Any] = {}
    count: Counter[str] = Counter()
    try:
        for topic in TOPICS:
            for record in reader.records(topic):
                event = json.loads(record.value)
                count[event["id"]] += 1
                assert told.setdefault(event["id"], event) == event
    finally:
        reader.close()
    return told, count.total() - len(count)
