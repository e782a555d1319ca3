"""From the pages of all workers to one board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import add
from typing import Final, TypeVar

from streams import metric_names as names
from streams.metric_names import MetricName
from streams.wallboard.figures import NEAR_RATIO, OVER_RATIO, Board, Live, QueueLine, SiteLine, SourceLine, State, Today
from streams.wallboard.history import HOUR_SECONDS, History, QueueKey
from streams.wallboard.pages import Labels, Page

DAY_SECONDS: Final = 86_400
AHEAD_SECONDS: Final = 120.0
"""How far a source's clock may be ahead before its events count as skewed; see the service's own bound."""
GREATEST_OFFSET_SECONDS: Final = 12 * 3600

_URGENCY: Final = {state: rank for rank, state in enumerate(State)}
K = TypeVar("K")
Merge = Callable[[float, float], float]


def board_of(pages: Sequence[Page], history: History, now: float) -> Board:
    """The board of one look at every worker. ``now`` is a Unix time: of the wall, or of a simulation's events.

    Tell the look to the history first. A queue has one owner: of two that show it for a moment the higher value
    counts, and it is stale as soon as one of them says so. What workers hold in parts is added up.
    """
    merged = _Merged(pages)
    open_sites = {key[:2] for key in history.queues if _is_open(history, key)}
    sources = [_source(merged, key, now, is_open=key[:2] in open_sites) for key in sorted(merged.newest)]
    lines = (_line(merged, history, key) for key in history.queues)
    pending = merged.callbacks_pending
    return Board(
        now_seconds=now,
        queues=tuple(sorted(lines, key=_by_urgency)),
        sites=tuple(_site(merged, site) for site in sorted({key[:2] for key in history.queues})),
        sources=tuple(sorted(sources, key=_by_silence, reverse=True)),
        workers=len(pages),
        failures={page.url: page.failure for page in pages if page.failure},
        lag_messages=merged.lag_messages(),
        callbacks_pending=round(sum(pending.values())) if pending else None,
        breaches_since_seconds=history.since_seconds if history.watched_seconds() < HOUR_SECONDS else None,
    )


class _Merged:
    """The series of all pages by the labels that matter, one value each."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        self.stale = self._queues(names.QUEUE_STALE)
        self.waiting = self._queues(names.QUEUE_WAITING_CONTACTS)
        self.longest = self._queues(names.QUEUE_LONGEST_WAIT)
        self.used = self._queues(names.QUEUE_WAIT_LIMIT_USED)
        self.over = self._queues(names.QUEUE_OVER_LIMIT_CONTACTS)
        self.agents = self._queues_by(names.QUEUE_AGENTS, "state")
        self.outcomes = self._queues_by(names.QUEUE_DAY_CONTACTS, "outcome")
        self.breaches = self._queues_by(names.QUEUE_DAY_BREACHES, "rule")
        self.met = self._queues_by(names.QUEUE_DAY_SERVICE_LEVEL_MET, "formula")
        self.base = self._queues_by(names.QUEUE_DAY_SERVICE_LEVEL_BASE, "formula")
        self.callbacks_pending = self._merge(names.QUEUE_CALLBACKS_PENDING, QueueKey.of, add)
        self.counted = self._queues(names.QUEUE_WAIT_BREACHES)
        self.site_agents = _nested(self._merge(names.SITE_AGENTS, lambda at: (_site_of(at), at["state"]), add))
        self.day_start = self._merge(names.SITE_DAY_START, _site_of, max)
        self.newest = self._merge(names.STREAM_LAST_EVENT, _source_of, max)
        self.silence = self._merge(names.SOURCE_EXPECTED_SILENCE, _source_of, max)

    def lag_messages(self) -> int | None:
        """Of all partitions; two workers may tell of one while it changes hands."""
        lag = self._merge(names.STREAM_CONSUMER_LAG, lambda at: tuple(sorted(at.items())), max)
        return round(sum(lag.values())) if lag else None

    def _queues(self, metric: MetricName) -> Mapping[QueueKey, float]:
        return self._merge(metric, QueueKey.of, max)

    def _queues_by(self, metric: MetricName, label: str) -> Mapping[QueueKey, Mapping[str, int]]:
        return _nested(self._merge(metric, lambda labels: (QueueKey.of(labels), labels[label]), max))

    def _merge(self, metric: MetricName, key_of: Callable[[Labels], K], merge: Merge) -> dict[K, float]:
        found: dict[K, float] = {}
        for key, value in ((key_of(labels), value) for page in self._pages for labels, value in page.of(metric)):
            found[key] = merge(found[key], value) if key in found else value
        return found


def _site_of(labels: Labels) -> tuple[str, str]:
    return labels["tenant"], labels["site"]


