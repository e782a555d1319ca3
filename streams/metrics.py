"""The worker's figures as Prometheus text: one collector over one snapshot, so a page is of one instant.

The event loop builds `WorkerFigures`; `render` only reads it and may run on another thread. Partitions that left this
worker are simply not in the next snapshot, so nothing of them lingers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate, chain
from typing import Final

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

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
    SITE_TYPES,
)
from streams.domain.figures import (
    ATTEMPT_COUNTED,
    DEADLINE_STATES,
    FIRST_ATTEMPT_EDGES_SECONDS,
    HUMAN_VOICE_STATES,
    OUTCOMES,
    PLAN_COUNTED,
    SERVICE_STATES,
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
from streams.metric_names import MetricName

# Our collector writes no created-at series; this keeps the client's own instruments from adding them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the client gives it no types

UNCONFIGURED_SOURCE: Final = "unconfigured"
"""Label of every source the configuration does not name: what an event says must not become a label value."""
CALLBACK_CHANNEL: Final = "voice"
DISCARD_CLASSES: Final = ("duplicate", "ignored")
LIMITS: Final = ("target", "max")

Labels = dict[str, str]
Point = tuple[Labels, float]
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
    rows = 0
    for stage in stages:
        applied.update(stage.applied)
        discarded.update(stage.discarded)
        rejected.update(stage.rejected)
        historic.update(stage.historic)
        skewed.update(stage.skewed)
        _keep_newest(last_event_ms, stage.last_event_ms)
        _add_delays(delay, stage.delay)
        rows += stage.rows
    return StageFigures(applied, discarded, rejected, historic, skewed, last_event_ms, delay, rows)


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
    registry = CollectorRegistry()
    registry.register(FiguresCollector(figures))
    encoder, content_type = choose_encoder(accept_header)
    return encoder(registry), content_type


class FiguresCollector(Collector):
    """One snapshot as metric families, every metric of the catalogue once."""

    def __init__(self, figures: WorkerFigures) -> None:
        self._figures = figures

    def describe(self) -> list[Metric]:
        """Nothing: registering must not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
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


def _family(metric: MetricName, points: Iterable[Point]) -> Metric:
    family = _empty_family(metric)
    name = metric.name
    family.samples = [Sample(name, labels, value) for labels, value in points]
    return family


def _histogram_family(metric: MetricName, histograms: Iterable[tuple[Labels, Histogram]]) -> Metric:
    family = _empty_family(metric)
    family.samples = [sample for labels, each in histograms for sample in _histogram_samples(metric, labels, each)]
    return family


def _empty_family(metric: MetricName) -> Metric:
    return Metric(metric.name.removesuffix("_total"), metric.help, metric.kind, metric.unit)


def _histogram_samples(metric: MetricName, labels: Labels, histogram: Histogram) -> Iterator[Sample]:
    # The copy keeps buckets and count consistent when a wait is counted meanwhile.
    cumulative = list(accumulate(list(histogram.counts)))
    bucket = metric.bucket
    for edge, count in zip(_edge_labels(histogram.edges_seconds), cumulative, strict=True):
        yield Sample(bucket, {**labels, "le": edge}, count)
    yield Sample(metric.count, labels, cumulative[-1])
    yield Sample(metric.sum, labels, histogram.sum_seconds)


@cache
def _edge_labels(edges_seconds: tuple[float, ...]) -> tuple[str, ...]:
    """Bucket edges as the client library writes them: ``5.0``, and ``+Inf`` at the end."""
    return (*map(floatToGoString, edges_seconds), "+Inf")


def _queue_labels(queue: QueueFigures) -> Labels:
    return {"tenant": queue.tenant, "site": queue.site, "queue": queue.queue, "channel": queue.channel}


def _configured_labels(policies: Iterable[QueuePolicy]) -> list[tuple[QueuePolicy, Labels]]:
    return [
        (policy, {"tenant": policy.tenant, "site": policy.site, "queue": policy.queue, "channel": channel})
        for policy in policies
        for channel in sorted(policy.channels)
    ]


