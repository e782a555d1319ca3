"""Who contacts the centre, and where they are in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from streams.simulation.layout import Centre, SimulatedQueue, Site, Team

SPREAD: Final = 0.7
"""Sigma of every lognormal."""
WITHHELD_NUMBERS: Final = 0.05
SECOND_NUMBERS: Final = 0.08
"""The share of contacts that come from the customer's other telephone, under the same customer id."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who can be reached; both are told to the queues."""

    address: str
    customer_id: str | None


@dataclass(slots=True, eq=False)
class Contact:
    """One call or thread through all its queues. ``attempt`` counts how often this customer has tried."""

    contact_id: str
    customer: Customer | None
    attempt: int = 1
    entries: dict[str, int] = field(default_factory=dict)

    def enter(self, queue: str) -> int:
        """The number of this entry into a queue."""
        self.entries[queue] = self.entries.get(queue, 0) + 1
        return self.entries[queue]


@dataclass(slots=True, eq=False, kw_only=True)
class Stay:
    """One contact's stay in one queue. ``is_told`` is false for those that began before anybody listened."""

    contact: Contact
    queue: SimulatedQueue
    entry: int
    since_ms: int
    transferred_from: str | None = None
    callback_job_id: str | None = None
    is_waiting: bool = True
    is_told: bool = False
    agent: Agent | None = None
    messages: int = 0


@dataclass(slots=True, eq=False)
class Agent:
    """``rest_wanted_ms`` is the pause that is due as soon as the contact in hand is done, 0 for none.

    Until ``away_until_ms`` the agent is not there, shift or not.
    """

    agent_id: str
    team: Team
    start_hour: int
    state: str = "offline"
    free_since_ms: int = 0
    rest_wanted_ms: int = 0
    away_until_ms: int = 0
    is_on_shift: bool = False
    states_told: int = 0


class Customers:
    """Everybody who may contact a centre, with numbers that cannot be real, and by what each is known."""

    def __init__(self, centre: Centre, random: Random) -> None:
        self._random = random
        self._which_number = Random(f"{centre.tenant} which number")
        self._of_site = {site.site: _customers(site, f"C{n}", random) for n, site in enumerate(centre.sites, start=1)}
        self._by_address: Mapping[str, Customer] = {
            one.address: one
            for customers in self._of_site.values()
            for customer in customers
            for one in (customer, _at_second_number(customer))
        }

    def somebody(self, queue: SimulatedQueue) -> Customer | None:
        """Who comes next; None is a withheld number."""
        if queue.channel == "email":
            return Customer(f"cliente{self._random.randrange(10_000):04d}@example.com", None)
        if queue.channel == "voice" and self._random.random() < WITHHELD_NUMBERS:
            return None
        customer = self._random.choice(self._of_site[queue.site])
        return _at_second_number(customer) if self._which_number.random() < SECOND_NUMBERS else customer

    def at(self, address: str) -> Customer:
        """Whoever is reached there."""
        return self._by_address.get(address) or Customer(address, None)


def _customers(site: Site, prefix: str, random: Random) -> list[Customer]:
    numbers = random.sample(range(10**8), site.customers)
    return [
        Customer(f"+55{random.choice(site.area_codes)}0{number:08d}", f"{prefix}-{index:05d}")
        for index, number in enumerate(numbers, start=1)
    ]


def _at_second_number(customer: Customer) -> Customer:
    """The same customer at a number of a series that nobody else has."""
    area, number = customer.address[:5], customer.address[6:]
    return Customer(f"{area}1{number}", customer.customer_id)


def lognormal(random: Random, median: float) -> float:
    return random.lognormvariate(math.log(median), SPREAD)
