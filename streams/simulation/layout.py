"""What a simulated centre consists of: sites, queues and teams as plain values, and the configuration that fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

EXPECTED_SILENCE_SECONDS: Final = 120
"""Four heartbeats of a source."""

SITE_POLICY: Final = "br-availability@2026.11.0"
CASE_POLICIES: Final = ("br-cases@2026.11.2", "retention-desk@2026.11.0")

ALL_DAY: Final = (2, 1, 1, 1, 1, 2, 5, 11, 20, 29, 28, 25, 20, 20, 23, 24, 22, 18, 14, 11, 8, 6, 4, 3)
OFFICE: Final = (1, 1, 1, 1, 1, 1, 3, 8, 16, 18, 16, 14, 10, 12, 14, 13, 11, 8, 5, 4, 4, 3, 2, 1)
EVENING: Final = (3, 2, 1, 1, 1, 1, 3, 6, 10, 13, 15, 15, 16, 15, 15, 16, 17, 18, 20, 21, 19, 15, 10, 6)
"""How a day's contacts spread over its hours, as weights."""
MONDAY_IS_ONE: Final = (1.0, 0.9, 0.87, 0.86, 0.92, 0.5, 0.3)
"""Contacts of each weekday, Monday first, as a share of Monday's."""
STAFFED: Final = (1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.4)
"""The share of the agents who come on each weekday, Monday first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place with its own clock. ``sources`` are the platforms that tell of its contacts, by channel."""

    site: str
    display_name: str
    zone: str
    area_codes: tuple[str, ...]
    customers: int
    """How many different people call or write."""
    sources: Mapping[str, str]
    agents_source: str
    """The platform that tells of the site's agents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedQueue:
    """A queue as its contacts meet it. Handling and patience are medians of lognormal distributions.

    ``contacts`` are the first attempts of a Monday; whoever calls again, is transferred or called back comes on top.
    Shares are of all contacts that nobody answers before.
    """

    queue: str
    site: str
    channel: str
    display_name: str
    group: str
    contacts: int
    by_hour: tuple[int, ...] = ALL_DAY
    opens_hour: int = 0
    closes_hour: int = 24
    answer_target_seconds: int
    max_wait_seconds: int
    short_abandon_seconds: float = 5.0
    service_level_target: float = 0.8
    formula: str = "answered_of_offered"
    handling_seconds: float
    wrap_up_seconds: float = 20.0
    patience_seconds: float
    short_abandons: float = 0.06
    key_exits: float = 0.04
    callback_requests: float = 0.14
    calls_back: str | None = None
    """The callback queue that those who give up here are called back for."""
    bot_solves: float | None = None
    """A bot answers first and contents this share; None where there is no bot."""
    overflows_to: str | None = None
    overflow_seconds: float = 0.0
    timeout_seconds: float = 86_400.0
    transfers: Mapping[str, float] = field(default_factory=dict)
    """Queue to the share of the answered contacts that go on there."""
    alternative: str | None = None
    """Where some of those who try again try instead."""
    lost_exits: int = 0
    """Contacts of a morning whose end the platform never tells."""
    cut_off: float = 0.0
    """The share of answered calls that the network ends."""
    demands: Mapping[str, float] = field(default_factory=dict)
    """Kind of demand to the share of the finished contacts that leave one behind."""
    sector: str | None = None
    """Of those demands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Agents who serve the same queues, the most urgent first. ``shifts`` are (hour of the start, agents)."""

    name: str
    site: str
    queues: tuple[str, ...]
    shifts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Centre:
    """A whole contact centre of one tenant. ``dialer_lines`` is how many customers its dialer rings at a time."""

    tenant: str
    sites: tuple[Site, ...]
    queues: tuple[SimulatedQueue, ...]
    teams: tuple[Team, ...]
    dialer_lines: int = 4
    contacts_by_weekday: tuple[float, ...] = MONDAY_IS_ONE
    staff_by_weekday: tuple[float, ...] = STAFFED

    @cached_property
    def queue_named(self) -> Mapping[str, SimulatedQueue]:
        return {queue.queue: queue for queue in self.queues}

    @cached_property
    def site_named(self) -> Mapping[str, Site]:
        return {site.site: site for site in self.sites}

    @cached_property
    def callback_queues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(queue.calls_back for queue in self.queues if queue.calls_back))

    def sources(self) -> Iterator[tuple[str, Site]]:
        """Every platform once, with its site."""
        for site in self.sites:
            for source in dict.fromkeys((*site.sources.values(), site.agents_source)):
                yield source, site

    def sections(self) -> dict[str, Any]:
        """Sites, sources, queues and callback queues as the configuration file has them."""
        return {
            "sites": [
                {"tenant": self.tenant, "site": site.site, "zone": site.zone, "display_name": site.display_name}
                for site in self.sites
            ],
            "sources": [
                {
                    "tenant": self.tenant,
                    "site": site.site,
                    "source": source,
                    "channels": self._channels_told(source, site),
                    "expected_silence_seconds": EXPECTED_SILENCE_SECONDS,
                }
                for source, site in self.sources()
            ],
            "queues": [self._section(queue) for queue in self.queues],
            "callback_queues": [self._callback_section(self.queue_named[name]) for name in self.callback_queues],
            "availability": [
                {"tenant": self.tenant, "site": site.site, "policies": [SITE_POLICY], "channels": channels}
                for site in self.sites
                if (channels := self.channels_of(site))
            ],
            **({"cases": [{"tenant": self.tenant, "policies": list(CASE_POLICIES)}]} if self._has_cases else {}),
        }

    @property
    def _has_cases(self) -> bool:
        return any(queue.demands for queue in self.queues)

    def channels_of(self, site: Site) -> list[str]:
        """The channels by which customers reach a site, each with a platform that tells of it."""
        served = {queue.channel for queue in self.queues if queue.site == site.site}
        return [channel for channel in site.sources if channel in served]

    def _channels_told(self, source: str, site: Site) -> list[str]:
        """Those a source tells of, of the channels that its site has queues for; none if it tells of agents only."""
        served = {queue.channel for queue in self.queues if queue.site == site.site}
        return [channel for channel, teller in site.sources.items() if teller == source and channel in served]

    def _section(self, queue: SimulatedQueue) -> dict[str, Any]:
        section: dict[str, Any] = {
            "tenant": self.tenant,
            "site": queue.site,
            "queue": queue.queue,
            "channels": [queue.channel],
            "group": queue.group,
            "display_name": queue.display_name,
            "answer_target_seconds": queue.answer_target_seconds,
            "max_wait_seconds": queue.max_wait_seconds,
            "short_abandon_seconds": queue.short_abandon_seconds,
            "service_level_target": queue.service_level_target,
            "formula": queue.formula,
        }
        return section | ({"callback": {"queue": queue.calls_back}} if queue.calls_back else {})

    def _callback_section(self, queue: SimulatedQueue) -> dict[str, Any]:
        return {
            "tenant": self.tenant,
            "site": queue.site,
            "queue": queue.queue,
            "display_name": queue.display_name,
        }
