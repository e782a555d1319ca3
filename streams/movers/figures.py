"""What a mover counts since its process began, and how it does now; its page for Prometheus and its health read it.

Written by the thread that moves, read by that of the page: plain values, each written whole.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from streams import metric_names as names
from streams.domain.decisions import Reason
from streams.exposition import Family, write_page

ALIVE_SECONDS: Final = 120.0
"""A step waits for Kafka, or for a mailbox, a minute at most: one that is longer under way hangs."""


@dataclass(slots=True)
class MoverFigures:
    """Of one mover, ``kind`` being the word of its command. Outlives the movers that a command makes one after another
    where something is away in between."""

    source: str
    kind: str
    records: int = 0
    """Lines, messages, mails that were looked at."""
    events: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    """Records that make no event, by kind."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Records that went to the dead letters, by reason."""
    breaks: int = 0
    """How often what came next could not be had."""
    is_connected: bool = False
    """Whether what is read from is there."""
    is_delivering: bool = False
    """Whether Kafka has acknowledged what was sent last."""
    last_record_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    """The own time of the record read last, else when it came; before the first the start of the process."""
    caught_up_at: float = field(default_factory=time.monotonic)
    """When all that the platform had said was moved."""
    log_behind_seconds: Callable[[], float] | None = None
    """Of a log: how far the reading is behind by the times of its lines. Asked by the thread of the page."""
    stepped_at: float = field(default_factory=time.monotonic)

    def step(self) -> None:
        """The mover goes round once more."""
        self.stepped_at = time.monotonic()

    def catch_up(self, at: float | None = None) -> None:
        """All that was said until then (time.monotonic) is moved; without a moment until now."""
        self.caught_up_at = max(self.caught_up_at, time.monotonic() if at is None else at)

    @property
    def behind_seconds(self) -> float:
        return self.log_behind_seconds() if self.log_behind_seconds else time.monotonic() - self.caught_up_at

    @property
    def is_alive(self) -> bool:
        return time.monotonic() - self.stepped_at < ALIVE_SECONDS

    @property
    def not_ready(self) -> str | None:
        """Why nothing is moved, or None."""
        if not self.is_connected:
            return "what is read from is away"
        return None if self.is_delivering else "Kafka does not acknowledge"


def page(figures: MoverFigures, accept_header: str) -> tuple[bytes, str]:
    """The page in the format the scraper asks for, and its content type."""
    return write_page(families(figures), accept_header)


def families(figures: MoverFigures) -> Iterator[Family]:
    """Every metric of a mover once. Reasons are a closed list and start at 0; kinds come from outside, and are bounded
    by ``sources.mapping.Ignored``."""
    at = (figures.source, figures.kind)
    rejected = {reason.value: 0 for reason in Reason} | dict(figures.rejected)
    yield Family(names.MOVER_RECORDS, [(at, figures.records)])
    yield Family(names.MOVER_EVENTS, [(at, figures.events)])
    yield Family(names.MOVER_IGNORED, [((*at, kind), count) for kind, count in sorted(dict(figures.ignored).items())])
    yield Family(names.MOVER_REJECTED, [((*at, reason), count) for reason, count in rejected.items()])
    yield Family(names.MOVER_BREAKS, [(at, figures.breaks)])
    yield Family(names.MOVER_CONNECTED, [(at, figures.is_connected)])
    yield Family(names.MOVER_DELIVERING, [(at, figures.is_delivering)])
    yield Family(names.MOVER_BEHIND, [(at, figures.behind_seconds)])
    yield Family(names.MOVER_LAST_RECORD, [(at, figures.last_record_ms / 1000)])
