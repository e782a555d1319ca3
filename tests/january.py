"""The bank's January 1999 as event files, the configuration that fits it, and the truth computed in batch."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

QUEUES = ("in", "ne", "nw", "pe", "ps", "tt")
ZONE = "Asia/Jerusalem"
ANSWER_TARGET_SECONDS = 20
MAX_WAIT_SECONDS = 60
SHORT_ABANDON_SECONDS = 5
LATENESS_SECONDS = 5
SHUFFLE_SECONDS = 30
REPEATED_SHARE = 0.02
EARLY_ANSWER_SHARE = 0.05
CONVERTER_SECONDS = 120
PLACE = {"tenant": "bank", "site": "main"}


def january_document() -> dict[str, Any]:
    """The configuration of the bank: six voice queues, one source.

    The lateness bound is far below the delays of the shuffled run: it never decides whether a fact counts.
    """
    limits = {"answer_target_seconds": ANSWER_TARGET_SECONDS, "max_wait_seconds": MAX_WAIT_SECONDS}
    return {
        "clock": {"lateness_seconds": LATENESS_SECONDS},
        "sites": [{**PLACE, "zone": ZONE}],
        "sources": [{**PLACE, "source": "anonymous-bank", "expected_silence_seconds": 3600}],
        "queues": [{**PLACE, "queue": queue, "channels": ["voice"], **limits} for queue in QUEUES],
    }


class January:
    """Files of events, one per line, made when first asked for; each attribute is the path of one."""

    def __init__(self, data: Path, folder: Path) -> None:
        self._data = data
        self._folder = folder

    @cached_property
    def reference(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._data / "reference_january.json").read_text())
        return found

    @cached_property
    def as_it_was(self) -> Path:
        """In the order in which it happened."""
        return self._converted("january.jsonl")

    @cached_property
    def shuffled_and_repeated(self) -> Path:
        """Every event late by up to half a minute, one in fifty twice."""
        shares = ["--shuffle", str(SHUFFLE_SECONDS), "--duplicate", str(REPEATED_SHARE), "--seed", "1"]
        return self._converted("shuffled.jsonl", *shares)

    def with_early_answers(self, seed: int) -> tuple[Path, int]:
        """The answers of some visits before their offers, and how many: each such offer comes right behind its
        visit's answer."""
        lines = self.as_it_was.read_bytes().splitlines(keepends=True)
        kinds = [line_kind(line) for line in lines]
        answered = sorted(contact for contact, kind in kinds if kind == "answered")
        early = set(random.Random(seed).sample(answered, round(len(answered) * EARLY_ANSWER_SHARE)))
        held: dict[str, bytes] = {}
        path = self._folder / "early-answers.jsonl"
        with path.open("wb") as file:
            for line, (contact, kind) in zip(lines, kinds, strict=True):
                if kind == "offered" and contact in early:
                    held[contact] = line
                    continue
                file.write(line)
                if kind == "answered" and contact in early:
                    file.write(held.pop(contact))
        assert not held
        return path, len(early)

    def _converted(self, name: str, *options: str) -> Path:
        path = self._folder / name
        with path.open("wb") as file:
            command = [sys.executable, str(self._data / "to_events.py"), *options]
            subprocess.run(command, stdout=file, timeout=CONVERTER_SECONDS, check=True)
        return path


def line_kind(line: bytes) -> tuple[str, str]:
    """The contact of an event and its kind, as `offered`."""
    contact, kind = json.loads(line)["id"].rsplit("/", 1)
    return contact, kind


def line_counts(path: Path) -> tuple[int, int]:
    """The lines of a file, and how many of them repeat an earlier one."""
    lines = path.read_bytes().splitlines()
    return len(lines), len(lines) - len(set(lines))
