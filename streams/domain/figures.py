"""What a core publishes about itself: plain numbers that the metrics collector turns into samples.

Seconds are floats, ratios 0 to 1. Figures are built on the event loop in one go and then only read, so a scrape may
render them on another thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

OUTCOMES: Final = (
    "answered_in_target",
    "answered_late",
    "abandoned_short",
    "abandoned_in_target",
    "abandoned_late",
    "callback_in_target",
    "callback_late",
    "transferred",
    "overflowed",
    "timed_out",
    "closed",
    "key_exit",
    "unknown_exit",
)
"""How a visit left its queue: a closed list, also the values of the ``outcome`` label."""

LIVE_WAIT_EDGES_SECONDS: Final = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800, 3600)
WRITTEN_WAIT_EDGES_SECONDS: Final = tuple(
    3600 * hours for hours in (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 36, 48, 60, 72, 96, 120)
)
"""Bucket edges of waits for e-mail and forms: 1 h to 5 d, as many edges as the live list."""


def wait_edges_seconds(channel: str) -> tuple[int, ...]:
    """The upper edges (inclusive) of the wait buckets of a channel; one more bucket holds the rest."""
    return WRITTEN_WAIT_EDGES_SECONDS if channel in ("email", "form") else LIVE_WAIT_EDGES_SECONDS


@dataclass(slots=True)
class Histogram:
    """Durations in fixed buckets; ``counts`` are per bucket (not cumulative), the last one above every edge."""

    edges_seconds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    sum_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = [0] * (len(self.edges_seconds) + 1)

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.edges_seconds, seconds)] += 1
        self.sum_seconds += seconds

    def copy(self) -> Histogram:
        return Histogram(self.edges_seconds, list(self.counts), self.sum_seconds)


@dataclass(slots=True)
class LiveCounters:
    """Counted since this process began to own the queue; historic visits never touch them."""

    wait_answered: Histogram
    wait_abandoned: Histogram
    handle: Histogram
    offered: int = 0
    exits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    breaches: dict[str, int] = field(default_factory=lambda: {"target": 0, "max": 0})
    refusals: dict[str, int] = field(default_factory=dict)
    """Customers to be called back who cannot be, by why; no keys where the queue calls nobody back."""

    def copy(self) -> LiveCounters:
        return LiveCounters(
            self.wait_answered.copy(),
            self.wait_abandoned.copy(),
            self.handle.copy(),
            self.offered,
            dict(self.exits),
            dict(self.breaches),
            dict(self.refusals),
        )


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What is true of a queue at this instant; absent while the queue is stale."""

    waiting_contacts: int
    longest_wait_seconds: float
    wait_limit_used_ratio: float
    over_limit_contacts: int
    agents: Mapping[str, int]
    """Agents that serve the queue, by state."""
    passed_contacts: int
    """Who waits although many that came later have been answered (``waiting.PASSED_BY``)."""


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """One queue and channel. ``live`` is None while stale; day counts stay."""

    tenant: str
    site: str
    queue: str
    channel: str
    live: LiveFigures | None
    day_outcomes: Mapping[str, int]
    day_waiting_contacts: int
    day_breaches: Mapping[str, int]
    """Findings of today, open or confirmed, by rule."""
    formula: str
    day_met: int
    day_base: int
    counters: LiveCounters


ODD_EVENTS: Final = ("duplicate", "disordered", "before_offer")
"""How a source's events are odd: known already; more than a second older than the newest of the batches before; of a
visit whose offer has not come yet, or never does."""
UNFINISHED: Final = ("never_offered", "never_left", "never_answered", "never_ended")
"""What was never told of a visit when it is forgotten, and nothing can change any more: that it entered its queue, that
it left it, that it was answered or otherwise left though it ended, that it ended though it was answered."""


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What every stage counts of its input, by partition. Counters start with the process."""

    applied: Mapping[tuple[str, str], int]
    """(topic, event type) to events applied."""
    discarded: Mapping[tuple[str, str], int]
    """(topic, class) to events, class ``duplicate`` or ``ignored``."""
    rejected: Mapping[tuple[str, str], int]
    """(topic, reason) to records dead-lettered."""
    historic: Mapping[str, int]
    """Topic to facts of historic visits."""
    skewed: Mapping[tuple[str, str, str], int]
    """(tenant, site, source) to events more than 120 s off their Kafka timestamp."""
    last_event_ms: Mapping[tuple[str, str, str], int]
    """(tenant, site, source) to the newest event time seen."""
    delay: Mapping[str, Histogram]
    """Topic to seconds from event time to applied, live events only."""
    rows: int
    """Keys in the state of this partition."""
    odd: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    """(tenant, site, source, one of ODD_EVENTS) to live contact events that came otherwise than they should."""
    unfinished: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    """(tenant, site, source, one of UNFINISHED) to live visits that were forgotten so."""


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """Agents of one site held by one partition, each once, by state."""

    tenant: str
    site: str
    agents: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Flights:
    """The calls of one callback queue that are out, and the agents who are free for it."""

    tenant: str
    site: str
    queue: str
    in_flight: int
    free_agents: int


PLAN_COUNTED: Final = ("opened", "recovered", "cancelled", "expired", "blocked")
"""What is counted of callback plans: a closed list, also the values of the ``state`` label."""
ATTEMPT_COUNTED: Final = (
    "answered",
    "no_answer",
    "busy",
    "failed",
    "invalid_number",
    "refused",
    "voicemail",
    "abandoned",
    "no_result",
)
"""How attempts end: as dialers say, left again before an agent came, never heard of."""
FIRST_ATTEMPT_EDGES_SECONDS: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400)


@dataclass(slots=True)
class CallbackCounters:
    """Counted since this process began to own the customers; what is taken back afterwards stays counted."""

    plans: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLAN_COUNTED, 0))
    attempts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ATTEMPT_COUNTED, 0))
    first_attempt: Histogram = field(default_factory=lambda: Histogram(FIRST_ATTEMPT_EDGES_SECONDS))


@dataclass(frozen=True, slots=True)
class CallbackFigures:
    """The plans of one callback queue held by one partition."""

    tenant: str
    site: str
    queue: str
    pending: int
    overdue_seconds: float
    overdue: int = 0
    owed: int = 0
    customers: int = 0
    counters: CallbackCounters = field(default_factory=CallbackCounters)


DEADLINE_STATES: Final = ("pending", "at_risk", "open", "overdue", "confirmed", "met")
"""How a deadline of a case stands: not near, near its strict date, past it, past the rolled one and owed still, not met
and over (what was due came too late, or what must not be was), met. To findings overdue is confirmed too."""


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """How many deadlines of a tenant's cases held by one partition stand so, by rule."""

    tenant: str
    rule: str
    state: str
    """One of DEADLINE_STATES."""
    deadlines: int


SERVICE_STATES: Final = ("up", "down", "unknown")
"""How a channel of a site stands; unknown while its source is silent, or nothing was told of it."""
HUMAN_VOICE_STATES: Final = ("open", "closed", "unknown")


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """What a site offers its customers: channels by state now, human voice of today so far by state."""

    tenant: str
    site: str
    channels: Mapping[str, int]
    human_voice_seconds: Mapping[str, float]
    day_breaches: Mapping[str, int]
    """Findings that touch today, open or confirmed, by rule."""
