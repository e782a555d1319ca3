"""What a contestant is told by the bench, and what it reports: how many events were done at which instant."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_EVERY = 250


@dataclass(frozen=True)
class Assignment:
    """One run: where to read and write, and how many events there are."""

    bootstrap: str
    prefix: str
    config: Path
    events: int
    report: Path
    folder: Path
    """For whatever the contestant keeps on disk."""

    @classmethod
    def from_arguments(cls) -> Assignment:
        """Of the process: one argument, the path of a JSON file."""
        told = json.loads(Path(sys.argv[1]).read_text())
        paths = {name: Path(told[name]) for name in ("config", "report", "folder")}
        return cls(**{**told, **paths})

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({name: _plain(value) for name, value in vars(self).items()}))


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


@dataclass
class Progress:
    """Wall-clock instants (seconds) and the events done by then."""

    points: list[tuple[float, int]] = field(default_factory=list)
    done: int = 0

    def add(self, events: int) -> None:
        before, self.done = self.done, self.done + events
        if before // SAMPLE_EVERY != self.done // SAMPLE_EVERY or not self.points:
            self.mark()

    def mark(self) -> None:
        self.points.append((time.time(), self.done))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.points))
