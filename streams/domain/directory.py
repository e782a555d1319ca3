"""The queues that exist and the plain policy of each: what the core knows of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from streams.domain.calendars import HolidayTable
from streams.domain.calling_hours import CallingHours, Purpose
from streams.domain.opening_hours import OpeningHours
from streams.domain.queue_limits import BindingLimit, QueueLimits, Start

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

UNKNOWN_EXIT_MS: Final[Mapping[str, int]] = {
    "voice": 4 * HOUR_MS,
    "chat": DAY_MS,
    "app": DAY_MS,
    "sms": 3 * DAY_MS,
    "whatsapp": 3 * DAY_MS,
    "email": 30 * DAY_MS,
    "form": 30 * DAY_MS,
}
"""How long an offered contact that never leaves is believed to wait, by channel."""

RETENTION_MS: Final[Mapping[str, int]] = {
    "voice": DAY_MS,
    "chat": DAY_MS,
    "app": DAY_MS,
    "sms": DAY_MS,
    "whatsapp": DAY_MS,
    "email": 7 * DAY_MS,
    "form": 7 * DAY_MS,
}
"""How long (event time) a visit is kept after its last fact, by channel."""

MOST_REMEMBERED: Final = 100_000
"""Owner keys (queues, agents, callback queues) whose partition is remembered; beyond, the memory starts afresh."""

Partitioner = Callable[[str], int]
"""Owner key to partition number: murmur2, as Kafka's own default partitioner."""


