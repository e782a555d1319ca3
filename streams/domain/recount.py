"""The recount: everything Filaviva says, computed again in one naive pass over all events.

It is what the streaming figures are judged by, so it shares no code with them. Simple and obvious comes before fast.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from streams.domain.recount_events import EPOCH, Event, Skipped, VisitId, read_events, read_records
from streams.domain.recount_figures import OUTCOMES, Counted, Figures, Waits, figures_of
from streams.domain.recount_limits import Limit
from streams.domain.recount_plans import (
    NOTHING_BESIDE,
    Attempt,
    Bar,
    Beside,
    Calling,
    Closing,
    Plan,
    closings_of,
    plans_of,
    refusals_of,
)
from streams.domain.recount_visits import Offer, Visit, visits_of

__all__ = [
    "OUTCOMES",
    "UNKNOWN_EXIT_SECONDS",
    "Attempt",
    "Bar",
    "Beside",
    "Closing",
    "Event",
    "Figures",
    "Limit",
    "Offer",
    "Plan",
    "Recount",
    "Skipped",
    "Visit",
    "VisitId",
    "Waits",
    "closings_of",
    "read_events",
    "read_records",
    "recount",
]

INTERVAL_MINUTES: Final = 15
UNKNOWN_EXIT_SECONDS: Final = {
    "voice": 4 * 3600,
    "chat": 24 * 3600,
    "app": 24 * 3600,
    "sms": 72 * 3600,
    "whatsapp": 72 * 3600,
    "email": 30 * 24 * 3600,
    "form": 30 * 24 * 3600,
}
"""From this age on an unfinished visit is no longer believed to wait."""

Dimension: TypeAlias = Literal["all", "queue", "day", "interval"]
OfQueue: TypeAlias = Callable[[str, str], float]
"""(tenant, queue) to seconds."""


@dataclass(frozen=True, slots=True)
class Recount:
    """All visits and what follows from them. ``visits`` are the finished ones, ``unfinished`` the rest."""

    visits: list[Visit]
    unfinished: list[Offer]
    threshold_seconds: OfQueue
    short_abandon_seconds: OfQueue
    zone: Callable[[str, str], str]
    """(tenant, site) to its IANA zone."""
    now_ms: int | None = None
    unknown_exit_seconds: Callable[[Offer], float] = lambda visit: UNKNOWN_EXIT_SECONDS[visit.channel]

    def figures(self, by: Dimension | tuple[Dimension, ...] = "all") -> dict[tuple[str, ...], Figures]:
        """Figures of each group, in order of their keys.

        A key is put together from the dimensions asked for: ``all`` adds nothing, ``queue`` adds (tenant, queue,
        channel), ``day`` the local date of the offer (1999-01-31) and ``interval`` the local start of its 15 minutes
        with the offset (1999-01-31T23:45:00+02:00).
        """
        dimensions = (by,) if isinstance(by, str) else by
        zone_of = cache(lambda tenant, site: ZoneInfo(self.zone(tenant, site)))
        groups: dict[tuple[str, ...], list[Counted]] = {(): []} if set(dimensions) <= {"all"} else {}
        for visit in (*self.visits, *self.unfinished):
            zone = zone_of(visit.tenant, visit.site)
            key = tuple(part for dimension in dimensions for part in key_parts(visit, dimension, zone))
            groups.setdefault(key, []).append(self.counted(visit))
        return {key: figures_of(groups[key]) for key in sorted(groups)}

    def counted(self, visit: Offer) -> Counted:
        """What figures need of a visit, finished or not."""
        threshold_ms = milliseconds(self.threshold_seconds(visit.tenant, visit.queue))
        short_abandon_ms = milliseconds(self.short_abandon_seconds(visit.tenant, visit.queue))
        if isinstance(visit, Visit):
            return Counted(visit.exit_kind, visit.exit_reason, visit.wait_ms, threshold_ms, short_abandon_ms)
        return Counted(self.standing(visit), None, 0, threshold_ms, short_abandon_ms)

    def standing(self, visit: Offer) -> str:
        """``waiting``, or ``unknown_exit`` once the visit is ``unknown_exit_seconds`` old."""
        if self.now_ms is None:
            return "waiting"
        limit_ms = milliseconds(self.unknown_exit_seconds(visit))
        return "unknown_exit" if self.now_ms - visit.offered_ms >= limit_ms else "waiting"

    def outcomes(self) -> dict[VisitId, str]:
        """How each visit left its queue, one of OUTCOMES; those that wait are not in it."""
        judged = ((visit.visit_id, self.counted(visit).outcome) for visit in (*self.visits, *self.unfinished))
        return {visit_id: outcome for visit_id, outcome in judged if outcome is not None}

    def findings(self, *, max_wait_seconds: float | OfQueue, now_ms: int | None = None) -> set[VisitId]:
        """The visits that waited longer than the limit of their queue, however they left; with a ``now_ms`` (here or of
        the recount) also those that have waited longer by then and never left."""
        limit_of = of_queue(max_wait_seconds)

        def limit(visit: Offer) -> Limit:
            return Limit("", "", milliseconds(limit_of(visit.tenant, visit.queue)), 0)

        return set(self.judged(limit, now_ms=now_ms))

    def judged(self, limit_of: Callable[[Offer], Limit], *, now_ms: int | None = None) -> dict[VisitId, Limit]:
        """The visits that waited longer than the limit of each, with that limit; ``now_ms`` as for ``findings``."""
        waits = [(visit, visit.wait_ms) for visit in self.visits]
        now_ms = self.now_ms if now_ms is None else now_ms
        still = [] if now_ms is None else [(visit, now_ms - visit.offered_ms) for visit in self.unfinished]
        limits = [(visit, wait_ms, limit_of(visit)) for visit, wait_ms in (*waits, *still)]
        return {visit.visit_id: limit for visit, wait_ms, limit in limits if limit.is_over(wait_ms)}

    def callback_reasons(
        self,
        *,
        queues: Container[tuple[str, str]],
        beside: Beside = NOTHING_BESIDE,
        short_too: Container[tuple[str, str]] = (),
        is_wanted: Callable[[Visit], bool] = lambda _: True,
    ) -> list[Plan]:
        """Every callback plan with its reasons; see ``streams.domain.recount_plans`` for what is one plan. In the
        queues ``short_too`` a short abandon is a reason as well."""
        return plans_of(self.visits, self._calling(queues, short_too, is_wanted), beside)

    def callback_refusals(
        self,
        *,
        queues: Container[tuple[str, str]],
        short_too: Container[tuple[str, str]] = (),
        is_wanted: Callable[[Visit], bool] = lambda _: True,
    ) -> dict[VisitId, str]:
        """Of whom these queues would call back, the visits that gave no number that could ring, with why."""
        return refusals_of(self.visits, self._calling(queues, short_too, is_wanted))

    def _calling(
        self,
        queues: Container[tuple[str, str]],
        short_too: Container[tuple[str, str]],
        is_wanted: Callable[[Visit], bool],
    ) -> Calling:
        def is_short(visit: Visit) -> bool:
            return (visit.tenant, visit.queue) not in short_too and self.counted(visit).is_short

        return Calling(queues, is_short, is_wanted)


def recount(
    events: Iterable[Event],
    *,
    threshold_seconds: float | OfQueue = 20,
    short_abandon_seconds: float | OfQueue = 5,
    zone: str | Callable[[str, str], str] = "UTC",
    now_ms: int | None = None,
) -> Recount:
    """Everything again from ``events``, in any order and with any repeats.

    Without ``now_ms`` an unfinished visit is waiting however old it is. For other ages than UNKNOWN_EXIT_SECONDS,
    replace that field of the result.
    """
    visits, unfinished = visits_of(events)
    return Recount(
        visits=visits,
        unfinished=unfinished,
        threshold_seconds=of_queue(threshold_seconds),
        short_abandon_seconds=of_queue(short_abandon_seconds),
        zone=zone if callable(zone) else lambda *_: zone,
        now_ms=now_ms,
    )


def of_queue(seconds: float | OfQueue) -> OfQueue:
    return seconds if callable(seconds) else lambda *_: seconds


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def local_time(time_ms: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)


def key_parts(visit: Offer, dimension: Dimension, zone: ZoneInfo) -> tuple[str, ...]:
    if dimension == "all":
        return ()
    if dimension == "queue":
        return visit.tenant, visit.queue, visit.channel
    local = local_time(visit.offered_ms, zone)
    if dimension == "day":
        return (local.date().isoformat(),)
    start = local.minute // INTERVAL_MINUTES * INTERVAL_MINUTES
    return (local.replace(minute=start, second=0, microsecond=0).isoformat(),)
