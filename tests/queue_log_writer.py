"""A queue_log as a busy exchange writes it, by the seed; as a program of its own it writes one and rotates it."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from pathlib import Path
from typing import Final

START: Final = 1_700_000_000
QUEUES: Final = ("600", "601", "602")
AGENTS: Final = tuple(f"PJSIP/{8001 + number}" for number in range(12))


def queue_log(calls: int, seed: int, start: int = START) -> Iterator[str]:
    """The lines of so many calls, in the order of time: every way in and out, transfers, second stays, pauses."""
    chance = random.Random(seed)
    due: list[tuple[int, int, tuple[str, ...]]] = []
    number = 0

    def later(second: int, *fields: str) -> None:
        nonlocal number
        number += 1
        heappush(due, (second, number, fields))

    for call in range(calls):
        second = start + call // 3
        while due and due[0][0] < second:
            yield _line(*heappop(due))
        _call(chance, f"{second}.{call}", second, later)
        if call % 50 == 0:
            agent = chance.choice(AGENTS)
            later(second, "NONE", chance.choice(QUEUES), agent, chance.choice(["PAUSE", "UNPAUSE"]), "")
    while due:
        yield _line(*heappop(due))


def with_malformed(lines: Iterable[str], every: int) -> Iterator[str]:
    """The lines, and after so many of them each time one that is none."""
    for number, line in enumerate(lines, 1):
        yield line
        if number % every == 0:
            yield f"malformed line {number}"


def _line(second: int, _number: int, fields: tuple[str, ...]) -> str:
    return "|".join((str(second), *fields))


def _call(chance: random.Random, call: str, second: int, later) -> None:  # type: ignore[no-untyped-def]
    queue, agent = chance.choice(QUEUES), chance.choice(AGENTS)
    later(second, call, queue, "NONE", "ENTERQUEUE", "", f"859{chance.randrange(10**8):08d}", "1")
    wait = chance.randrange(90)
    left, held = second + wait, str(wait)
    match chance.randrange(12):
        case 0 | 1:
            later(left, call, queue, "NONE", "ABANDON", "1", "1", held)
        case 2:
            later(left, call, queue, "NONE", "EXITWITHKEY", chance.choice("12"), "1", "1", held)
        case 3:
            later(left, call, queue, "NONE", "EXITWITHTIMEOUT", "1", "1", held)
            later(left, call, queue, "NONE", "ENTERQUEUE", "", "", "3")
            later(left + 9, call, queue, "NONE", "ABANDON", "3", "3", "9")
        case kind:
            talk = chance.randrange(5, 300)
            later(left, call, queue, agent, "RINGNOANSWER", "5000")
            later(left, call, queue, agent, "CONNECT", held, f"{call}9", "3")
            end = ("BLINDTRANSFER", "601", "queues") if kind == 4 else ("COMPLETECALLER",)
            later(left + talk, call, queue, agent, *end, held, str(talk), "1")


def main() -> None:
    """Write a log in portions, one for each line of standard input, each taking about a second; rename it and copy it
    away in between."""
    options = argparse.ArgumentParser()
    options.add_argument("path", type=Path)
    options.add_argument("--calls", type=int, required=True)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--renames", type=int, default=5)
    options.add_argument("--portions", type=int, required=True)
    options.add_argument("--malformed-every", type=int, required=True)
    given = options.parse_args()
    lines = list(with_malformed(queue_log(given.calls, given.seed), given.malformed_every))
    rotations = sorted(random.Random(given.seed + 1).sample(range(1, len(lines)), given.renames + 1))
    copied = random.Random(given.seed + 2).choice(rotations)
    file = given.path.open("a", buffering=1)
    portion = -(-len(lines) // given.portions)
    started = 0.0
    for number, line in enumerate(lines):
        if number % portion == 0:
            sys.stdin.readline()
            started = time.monotonic()
        if number in rotations and number == copied:
            shutil.copyfile(given.path, given.path.with_name(f"{given.path.name}-{number}"))
            os.truncate(given.path, 0)
        elif number in rotations:
            file.close()
            given.path.rename(given.path.with_name(f"{given.path.name}.{number}"))
            file = given.path.open("a", buffering=1)
        file.write(line + "\n")
        if number % 50 == 0:
            ahead = started + number % portion / portion - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
    file.close()


if __name__ == "__main__":
    main()
