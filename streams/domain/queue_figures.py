"""What the metrics show of one queue and channel, from its counts, its line and what ticks have found."""

from __future__ import annotations

from collections.abc import Mapping

from streams.domain.channel_queue import ChannelQueue
from streams.domain.counts import Counts
from streams.domain.due import Unrecorded
from streams.domain.figures import OUTCOMES, LiveFigures, QueueFigures
from streams.domain.queue_limits import Start
from streams.domain.service_level import FORMULAS, tally_of
from streams.domain.visits import Visit


def queue_figures(
    queue: ChannelQueue,
    *,
    now_ms: int,
    wall_ms: int,
    is_stale: bool,
    unrecorded: Unrecorded,
    agents: Mapping[str, int],
) -> QueueFigures:
    """``now_ms`` is the clock the queue's visits age by, ``wall_ms`` decides which local day is today."""
    policy = queue.policy
    today = queue.calendar.day(wall_ms)
    counts = queue.days.get(today) or Counts()
    lost = _of_today(queue, unrecorded.lost, today)
    breaches = _breaches(queue, counts, unrecorded, today=today, wall_ms=wall_ms)
    day_outcomes = dict(zip(OUTCOMES, counts.outcomes, strict=True))
    day_outcomes["unknown_exit"] += lost
    share = FORMULAS[policy.formula](tally_of(counts))
    line = queue.line
    live = LiveFigures(
        waiting_contacts=line.size,
        longest_wait_seconds=line.longest_wait_ms(now_ms) / 1000,
        wait_limit_used_ratio=line.limit_used_ratio(now_ms),
        over_limit_contacts=len(line.over),
        agents=agents,
        passed_contacts=line.passed(),
    )
    return QueueFigures(
        tenant=policy.tenant,
        site=policy.site,
        queue=policy.queue,
        channel=queue.channel,
        live=None if is_stale else live,
        day_outcomes=day_outcomes,
        day_waiting_contacts=counts.waiting - lost,
        day_breaches=breaches,
        formula=policy.formula,
        day_met=share.met,
        day_base=share.base,
        counters=queue.counters.copy(),
    )


def _breaches(
    queue: ChannelQueue, counts: Counts, unrecorded: Unrecorded, *, today: int, wall_ms: int
) -> dict[str, int]:
    """Findings of today by rule; the rule in force now is there also when there are none."""
    limit, _ = queue.policy.limit_of(queue.channel, Start(wall_ms))
    breaches = {} if limit is None or limit.limit_ms is None else {limit.rule: 0}
    breaches |= {rule: count for rule, count in counts.breaches_by_rule.items() if count or rule in breaches}
    for visit in unrecorded.overdue:
        if _is_of(queue, visit, today) and visit.standing is not None:
            breaches[visit.standing.rule] = breaches.get(visit.standing.rule, 0) + 1
    return breaches


def _of_today(queue: ChannelQueue, visits: set[Visit], today: int) -> int:
    return sum(_is_of(queue, visit, today) for visit in visits)


def _is_of(queue: ChannelQueue, visit: Visit, today: int) -> bool:
    return visit.queue is queue and visit.standing is not None and visit.standing.day == today
