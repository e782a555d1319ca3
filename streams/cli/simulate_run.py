"""Playing a simulation: step by step, paced or not, through some disorder, into lines or into Kafka."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, Final, Protocol

import msgspec

from streams.cli.called_back import Calls
from streams.cli.pace import Pace
from streams.event_lines import event_time_ms
from streams.publisher import Publisher
from streams.routing import Route, route
from streams.simulation.clockwork import MINUTE_MS
from streams.simulation.disorder import Disorder
from streams.simulation.simulation import Simulation
from streams.simulation.telling import Event

UNPACED_STEP_MS: Final = 5 * MINUTE_MS
STEPS_PER_SECOND: Final = 5
"""Of a paced run: how often events are sent, and calls are heard of."""
encode: Final = msgspec.json.Encoder().encode
Watch = Callable[[int, int], None]
"""Hears how far the simulated time has come, and how many events have been sent."""


class Sink(Protocol):
    """Where events go."""

    def send(self, event: Event) -> None: ...

    def step_done(self) -> None:
        """Nothing more comes for a moment."""
        ...

    def close(self) -> None: ...


class Lines:
    """JSON, one event a line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def send(self, event: Event) -> None:
        self._stream.write(encode(event) + b"\n")

    def step_done(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class Topics:
    """Kafka; ``event_clock`` stamps every record with its event's time."""

    def __init__(self, publisher: Publisher, *, event_clock: bool) -> None:
        self._publisher = publisher
        self._event_clock = event_clock

    def send(self, event: Event) -> None:
        target = route(event)
        assert isinstance(target, Route), "the simulation knows its topics"
        stamp_ms = event_time_ms(event["time"]) if self._event_clock else None
        self._publisher.send(target, encode(event), stamp_ms)

    def step_done(self) -> None:
        pass  # librdkafka sends by itself

    def close(self) -> None:
        self._publisher.close()


@dataclass(frozen=True, slots=True)
class Manner:
    """How to play: until when (None: for ever), how fast (0: as fast as possible), and through what disorder."""

    until_ms: int | None
    speed: float
    disorder: Disorder

    @property
    def step_ms(self) -> int:
        return round(max(1, 1000 * self.speed / STEPS_PER_SECOND)) if self.speed else UNPACED_STEP_MS


def play(simulation: Simulation, manner: Manner, sink: Sink, *, calls: Calls, watch: Watch) -> None:
    """Send everything from where the simulation stands up to the end, what is still underway then at once.

    At every step ``calls`` may tell the simulation what has become of its callbacks.
    """
    pace = Pace(manner.speed) if manner.speed else None
    now_ms, sent = simulation.now_ms, 0
    if pace:
        pace.wait(now_ms)  # time counts from here, however long it takes to get the centre going
    while manner.until_ms is None or now_ms < manner.until_ms:
        now_ms = min(now_ms + manner.step_ms, manner.until_ms or now_ms + manner.step_ms)
        if pace:
            pace.wait(now_ms)
        calls(simulation)
        manner.disorder.take(simulation.advance(now_ms))
        sent += _send(manner.disorder.arrived(math.inf if now_ms == manner.until_ms else now_ms), sink)
        watch(now_ms, sent)


def _send(events: Iterable[Event], sink: Sink) -> int:
    count = 0
    for event in events:
        sink.send(event)
        count += 1
    sink.step_done()
    return count
