"""What a mapping remembers and what it has said stay together, whatever fails and whenever the process dies."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st

from streams.errors import ConfigError, Unavailable
from streams.gateway.mapped import MOST_OWED, MappedFeed
from streams.gateway.messages import Accepted, Refused
from streams.movers.unmapped import unmapped_names
from streams.sources.chatwoot import ChatwootWebhooks
from streams.sources.dictionary import Place, QueueDictionary
from tests.unit.test_chatwoot import START, changed, created, message

PLACE = Place("acme", "fortaleza", "sac-chat", "chat")
HISTORY = [
    json.dumps(hook).encode()
    for hook in (
        created(),
        message(100, 1),
        message(101, 30, of="agent"),
        changed("resolved", 60),
        message(102, 300),
        changed("open", 300.4),
        message(103, 320, of="agent"),
        changed("resolved", 400),
        changed("open", 500),
        message(104, 600),
    )
]


class _Death(BaseException):
    """The process is gone."""


class ScriptedKafka:
    """Takes records, refuses them, or is the last thing the process sees, before or after it has them."""

    def __init__(self, script: Sequence[str]) -> None:
        self._script = itertools.chain(script, itertools.repeat("takes"))
        self.values: list[bytes] = []

    async def deliver(self, records: Sequence[Accepted]) -> None:
        await asyncio.sleep(0)
        happens = next(self._script)
        if happens in ("takes", "dies after"):
            self.values += [record.value for record in records]
        if happens.startswith("dies"):
            raise _Death
        if happens == "refuses":
            raise Unavailable("not now")

    @property
    def by_id(self) -> dict[str, bytes]:
        return {json.loads(value)["id"]: value for value in self.values}


def opened(folder: Path, kafka: ScriptedKafka, dictionary: QueueDictionary | None = None) -> MappedFeed:
    names = dictionary or QueueDictionary("chatwoot-1", {"1": PLACE})
    return MappedFeed(names, ChatwootWebhooks, folder, kafka)


def killed(feed: MappedFeed) -> None:
    """The kernel gives back what the process held."""
    os.close(feed._lock)


async def lived_through(folder: Path, kafka: ScriptedKafka) -> None:
    """Send the history, each until it is answered with success, by as many processes as it takes."""
    feed = opened(folder, kafka)
    for hook in HISTORY:
        while True:
            try:
                await feed.take(hook, START * 1000)
                break
            except Unavailable:
                continue
            except _Death:
                killed(feed)
                feed = opened(folder, kafka)
    await feed.settle()
    await feed.end()


WHAT_HAPPENS = st.lists(st.sampled_from(["takes", "refuses", "dies before", "dies after"]), max_size=25)


@settings(max_examples=60)
@given(WHAT_HAPPENS)
def test_every_event_is_delivered_whatever_fails(script: list[str]) -> None:
    """The same events with the same content as without any failure, some of them more than once."""
    with TemporaryDirectory() as calm, TemporaryDirectory() as stormy:
        wanted, kafka = ScriptedKafka([]), ScriptedKafka(script)
        asyncio.run(lived_through(Path(calm), wanted))
        asyncio.run(lived_through(Path(stormy), kafka))
    assert kafka.by_id == wanted.by_id
    assert {json.loads(value)["id"]: value for value in reversed(kafka.values)} == wanted.by_id


def test_what_nobody_sends_again_is_owed_and_sent(tmp_path: Path) -> None:
    """By the next look, or by the next process: a platform that forgets what was refused costs nothing."""

    async def scenario() -> None:
        kafka = ScriptedKafka(["refuses", "refuses"])
        feed = opened(tmp_path, kafka)
        for hook in HISTORY[:2]:
            with pytest.raises(Unavailable):
                await feed.take(hook, START * 1000)
        assert kafka.values == []
        await feed.end()
        after = opened(tmp_path, kafka)
        await after.settle()
        await after.end()
        assert [json.loads(value)["type"] for value in kafka.values] == ["contact.offered", "contact.message"]

    asyncio.run(scenario())


def test_requests_at_a_time_are_all_in_the_file(tmp_path: Path) -> None:
    """One writing serves many; each is answered after a file that holds it."""

    async def scenario() -> None:
        kafka = ScriptedKafka([])
        feed = opened(tmp_path, kafka)
        hooks = [json.dumps(created(id=number)).encode() for number in range(50)]
        assert await asyncio.gather(*(feed.take(hook, START * 1000) for hook in hooks)) == [1] * 50
        killed(feed)
        after = opened(tmp_path, kafka)
        assert await asyncio.gather(*(after.take(hook, START * 1000) for hook in hooks)) == [0] * 50
        await after.end()

    asyncio.run(scenario())


def test_what_waits_for_kafka_is_bounded(tmp_path: Path) -> None:
    """Beyond it nothing more is taken in, until Kafka is back."""

    async def scenario() -> None:
        kafka = ScriptedKafka(["refuses"] * (MOST_OWED + 100))
        feed = opened(tmp_path, kafka)
        for number in range(MOST_OWED + 2):
            with pytest.raises(Unavailable):
                await feed.take(json.dumps(created(id=number)).encode(), START * 1000)
        kafka._script = iter(["takes"])
        await feed.settle()
        assert len(kafka.values) == MOST_OWED + 1
        await feed.end()

    asyncio.run(scenario())


def test_two_processes_do_not_feed_one_source(tmp_path: Path) -> None:
    """Each would number the visits on its own."""

    async def scenario() -> None:
        feed = opened(tmp_path, ScriptedKafka([]))
        with pytest.raises(ConfigError, match="one is running"):
            opened(tmp_path, ScriptedKafka([]))
        await feed.end()
        await opened(tmp_path, ScriptedKafka([])).end()

    asyncio.run(scenario())


def test_a_webhook_that_is_none_is_refused_and_unlisted_names_are_kept(tmp_path: Path) -> None:
    """With the reason; the names for `filaviva ingest discover`."""

    async def scenario() -> None:
        feed = opened(tmp_path, ScriptedKafka([]), QueueDictionary("chatwoot-1", {}))
        with pytest.raises(Refused, match=r"not_json: \$: not JSON"):
            await feed.take(b"{", START * 1000)
        assert await feed.take(HISTORY[0], START * 1000) == 0
        await feed.settle()
        assert unmapped_names(tmp_path) == {"chatwoot-1": {"1": 1}}
        assert feed.ignored == {"inbox not in vendor_queues": 1}
        await feed.end()

    asyncio.run(scenario())
