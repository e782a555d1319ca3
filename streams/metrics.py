"""The worker's figures as Prometheus shows them: families over one snapshot, so a page is of one instant.

The event loop builds `WorkerFigures`; `render` only reads it and may run on another thread. Partitions that left this
worker are simply not in the next snapshot, so nothing of them lingers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from streams import metric_names as names
from streams.domain.decisions import Reason
from streams.domain.directory import QueuePolicy
from streams.domain.events import (
    AGENT_EVENTS,
    AGENT_STATES,
    AGENT_TYPES,
    CASE_EVENTS,
    CASE_TYPES,
    CONTACT_TYPES,
    INTAKE_OF_CHANNEL,
    SITE_EVENTS,
)
from streams.domain.figures import (
    ATTEMPT_COUNTED,
    DEADLINE_STATES,
    FIRST_ATTEMPT_EDGES_SECONDS,
    HUMAN_VOICE_STATES,
    ODD_EVENTS,
    OUTCOMES,
    PLAN_COUNTED,
    SERVICE_STATES,
    UNFINISHED,
    CallbackFigures,
    CaseFigures,
    Flights,
    Histogram,
    LiveFigures,
    QueueFigures,
    ServiceFigures,
    SiteFigures,
    StageFigures,
)
from streams.domain.input_counts import DELAY_EDGES_SECONDS
from streams.domain.site_events import SITE_TYPES
from streams.exposition import Family, Values, write_page

UNCONFIGURED_SOURCE: Final = "unconfigured"
"""Label of every source the configuration does not name: what an event says must not become a label value."""
CALLBACK_CHANNEL: Final = "voice"
DISCARD_CLASSES: Final = ("duplicate", "ignored")
LIMITS: Final = ("target", "max")

Point = tuple[Values, float]
Source = tuple[str, str, str]
"""Tenant, site and source."""


def always_open(_policy: QueuePolicy) -> bool:
    """The opening hours of a queue that has none configured."""
    return True


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What runs: never a secret, never a path."""

    version: str
    revision: str
    python: str
    config_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """Everything one page shows. Built on the event loop from partitions this worker owns now; only read afterwards.

    Mappings must be copies. Only the counters of `queues` may go on counting: their keys are fixed, and what is counted
    during the rendering shows in this page or in the next.
    """

    configured: Sequence[QueuePolicy]
    """Every queue of the configuration, owned here or not."""
    build: BuildInfo
    started_ms: int
    built_ms: int = 0
    """The instant the figures are of."""
    queues: Sequence[QueueFigures] = ()
    recovering_queues: Sequence[QueuePolicy] = ()
    """Owned queues whose state is not read back yet: shown as stale, and nothing else is known of them."""
    sites: Sequence[SiteFigures] = ()
    callbacks: Sequence[CallbackFigures] = ()
    cases: Sequence[CaseFigures] = ()
    services: Sequence[ServiceFigures] = ()
    flights: Sequence[Flights] = ()
    stages: Sequence[StageFigures] = ()
    """Of every stage and partition since the process began: those of lost partitions stay in, see `total_of`."""
    lag_messages: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    """(group, topic, partition) to end offset minus position."""
    assigned_partitions: Mapping[str, int] = field(default_factory=dict)
    """Every topic the worker reads to the partitions it owns now."""
    table_keys: Mapping[str, int] = field(default_factory=dict)
    expected_silence_seconds: Mapping[Source, float] = field(default_factory=dict)
    """Every configured source."""
    site_day_start_ms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(tenant, site) to the start of its current local day."""
    is_recovering: bool = False
    recovery_seconds: float = 0.0
    render_seconds: float = 0.0
    is_open: Callable[[QueuePolicy], bool] = always_open
    """Called on the rendering thread: must only read what was fixed when the figures were built."""


def total_of(stages: Iterable[StageFigures]) -> StageFigures:
    """Several stages' figures as one: counts added, the newest event time kept.

    The shell folds the figures of a lost partition into one such total and keeps it in `WorkerFigures.stages`: a sum
    that dropped with the partition would look like a restarted counter, and its whole remainder like new events.
    """
    applied: Counter[tuple[str, str]] = Counter()
    discarded: Counter[tuple[str, str]] = Counter()
    rejected: Counter[tuple[str, str]] = Counter()
    historic: Counter[str] = Counter()
    skewed: Counter[Source] = Counter()
    last_event_ms: dict[Source, int] = {}
    delay: dict[str, Histogram] = {}
    odd: Counter[tuple[str, str, str, str]] = Counter()
    unfinished: Counter[tuple[str, str, str, str]] = Counter()
    rows = 0
    for stage in stages:
        applied.update(stage.applied)
        discarded.update(stage.discarded)
        rejected.update(stage.rejected)
        historic.update(stage.historic)
        skewed.update(stage.skewed)
        _keep_newest(last_event_ms, stage.last_event_ms)
        _add_delays(delay, stage.delay)
        odd.update(stage.odd)
        unfinished.update(stage.unfinished)
        rows += stage.rows
    return StageFigures(applied, discarded, rejected, historic, skewed, last_event_ms, delay, rows, odd, unfinished)


def _keep_newest(newest: dict[Source, int], more: Mapping[Source, int]) -> None:
    for source, time_ms in more.items():
        newest[source] = max(time_ms, newest.get(source, time_ms))


def _add_delays(total: dict[str, Histogram], more: Mapping[str, Histogram]) -> None:
    for topic, histogram in more.items():
        summed = total.setdefault(topic, Histogram(histogram.edges_seconds))
        summed.counts = [a + b for a, b in zip(summed.counts, histogram.counts, strict=True)]
        summed.sum_seconds += histogram.sum_seconds


def render(figures: WorkerFigures, accept_header: str) -> tuple[bytes, str]:
    """The page in the format the scraper asks for, and its content type."""
    return write_page(families(figures), accept_header)


def families(figures: WorkerFigures) -> Iterator[Family]:
    """One snapshot as metric families, every metric of the catalogue once."""
    yield from _configuration(figures)
    yield from _queues_now(figures)
    yield from _queues_today(figures)
    yield from _queue_counters(figures.queues)
    yield from _parts(figures)
    yield from _services(figures.services)
    total = total_of(figures.stages)
    yield from _events(figures, total)
    yield from _sources(figures, total)
    yield from _worker(figures)


def _queue_labels(queue: QueueFigures) -> Values:
    return queue.tenant, queue.site, queue.queue, queue.channel


def _configured_labels(policies: Iterable[QueuePolicy]) -> list[tuple[QueuePolicy, Values]]:
    return [
        (policy, (policy.tenant, policy.site, policy.queue, channel))
        for policy in policies
        for channel in sorted(policy.channels)
    ]


def _configuration(figures: WorkerFigures) -> Iterator[Family]:
    queues = _configured_labels(figures.configured)
    info = [((*at, each.display_name, each.group), 1.0) for each, at in queues]
    yield Family(names.QUEUE_INFO, info)
    yield Family(names.QUEUE_OPEN, ((at, figures.is_open(each)) for each, at in queues))
    yield Family(names.QUEUE_ANSWER_TARGET, ((at, each.answer_target_ms / 1000) for each, at in queues))
    limits = ((at, each.limit_seconds(at[-1], figures.built_ms)) for each, at in queues)
    yield Family(names.QUEUE_MAX_WAIT, ((at, limit) for at, limit in limits if limit is not None))
    yield Family(names.QUEUE_SERVICE_LEVEL_TARGET, ((at, each.service_level_target) for each, at in queues))


def _queues_now(figures: WorkerFigures) -> Iterator[Family]:
    live: list[tuple[Values, LiveFigures]] = [(_queue_labels(q), q.live) for q in figures.queues if q.live]
    stale: Iterable[Point] = chain(
        ((_queue_labels(queue), queue.live is None) for queue in figures.queues),
        ((at, 1.0) for _, at in _configured_labels(figures.recovering_queues)),
    )
    yield Family(names.QUEUE_STALE, stale)
    yield Family(names.QUEUE_WAITING_CONTACTS, ((at, each.waiting_contacts) for at, each in live))
    yield Family(names.QUEUE_LONGEST_WAIT, ((at, each.longest_wait_seconds) for at, each in live))
    yield Family(names.QUEUE_WAIT_LIMIT_USED, ((at, each.wait_limit_used_ratio) for at, each in live))
    yield Family(names.QUEUE_OVER_LIMIT_CONTACTS, ((at, each.over_limit_contacts) for at, each in live))
    yield Family(names.QUEUE_PASSED_CONTACTS, ((at, each.passed_contacts) for at, each in live))
    agents = (((*at, state), each.agents.get(state, 0)) for at, each in live for state in AGENT_STATES)
    yield Family(names.QUEUE_AGENTS, agents)


def _queues_today(figures: WorkerFigures) -> Iterator[Family]:
    queues = [(_queue_labels(queue), queue) for queue in figures.queues]
    contacts = (((*at, out), each.day_outcomes.get(out, 0)) for at, each in queues for out in OUTCOMES)
    breaches = (((*at, rule), count) for at, each in queues for rule, count in each.day_breaches.items())
    by_formula = [((*at, each.formula), each) for at, each in queues]
    yield Family(names.QUEUE_DAY_CONTACTS, contacts)
    yield Family(names.QUEUE_DAY_BREACHES, breaches)
    yield Family(names.QUEUE_DAY_SERVICE_LEVEL_MET, ((at, each.day_met) for at, each in by_formula))
    yield Family(names.QUEUE_DAY_SERVICE_LEVEL_BASE, ((at, each.day_base) for at, each in by_formula))
    starts = figures.site_day_start_ms.items()
    yield Family(names.SITE_DAY_START, ((place, ms / 1000) for place, ms in starts))


def _queue_counters(figures: Sequence[QueueFigures]) -> Iterator[Family]:
    queues = [(_queue_labels(queue), queue.counters) for queue in figures]
    exits = (((*at, out), each.exits.get(out, 0)) for at, each in queues for out in OUTCOMES)
    breaches = (((*at, limit), each.breaches.get(limit, 0)) for at, each in queues for limit in LIMITS)
    answered = (((*at, "answered"), each.wait_answered) for at, each in queues)
    abandoned = (((*at, "abandoned"), each.wait_abandoned) for at, each in queues)
    yield Family(names.QUEUE_CONTACTS_OFFERED, ((at, each.offered) for at, each in queues))
    yield Family(names.QUEUE_EXITS, exits)
    refusals = (((*at, why), count) for at, each in queues for why, count in dict(each.refusals).items())
    yield Family(names.QUEUE_WAIT_BREACHES, breaches)
    yield Family(names.QUEUE_CALLBACKS_REFUSED, refusals)
    yield Family(names.QUEUE_WAIT, histograms=chain(answered, abandoned))
    yield Family(names.QUEUE_HANDLE, histograms=((at, each.handle) for at, each in queues))


def _parts(figures: WorkerFigures) -> Iterator[Family]:
    """What several partitions of this worker hold a part of: added up, one series each."""
    agents: Counter[tuple[str, str, str]] = Counter()
    for site in figures.sites:
        agents.update({(site.tenant, site.site, state): site.agents.get(state, 0) for state in AGENT_STATES})
    deadlines: Counter[tuple[str, str, str]] = Counter()
    for cases in figures.cases:
        deadlines.update({(cases.tenant, cases.rule, state): 0 for state in DEADLINE_STATES})
        deadlines[cases.tenant, cases.rule, cases.state] += cases.deadlines
    yield Family(names.CASE_DEADLINES, deadlines.items())
    yield Family(names.SITE_AGENTS, agents.items())
    yield from _callback_parts(figures)


def _services(sites: Sequence[ServiceFigures]) -> Iterator[Family]:
    at = [((each.tenant, each.site), each) for each in sites]
    channels = (((*site, state), each.channels[state]) for site, each in at for state in SERVICE_STATES)
    human = (((*site, state), each.human_voice_seconds[state]) for site, each in at for state in HUMAN_VOICE_STATES)
    breaches = (((*site, rule), count) for site, each in at for rule, count in each.day_breaches.items())
    yield Family(names.SITE_CHANNELS, channels)
    yield Family(names.SITE_DAY_HUMAN_VOICE, human)
    yield Family(names.SITE_DAY_BREACHES, breaches)


def _callback_parts(figures: WorkerFigures) -> Iterator[Family]:
    by_queue: dict[tuple[str, str, str], list[CallbackFigures]] = {}
    for plans in figures.callbacks:
        by_queue.setdefault((plans.tenant, plans.site, plans.queue), []).append(plans)
    queues = [(_callback_labels(queue), parts) for queue, parts in by_queue.items()]
    yield Family(names.QUEUE_CALLBACKS_PENDING, ((at, sum(p.pending for p in parts)) for at, parts in queues))
    yield Family(names.QUEUE_CALLBACK_OVERDUE, ((at, max(p.overdue_seconds for p in parts)) for at, parts in queues))
    yield Family(names.QUEUE_CALLBACKS_OVERDUE, ((at, sum(p.overdue for p in parts)) for at, parts in queues))
    yield Family(names.QUEUE_CALLBACKS_OWED, ((at, sum(p.owed for p in parts)) for at, parts in queues))
    yield Family(names.QUEUE_CALLBACK_CUSTOMERS, ((at, sum(p.customers for p in parts)) for at, parts in queues))
    flights = ((_callback_labels((each.tenant, each.site, each.queue)), each.in_flight) for each in figures.flights)
    yield Family(names.QUEUE_CALLBACKS_RELEASED, flights)
    plan_counts = (
        ((*at, state), sum(p.counters.plans[state] for p in parts)) for at, parts in queues for state in PLAN_COUNTED
    )
    attempt_counts = (
        ((*at, outcome), sum(p.counters.attempts[outcome] for p in parts))
        for at, parts in queues
        for outcome in ATTEMPT_COUNTED
    )
    yield Family(names.QUEUE_CALLBACK_PLANS, plan_counts)
    yield Family(names.QUEUE_CALLBACK_ATTEMPTS, attempt_counts)
    yield Family(names.QUEUE_CALLBACK_FIRST_ATTEMPT, histograms=((at, _first_attempts(parts)) for at, parts in queues))


def _first_attempts(parts: Iterable[CallbackFigures]) -> Histogram:
    total: dict[str, Histogram] = {"": Histogram(FIRST_ATTEMPT_EDGES_SECONDS)}
    for part in parts:
        _add_delays(total, {"": part.counters.first_attempt})
    return total[""]


def _callback_labels(queue: tuple[str, str, str]) -> Values:
    return (*queue, CALLBACK_CHANNEL)


def _events(figures: WorkerFigures, total: StageFigures) -> Iterator[Family]:
    """Closed lists start at 0: a counter born at 1 shows no increase."""
    topics = list(figures.assigned_partitions)
    events = ((topic, kind) for topic in topics for kind in _event_types(topic))
    reasons = ((topic, str(reason)) for topic in topics for reason in Reason)
    classes = ((topic, each) for topic in topics for each in DISCARD_CLASSES)
    yield Family(names.STREAM_EVENTS, _counted(events, total.applied))
    yield Family(names.STREAM_EVENTS_REJECTED, _counted(reasons, total.rejected))
    yield Family(names.STREAM_EVENTS_DISCARDED, _counted(classes, total.discarded))
    historic = dict.fromkeys(topics, 0) | dict(total.historic)
    yield Family(names.STREAM_EVENTS_HISTORIC, (((topic,), count) for topic, count in historic.items()))
    delays = {topic: Histogram(DELAY_EDGES_SECONDS) for topic in topics} | dict(total.delay)
    yield Family(names.STREAM_EVENT_DELAY, histograms=(((topic,), each) for topic, each in delays.items()))


def _event_types(topic: str) -> Iterable[str]:
    if topic == AGENT_EVENTS:
        return AGENT_TYPES
    if topic == SITE_EVENTS:
        return SITE_TYPES
    if topic == CASE_EVENTS:
        return CASE_TYPES
    return CONTACT_TYPES if topic in INTAKE_OF_CHANNEL.values() else ()


def _counted(expected: Iterable[tuple[str, str]], counted: Mapping[tuple[str, str], int]) -> Iterable[Point]:
    return (dict.fromkeys(expected, 0) | dict(counted)).items()


def _sources(figures: WorkerFigures, total: StageFigures) -> Iterator[Family]:
    silences = figures.expected_silence_seconds
    skewed = Counter(dict.fromkeys(silences, 0))
    for source, count in total.skewed.items():
        skewed[_known_source(source, silences)] += count
    heard_ms: dict[Source, int] = {}
    for source, time_ms in total.last_event_ms.items():
        known = _known_source(source, silences)
        heard_ms[known] = max(time_ms, heard_ms.get(known, 0))
    newest_ms = dict.fromkeys(silences, figures.started_ms) | heard_ms
    yield Family(names.SOURCE_EXPECTED_SILENCE, silences.items())
    yield Family(names.SOURCE_SKEWED_EVENTS, skewed.items())
    yield Family(names.SOURCE_ODD_EVENTS, _by_source(silences, total.odd, ODD_EVENTS))
    yield Family(names.SOURCE_UNFINISHED_CONTACTS, _by_source(silences, total.unfinished, UNFINISHED))
    yield Family(names.STREAM_LAST_EVENT, ((source, ms / 1000) for source, ms in newest_ms.items()))


def _by_source(
    configured: Mapping[Source, float], counted: Mapping[tuple[str, str, str, str], int], kinds: Iterable[str]
) -> Iterable[Point]:
    """Every kind of every configured source from 0 on; of all others together what was counted."""
    summed = Counter({(*source, kind): 0 for source in configured for kind in kinds})
    for (tenant, site, name, kind), count in counted.items():
        summed[*_known_source((tenant, site, name), configured), kind] += count
    return summed.items()


def _known_source(source: Source, configured: Mapping[Source, float]) -> Source:
    tenant, site, _ = source
    return source if source in configured else (tenant, site, UNCONFIGURED_SOURCE)


def _worker(figures: WorkerFigures) -> Iterator[Family]:
    lag = (
        ((group, topic, str(partition)), messages)
        for (group, topic, partition), messages in figures.lag_messages.items()
    )
    owned = (((topic,), count) for topic, count in figures.assigned_partitions.items())
    build = figures.build
    info = (build.version, build.revision, build.python, build.config_hash)
    yield Family(names.STREAM_CONSUMER_LAG, lag)
    yield Family(names.STREAM_ASSIGNED_PARTITIONS, owned)
    yield Family(names.STREAM_TABLE_KEYS, (((table,), n) for table, n in figures.table_keys.items()))
    yield Family(names.STREAM_RECOVERING, [((), figures.is_recovering)])
    yield Family(names.STREAM_RECOVERY, [((), figures.recovery_seconds)])
    yield Family(names.SCRAPE_RENDER, [((), figures.render_seconds)])
    yield Family(names.BUILD_INFO, [(info, 1.0)])
