"""A source that falls silent on a running worker: its queues show nothing live until it is heard again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest

from streams.connections import librdkafka_options
from streams.partitioning import partition_of
from streams.record_sender import RecordSender
from streams.settings_sections import Kafka
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.installation import Installation, install

SITES = ("fortaleza", "recife")
EXPECTED_SILENCE_SECONDS = 3
BEAT_SECONDS = 0.5
GROUP_SECONDS = 90
CHANGE_SECONDS = 60
LIVE = ("filaviva_queue_waiting_contacts", "filaviva_queue_longest_wait_seconds", "filaviva_queue_agents")
OFFERED = "filaviva_queue_contacts_offered_total"


def document() -> dict[str, Any]:
    """One voice queue and one source at each of two sites; the mail gateway of the first is never heard."""
    silence = {"tenant": "acme", "expected_silence_seconds": EXPECTED_SILENCE_SECONDS}
    limits = {"tenant": "acme", "answer_target_seconds": 20, "max_wait_seconds": 3600}
    return {
        "sites": [{"tenant": "acme", "site": site, "zone": f"America/{site.title()}"} for site in SITES],
        "sources": [
            *({**silence, "site": site, "source": f"pbx-{site}", "channels": ["voice"]} for site in SITES),
            {**silence, "site": SITES[0], "source": "mail", "channels": ["chat"]},
        ],
        "queues": [
            *({**limits, "site": site, "queue": f"sac-{site}", "channels": ["voice"]} for site in SITES),
            {**limits, "site": SITES[0], "queue": "chat", "channels": ["chat"]},
        ],
    }


class Beating:
    """Sends heartbeats of the sites' sources twice a second, but of those in ``silent`` none."""

    def __init__(self, installation: Installation) -> None:
        self.silent: set[str] = set()
        self._topic = full_name(installation.broker.prefix, "site-events")
        self._partitions = installation.partitions
        kafka = Kafka(brokers=(installation.broker.bootstrap,))
        self._sender = RecordSender(list(kafka.brokers), librdkafka_options(kafka))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self._sender as sender:
            while not self._ended.wait(BEAT_SECONDS):
                for site in set(SITES) - self.silent:
                    key = f"acme/{site}"
                    sender.send(
                        self._topic, partition_of(key, self._partitions), key=key.encode(), value=heartbeat(site)
                    )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def heartbeat(site: str) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    event = {
        "specversion": "1.0",
        "id": now,
        "source": f"pbx-{site}",
        "type": "source.heartbeat",
        "time": now,
        "data": {"tenant": "acme", "site": site},
    }
    return json.dumps(event).encode()


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    return install(broker, tmp_path, document(), partitions=4, flush_seconds=0.2)


@pytest.fixture
def beating(installation: Installation) -> Iterator[Beating]:
    with Beating(installation) as sources:
        yield sources


def offer(installation: Installation, site: str) -> None:
    """A caller who waits in the queue of the site."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    place = {"tenant": "acme", "site": site, "queue": f"sac-{site}", "channel": "voice", "contact_id": "c1"}
    event = {"specversion": "1.0", "id": f"{site}/c1", "source": f"pbx-{site}", "type": "contact.offered", "time": now}
    path = installation.config.parent / "events.jsonl"
    path.write_text(json.dumps({**event, "data": place}) + "\n")
    installation.publish(path)


def test_the_queue_of_a_silent_source_shows_nothing_live_until_it_is_heard_again(
    installation: Installation, beating: Beating
) -> None:
    """While the queue of another site lives on; what was counted stays, and the metrics show since when it is silent.
    A source of another channel that was never heard makes only its own queue stale."""
    with installation.worker() as worker:
        worker.wait_ready(GROUP_SECONDS)

        def shows(queue: str, *, stale: bool) -> bool:
            page = worker.metrics()
            live = [bool(page.values(name, queue=queue)) for name in LIVE]
            return page.values("filaviva_queue_stale", queue=queue) == [stale] and live == [not stale] * len(LIVE)

        def last_heard(site: str) -> float:
            name = "filaviva_stream_last_event_timestamp_seconds"
            return worker.metrics().total(name, source=f"pbx-{site}")

        for site in SITES:
            offer(installation, site)
            wait_until(lambda queue=f"sac-{site}": shows(queue, stale=False), f"{site} is live", seconds=CHANGE_SECONDS)
        wait_until(lambda: shows("chat", stale=True), "the chat is stale", seconds=CHANGE_SECONDS)
        beating.silent.add("fortaleza")
        wait_until(lambda: shows("sac-fortaleza", stale=True), "its silence shows", seconds=CHANGE_SECONDS)
        assert shows("sac-recife", stale=False)
        assert worker.metrics().total(OFFERED, queue="sac-fortaleza") == 1
        silent_since = last_heard("fortaleza")
        wait_until(lambda: last_heard("recife") > silent_since + 2 * EXPECTED_SILENCE_SECONDS, "the other source beats")
        assert last_heard("fortaleza") == silent_since
        beating.silent.clear()
        wait_until(lambda: shows("sac-fortaleza", stale=False), "it is heard again", seconds=CHANGE_SECONDS)
        assert worker.metrics().total("filaviva_queue_waiting_contacts", queue="sac-fortaleza") == 1
        assert last_heard("fortaleza") > silent_since
        assert shows("chat", stale=True)
    with installation.topics() as topics:
        assert not topics.records("dead-letters")
