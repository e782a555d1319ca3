"""The outbox: a flush waits for what was put before it, not for what comes after; nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from streams.delivery import Appended, Outbox, RecordToSend


class EndlessSource:
    """A broker that is offered one more record whenever it takes some."""

    def __init__(self) -> None:
        self.outbox = Outbox(self)
        self.stored: list[bytes] = []
        self.more = 50
        self.emptied = asyncio.Event()

    def put(self, text: bytes) -> None:
        self.outbox.put(("topic", 0), (text, b"", []))

    async def put_batch(
        self, topic: str, partition: int, records: Iterable[RecordToSend], *, max_bytes: int
    ) -> Appended:
        del topic, partition, max_bytes
        await asyncio.sleep(0)
        first = len(self.stored)
        self.stored += [key for key, _, _ in records]
        if self.more:
            self.more -= 1
            self.put(b"later %d" % self.more)
        else:
            self.emptied.set()
        return Appended(first, len(self.stored))


def test_a_flush_does_not_wait_for_outputs_that_come_after_it():
    """Otherwise a busy partition would never flush: outputs keep coming while it is catching up."""

    async def scenario() -> None:
        broker = EndlessSource()
        broker.put(b"first")
        await asyncio.wait_for(broker.outbox.drained(), 10)
        assert broker.stored == [b"first"]

    asyncio.run(scenario())


def test_the_pump_delivers_everything_without_being_asked_again():
    """What is put while a delivery is under way goes out with the next one."""

    async def scenario() -> None:
        broker = EndlessSource()
        broker.put(b"first")
        broker.outbox.start()
        await asyncio.wait_for(broker.emptied.wait(), 10)
        assert len(broker.stored) == 51
        assert broker.stored[0] == b"first"

    asyncio.run(scenario())
