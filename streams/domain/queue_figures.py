"""What the metrics show of one queue and channel, from its counts, its line and what ticks have found."""

from __future__ import annotations

from collections.abc import Mapping

from streams.domain.channel_queue import ChannelQueue
from streams.domain.counts import Counts
from streams.domain.directory import PLAIN_RULE
from streams.domain.due import Unrecorded
from streams.domain.figures import OUTCOMES, LiveFigures, QueueFigures
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
    overdue = _of_today(queue, unrecorded.overdue, today)
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
    )
    return QueueFigures(
        tenant=policy.tenant,
        site=policy.site,
        queue=policy.queue,
        channel=queue.channel,
        live=None if is_stale else live,
        day_outcomes=day_outcomes,
        day_waiting_contacts=counts.waiting - lost,
        day_breaches={PLAIN_RULE: counts.breaches + overdue},
        formula=policy.formula,
        day_met=share.met,
        day_base=share.base,
        counters=queue.counters.copy(),
    )


def _of_today(queue: ChannelQueue, visits: set[Visit], today: int) -> int:
    return sum(1 for visit in visits if visit.queue is queue and visit.standing and visit.standing.day == today)