def _configuration(figures: WorkerFigures) -> Iterator[Metric]:
    queues = _configured_labels(figures.configured)
    info = [({**at, "display_name": each.display_name, "group": each.group}, 1.0) for each, at in queues]
    yield _family(names.QUEUE_INFO, info)
    yield _family(names.QUEUE_OPEN, ((at, figures.is_open(each)) for each, at in queues))
    yield _family(names.QUEUE_ANSWER_TARGET, ((at, each.answer_target_ms / 1000) for each, at in queues))
    limits = ((at, each.limit_seconds(at["channel"], figures.built_ms)) for each, at in queues)
    yield _family(names.QUEUE_MAX_WAIT, ((at, limit) for at, limit in limits if limit is not None))
    yield _family(names.QUEUE_SERVICE_LEVEL_TARGET, ((at, each.service_level_target) for each, at in queues))


def _queues_now(figures: WorkerFigures) -> Iterator[Metric]:
    live: list[tuple[Labels, LiveFigures]] = [(_queue_labels(q), q.live) for q in figures.queues if q.live]
    stale: Iterable[Point] = chain(
        ((_queue_labels(queue), queue.live is None) for queue in figures.queues),
        ((at, 1.0) for _, at in _configured_labels(figures.recovering_queues)),
    )
    yield _family(names.QUEUE_STALE, stale)
    yield _family(names.QUEUE_WAITING_CONTACTS, ((at, each.waiting_contacts) for at, each in live))
    yield _family(names.QUEUE_LONGEST_WAIT, ((at, each.longest_wait_seconds) for at, each in live))
    yield _family(names.QUEUE_WAIT_LIMIT_USED, ((at, each.wait_limit_used_ratio) for at, each in live))
    yield _family(names.QUEUE_OVER_LIMIT_CONTACTS, ((at, each.over_limit_contacts) for at, each in live))
    agents = (({**at, "state": state}, each.agents.get(state, 0)) for at, each in live for state in AGENT_STATES)
    yield _family(names.QUEUE_AGENTS, agents)


def _queues_today(figures: WorkerFigures) -> Iterator[Metric]:
    queues = [(_queue_labels(queue), queue) for queue in figures.queues]
    contacts = (({**at, "outcome": out}, each.day_outcomes.get(out, 0)) for at, each in queues for out in OUTCOMES)
    breaches = (({**at, "rule": rule}, count) for at, each in queues for rule, count in each.day_breaches.items())
    by_formula = [({**at, "formula": each.formula}, each) for at, each in queues]
    yield _family(names.QUEUE_DAY_CONTACTS, contacts)
    yield _family(names.QUEUE_DAY_BREACHES, breaches)
    yield _family(names.QUEUE_DAY_SERVICE_LEVEL_MET, ((at, each.day_met) for at, each in by_formula))
    yield _family(names.QUEUE_DAY_SERVICE_LEVEL_BASE, ((at, each.day_base) for at, each in by_formula))
    starts = figures.site_day_start_ms.items()
    yield _family(names.SITE_DAY_START, (({"tenant": t, "site": s}, ms / 1000) for (t, s), ms in starts))


def _queue_counters(figures: Sequence[QueueFigures]) -> Iterator[Metric]:
    queues = [(_queue_labels(queue), queue.counters) for queue in figures]
    exits = (({**at, "outcome": out}, each.exits.get(out, 0)) for at, each in queues for out in OUTCOMES)
    breaches = (({**at, "limit": limit}, each.breaches.get(limit, 0)) for at, each in queues for limit in LIMITS)
    answered = (({**at, "outcome": "answered"}, each.wait_answered) for at, each in queues)
    abandoned = (({**at, "outcome": "abandoned"}, each.wait_abandoned) for at, each in queues)
    yield _family(names.QUEUE_CONTACTS_OFFERED, ((at, each.offered) for at, each in queues))
    yield _family(names.QUEUE_EXITS, exits)
    yield _family(names.QUEUE_WAIT_BREACHES, breaches)
    yield _histogram_family(names.QUEUE_WAIT, chain(answered, abandoned))
    yield _histogram_family(names.QUEUE_HANDLE, ((at, each.handle) for at, each in queues))


