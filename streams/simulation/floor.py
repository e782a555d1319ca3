"""The floor of the simulated centre: what happens next, who waits in which line, and which agent is free."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from streams.simulation.centre import SimulatedQueue, Team

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
SHIFT_MS: Final = 6 * HOUR_MS + 20 * MINUTE_MS
"""The longest shift Brazilian law allows in telephone service, pauses of ``PAUSES`` included."""
PAUSES: Final = (
    (105 * MINUTE_MS, 10 * MINUTE_MS),
    (190 * MINUTE_MS, 20 * MINUTE_MS),
    (290 * MINUTE_MS, 10 * MINUTE_MS),
)
"""(since the start of the shift, length)."""
REMINDER_MS: Final = 30 * MINUTE_MS
"""An agent's state is told again this often, or the agent would count as gone."""


class Clockwork:
    """Actions in order of their instants; those of one instant in the order they were asked for."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, time_ms: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time_ms, next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.now_ms + max(1, round(seconds * 1000)), action)

    def run(self, until_ms: int) -> None:
        """Let everything before ``until_ms`` happen, with all that follows from it."""
        while self._due and self._due[0][0] < until_ms:
            self.now_ms, _, action = heapq.heappop(self._due)
            action()


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who can be reached; both are told to the queues."""

    address: str
    customer_id: str | None


@dataclass(slots=True, eq=False, kw_only=True)
class Stay:
    """One contact's stay in one queue. ``attempt`` counts how often this customer has tried today."""

    contact_id: str
    queue: SimulatedQueue
    customer: Customer | None
    entry: int = 1
    transferred_from: str | None = None
    callback_job_id: str | None = None
    attempt: int = 1
    is_waiting: bool = True
    agent: Agent | None = None
    messages: int = 0


@dataclass(slots=True, eq=False)
class Agent:
    """``rest_wanted_ms`` is the pause that is due as soon as the contact in hand is done, 0 for none."""

    agent_id: str
    team: Team
    state: str = "offline"
    free_since_ms: int = 0
    rest_wanted_ms: int = 0
    is_going_home: bool = False


class Floor:
    """Lines and agents. ``tell`` hears every change of an agent's state, ``serve`` whom the agent takes next."""

    def __init__(
        self, clockwork: Clockwork, *, tell: Callable[[Agent], None], serve: Callable[[Stay, Agent], None]
    ) -> None:
        self._clockwork = clockwork
        self._tell = tell
        self._serve = serve
        self._lines: dict[str, deque[Stay]] = {}
        self._agents_of: dict[str, list[Agent]] = {}

    def open_shifts(self, teams: Iterable[Team], midnight_ms: int, random: Random) -> None:
        """Let every agent of the day come, pause and go."""
        for team in teams:
            numbers = itertools.count(1)
            for hour, agents in team.shifts:
                for _ in range(agents):
                    agent = Agent(f"{team.name}-{next(numbers):02d}", team)
                    for queue in team.queues:
                        self._agents_of.setdefault(queue, []).append(agent)
                    start_ms = midnight_ms + hour * HOUR_MS + random.randrange(5 * MINUTE_MS)
                    self._plan_shift(agent, start_ms, random)

    def _plan_shift(self, agent: Agent, start_ms: int, random: Random) -> None:
        at = self._clockwork.at
        at(start_ms, partial(self._become_free, agent))
        for since_start_ms, length_ms in PAUSES:
            pause_ms = start_ms + since_start_ms + random.randrange(10 * MINUTE_MS)
            at(pause_ms, partial(self._rest, agent, length_ms))
        for reminder_ms in range(REMINDER_MS, SHIFT_MS, REMINDER_MS):
            at(start_ms + reminder_ms, partial(self._tell, agent))
        at(start_ms + SHIFT_MS, partial(self._go_home, agent))

    def join(self, stay: Stay) -> None:
        """Stand at the end of the line, or go straight to the agent who has been free the longest."""
        free = [agent for agent in self._agents_of.get(stay.queue.queue, ()) if agent.state == "available"]
        if free:
            self._serve(stay, min(free, key=lambda agent: agent.free_since_ms))
        else:
            self._lines.setdefault(stay.queue.queue, deque()).append(stay)

    def leave(self, stay: Stay) -> None:
        """Out of the line, or away from the agent whose telephone rings."""
        stay.is_waiting = False
        if stay.agent is not None:
            self.release(stay.agent)
        else:
            self._lines[stay.queue.queue].remove(stay)

    def line(self, queue: str) -> list[Stay]:
        return list(self._lines.get(queue, ()))

    def set_state(self, agent: Agent, state: str) -> None:
        agent.state = state
        self._tell(agent)

    def release(self, agent: Agent) -> None:
        """The contact in hand is done."""
        wanted_ms, agent.rest_wanted_ms = agent.rest_wanted_ms, 0
        if agent.is_going_home:
            self.set_state(agent, "offline")
        elif wanted_ms:
            self._pause(agent, wanted_ms)
        else:
            self._become_free(agent)

    def _become_free(self, agent: Agent) -> None:
        """Available, and at once with whoever waits."""
        agent.free_since_ms = self._clockwork.now_ms
        self.set_state(agent, "available")
        for queue in agent.team.queues:
            line = self._lines.get(queue)
            if line:
                self._serve(line.popleft(), agent)
                return

    def _rest(self, agent: Agent, length_ms: int) -> None:
        if agent.state == "available":
            self._pause(agent, length_ms)
        else:
            agent.rest_wanted_ms = length_ms

    def _pause(self, agent: Agent, length_ms: int) -> None:
        self.set_state(agent, "paused")
        self._clockwork.at(self._clockwork.now_ms + length_ms, partial(self._return, agent))

    def _return(self, agent: Agent) -> None:
        if agent.state == "paused":
            self._become_free(agent)

    def _go_home(self, agent: Agent) -> None:
        agent.is_going_home = True
        if agent.state in ("available", "paused"):
            self.set_state(agent, "offline")
