"""What an Asterisk publishes through ``app_ami_kafka`` on a busy day, by the seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

START_MS: Final = 1_795_435_200_000
AGENTS: Final = tuple(f"agente-{number}" for number in range(9))
Said = tuple[int, dict[str, str]]
"""When (milliseconds), and what."""


def steps(calls: int, seed: int) -> Iterator[list[Said]]:
    """What happens, in the order of time, no two things at one instant: each is what Asterisk says of it at once."""
    chance = random.Random(seed)
    due: list[tuple[int, int, list[dict[str, str]]]] = []
    number = 0

    def later(second: float, *messages: dict[str, str]) -> None:
        nonlocal number
        number += 1
        heappush(due, (START_MS + round(second * 1000), number, list(messages)))

    told_ms = 0
    for call in range(calls + 1):
        while due and (call == calls or due[0][0] < START_MS + call * 300):
            at_ms, _, messages = heappop(due)
            told_ms = max(told_ms + 1, at_ms)
            yield [(told_ms, message) for message in messages]
        if call < calls:
            _call(chance, f"{START_MS // 1000}.{call}", call * 0.3, later)


def _call(chance: random.Random, call: str, second: float, later) -> None:  # type: ignore[no-untyped-def]
    queue, agent = chance.choice(["600", "601", "609"]), chance.choice(AGENTS)
    head = {"Uniqueid": call, "Linkedid": call, "Queue": queue, "Privilege": "agent,all"}
    wait = chance.uniform(1, 60)
    left = {**head, "Event": "QueueCallerLeave"}
    abandon = {**head, "Event": "QueueCallerAbandon", "HoldTime": str(int(wait))}
    later(second, {**head, "Event": "QueueCallerJoin", "CallerIDNum": "85997465553", "Position": "1"})
    later(second, {**head, "Event": "Newchannel", "Channel": "PJSIP/1"})
    end = second + wait
    match chance.randrange(7):
        case 0:
            later(end, abandon, left, {**head, "Event": "Hangup", "Cause": "16"})
        case 1:
            later(end, abandon, left, {**head, "Event": "VarSet", "Variable": "QUEUESTATUS", "Value": "TIMEOUT"})
        case 2:
            later(end, left, {**head, "Event": "Newexten", "Extension": chance.choice("12")})
        case _:
            talk = chance.uniform(5, 90)
            with_agent = {**head, "MemberName": agent, "Interface": f"PJSIP/{agent}"}
            later(end, left, {**with_agent, "Event": "AgentConnect", "HoldTime": str(int(wait)), "RingTime": "3"})
            said = {
                "HoldTime": str(int(wait)),
                "TalkTime": str(int(talk)),
                "Reason": chance.choice(["caller", "agent"]),
            }
            later(end + talk, {**with_agent, "Event": "AgentComplete", **said})


def record(message: dict[str, str]) -> tuple[bytes, bytes]:
    """Key and value, as the module makes them."""
    said = {"Event": message["Event"], "EntityID": "00:11:22:33:44:55", "SystemName": "pbx-01", **message}
    return message["Event"].encode(), json.dumps(said).encode()
