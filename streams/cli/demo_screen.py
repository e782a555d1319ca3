"""What a person sees while the demo runs: a live wallboard on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.status import Status
from rich.text import Text

from streams.cli.demo_run import Stopped
from streams.cli.demo_worker import DemoWorker
from streams.simulation.centre import SAC
from streams.wallboard.figures import Board
from streams.wallboard.source import Watch
from streams.wallboard.view import render
from streams.wallboard.words import Words

LOOK_SECONDS: Final = 0.5
LINE_SECONDS: Final = 10.0
"""How often something is said where no wallboard can be shown."""


class DemoScreen:
    """Shows the wallboard in a terminal's second screen, with one line under it that tells the simulated time, the
    ``speed``, how many events were told, and ``note``. ``stop`` ends the live part at its next step."""

    def __init__(self, console: Console, words: Words, *, speed: float, note: str) -> None:
        self._console = console
        self._words = words
        self._speed = speed
        self._note = note
        self._live: Live | None = None
        self._status: Status | None = None
        self._watch: Watch | None = None
        self._now_ms = 0
        self._looked = 0.0
        self._is_stopped = False
        self.last_board: Board | None = None

    def stop(self) -> None:
        self._is_stopped = True

    def started(self, worker: DemoWorker) -> None:
        self._watch = Watch([worker.url], now=lambda _: self._now_ms / 1000)
        self._console.print(f"While it runs: {worker.url}", style="dim")

    def doing(self, what: str, events: int) -> None:
        if self._console.is_terminal:
            self._say(f"{what}, {events:,} events")
        elif time.monotonic() - self._looked >= LINE_SECONDS:
            self._looked = time.monotonic()
            self._console.print(f"{what}, {events:,} events")

    def live(self, now_ms: int, events: int) -> None:
        """Raises Stopped once somebody has said so."""
        if self._is_stopped:
            raise Stopped
        self._now_ms = now_ms
        every = LOOK_SECONDS if self._console.is_terminal else LINE_SECONDS
        if time.monotonic() - self._looked < every or self._watch is None:
            return
        self._looked = time.monotonic()
        self.last_board = self._watch.look()
        if self._console.is_terminal:
            self._show(self.last_board, events)
        else:
            waiting = sum(line.live.waiting_contacts for line in self.last_board.queues if line.live)
            self._console.print(f"{self._clock()}: {events:,} events, {waiting} contacts waiting")

    def picture(self, width: int) -> RenderableType | None:
        """The last board seen, whole; None when there was none."""
        return None if self.last_board is None else render(self.last_board, self._words, width=width)

    def close(self) -> None:
        """Give the terminal back."""
        for shown in (self._live, self._status):
            if shown is not None:
                shown.stop()
        self._live = self._status = None

    def _say(self, text: str) -> None:
        """In one line that is gone when something else is shown."""
        if self._status is None:
            self.close()
            self._status = self._console.status(text)
            self._status.start()
        self._status.update(text)

    def _show(self, board: Board, events: int) -> None:
        if self._live is None:
            self.close()
            self._live = Live(console=self._console, screen=True, auto_refresh=False)
            self._live.start()
        size = self._console.size
        title = f"{self._clock()} · {self._speed:g}× · {events:,} · {self._note}"
        line = Text(title, style="dim", no_wrap=True, overflow="ellipsis")
        self._live.update(
            Group(render(board, self._words, width=size.width, height=size.height - 1), line), refresh=True
        )

    def _clock(self) -> str:
        return datetime.fromtimestamp(self._now_ms / 1000, ZoneInfo(SAC.sites[0].zone)).strftime("%H:%M:%S")


@contextmanager
def stopped_by_interrupt(screen: DemoScreen) -> Iterator[None]:
    """Let the first Ctrl-C end the live part in order, a second one everything."""
    before = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: object) -> None:
        del number, frame
        signal.signal(signal.SIGINT, signal.default_int_handler)
        screen.stop()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        screen.close()
        signal.signal(signal.SIGINT, before)