def _parts(figures: WorkerFigures) -> Iterator[Metric]:
    """What several partitions of this worker hold a part of: added up, one series each."""
    agents: Counter[tuple[str, str, str]] = Counter()
    for site in figures.sites:
        agents.update({(site.tenant, site.site, state): site.agents.get(state, 0) for state in AGENT_STATES})
    deadlines: Counter[tuple[str, str, str]] = Counter()
    for cases in figures.cases:
        deadlines.update({(cases.tenant, cases.rule, state): 0 for state in DEADLINE_STATES})
        deadlines[cases.tenant, cases.rule, cases.state] += cases.deadlines
    of_cases = (({"tenant": t, "rule": r, "state": s}, n) for (t, r, s), n in deadlines.items())
    yield _family(names.CASE_DEADLINES, of_cases)
    yield _family(names.SITE_AGENTS, (({"tenant": t, "site": s, "state": w}, n) for (t, s, w), n in agents.items()))
    yield from _callback_parts(figures)


def _services(sites: Sequence[ServiceFigures]) -> Iterator[Metric]:
    at = [({"tenant": each.tenant, "site": each.site}, each) for each in sites]
    channels = (({**site, "state": state}, each.channels[state]) for site, each in at for state in SERVICE_STATES)
    human = (
        ({**site, "state": state}, each.human_voice_seconds[state]) for site, each in at for state in HUMAN_VOICE_STATES
    )
    breaches = (({**site, "rule": rule}, count) for site, each in at for rule, count in each.day_breaches.items())
    yield _family(names.SITE_CHANNELS, channels)
    yield _family(names.SITE_DAY_HUMAN_VOICE, human)
    yield _family(names.SITE_DAY_BREACHES, breaches)


def _callback_parts(figures: WorkerFigures) -> Iterator[Metric]:
    by_queue: dict[tuple[str, str, str], list[CallbackFigures]] = {}
    for plans in figures.callbacks:
        by_queue.setdefault((plans.tenant, plans.site, plans.queue), []).append(plans)
    queues = [(_callback_labels(queue), parts) for queue, parts in by_queue.items()]
    yield _family(names.QUEUE_CALLBACKS_PENDING, ((at, sum(p.pending for p in parts)) for at, parts in queues))
    yield _family(names.QUEUE_CALLBACK_OVERDUE, ((at, max(p.overdue_seconds for p in parts)) for at, parts in queues))
    yield _family(names.QUEUE_CALLBACKS_OVERDUE, ((at, sum(p.overdue for p in parts)) for at, parts in queues))
    yield _family(names.QUEUE_CALLBACKS_OWED, ((at, sum(p.owed for p in parts)) for at, parts in queues))
    yield _family(names.QUEUE_CALLBACK_CUSTOMERS, ((at, sum(p.customers for p in parts)) for at, parts in queues))
    flights = ((_callback_labels((each.tenant, each.site, each.queue)), each.in_flight) for each in figures.flights)
    yield _family(names.QUEUE_CALLBACKS_RELEASED, flights)
    plan_counts = (
        ({**at, "state": state}, sum(p.counters.plans[state] for p in parts))
        for at, parts in queues
        for state in PLAN_COUNTED
    )
    attempt_counts = (
        ({**at, "outcome": outcome}, sum(p.counters.attempts[outcome] for p in parts))
        for at, parts in queues
        for outcome in ATTEMPT_COUNTED
    )
    yield _family(names.QUEUE_CALLBACK_PLANS, plan_counts)
    yield _family(names.QUEUE_CALLBACK_ATTEMPTS, attempt_counts)
    yield _histogram_family(names.QUEUE_CALLBACK_FIRST_ATTEMPT, ((at, _first_attempts(parts)) for at, parts in queues))


def _first_attempts(parts: Iterable[CallbackFigures]) -> Histogram:
    total: dict[str, Histogram] = {"": Histogram(FIRST_ATTEMPT_EDGES_SECONDS)}
    for part in parts:
        _add_delays(total, {"": part.counters.first_attempt})
    return total[""]


def _callback_labels(queue: tuple[str, str, str]) -> Labels:
    return {"tenant": queue[0], "site": queue[1], "queue": queue[2], "channel": CALLBACK_CHANNEL}


