"""The golden scenarios of the conformance kit: what happens in a centre, what is told of it, how each visit counts.

Written once, in no vendor's words; ``players`` put them into each vendor's. Times are whole seconds, since some vendors
know no others; target 20 s, short up to 5 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple


class Step(NamedTuple):
    """Something happens to a caller in a queue; ``more`` is the key pressed, where the call goes, its new name, or who
    had asked to be called back. ``goes_on`` is to enter a queue out of another one;
    ``overflows``, to leave it by timeout for another stay."""

    at: int
    act: str
    caller: str = ""
    queue: str = ""
    agent: str = ""
    more: str = ""


class Told(NamedTuple):
    """A canonical contact event; ``data`` is what it says besides its visit, agents and addresses left out."""

    at: int
    kind: str
    caller: str
    queue: str
    entry: int = 1
    data: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Scenario:
    name: str
    steps: tuple[Step, ...]
    told: tuple[Told, ...]
    outcomes: dict[tuple[str, str, int], str] = field(default_factory=dict)
    """Caller, queue and entry to the outcome of that visit."""


def _left(act: str, kind: str, outcome: str, at: int, more: str = "", **data: str) -> Scenario:
    """Somebody enters and leaves without having spoken to anybody."""
    return Scenario(
        f"in and out: {outcome} ({act}{f' {more}' if more else ''})",
        (Step(0, "enters", "eva", "sac"), Step(at, act, "eva", "sac", more=more)),
        (Told(0, "offered", "eva", "sac"), Told(at, kind, "eva", "sac", data=data)),
        {("eva", "sac", 1): outcome},
    )


def _spoken(act: str, wait: int, outcome: str, **data: Any) -> Scenario:
    """Somebody is answered, and after a minute that ends."""
    return Scenario(
        f"answered after {wait} s, {act}",
        (
            Step(0, "enters", "eva", "sac"),
            Step(wait, "answered", "eva", "sac", "ana"),
            Step(wait + 60, act, "eva", "sac", "ana"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(wait, "answered", "eva", "sac"),
            Told(wait + 60, "ended", "eva", "sac", data={"talk_seconds": 60.0, **data}),
        ),
        {("eva", "sac", 1): outcome},
    )


CALLBACK_KEY: Final = "1"
JOB_ID: Final = f"{'0a' * 16}.1f.1"

SCENARIOS: Final = (
    _spoken("caller_ends", 20, "answered_in_target", ended_by="customer"),
    _spoken("agent_ends", 21, "answered_late", ended_by="agent"),
    _left("hangs_up", "abandoned", "abandoned_short", 5),
    _left("hangs_up", "abandoned", "abandoned_in_target", 6),
    _left("hangs_up", "abandoned", "abandoned_late", 70),
    _left("times_out", "flowed_out", "timed_out", 90, reason="timeout"),
    _left("queue_empties", "flowed_out", "closed", 9, reason="closed"),
    _left("presses", "flowed_out", "key_exit", 30, "2", reason="key"),
    _left("asks_back", "callback_requested", "callback_late", 30, CALLBACK_KEY),
    _left("withdrawn", "flowed_out", "transferred", 30, reason="transfer"),
    Scenario(
        "an agent dumps the caller, the next one answers",
        (
            Step(0, "enters", "eva", "sac"),
            Step(5, "dumps", "eva", "sac", "rui"),
            Step(9, "rings_out", "eva", "sac", "rui"),
            Step(15, "answered", "eva", "sac", "ana"),
            Step(45, "caller_ends", "eva", "sac", "ana"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(15, "answered", "eva", "sac"),
            Told(45, "ended", "eva", "sac", data={"talk_seconds": 30.0, "ended_by": "customer"}),
        ),
        {("eva", "sac", 1): "answered_in_target"},
    ),
    Scenario(
        "overflow: out by timeout, into another queue, answered there",
        (
            Step(0, "enters", "eva", "sac"),
            Step(60, "overflows", "eva", "sac"),
            Step(61, "goes_on", "eva", "vendas"),
            Step(71, "answered", "eva", "vendas", "ana"),
            Step(99, "agent_ends", "eva", "vendas", "ana"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(60, "flowed_out", "eva", "sac", data={"reason": "timeout"}),
            Told(61, "offered", "eva", "vendas", data={"transferred_from": "sac"}),
            Told(71, "answered", "eva", "vendas"),
            Told(99, "ended", "eva", "vendas", data={"talk_seconds": 28.0, "ended_by": "agent"}),
        ),
        {("eva", "sac", 1): "timed_out", ("eva", "vendas", 1): "answered_in_target"},
    ),
    Scenario(
        "a chain of transfers comes back to where it began",
        (
            Step(0, "enters", "eva", "sac"),
            Step(10, "answered", "eva", "sac", "ana"),
            Step(40, "passed_on", "eva", "sac", "ana", more="vendas"),
            Step(41, "goes_on", "eva", "vendas"),
            Step(71, "answered", "eva", "vendas", "rui"),
            Step(90, "passed_on", "eva", "vendas", "rui", more="sac"),
            Step(91, "goes_on", "eva", "sac"),
            Step(99, "hangs_up", "eva", "sac"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(10, "answered", "eva", "sac"),
            Told(40, "ended", "eva", "sac", data={"talk_seconds": 30.0}),
            Told(41, "offered", "eva", "vendas", data={"transferred_from": "sac"}),
            Told(71, "answered", "eva", "vendas"),
            Told(90, "ended", "eva", "vendas", data={"talk_seconds": 19.0}),
            Told(91, "offered", "eva", "sac", 2, {"transferred_from": "vendas"}),
            Told(99, "abandoned", "eva", "sac", 2),
        ),
        {
            ("eva", "sac", 1): "answered_in_target",
            ("eva", "vendas", 1): "answered_late",
            ("eva", "sac", 2): "abandoned_in_target",
        },
    ),
    Scenario(
        "three stays in the same queue",
        (
            Step(0, "enters", "eva", "sac"),
            Step(30, "overflows", "eva", "sac"),
            Step(35, "enters", "eva", "sac"),
            Step(65, "overflows", "eva", "sac"),
            Step(65, "enters", "eva", "sac"),
            Step(69, "hangs_up", "eva", "sac"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(30, "flowed_out", "eva", "sac", data={"reason": "timeout"}),
            Told(35, "offered", "eva", "sac", 2),
            Told(65, "flowed_out", "eva", "sac", 2, {"reason": "timeout"}),
            Told(65, "offered", "eva", "sac", 3),
            Told(69, "abandoned", "eva", "sac", 3),
        ),
        {("eva", "sac", 1): "timed_out", ("eva", "sac", 2): "timed_out", ("eva", "sac", 3): "abandoned_short"},
    ),
    Scenario(
        "called back: asks for it, is called, speaks to somebody",
        (
            Step(0, "enters", "eva", "sac"),
            Step(12, "asks_back", "eva", "sac", more=CALLBACK_KEY),
            Step(300, "called_back", "eva-2", "sac", more="eva"),
            Step(310, "answered", "eva-2", "sac", "ana"),
            Step(350, "agent_ends", "eva-2", "sac", "ana"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(12, "callback_requested", "eva", "sac"),
            Told(300, "offered", "eva-2", "sac", data={"callback_job_id": JOB_ID}),
            Told(310, "answered", "eva-2", "sac"),
            Told(350, "ended", "eva-2", "sac", data={"talk_seconds": 40.0, "ended_by": "agent"}),
        ),
        {("eva", "sac", 1): "callback_in_target", ("eva-2", "sac", 1): "answered_in_target"},
    ),
    Scenario(
        "an attended transfer while it waits: the caller bears another name",
        (
            Step(0, "enters", "eva", "sac"),
            Step(2, "enters", "leo", "sac"),
            Step(5, "renamed", "eva", "sac", more="eva-2"),
            Step(8, "answered", "eva", "sac", "ana"),
            Step(30, "agent_ends", "eva", "sac", "ana"),
            Step(31, "answered", "leo", "sac", "ana"),
            Step(60, "caller_ends", "leo", "sac", "ana"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(2, "offered", "leo", "sac"),
            Told(8, "answered", "eva", "sac"),
            Told(30, "ended", "eva", "sac", data={"talk_seconds": 22.0, "ended_by": "agent"}),
            Told(31, "answered", "leo", "sac"),
            Told(60, "ended", "leo", "sac", data={"talk_seconds": 29.0, "ended_by": "customer"}),
        ),
        {("eva", "sac", 1): "answered_in_target", ("leo", "sac", 1): "answered_late"},
    ),
    Scenario(
        "the platform restarts in the middle of calls",
        (
            Step(0, "enters", "eva", "sac"),
            Step(3, "enters", "leo", "vendas"),
            Step(9, "answered", "leo", "vendas", "ana"),
            Step(10, "enters", "ivo", "vendas"),
            Step(30, "restarts"),
            Step(31, "enters", "bia", "sac"),
            Step(40, "hangs_up", "bia", "sac"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(3, "offered", "leo", "vendas"),
            Told(9, "answered", "leo", "vendas"),
            Told(10, "offered", "ivo", "vendas"),
            Told(10, "ended", "leo", "vendas", data={"ended_by": "network", "completed": False}),
            Told(10, "flowed_out", "eva", "sac", data={"reason": "unknown"}),
            Told(10, "flowed_out", "ivo", "vendas", data={"reason": "unknown"}),
            Told(31, "offered", "bia", "sac"),
            Told(40, "abandoned", "bia", "sac"),
        ),
        {
            ("eva", "sac", 1): "unknown_exit",
            ("leo", "vendas", 1): "answered_in_target",
            ("ivo", "vendas", 1): "unknown_exit",
            ("bia", "sac", 1): "abandoned_in_target",
        },
    ),
    Scenario(
        "a busy queue: three callers, two agents, everything at one second",
        (
            Step(0, "enters", "eva", "sac"),
            Step(0, "enters", "leo", "sac"),
            Step(0, "enters", "ivo", "sac"),
            Step(20, "answered", "leo", "sac", "ana"),
            Step(20, "answered", "eva", "sac", "rui"),
            Step(20, "hangs_up", "ivo", "sac"),
            Step(50, "caller_ends", "eva", "sac", "rui"),
            Step(50, "agent_ends", "leo", "sac", "ana"),
        ),
        (
            Told(0, "offered", "eva", "sac"),
            Told(0, "offered", "leo", "sac"),
            Told(0, "offered", "ivo", "sac"),
            Told(20, "answered", "leo", "sac"),
            Told(20, "answered", "eva", "sac"),
            Told(20, "abandoned", "ivo", "sac"),
            Told(50, "ended", "eva", "sac", data={"talk_seconds": 30.0, "ended_by": "customer"}),
            Told(50, "ended", "leo", "sac", data={"talk_seconds": 30.0, "ended_by": "agent"}),
        ),
        {
            ("eva", "sac", 1): "answered_in_target",
            ("leo", "sac", 1): "answered_in_target",
            ("ivo", "sac", 1): "abandoned_in_target",
        },
    ),
)


def in_writing(scenario: Scenario) -> Scenario:
    """The same in a written channel: whoever enters has written, an agent's first words answer, and nobody can say how
    long was spoken or who had the last word."""
    return replace(scenario, told=tuple(each for told in scenario.told for each in _written(told)))


def _written(told: Told) -> tuple[Told, ...]:
    match told.kind:
        case "offered":
            return (told, told._replace(kind="message", data={"direction": "in", "author": "customer"}))
        case "answered":
            return (told._replace(kind="message", data={"direction": "out", "author": "agent"}),)
        case "ended":
            return (told._replace(data={"completed": True} if "ended_by" in told.data else {}),)
    return (told,)
