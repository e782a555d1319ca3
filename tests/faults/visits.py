"""What the callers of the bench do, from a seed: who comes when, how long they wait, what is told out of order.

A visit is a short list of moments. Times are seconds after its offer; the event is stamped when it is due and told
``held_seconds`` later, so that some facts overtake others; ``copies`` more of it follow at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.centre import CHAT, MAX_WAIT_SECONDS, SITE, SOURCES, TENANT, VOICE

CUSTOMERS: Final = 4000
OVERTAKEN_SHARE: Final = 0.02
REPEATED_SHARE: Final = 0.03


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of a visit to be sent."""

    after_seconds: float
    kind: str
    data: dict[str, Any]
    held_seconds: float = 0.0
    copies: int = 0
    skew_seconds: float = 0.0
    """How far the source's clock is ahead."""


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One contact in one queue, and everything that will be told of it."""

    contact: str
    queue: str
    channel: str
    source: str
    moments: tuple[Moment, ...]

    def event(self, moment: Moment, time: str) -> dict[str, Any]:
        """The CloudEvent of one of its moments."""
        place = {"tenant": TENANT, "site": SITE, "queue": self.queue, "channel": self.channel}
        return {
            "specversion": "1.0",
            "id": f"{self.contact}/{moment.kind}",
            "source": self.source,
            "type": f"contact.{moment.kind}",
            "time": time,
            "data": {**place, "contact_id": self.contact, **moment.data},
        }


def visits(seed: int, *, name: str = "c") -> Iterator[PlannedVisit]:
    """Without end. Waits lie on both sides of every limit and closely below the longest allowed."""
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        is_chat = chance.random() < 0.1
        queue = chance.choice(CHAT if is_chat else VOICE)
        moments = _chat(chance) if is_chat else _call(chance)
        told = tuple(_as_told(chance, moment) for moment in moments)
        yield PlannedVisit(f"{name}-{number}", queue, "chat" if is_chat else "voice", chance.choice(SOURCES), told)


def _as_told(chance: random.Random, moment: Moment) -> Moment:
    """Offers and ends may be overtaken; an exit told late would rightly open a breach."""
    is_held = moment.kind in {"offered", "ended"} and chance.random() < OVERTAKEN_SHARE
    copies = chance.randint(1, 3) if chance.random() < REPEATED_SHARE else 0
    held = chance.uniform(0.1, 0.8) if is_held else 0.0
    return Moment(moment.after_seconds, moment.kind, moment.data, held, copies)


def wait_seconds(chance: random.Random) -> float:
    share = chance.random()
    if share < 0.5:
        return chance.uniform(0.05, 2.0)
    if share < 0.75:
        return chance.uniform(2.0, MAX_WAIT_SECONDS - 0.5)
    if share < 0.9:
        return chance.uniform(MAX_WAIT_SECONDS - 0.5, MAX_WAIT_SECONDS - 0.1)
    return chance.uniform(MAX_WAIT_SECONDS + 0.1, MAX_WAIT_SECONDS + 4)


def _call(chance: random.Random) -> list[Moment]:
    wait = wait_seconds(chance)
    customer = _customer(chance)
    moments = [Moment(0.0, "offered", {"customer": customer} if customer else {})]
    share = chance.random()
    if share < 0.7:
        moments.append(Moment(wait, "answered", {"agent_id": f"a-{chance.randint(1, 40)}"}))
        talk = chance.uniform(0.2, 3.0)
        moments.append(Moment(wait + talk, "ended", {"talk_seconds": round(talk, 3), "ended_by": "customer"}))
    elif share < 0.9:
        moments.append(Moment(wait, "abandoned", {}))
    elif share < 0.95:
        reason = chance.choice(["transfer", "overflow", "timeout", "closed", "key"])
        moments.append(Moment(wait, "flowed_out", {"reason": reason}))
    else:
        moments.append(Moment(wait, "callback_requested", {"customer": customer} if customer else {}))
    return moments


def _chat(chance: random.Random) -> list[Moment]:
    wait = wait_seconds(chance)
    return [
        Moment(0.0, "offered", {}),
        Moment(wait, "message", {"direction": "out", "author": "agent", "agent_id": "a-1"}),
        Moment(wait + 1.0, "ended", {"talk_seconds": 1.0, "ended_by": "customer"}),
    ]


def _customer(chance: random.Random) -> dict[str, str] | None:
    """Two in five are known: one number and one id each."""
    if chance.random() > 0.4:
        return None
    number = chance.randrange(CUSTOMERS)
    return {"address": f"+55859{number:08d}", "id": f"C-{number}"}
