"""Who comes when: the contacts of each day by weekday and hour, floods, and the shifts of those who serve them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from random import Random
from typing import Final

from streams.simulation.clockwork import HOUR_MS, MINUTE_MS, Clockwork, local_date, midnight_ms, next_midnight_ms
from streams.simulation.contacts import Customers
from streams.simulation.floor import Floor
from streams.simulation.layout import Centre, SimulatedQueue, Site
from streams.simulation.waiting import Waiting

LOST_HOURS: Final = (7, 11)
"""When the platforms lose the ends of some contacts."""


class Traffic:
    """Opens the days of every site, from the one that ``from_ms`` lies in."""

    def __init__(self, centre: Centre, random: Random, clockwork: Clockwork, *, floor: Floor, waiting: Waiting) -> None:
        self._centre = centre
        self._random = random
        self._clockwork = clockwork
        self._floor = floor
        self._waiting = waiting
        self._customers = Customers(centre, random)
        self.customer_at = self._customers.at

    def begin(self, from_ms: int) -> None:
        for site in self._centre.sites:
            today = local_date(from_ms, site.zone)
            self._clockwork.at(midnight_ms(today, site.zone), partial(self._open_day, site, today))

    def flood(self, queue: SimulatedQueue, minutes: float, contacts: int) -> None:
        """So many contacts from now on, evenly over some minutes, on top of those who come anyway."""
        now_ms, length_ms = self._clockwork.now_ms, round(minutes * MINUTE_MS)
        for _ in range(contacts):
            self._expect(queue, now_ms + self._random.randrange(max(1, length_ms)))

    def _open_day(self, site: Site, day: date) -> None:
        """Plan a local day, and the opening of the next one."""
        tomorrow_ms = next_midnight_ms(day, site.zone)
        self._clockwork.at(tomorrow_ms, partial(self._open_day, site, local_date(tomorrow_ms, site.zone)))
        staffed = self._centre.staff_by_weekday[day.weekday()]
        self._floor.open_day(site.site, self._clockwork.now_ms, staffed=staffed, random=self._random)
        for queue in self._centre.queues:
            if queue.site == site.site:
                self._plan(queue, day)

    def _plan(self, queue: SimulatedQueue, day: date) -> None:
        midnight = self._clockwork.now_ms
        times_ms = arrival_times(queue, self._centre.contacts_by_weekday[day.weekday()], midnight, self._random)
        lost = set(self._lost(queue, times_ms))
        for time_ms in times_ms:
            self._expect(queue, time_ms, is_lost=time_ms in lost)
        if queue.closes_hour < 24:
            self._clockwork.at(midnight + queue.closes_hour * HOUR_MS, partial(self._waiting.close, queue))

    def _expect(self, queue: SimulatedQueue, time_ms: int, *, is_lost: bool = False) -> None:
        customer = self._customers.somebody(queue)
        arrive = self._waiting.arrive_unfinished if is_lost else self._waiting.arrive
        self._clockwork.at(time_ms, partial(arrive, queue, customer))

    def _lost(self, queue: SimulatedQueue, times_ms: Sequence[int]) -> list[int]:
        first_ms, last_ms = (self._clockwork.now_ms + hour * HOUR_MS for hour in LOST_HOURS)
        of_the_morning = [time_ms for time_ms in times_ms if first_ms <= time_ms < last_ms]
        return self._random.sample(of_the_morning, min(queue.lost_exits, len(of_the_morning)))


def arrival_times(queue: SimulatedQueue, weekday_share: float, midnight: int, random: Random) -> list[int]:
    """When the first attempts of one day come, in order: about as many as the queue has, spread as its hours are."""
    expected = queue.contacts * weekday_share
    contacts = max(0, round(random.gauss(expected, expected**0.5)))
    hours = random.choices(range(24), queue.by_hour, k=contacts)
    return sorted(midnight + hour * HOUR_MS + random.randrange(HOUR_MS) for hour in hours)
