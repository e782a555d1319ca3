"""Whom to call next: one pure choice for a callback queue that has free agents to give calls to.

Owed calls come first. Then the queues that lost customers take turns, the one that has waited longest for its turn
first, so that a flood in one does not shut out the others; within a queue the most pressing plan goes, pressing by its
abandons and by how long it has been waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import floor

from streams.domain.calling_hours import Place, hours_of, may_call
from streams.domain.directory import CallbackPolicy
from streams.domain.jobs import token_of_plan
from streams.domain.signals import Ready


def room(free_agents: int, in_flight: int, policy: CallbackPolicy) -> int:
    """How many more calls may go out: ``free x boost - in flight``, whole calls, never below none."""
    return max(0, floor(free_agents * policy.boost + 1e-9) - in_flight)


def may_dial(ready: Ready, policy: CallbackPolicy, now_ms: int) -> bool:
    """Whether this plan may be called at this instant. An owed call within its first minutes may be made at any hour:
    the customer was on the telephone just now."""
    if not ready.not_before_ms <= now_ms < ready.expires_ms:
        return False
    if ready.is_owed and now_ms < ready.opened_ms + policy.owed_due_ms:
        return True
    hours = policy.hours or hours_of(policy.purpose, ready.uf)
    is_asked = ready.is_requested or ready.is_owed
    return may_call(now_ms, Place(ready.zone or policy.zone, ready.uf, policy.holidays), hours, is_asked=is_asked)


def in_turn(
    candidates: Iterable[Ready], policy: CallbackPolicy, now_ms: int, turns: Mapping[str, int]
) -> Iterator[Ready]:
    """The plans in the order in which they are to be called. ``turns`` tells by source queue when it had its last turn,
    in any growing measure; who had none comes first."""
    by_queue: dict[str, list[Ready]] = {}
    for ready in sorted(candidates, key=lambda one: _pressure(one, policy, now_ms)):
        by_queue.setdefault("" if ready.is_owed else ready.queue, []).append(ready)
    yield from by_queue.pop("", [])
    order = sorted(by_queue, key=lambda queue: (turns.get(queue, -1), queue))
    while order:
        queue = order.pop(0)
        yield by_queue[queue].pop(0)
        if by_queue[queue]:
            order.append(queue)


def one_of_each_customer(in_order: Iterable[Ready], busy: Iterable[str]) -> Iterator[Ready]:
    """The first plan of every customer of whom no call is out; ``busy`` are the tokens of the others."""
    out = set(busy)
    for ready in in_order:
        token = token_of_plan(ready.plan_id)
        if token not in out:
            out.add(token)
            yield ready


def _pressure(ready: Ready, policy: CallbackPolicy, now_ms: int) -> tuple[float, int, str]:
    """The most pressing first: priority with what waiting adds, then who has waited longest."""
    aged = ready.priority + max(0, now_ms - ready.opened_ms) / policy.ageing_ms
    return (-aged, ready.opened_ms, ready.plan_id)
