"""What a recount of callback plans takes as fact: attempts, expiries and commands, as the topics hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from streams.domain.recount import Attempt, Bar, Beside, Closing, closings_of
from streams.told import Data

AddressOf = Callable[[str, str], str | None]
"""(tenant, token) to the address it stands for; None for one that no event names."""
AttemptsAllowed = Callable[[str, str], int]
"""(tenant, callback queue) to the attempts after which nobody is called any more."""

_ENDING_COMMANDS: Final = ("command.cancel", "command.block", "command.opt_out")
_BARS: Final[Mapping[str, str]] = {
    "command.block": "block",
    "command.opt_out": "opt_out",
    "command.unblock": "unblock",
}


def beside_visits(events: Iterable[Data], address_of: AddressOf, attempts_allowed: AttemptsAllowed) -> Beside:
    """``events`` are those of ``Told.plan_facts``, in any order. Facts about numbers that nobody ever called from
    concern no plan."""
    closings: list[Closing] = []
    bars: list[Bar] = []
    newest: dict[str, tuple[Any, ...]] = {}
    expired: set[str] = set()
    for event in events:
        kind, data = event["type"], event["data"]
        token = data.get("token")
        address = None if token is None else address_of(data["tenant"], token)
        if address is None:
            continue
        if kind == "callback.signal.expired":
            if data["visit"] not in expired:  # of a plan the first expiry counts
                closings.append(Closing(data["tenant"], address, data["at_ms"], spares_owed=True))
            expired.add(data["visit"])
        elif kind == "callback.signal.attempted":
            word = f"{data['by']}/{data['visit']}/{token}"
            rank = (data["revision"], data["stands"], -data["at_ms"], data["outcome"])
            newest[word] = max(newest.get(word, ()), (*rank, address, data), key=lambda one: one[:4])
        else:
            time_ms = round(datetime.fromisoformat(event["time"]).timestamp() * 1000)
            if kind in _ENDING_COMMANDS:
                closings.append(Closing(data["tenant"], address, time_ms))
            if kind in _BARS:
                bars.append(Bar(data["tenant"], address, time_ms, _BARS[kind]))
    attempts = [_attempt(address, data) for *_, stands, _, _, address, data in newest.values() if stands]
    closings += closings_of(attempts, attempts_allowed)
    return Beside(tuple(closings), tuple(bars))


def _attempt(address: str, data: Data) -> Attempt:
    return Attempt(
        tenant=data["tenant"],
        address=address,
        callback_queue=data["callback_queue"],
        plan_id=data["plan_id"],
        number=data["attempt"],
        by=data["by"],
        time_ms=data["at_ms"],
        outcome=data["outcome"],
    )
