"""Agents with their customers: ringing, answering, talking, writing, transferring, and the work afterwards."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from streams.simulation.cases import CaseDesk
from streams.simulation.clockwork import Clockwork
from streams.simulation.contacts import Agent, Stay, lognormal
from streams.simulation.layout import Centre
from streams.simulation.telling import Telling
from streams.simulation.waiting import Waiting

RING_SECONDS: Final = (1.5, 5.0)
READING_SECONDS: Final = {"email": 300.0}
"""Before the first answer to something written; a quarter of a minute where it is not said."""
BRIEF_READING_SECONDS: Final = 12.0
DOUBLE_EXITS: Final = 0.006
"""A fault of the platform: the same call answered and, a moment later, abandoned as well."""
HOLDS: Final = 0.25
_ENDS: Final = (("customer", True), ("agent", True), ("customer", False))
_END_WEIGHTS: Final = (70, 27, 3)


class Service:
    """What agents do from taking a contact to being free again."""

    def __init__(
        self,
        centre: Centre,
        random: Random,
        clockwork: Clockwork,
        *,
        waiting: Waiting,
        telling: Telling,
        desk: CaseDesk,
    ) -> None:
        self._centre = centre
        self._random = random
        self._clockwork = clockwork
        self._waiting = waiting
        self._telling = telling
        self._plans = waiting.plans
        self._desk = desk

    def take(self, stay: Stay, agent: Agent) -> None:
        """A telephone rings, and may ring too long; a written contact is given to the agent, who reads first."""
        floor = self._waiting.floor
        if stay.queue.channel == "voice":
            stay.agent = agent
            floor.set_state(agent, "ringing")
            self._clockwork.after(self._random.uniform(*RING_SECONDS), partial(self._pick_up, stay, agent))
        else:
            stay.is_waiting = False
            floor.set_state(agent, "busy")
            self._telling.contact(stay, "answered", agent_id=agent.agent_id)
            reading = READING_SECONDS.get(stay.queue.channel, BRIEF_READING_SECONDS)
            self._clockwork.after(lognormal(self._random, reading), partial(self._reply, stay, agent))

    def _pick_up(self, stay: Stay, agent: Agent) -> None:
        if not stay.is_waiting or stay.agent is not agent:
            return  # hung up while it rang
        stay.is_waiting = False
        self._waiting.floor.set_state(agent, "busy")
        self._telling.contact(stay, "answered", agent_id=agent.agent_id)
        if self._random.random() < DOUBLE_EXITS:
            self._telling.contact(stay, "abandoned", seconds_later=0.04)
        talk_ms = self._talk_ms(stay)
        hold_ms = round(talk_ms * self._random.uniform(0.05, 0.3)) if self._random.random() < HOLDS else 0
        self._help(stay, agent, talk_ms, hold_ms)

    def _reply(self, stay: Stay, agent: Agent) -> None:
        self._telling.contact(stay, "message", direction="out", author="agent", agent_id=agent.agent_id)
        talk_ms = self._talk_ms(stay)
        if stay.queue.channel != "email":
            self._converse(stay, agent, talk_ms)
        self._help(stay, agent, talk_ms, None)

    def _converse(self, stay: Stay, agent: Agent, talk_ms: int) -> None:
        """A few more lines to and fro."""
        later = 0.0
        for _ in range(self._random.randrange(4)):
            asked = later + self._random.uniform(5, 40)
            later = asked + self._random.uniform(5, 40)
            if later * 1000 >= talk_ms:
                return
            self._telling.contact(stay, "message", seconds_later=asked, direction="in", author="customer")
            self._telling.contact(
                stay, "message", seconds_later=later, direction="out", author="agent", agent_id=agent.agent_id
            )

    def _talk_ms(self, stay: Stay) -> int:
        return round(1000 * lognormal(self._random, stay.queue.handling_seconds))

    def _help(self, stay: Stay, agent: Agent, talk_ms: int, hold_ms: int | None) -> None:
        if self._plans:
            self._plans.served(stay.contact.customer)
        seconds = (talk_ms + (hold_ms or 0)) / 1000
        self._clockwork.after(seconds, partial(self._end, stay, agent, talk_ms, hold_ms))

    def _end(self, stay: Stay, agent: Agent, talk_ms: int, hold_ms: int | None) -> None:
        """``hold_ms`` is None where nobody talks, but writes."""
        random, queue = self._random, stay.queue
        ended_by, is_complete = random.choices(_ENDS, _END_WEIGHTS, k=1)[0]
        if random.random() < queue.cut_off:
            ended_by, is_complete = "network", False
            if self._plans:
                self._plans.lost(stay)
        self._telling.contact(
            stay,
            "ended",
            talk_seconds=None if hold_ms is None else talk_ms / 1000,
            hold_seconds=None if hold_ms is None else hold_ms / 1000,
            ended_by=ended_by,
            completed=is_complete,
            agent_id=agent.agent_id,
        )
        if is_complete:
            self._desk.leave(stay)
            self._transfer(stay)
        self._waiting.floor.set_state(agent, "wrap_up")
        wrap_up_ms = round(1000 * lognormal(random, queue.wrap_up_seconds))
        self._clockwork.after(wrap_up_ms / 1000, partial(self._wrap_up, stay, agent, wrap_up_ms))

    def _transfer(self, stay: Stay) -> None:
        for target, share in stay.queue.transfers.items():
            if self._random.random() < share:
                self._waiting.pass_on(stay, self._centre.queue_named[target])
                return

    def _wrap_up(self, stay: Stay, agent: Agent, wrap_up_ms: int) -> None:
        self._telling.contact(stay, "wrapped_up", wrap_up_seconds=wrap_up_ms / 1000, agent_id=agent.agent_id)
        self._waiting.floor.release(agent)
