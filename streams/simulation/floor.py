"""The floor of the simulated centre: who waits in which line, which agent is free, and when agents come and go."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import Final

from streams.simulation.clockwork import HOUR_MS, MINUTE_MS, Clockwork
from streams.simulation.contacts import Agent, Stay
from streams.simulation.layout import Team

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


class Floor:
    """Lines and agents. ``tell`` hears every change of an agent's state, ``serve`` whom the agent takes next."""

    def __init__(
        self,
        teams: Iterable[Team],
        clockwork: Clockwork,
        *,
        tell: Callable[[Agent], None],
        serve: Callable[[Stay, Agent], None],
    ) -> None:
        self._clockwork = clockwork
        self._tell = tell
        self._serve = serve
        self._lines: dict[str, deque[Stay]] = {}
        self._agents = [agent for team in teams for agent in _agents(team)]
        self._agents_of: dict[str, list[Agent]] = {}
        for agent in self._agents:
            for queue in agent.team.queues:
                self._agents_of.setdefault(queue, []).append(agent)

    # -- shifts -------------------------------------------------------------------------------------------------------

    def open_day(self, site: str, midnight_ms: int, *, staffed: float, random: Random) -> None:
        """Let the agents of a site come, pause and go; ``staffed`` is the share of them who come today."""
        for agent in self._agents:
            if agent.team.site == site and (staffed >= 1 or random.random() < staffed):
                start_ms = midnight_ms + agent.start_hour * HOUR_MS + random.randrange(5 * MINUTE_MS)
                self._plan_shift(agent, start_ms, random)

    def tell_everybody(self) -> None:
        """For those who begin to listen: the state of every agent on shift."""
        for agent in self._agents:
            self._remind(agent)

    def send_away(self, agents: Iterable[Agent], minutes: float) -> None:
        """Nobody of these takes another contact for so long; whoever is with a customer finishes first."""
        until_ms = self._clockwork.now_ms + round(minutes * MINUTE_MS)
        for agent in agents:
            agent.away_until_ms = until_ms
            if agent.state in ("available", "paused"):
                self.set_state(agent, "offline")
            self._clockwork.at(until_ms, partial(self._return_to_shift, agent))

    def agents_of(self, *, queue: str | None = None, team: str | None = None) -> list[Agent]:
        """Those who serve a queue, or belong to a team."""
        return self._agents_of.get(queue, []) if queue else [each for each in self._agents if each.team.name == team]

    def _plan_shift(self, agent: Agent, start_ms: int, random: Random) -> None:
        at = self._clockwork.at
        at(start_ms, partial(self._come, agent))
        for since_start_ms, length_ms in PAUSES:
            pause_ms = start_ms + since_start_ms + random.randrange(10 * MINUTE_MS)
            at(pause_ms, partial(self._rest, agent, length_ms))
        for reminder_ms in range(REMINDER_MS, SHIFT_MS, REMINDER_MS):
            at(start_ms + reminder_ms, partial(self._remind, agent))
        at(start_ms + SHIFT_MS, partial(self._go_home, agent))

    def _come(self, agent: Agent) -> None:
        agent.is_on_shift = True
        self._return_to_shift(agent)

    def _return_to_shift(self, agent: Agent) -> None:
        if agent.is_on_shift and agent.state == "offline" and not self._is_away(agent):
            self._become_free(agent)

    def _go_home(self, agent: Agent) -> None:
        agent.is_on_shift = False
        agent.rest_wanted_ms = 0
        if agent.state in ("available", "paused"):
            self.set_state(agent, "offline")

    def _remind(self, agent: Agent) -> None:
        if agent.is_on_shift:
            self._tell(agent)

    def _is_away(self, agent: Agent) -> bool:
        return self._clockwork.now_ms < agent.away_until_ms

    # -- pauses -------------------------------------------------------------------------------------------------------

    def _rest(self, agent: Agent, length_ms: int) -> None:
        if agent.state == "available":
            self._pause(agent, length_ms)
        elif agent.state != "offline":
            agent.rest_wanted_ms = length_ms

    def _pause(self, agent: Agent, length_ms: int) -> None:
        self.set_state(agent, "paused")
        self._clockwork.at(self._clockwork.now_ms + length_ms, partial(self._return_from_pause, agent))

    def _return_from_pause(self, agent: Agent) -> None:
        if agent.state == "paused":
            self._become_free(agent)

    # -- lines --------------------------------------------------------------------------------------------------------

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

    # -- agents at work -----------------------------------------------------------------------------------------------

    def set_state(self, agent: Agent, state: str) -> None:
        agent.state = state
        self._tell(agent)

    def release(self, agent: Agent) -> None:
        """The contact in hand is done."""
        wanted_ms, agent.rest_wanted_ms = agent.rest_wanted_ms, 0
        if not agent.is_on_shift or self._is_away(agent):
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


def _agents(team: Team) -> list[Agent]:
    numbers = itertools.count(1)
    return [
        Agent(f"{team.name}-{next(numbers):02d}", team, hour) for hour, agents in team.shifts for _ in range(agents)
    ]