def _events(figures: WorkerFigures, total: StageFigures) -> Iterator[Metric]:
    """Closed lists start at 0: a counter born at 1 shows no increase."""
    topics = list(figures.assigned_partitions)
    events = ((topic, kind) for topic in topics for kind in _event_types(topic))
    reasons = ((topic, str(reason)) for topic in topics for reason in Reason)
    classes = ((topic, each) for topic in topics for each in DISCARD_CLASSES)
    yield _family(names.STREAM_EVENTS, _by_topic("event_type", events, total.applied))
    yield _family(names.STREAM_EVENTS_REJECTED, _by_topic("reason", reasons, total.rejected))
    yield _family(names.STREAM_EVENTS_DISCARDED, _by_topic("class", classes, total.discarded))
    historic = dict.fromkeys(topics, 0) | dict(total.historic)
    yield _family(names.STREAM_EVENTS_HISTORIC, (({"topic": topic}, count) for topic, count in historic.items()))
    delays = {topic: Histogram(DELAY_EDGES_SECONDS) for topic in topics} | dict(total.delay)
    yield _histogram_family(names.STREAM_EVENT_DELAY, (({"topic": topic}, each) for topic, each in delays.items()))


def _event_types(topic: str) -> Iterable[str]:
    if topic == AGENT_EVENTS:
        return AGENT_TYPES
    if topic == SITE_EVENTS:
        return SITE_TYPES
    if topic == CASE_EVENTS:
        return CASE_TYPES
    return CONTACT_TYPES if topic in INTAKE_OF_CHANNEL.values() else ()


def _by_topic(
    label: str, expected: Iterable[tuple[str, str]], counted: Mapping[tuple[str, str], int]
) -> Iterator[Point]:
    counts = dict.fromkeys(expected, 0) | dict(counted)
    return (({"topic": topic, label: str(value)}, count) for (topic, value), count in counts.items())


def _sources(figures: WorkerFigures, total: StageFigures) -> Iterator[Metric]:
    silences = figures.expected_silence_seconds
    skewed = Counter(dict.fromkeys(silences, 0))
    for source, count in total.skewed.items():
        skewed[_known_source(source, silences)] += count
    heard_ms: dict[Source, int] = {}
    for source, time_ms in total.last_event_ms.items():
        known = _known_source(source, silences)
        heard_ms[known] = max(time_ms, heard_ms.get(known, 0))
    newest_ms = dict.fromkeys(silences, figures.started_ms) | heard_ms
    yield _family(names.SOURCE_EXPECTED_SILENCE, ((_source_labels(each), s) for each, s in silences.items()))
    yield _family(names.SOURCE_SKEWED_EVENTS, ((_source_labels(each), n) for each, n in skewed.items()))
    yield _family(names.STREAM_LAST_EVENT, ((_source_labels(each), ms / 1000) for each, ms in newest_ms.items()))


def _known_source(source: Source, configured: Mapping[Source, float]) -> Source:
    tenant, site, _ = source
    return source if source in configured else (tenant, site, UNCONFIGURED_SOURCE)


def _source_labels(source: Source) -> Labels:
    return {"tenant": source[0], "site": source[1], "source": source[2]}


def _worker(figures: WorkerFigures) -> Iterator[Metric]:
    lag = (
        ({"consumer_group": group, "topic": topic, "partition": str(partition)}, messages)
        for (group, topic, partition), messages in figures.lag_messages.items()
    )
    owned = (({"topic": topic}, count) for topic, count in figures.assigned_partitions.items())
    build = figures.build
    info = {
        "version": build.version,
        "revision": build.revision,
        "python": build.python,
        "config_hash": build.config_hash,
    }
    yield _family(names.STREAM_CONSUMER_LAG, lag)
    yield _family(names.STREAM_ASSIGNED_PARTITIONS, owned)
    yield _family(names.STREAM_TABLE_KEYS, (({"table": table}, n) for table, n in figures.table_keys.items()))
    yield _family(names.STREAM_RECOVERING, [({}, figures.is_recovering)])
    yield _family(names.STREAM_RECOVERY, [({}, figures.recovery_seconds)])
    yield _family(names.SCRAPE_RENDER, [({}, figures.render_seconds)])
    yield _family(names.BUILD_INFO, [(info, 1.0)])
