"""Coverage-guided fuzzing of the mappings, by the clock: nothing but InvalidEvent may come of any bytes.

    python -m tests.fuzz queue_log --seconds 30      needs atheris: pip install 'atheris<3.1'

Beside what libFuzzer looks for, each input is judged: a refused record has changed nothing, every event can be routed,
and a snapshot is taken back. (That no id has two contents holds as long as calls are remembered: tests/unit.)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import atheris
import msgspec

from tests.queue_log_writer import queue_log as written

with atheris.instrument_imports(include=["streams.sources"]):
    from streams.routing import Route, route
    from streams.sources.ami import AmiMapping
    from streams.sources.dictionary import Place, QueueDictionary
    from streams.sources.mapping import InvalidEvent
    from streams.sources.queue_log import QueueLogMapping

NAMES = {
    "600": Place("acme", "fortaleza", "sac", "voice", frozenset({"1"})),
    "601": Place("acme", "fortaleza", "vendas", "voice"),
}
HEAD = b"1700000000|1.1|600|Ana|"


def queue_log(data: bytes) -> list[bytes]:
    """Lines; what begins with a dot follows a sound head, so that more of them get past it."""
    return [HEAD + line[1:] if line[:1] == b"." else line for line in data.split(b"\n")]


def ami(data: bytes) -> list[dict[str, str]]:
    """Messages as the connection would cut them."""
    messages = []
    for block in data.decode(errors="replace").split("\n\n"):
        pairs = (line.partition(":") for line in block.split("\n"))
        messages.append(
            {"Uniqueid": "1.1", "Queue": "600", **{name.strip(): value.strip() for name, _, value in pairs}}
        )
    return messages


def seeds(target: str) -> list[bytes]:
    """Something of every event to begin with."""
    if target == "queue_log":
        lines = [line.encode() for line in written(60, seed=1)]
        return [b"\n".join(lines[start : start + 12]) for start in range(0, len(lines), 12)]
    handlers = AmiMapping(QueueDictionary("pbx-1", NAMES))._handlers
    fields = (
        "MemberName: Ana\nHoldTime: 4\nTalkTime: 3\nWait: 4\nUptime: 9\nPaused: 0\nStatus: 1\nVariable: QUEUESTATUS"
    )
    joined = "Event: QueueCallerJoin\n\nEvent: QueueCallerAbandon\n\n"
    return [f"{joined}Event: {event}\n{fields}\nValue: TIMEOUT\nExtension: 1".encode() for event in handlers]


def judge(make: Callable[..., Any], records: list[Any]) -> None:
    mapping = make(QueueDictionary("pbx-1", NAMES))
    for number, record in enumerate(records):
        before = mapping.snapshot()
        try:
            events = mapping.feed(record, 1_700_000_000_000 + number)
        except InvalidEvent:
            assert mapping.snapshot() == before, "refused, and changed"
            continue
        for event in events:
            assert isinstance(route(event), Route)
            msgspec.json.encode(event)
    make(QueueDictionary("pbx-1", NAMES), msgspec.json.decode(msgspec.json.encode(mapping.snapshot())))


TARGETS: dict[str, tuple[Callable[..., Any], Callable[[bytes], list[Any]]]] = {
    "queue_log": (QueueLogMapping, queue_log),
    "ami": (AmiMapping, ami),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("target", choices=TARGETS)
    options.add_argument("--seconds", type=int, default=30)
    given = options.parse_args()
    make, records = TARGETS[given.target]
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(given.target)):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = [f"-max_total_time={given.seconds}", "-max_len=4000"]
        atheris.Setup([sys.argv[0], corpus, *limits], lambda data: judge(make, records(data)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