@dataclass(frozen=True, slots=True)
class CreationPolicy:
    """Which visits of a queue are reasons to call back. What the law owes is one in any case."""

    abandons: bool = True
    requests: bool = True
    short_abandons: bool = False
    minimum_wait_ms: int = 0
    """Whoever gives up earlier is not called."""
    channels: frozenset[str] | None = None
    excluded_reasons: frozenset[str] = frozenset()
    """Reasons of offers (as the platform gives them) of which nobody is called back."""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """One queue: where it is and what is promised there. Durations in milliseconds.

    ``limits`` are those of a policy and of opening hours, by channel; without them ``max_wait_ms`` is the limit.
    """

    tenant: str
    site: str
    queue: str
    zone: str
    channels: frozenset[str]
    answer_target_ms: int
    max_wait_ms: int | None
    short_abandon_ms: int = 5000
    service_level_target: float = 0.8
    formula: str = "answered_of_offered"
    display_name: str = ""
    group: str = ""
    callback_queue: str | None = None
    creation: CreationPolicy = CreationPolicy()
    unknown_exit_ms: Mapping[str, int] = field(default_factory=lambda: UNKNOWN_EXIT_MS)
    retention_ms: Mapping[str, int] = field(default_factory=lambda: RETENTION_MS)
    limits: Mapping[str, QueueLimits] = field(default_factory=dict, compare=False)
    sector: str | None = None
    hours: OpeningHours | None = None
    """When it is open; None: always."""

    owner_key: str = field(init=False, compare=False)
    """Tenant and queue in one text; every event asks for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "owner_key", f"{self.tenant}/{self.queue}")

    def limit_of(self, channel: str, start: Start) -> BindingLimit:
        """The limit that binds a contact of this channel."""
        limits = self.limits.get(channel)
        return (limits or _plain_limits(self.max_wait_ms)).of(start)

    def limit_seconds(self, channel: str, at_ms: int) -> float | None:
        """The limit of a contact that would be offered then; None while there is none."""
        limit, _ = self.limit_of(channel, Start(at_ms))
        return None if limit is None or limit.limit_ms is None else limit.limit_ms / 1000

    def is_open(self, at_ms: int) -> bool:
        return self.hours is None or self.hours.is_open(at_ms)


@cache
def _plain_limits(max_wait_ms: int | None) -> QueueLimits:
    return QueueLimits(max_wait_ms=max_wait_ms)


RETRY_MS: Final[Mapping[str, int | None]] = {
    "busy": 10 * MINUTE_MS,
    "failed": 15 * MINUTE_MS,
    "abandoned": 15 * MINUTE_MS,
    "no_result": 30 * MINUTE_MS,
    "no_answer": HOUR_MS,
    "voicemail": HOUR_MS,
    "answered": HOUR_MS,
    "refused": 4 * HOUR_MS,
    "invalid_number": None,
}
"""How long after an attempt the next one may be made, by its outcome; None for never. Besides what dialers report:
``abandoned``, the customer picked up and left the callback queue before an agent came, and ``no_result``, the dialer
never said. ``answered`` counts where nothing is heard of the customer afterwards."""


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """A queue that answered callbacks are routed to, and how customers are called for it. Durations in milliseconds."""

    tenant: str
    site: str
    queue: str
    zone: str
    attempts: int = 3
    retry_ms: Mapping[str, int | None] = field(default_factory=lambda: RETRY_MS)
    life_ms: int = DAY_MS
    """Nobody is called later after the first reason, unless a call is owed."""
    due_ms: int = 2 * HOUR_MS
    owed_due_ms: int = 10 * MINUTE_MS
    """A plan that is open for longer is overdue; so is an owed call."""
    boost: float = 1.0
    """Calls out at a time for each free agent."""
    ivr_first: bool = False
    lease_ms: int = 3 * MINUTE_MS
    """How long a call may hold its agent before anything is heard of it."""
    yield_ms: int | None = MINUTE_MS
    """Nobody is dialled while a live caller has waited longer in one of ``yields_to``; None: whoever waits."""
    yields_to: frozenset[str] = frozenset()
    purpose: Purpose = "callback"
    holidays: HolidayTable | None = field(default=None, compare=False)
    hours: CallingHours | None = None
    """Instead of the hours that the purpose has."""
    calls_per_day: int = 2
    calls_per_month: int = 15
    ageing_ms: int = 30 * MINUTE_MS
    """Waiting for so long counts as much as one more abandon."""

    @property
    def owner_key(self) -> str:
        return f"{self.tenant}/{self.queue}"


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """A feed of a site, and how long it may be silent. ``channels`` None: all that the queues of its site have."""

    tenant: str
    site: str
    source: str
    expected_silence_ms: int
    channels: frozenset[str] | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.tenant, self.site, self.source)

    def feeds(self, queue: QueuePolicy, channel: str) -> bool:
        """Whether contacts of this channel of the queue may come from here."""
        is_here = (queue.tenant, queue.site) == (self.tenant, self.site)
        return is_here and channel in queue.channels and (self.channels is None or channel in self.channels)


class Directory:
    """Every configured tenant, site, source and queue, with the partition each owner key belongs to."""

    def __init__(
        self,
        queues: Iterable[QueuePolicy],
        *,
        sites: Mapping[tuple[str, str], str],
        partition_of: Partitioner,
        sources: Iterable[SourcePolicy] = (),
        callback_queues: Iterable[CallbackPolicy] = (),
        lateness_ms: int = MINUTE_MS,
    ) -> None:
        self.queues: dict[tuple[str, str], QueuePolicy] = {(q.tenant, q.queue): q for q in queues}
        self.sites = dict(sites)
        """(tenant, site) to its IANA zone name."""
        self.sources: dict[tuple[str, str, str], SourcePolicy] = {source.identity: source for source in sources}
        self.tenants = {tenant for tenant, _ in self.sites}
        self.callback_tenants = {q.tenant for q in self.queues.values() if q.callback_queue is not None}
        self.callback_queues: dict[tuple[str, str], CallbackPolicy] = {
            (q.tenant, q.callback_queue): self._plain_callbacks(q, q.callback_queue)
            for q in self.queues.values()
            if q.callback_queue is not None
        } | {(policy.tenant, policy.queue): policy for policy in callback_queues}
        self.lateness_ms = lateness_ms
        """Nobody is called sooner after the first reason: an answer that is still on its way shall win."""
        self.partition_of = partition_of
        self._partitions: dict[str, int] = {}

    def queue(self, tenant: str, queue: str) -> QueuePolicy | None:
        return self.queues.get((tenant, queue))

    def callbacks(self, tenant: str, queue: str) -> CallbackPolicy:
        """How customers are called for a callback queue; one that is configured no longer is like any other."""
        return self.callback_queues.get((tenant, queue)) or CallbackPolicy(tenant, "", queue, "UTC")

    def yielding_to(self, queue: QueuePolicy) -> list[CallbackPolicy]:
        """The callback queues that stop dialling while somebody waits too long in this queue."""
        return [
            policy
            for policy in self.callback_queues.values()
            if policy.yield_ms is not None and policy.tenant == queue.tenant and queue.queue in policy.yields_to
        ]

    def _plain_callbacks(self, source: QueuePolicy, queue: str) -> CallbackPolicy:
        """What holds where nothing is said of the callback queue: its site's own sources come first."""
        policy = self.queues.get((source.tenant, queue), source)
        sources = (q for q in self.queues.values() if (q.tenant, q.callback_queue) == (source.tenant, queue))
        yields_to = frozenset(q.queue for q in sources if q.site == policy.site)
        return CallbackPolicy(source.tenant, policy.site, queue, policy.zone, yields_to=yields_to)

    def queues_of_partition(self, partition: int) -> list[QueuePolicy]:
        """The queues whose owner is this partition, in the order of the configuration."""
        return [q for q in self.queues.values() if self.partition(q.owner_key) == partition]

    def queues_fed_by(self, source: SourcePolicy) -> list[QueuePolicy]:
        """The queues with a channel that the source feeds, in the order of the configuration."""
        return [q for q in self.queues.values() if any(source.feeds(q, channel) for channel in q.channels)]

    def sources_of(self, queue: QueuePolicy, channel: str) -> list[SourcePolicy]:
        """The sources that feed this channel of the queue."""
        return [source for source in self.sources.values() if source.feeds(queue, channel)]

    def partition(self, owner_key: str) -> int:
        """The partition of an owner key that recurs (a queue); remembered."""
        found = self._partitions.get(owner_key)
        if found is None:
            if len(self._partitions) >= MOST_REMEMBERED:
                self._partitions.clear()
            found = self._partitions[owner_key] = self.partition_of(owner_key)
        return found
