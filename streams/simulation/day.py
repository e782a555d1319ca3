"""One day of a Brazilian contact centre, invented from a seed: the same seed gives the same events.

Contacts come by the hour, wait for agents who are there or not, lose patience, press keys, are passed on, ask to be
called back, and try again. The waits are not drawn but come about.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import partial
from random import Random
from typing import Final

from streams.simulation.centre import AREA_CODES, CALLBACK_QUEUE, QUEUES, TEAMS, SimulatedQueue
from streams.simulation.floor import HOUR_MS, MINUTE_MS, Agent, Clockwork, Customer, Floor, Stay
from streams.simulation.telling import LOCAL, Event, Telling

DATE: Final = date(2026, 11, 23)
"""The day: a Monday."""
LAST_MOMENT_MS: Final = 24 * HOUR_MS - 60_000
"""Nothing is told after one minute to midnight, so that all events are of one local day."""
CUSTOMERS_OF_SITE: Final = 1500
LOST_CONTACTS: Final = 6
LOST_HOURS: Final = (7, 11)
"""The telephone platform never tells how some calls of the morning ended."""
MOST_ATTEMPTS: Final = 4
RUSH_MS: Final = 20 * MINUTE_MS
SPREAD: Final = 0.7
"""Sigma of every lognormal."""


def day(seed: int) -> list[Event]:
    """The events of the day in order of their times, as CloudEvents in structured form."""
    return _Day(Random(seed)).play()


def arrivals(events: Iterable[Event], *, disorder_seconds: float, repeat_share: float, seed: int) -> list[Event]:
    """The events as they arrive: each up to ``disorder_seconds`` late, some once more up to ten times as late.

    Most are hardly late; ``repeat_share`` (0 to 1) of them come twice.
    """
    random = Random(seed)
    arriving: list[tuple[float, int, Event]] = []
    for number, event in enumerate(events):
        told = datetime.fromisoformat(event["time"]).timestamp()
        arriving.append((told + disorder_seconds * random.random() ** 4, number, event))
        if random.random() < repeat_share:
            arriving.append((told + 10 * disorder_seconds * random.random(), number, event))
    return [event for _, _, event in sorted(arriving, key=lambda arrival: arrival[:2])]


class _Day:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._clockwork = Clockwork()
        self._telling = Telling(self._clockwork)
        self._floor = Floor(self._clockwork, tell=self._telling.agent, serve=self._serve)
        self._midnight_ms = round(datetime.combine(DATE, datetime.min.time(), LOCAL).timestamp()) * 1000
        self._customers = {site: _customers(site, random) for site in AREA_CODES}
        self._contacts = 0
        self._entries: Counter[tuple[str, str]] = Counter()
        self._served_ms: dict[Customer, int] = {}

    def play(self) -> list[Event]:
        self._floor.open_shifts(TEAMS, self._midnight_ms, self._random)
        for queue in QUEUES.values():
            self._plan_arrivals(queue)
            if queue.closes_hour < 24:
                self._clockwork.at(self._midnight_ms + queue.closes_hour * HOUR_MS, partial(self._close, queue))
        self._clockwork.run(self._midnight_ms + LAST_MOMENT_MS)
        last = datetime.fromtimestamp((self._midnight_ms + LAST_MOMENT_MS) / 1000, LOCAL)
        events = [event for event in self._telling.events if datetime.fromisoformat(event["time"]) < last]
        return sorted(events, key=lambda event: str(event["time"]))

    # -- who comes ----------------------------------------------------------------------------------------------------

    def _plan_arrivals(self, queue: SimulatedQueue) -> None:
        random = self._random
        hours = random.choices(range(24), queue.by_hour, k=queue.contacts)
        times_ms = [self._midnight_ms + hour * HOUR_MS + random.randrange(HOUR_MS) for hour in hours]
        if queue.rush:
            start_hour, contacts = queue.rush
            start_ms = self._midnight_ms + round(start_hour * HOUR_MS)
            times_ms += [start_ms + random.randrange(RUSH_MS) for _ in range(contacts)]
        lost = set(self._lost(queue, times_ms))
        for time_ms in sorted(times_ms):
            customer = self._somebody(queue)
            arrive = self._offer_and_lose if time_ms in lost else self._arrive
            self._clockwork.at(time_ms, partial(arrive, queue, customer, 1))

    def _lost(self, queue: SimulatedQueue, times_ms: Sequence[int]) -> list[int]:
        if queue.channel != "voice" or queue.contacts < 400:
            return []
        first_ms, last_ms = (self._midnight_ms + hour * HOUR_MS for hour in LOST_HOURS)
        return self._random.sample([time_ms for time_ms in times_ms if first_ms <= time_ms < last_ms], LOST_CONTACTS)

    def _somebody(self, queue: SimulatedQueue) -> Customer | None:
        random = self._random
        if queue.channel == "email":
            return Customer(f"cliente{random.randrange(10_000):04d}@example.com", None)
        if queue.channel == "voice" and random.random() < 0.05:
            return None  # a withheld number
        return random.choice(self._customers[queue.site])

    def _new_stay(self, queue: SimulatedQueue, customer: Customer | None, attempt: int) -> Stay:
        self._contacts += 1
        self._entries[f"c{self._contacts:06d}", queue.queue] = 1
        return Stay(contact_id=f"c{self._contacts:06d}", queue=queue, customer=customer, attempt=attempt)

    def _offer_and_lose(self, queue: SimulatedQueue, customer: Customer | None, attempt: int) -> None:
        self._telling.offered(self._new_stay(queue, customer, attempt))

    def _arrive(self, queue: SimulatedQueue, customer: Customer | None, attempt: int) -> None:
        self._offer(self._new_stay(queue, customer, attempt))

    def _pass_on(self, stay: Stay, queue: SimulatedQueue) -> None:
        """The same contact in another queue, or in this one again: then it is the next entry."""
        self._entries[stay.contact_id, queue.queue] += 1
        self._offer(
            Stay(
                contact_id=stay.contact_id,
                queue=queue,
                customer=stay.customer,
                entry=self._entries[stay.contact_id, queue.queue],
                transferred_from=stay.queue.queue,
                attempt=stay.attempt,
            )
        )

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _offer(self, stay: Stay) -> None:
        queue = stay.queue
        hour = (self._clockwork.now_ms - self._midnight_ms) / HOUR_MS
        if not queue.opens_hour <= hour < queue.closes_hour:
            self._telling.offered(stay)
            self._telling.contact(stay, "flowed_out", seconds_later=0.4, reason="closed")
        elif queue.channel in ("whatsapp", "chat"):
            self._telling.offered(stay, handled_by="bot")
            self._talk_to_bot(stay)
        else:
            self._telling.offered(stay)
            self._wait(stay)

    def _talk_to_bot(self, stay: Stay) -> None:
        """The bot asks what it is about; some are content with it, the others go on to the agents."""
        message = self._telling.contact
        message(stay, "message", seconds_later=0.2, direction="in", author="customer")
        message(stay, "message", seconds_later=1.1, direction="out", author="bot")
        is_content = self._random.random() < 0.12
        self._clockwork.after(self._lognormal(15), partial(self._leave_bot if is_content else self._wait, stay))

    def _leave_bot(self, stay: Stay) -> None:
        self._telling.contact(stay, "flowed_out", reason="key")

    def _wait(self, stay: Stay) -> None:
        seconds, how = self._departure(stay.queue)
        self._clockwork.after(seconds, partial(self._depart, stay, how))
        self._floor.join(stay)

    def _departure(self, queue: SimulatedQueue) -> tuple[float, str]:
        """When and how somebody whom nobody answers leaves this queue."""
        random = self._random
        patience, how = self._lognormal(queue.patience_seconds), "abandoned"
        if queue.channel == "voice":
            kind = random.random()
            if kind < 0.06:
                patience = random.uniform(0.8, queue.short_abandon_seconds)
            elif kind < 0.10:
                patience, how = random.uniform(4, 40), "key"
            elif kind < 0.13 and queue.transfers:
                patience, how = random.uniform(5, 60), "transfer"
            elif kind < 0.27 and queue.calls_back:
                patience, how = random.uniform(10, 120), "callback_requested"
        if queue.overflows_to and queue.overflow_seconds < patience:
            patience, how = queue.overflow_seconds, "overflow"
        return (queue.timeout_seconds, "timeout") if queue.timeout_seconds < patience else (patience, how)

    def _depart(self, stay: Stay, how: str) -> None:
        if not stay.is_waiting:
            return
        self._floor.leave(stay)
        match how:
            case "abandoned":
                self._telling.contact(stay, "abandoned")
            case "callback_requested":
                self._telling.callback_requested(stay)
            case _:
                self._telling.contact(stay, "flowed_out", reason=how)
        if how in ("overflow", "transfer"):
            self._pass_on(stay, QUEUES[stay.queue.overflows_to or next(iter(stay.queue.transfers))])
        elif how != "key":
            self._come_back(stay, how)

    def _close(self, queue: SimulatedQueue) -> None:
        for stay in self._floor.line(queue.queue):
            self._depart(stay, "closed")

    def _come_back(self, stay: Stay, how: str) -> None:
        """Some try again, here or by WhatsApp; some are called back by the dialler; some are never heard of again."""
        random, customer, again = self._random, stay.customer, self._clockwork.after
        if customer is None or stay.attempt >= MOST_ATTEMPTS:
            return
        if stay.queue.calls_back and random.random() < (0.8 if how == "callback_requested" else 0.25):
            again(random.uniform(600, 3600), partial(self._call_back, customer, stay, self._clockwork.now_ms))
        elif random.random() < 0.5:
            queue = QUEUES["sac-whatsapp"] if random.random() < 0.3 else stay.queue
            if stay.queue.site == queue.site:
                again(self._lognormal(900), partial(self._arrive, queue, customer, stay.attempt + 1))

    def _call_back(self, customer: Customer, lost: Stay, lost_ms: int) -> None:
        """The dialler has reached the customer, unless someone has served them meanwhile."""
        if self._served_ms.get(customer, 0) < lost_ms:
            stay = self._new_stay(QUEUES[CALLBACK_QUEUE], customer, lost.attempt + 1)
            stay.callback_job_id = f"{lost.contact_id}.{lost.attempt}"
            self._offer(stay)

    # -- being served -------------------------------------------------------------------------------------------------

    def _serve(self, stay: Stay, agent: Agent) -> None:
        """A telephone rings, and may ring too long; a written contact is given to the agent, who reads first."""
        if stay.queue.channel == "voice":
            stay.agent = agent
            self._floor.set_state(agent, "ringing")
            self._clockwork.after(self._random.uniform(1.5, 5), partial(self._answer, stay, agent))
        else:
            stay.is_waiting = False
            self._floor.set_state(agent, "busy")
            self._telling.contact(stay, "answered", agent_id=agent.agent_id)
            reading = 300.0 if stay.queue.channel == "email" else 12.0
            self._clockwork.after(self._lognormal(reading), partial(self._answer, stay, agent))

    def _answer(self, stay: Stay, agent: Agent) -> None:
        random, telling = self._random, self._telling
        if stay.queue.channel != "voice":
            telling.contact(stay, "message", direction="out", author="agent", agent_id=agent.agent_id)
            self._converse(stay, agent)
        elif not stay.is_waiting:
            return  # hung up while it rang
        else:
            stay.is_waiting = False
            self._floor.set_state(agent, "busy")
            telling.contact(stay, "answered", agent_id=agent.agent_id)
            if random.random() < 0.006:  # a fault of the platform: the same call abandoned as well
                telling.contact(stay, "abandoned", seconds_later=0.04)
        if stay.customer:
            self._served_ms[stay.customer] = self._clockwork.now_ms
        talk_ms = round(1000 * self._lognormal(stay.queue.handling_seconds))
        hold_ms = round(talk_ms * random.uniform(0.05, 0.3)) if random.random() < 0.25 else 0
        self._clockwork.after((talk_ms + hold_ms) / 1000, partial(self._end, stay, agent, talk_ms, hold_ms))

    def _converse(self, stay: Stay, agent: Agent) -> None:
        """A few more lines to and fro; mail has none."""
        later = 0.0
        for _ in range(0 if stay.queue.channel == "email" else self._random.randrange(4)):
            later += self._random.uniform(5, 40)
            self._telling.contact(stay, "message", seconds_later=later, direction="in", author="customer")
            later += self._random.uniform(5, 40)
            self._telling.contact(
                stay, "message", seconds_later=later, direction="out", author="agent", agent_id=agent.agent_id
            )

    def _end(self, stay: Stay, agent: Agent, talk_ms: int, hold_ms: int) -> None:
        random, queue = self._random, stay.queue
        is_voice = queue.channel == "voice"
        ended_by, is_complete = random.choices(
            (("customer", True), ("agent", True), ("customer", False)), (70, 27, 3), k=1
        )[0]
        if queue.queue == "cancelamento" and random.random() < 0.03:
            ended_by, is_complete = "network", False
        self._telling.contact(
            stay,
            "ended",
            talk_seconds=talk_ms / 1000 if is_voice else None,
            hold_seconds=hold_ms / 1000 if is_voice else None,
            ended_by=ended_by,
            completed=is_complete,
            agent_id=agent.agent_id,
        )
        for target, share in queue.transfers.items():
            if is_complete and random.random() < share:
                self._pass_on(stay, QUEUES[target])
        wrap_up_ms = round(1000 * self._lognormal(20))
        self._floor.set_state(agent, "wrap_up")
        self._clockwork.after(wrap_up_ms / 1000, partial(self._wrap_up, stay, agent, wrap_up_ms))

    def _wrap_up(self, stay: Stay, agent: Agent, wrap_up_ms: int) -> None:
        self._telling.contact(stay, "wrapped_up", wrap_up_seconds=wrap_up_ms / 1000, agent_id=agent.agent_id)
        self._floor.release(agent)

    def _lognormal(self, median: float) -> float:
        return self._random.lognormvariate(math.log(median), SPREAD)


def _customers(site: str, random: Random) -> list[Customer]:
    """Customers of a site, each with a number that cannot be real."""
    numbers = random.sample(range(10**8), CUSTOMERS_OF_SITE)
    codes = AREA_CODES[site]
    return [
        Customer(f"+55{random.choice(codes)}0{number:08d}", f"{site[:2].upper()}-{index:05d}")
        for index, number in enumerate(numbers, start=1)
    ]
