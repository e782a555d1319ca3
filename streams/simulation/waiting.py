"""Contacts on their way into queues and out of them: bots, lines, patience, keys, overflow, and second attempts."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from streams.simulation.callbacks import ImitatedPlans
from streams.simulation.clockwork import HOUR_MS, Clockwork, local_date, midnight_ms
from streams.simulation.contacts import Contact, Customer, Stay, lognormal
from streams.simulation.floor import Floor
from streams.simulation.layout import Centre, SimulatedQueue
from streams.simulation.telling import Telling

MOST_ATTEMPTS: Final = 4
TRIES_AGAIN: Final = 0.5
TRIES_ELSEWHERE: Final = 0.3
BACK_AFTER_SECONDS: Final = 900.0
BOT_SECONDS: Final = 15.0
TRANSFERS_WHILE_WAITING: Final = 0.03


class Waiting:
    """Whatever happens to a contact that no agent has answered. ``plans`` hears who was lost, where it is given."""

    def __init__(
        self, centre: Centre, random: Random, clockwork: Clockwork, *, telling: Telling, plans: ImitatedPlans | None
    ) -> None:
        self._centre = centre
        self._random = random
        self._clockwork = clockwork
        self._telling = telling
        self.plans = plans
        self.floor: Floor
        """Set before anybody comes: the floor needs somebody to serve from the lines that are fed here."""

    # -- coming -------------------------------------------------------------------------------------------------------

    def arrive(self, queue: SimulatedQueue, customer: Customer | None, attempt: int = 1) -> None:
        """A new contact."""
        self._offer(self._stay(self._new_contact(customer, attempt), queue))

    def arrive_unfinished(self, queue: SimulatedQueue, customer: Customer | None) -> None:
        """A new contact whose end nobody ever tells."""
        self._telling.offered(self._stay(self._new_contact(customer, 1), queue))

    def connect(self, queue: SimulatedQueue, customer: Customer, job_id: str) -> None:
        """A customer whom the dialer has reached."""
        stay = self._stay(self._new_contact(customer, 2), queue)
        stay.callback_job_id = job_id
        self._offer(stay)

    def pass_on(self, stay: Stay, queue: SimulatedQueue) -> None:
        """The same contact in another queue, or in this one again: then it is the next entry."""
        self._offer(self._stay(stay.contact, queue, transferred_from=stay.queue.queue))

    def close(self, queue: SimulatedQueue) -> None:
        """Send away everybody who still waits."""
        for stay in self.floor.line(queue.queue):
            self._depart(stay, "closed")

    def _new_contact(self, customer: Customer | None, attempt: int) -> Contact:
        return Contact(self._telling.new_contact_id(), customer, attempt)

    def _stay(self, contact: Contact, queue: SimulatedQueue, transferred_from: str | None = None) -> Stay:
        return Stay(
            contact=contact,
            queue=queue,
            entry=contact.enter(queue.queue),
            since_ms=self._clockwork.now_ms,
            transferred_from=transferred_from,
        )

    def _offer(self, stay: Stay) -> None:
        if not self._is_open(stay.queue):
            self._telling.offered(stay)
            self._telling.contact(stay, "flowed_out", seconds_later=0.4, reason="closed")
        elif stay.queue.bot_solves is not None:
            self._telling.offered(stay, handled_by="bot")
            self._talk_to_bot(stay, stay.queue.bot_solves)
        else:
            self._telling.offered(stay)
            self._wait(stay)

    def _is_open(self, queue: SimulatedQueue) -> bool:
        if queue.opens_hour == 0 and queue.closes_hour == 24:
            return True
        zone = self._centre.site_named[queue.site].zone
        midnight = midnight_ms(local_date(self._clockwork.now_ms, zone), zone)
        return queue.opens_hour <= (self._clockwork.now_ms - midnight) / HOUR_MS < queue.closes_hour

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _talk_to_bot(self, stay: Stay, solves: float) -> None:
        """The bot asks what it is about; some are content with it, the others go on to the agents."""
        message = self._telling.contact
        message(stay, "message", seconds_later=0.2, direction="in", author="customer")
        message(stay, "message", seconds_later=1.1, direction="out", author="bot")
        then = self._leave_bot if self._random.random() < solves else self._wait
        self._clockwork.after(lognormal(self._random, BOT_SECONDS), partial(then, stay))

    def _leave_bot(self, stay: Stay) -> None:
        self._telling.contact(stay, "flowed_out", reason="key")

    def _wait(self, stay: Stay) -> None:
        seconds, how = self._departure(stay.queue)
        self._clockwork.after(seconds, partial(self._depart, stay, how))
        self.floor.join(stay)

    def _departure(self, queue: SimulatedQueue) -> tuple[float, str]:
        """When and how somebody whom nobody answers leaves this queue."""
        patience, how = lognormal(self._random, queue.patience_seconds), "abandoned"
        if queue.channel == "voice":
            patience, how = self._caller_departure(queue) or (patience, how)
        if queue.overflows_to and queue.overflow_seconds < patience:
            patience, how = queue.overflow_seconds, "overflow"
        return (queue.timeout_seconds, "timeout") if queue.timeout_seconds < patience else (patience, how)

    def _caller_departure(self, queue: SimulatedQueue) -> tuple[float, str] | None:
        """What some callers do instead of running out of patience."""
        random, kind = self._random, self._random.random()
        for share, seconds, how in (
            (queue.short_abandons, (0.8, queue.short_abandon_seconds), "abandoned"),
            (queue.key_exits, (4, 40), "key"),
            (TRANSFERS_WHILE_WAITING if queue.transfers else 0, (5, 60), "transfer"),
            (queue.callback_requests if queue.calls_back else 0, (10, 120), "callback_requested"),
        ):
            if kind < share:
                return random.uniform(*seconds), how
            kind -= share
        return None

    # -- leaving ------------------------------------------------------------------------------------------------------

    def _depart(self, stay: Stay, how: str) -> None:
        if not stay.is_waiting:
            return
        self.floor.leave(stay)
        match how:
            case "abandoned":
                self._telling.contact(stay, "abandoned")
            case "callback_requested":
                self._telling.callback_requested(stay)
            case _:
                self._telling.contact(stay, "flowed_out", reason=how)
        self._go_on(stay, how)

    def _go_on(self, stay: Stay, how: str) -> None:
        queue_named = self._centre.queue_named
        match how:
            case "overflow" if stay.queue.overflows_to:
                self.pass_on(stay, queue_named[stay.queue.overflows_to])
            case "transfer":
                self.pass_on(stay, queue_named[next(iter(stay.queue.transfers))])
            case "abandoned" | "callback_requested":
                if self.plans and not self._is_short(stay, how):
                    self.plans.lost(stay)
                if how == "abandoned":
                    self._come_back(stay)
            case "timeout" | "closed":
                self._come_back(stay)

    def _is_short(self, stay: Stay, how: str) -> bool:
        waited_ms = self._clockwork.now_ms - stay.since_ms
        return how == "abandoned" and waited_ms <= 1000 * stay.queue.short_abandon_seconds

    def _come_back(self, stay: Stay) -> None:
        """Some try again, here or where it is quicker; some are called back; some are never heard of again."""
        random, contact = self._random, stay.contact
        is_tired = contact.customer is None or contact.attempt >= MOST_ATTEMPTS or stay.callback_job_id is not None
        if is_tired or random.random() >= TRIES_AGAIN:
            return
        elsewhere = stay.queue.alternative and random.random() < TRIES_ELSEWHERE
        queue = self._centre.queue_named[stay.queue.alternative] if elsewhere and stay.queue.alternative else stay.queue
        seconds = lognormal(random, BACK_AFTER_SECONDS)
        self._clockwork.after(seconds, partial(self.arrive, queue, contact.customer, contact.attempt + 1))