def _source_of(labels: Labels) -> tuple[str, str, str]:
    return labels["tenant"], labels["site"], labels["source"]


def _nested(values: Mapping[tuple[K, str], float]) -> dict[K, dict[str, int]]:
    """Counts by what they are of, then by the label that tells them apart."""
    nested: dict[K, dict[str, int]] = {}
    for (key, label), value in values.items():
        nested.setdefault(key, {})[label] = round(value)
    return nested


def _line(merged: _Merged, history: History, key: QueueKey) -> QueueLine:
    info, configured = history.queues[key], history.configured(key)
    live = _live(merged, key)
    pending = merged.callbacks_pending.get(key)
    return QueueLine(
        **key._asdict(),
        display_name=info["display_name"] or key.queue,
        group=info["group"],
        state=_state(live, is_known=key in merged.stale),
        is_open=_is_open(history, key),
        answer_target_seconds=configured.get(names.QUEUE_ANSWER_TARGET.name),
        max_wait_seconds=configured.get(names.QUEUE_MAX_WAIT.name),
        service_level_target=configured.get(names.QUEUE_SERVICE_LEVEL_TARGET.name),
        live=live,
        today=_today(merged, key),
        callbacks_pending=None if pending is None else round(pending),
        breaches_last_hour=history.breaches_last_hour(key) if key in merged.counted else None,
    )


def _live(merged: _Merged, key: QueueKey) -> Live | None:
    """Nothing where a worker says stale, whatever another still shows, nor where a part is missing."""
    gauges = (merged.waiting, merged.longest, merged.used, merged.over)
    if merged.stale.get(key) != 0 or not all(key in gauge for gauge in gauges):
        return None
    return Live(
        waiting_contacts=round(merged.waiting[key]),
        longest_wait_seconds=merged.longest[key],
        wait_limit_used_ratio=merged.used[key],
        over_limit_contacts=round(merged.over[key]),
        agents=merged.agents.get(key, {}),
    )


def _state(live: Live | None, *, is_known: bool) -> State:
    if live is None:
        return State.STALE if is_known else State.MISSING
    if live.wait_limit_used_ratio > OVER_RATIO or live.over_limit_contacts:
        return State.OVER
    return State.NEAR if live.wait_limit_used_ratio >= NEAR_RATIO else State.OK


def _today(merged: _Merged, key: QueueKey) -> Today | None:
    """Nothing while no worker has the queue's state."""
    if key not in merged.outcomes:
        return None
    met, base = merged.met.get(key, {}), merged.base.get(key, {})
    formula = next(iter(base), None)
    return Today(
        outcomes=merged.outcomes[key],
        breaches=merged.breaches.get(key, {}),
        formula=formula,
        met=met.get(formula, 0) if formula else 0,
        base=base.get(formula, 0) if formula else 0,
    )


def _site(merged: _Merged, site: tuple[str, str]) -> SiteLine:
    start = merged.day_start.get(site)
    return SiteLine(*site, None if start is None else utc_offset_seconds(start), merged.site_agents.get(site))


def utc_offset_seconds(day_start_seconds: float) -> int:
    """The offset of the zone whose local midnight this Unix time is, from -12 h (not included) to +12 h.

    Workers export no zone, but when the site's day began. Right but on the day of a change to or from summer time.
    """
    into_utc_day = round(day_start_seconds) % DAY_SECONDS
    offset = -into_utc_day % DAY_SECONDS
    return offset if offset <= GREATEST_OFFSET_SECONDS else offset - DAY_SECONDS


def _source(merged: _Merged, key: tuple[str, str, str], now: float, *, is_open: bool) -> SourceLine:
    newest, silence = merged.newest[key], merged.silence.get(key)
    age = None if newest > now + AHEAD_SECONDS else max(0.0, now - newest)
    is_silent = is_open and age is not None and silence is not None and age > silence
    return SourceLine(*key, age, silence, is_silent)


def _is_open(history: History, key: QueueKey) -> bool:
    return history.configured(key).get(names.QUEUE_OPEN.name, 1.0) == 1.0


def _by_urgency(line: QueueLine) -> tuple[object, ...]:
    used, waiting = (line.live.wait_limit_used_ratio, line.live.waiting_contacts) if line.live else (0.0, 0)
    return _URGENCY[line.state], -used, -waiting, line.display_name, line.queue, line.site, line.channel, line.tenant


def _by_silence(source: SourceLine) -> tuple[bool, bool, float]:
    """The silent first, then those of unknown age, then by the share of the expected silence that is used."""
    age, expected = source.age_seconds, source.expected_silence_seconds
    return source.is_silent, age is None, age / expected if age and expected else 0.0
