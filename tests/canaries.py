"""A thousand telephone numbers in six spellings that are looked for everywhere: who has them, whether a text does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

SUBSCRIBERS = [f"9{8_000_000 + 137 * number:07d}" for number in range(1000)]
"""Eight digits each that occur together by no chance."""
SPELLINGS = (
    "+5585{}",
    "+55 (85) {}",
    "005585{}",
    "085{}",
    "(85) {}",
    "tel:+55-85-{}",
)
AREA = "85"
_KNOWN = frozenset(SUBSCRIBERS)


def number_of(subscriber: str) -> str:
    return f"9{subscriber}"


def written(subscriber: str, spelling: int) -> str:
    number = number_of(subscriber)
    plain = spelling in (0, 2, 3)
    return SPELLINGS[spelling].format(number if plain else f"{number[:5]}-{number[5:]}")


def events() -> Iterator[dict[str, Any]]:
    """Everybody gives up, each in three spellings in three contacts; a third is served, a few are cut off."""
    for index, subscriber in enumerate(SUBSCRIBERS):
        for turn in range(3):
            contact = f"c{index}-{turn}"
            place = {"tenant": "acme", "site": "fortaleza", "queue": "sac-banco", "channel": "voice"}
            minute = 9 * 60 + turn * 3 + index % 60
            customer = {"address": written(subscriber, (index + turn) % 6), "id": f"C-{index}"}
            left = "answered" if turn == 2 and index % 3 == 0 else "abandoned"
            for seconds, kind, more in ((0, "offered", {"customer": customer}), (30, left, {})):
                yield {
                    "specversion": "1.0",
                    "id": f"{contact}/{kind}",
                    "source": "pbx-fortaleza-1",
                    "type": f"contact.{kind}",
                    "time": f"2026-11-23T{minute // 60:02d}:{minute % 60:02d}:{seconds:02d}-03:00",
                    "data": {**place, "contact_id": contact, **more},
                }


def agents() -> Iterator[dict[str, Any]]:
    for number in range(300):
        for minute in (0, 30, 59):
            yield {
                "specversion": "1.0",
                "id": f"a{number}@{minute}",
                "source": "pbx-fortaleza-1",
                "type": "agent.state",
                "time": f"2026-11-23T10:{minute:02d}:00-03:00",
                "data": {
                    "tenant": "acme",
                    "site": "fortaleza",
                    "agent_id": f"a{number}",
                    "state": "available",
                    "queues": ["retorno-sac"],
                },
            }


def hits(text: bytes | str) -> int:
    """How often a canary is in a text, whatever separates its digits."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    digits = re.sub(r"(?<=[0-9])[ ().\-]+(?=[0-9])", "", plain)
    return sum(found[1] in _KNOWN for found in re.finditer(f"(?={AREA}9([0-9]{{8}}))", digits))
