"""What the wallboard shows, as plain values: the same numbers the workers export, merged and put in order.

Seconds are floats, ratios 0 to 1. None means: nobody knows; it is never shown as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.wallboard.pages import Failure

NEAR_RATIO: Final = 0.8
OVER_RATIO: Final = 1.0

ANSWERED: Final = "answered_"
ABANDONED: Final = "abandoned_"
"""How the outcomes of an answer and of an abandon begin."""


class State(StrEnum):
    """What a queue needs, most urgent first: this is the order of the board.

    Queues over or near their limit come before those nobody knows anything of, because moving an agent helps there;
    a blind queue comes before every queue known to be well, so that it is never among the ones left out.
    """

    OVER = "over"
    NEAR = "near"
    MISSING = "missing"
    STALE = "stale"
    OK = "ok"

    @property
    def is_blind(self) -> bool:
        return self in (State.MISSING, State.STALE)


@dataclass(frozen=True, slots=True)
class Live:
    """A queue now. Only while its figures can be trusted."""

    waiting_contacts: int
    longest_wait_seconds: float
    wait_limit_used_ratio: float
    over_limit_contacts: int
    agents: Mapping[str, int]
    """By state; an agent of several queues counts in each, so never add queues."""


@dataclass(frozen=True, slots=True)
class Today:
    """A queue since its site's midnight: exact, and also there while the queue is stale."""

    outcomes: Mapping[str, int]
    breaches: Mapping[str, int]
    """By rule."""
    formula: str | None
    met: int
    base: int

    @property
    def service_level(self) -> float | None:
        return self.met / self.base if self.base else None

    @property
    def answered(self) -> int:
        return self._sum(ANSWERED)

    @property
    def abandoned(self) -> int:
        return self._sum(ABANDONED)

    @property
    def abandonment(self) -> float | None:
        """B/(A+B), short abandons included."""
        base = self.answered + self.abandoned
        return self.abandoned / base if base else None

    def _sum(self, kind: str) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome.startswith(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One queue and channel."""

    tenant: str
    site: str
    queue: str
    channel: str
    display_name: str
    group: str
    state: State
    is_open: bool
    answer_target_seconds: float | None
    max_wait_seconds: float | None
    service_level_target: float | None
    live: Live | None
    today: Today | None
    callbacks_pending: int | None
    """Open plans of this queue as a callback queue; None for any other."""
    breaches_last_hour: int | None


@dataclass(frozen=True, slots=True)
class SiteLine:
    """One site. ``agents`` counts each agent once, by state; None where no worker tells."""

    tenant: str
    site: str
    utc_offset_seconds: int | None
    agents: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class SourceLine:
    """How old the newest event of a source is; silent beyond what is expected while a queue of its site is open."""

    tenant: str
    site: str
    source: str
    age_seconds: float | None
    """None where the newest event is far ahead of now: that says nothing about how fresh the data are."""
    expected_silence_seconds: float | None
    is_silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything one picture shows; ``queues`` worst first."""

    now_seconds: float
    queues: Sequence[QueueLine]
    sites: Sequence[SiteLine]
    sources: Sequence[SourceLine]
    """The one most beyond its expected silence first."""
    workers: int
    failures: Mapping[str, Failure]
    """Address of every worker that does not answer, and why."""
    lag_messages: int | None
    callbacks_pending: int | None
    breaches_since_seconds: float | None
    """From when on breaches are counted, while that is less than an hour ago."""

    @property
    def workers_answering(self) -> int:
        return self.workers - len(self.failures)

    @property
    def parts_missing(self) -> bool:
        """Whether sums over workers (callbacks, agents of a site) are only what is known at least: a worker does not
        answer, or a queue has no owner among those that do."""
        return bool(self.failures) or self.count(State.MISSING) > 0

    @property
    def live_missing(self) -> bool:
        """Whether sums over queues leave out some that are stale or missing."""
        return any(line.state.is_blind for line in self.queues)

    @property
    def waiting_contacts(self) -> int | None:
        """Of all queues with live figures; None where there is none."""
        live = [line.live.waiting_contacts for line in self.queues if line.live]
        return sum(live) if live else None

    @property
    def over_limit_contacts(self) -> int | None:
        live = [line.live.over_limit_contacts for line in self.queues if line.live]
        return sum(live) if live else None

    @property
    def breaches_last_hour(self) -> int | None:
        known = [line.breaches_last_hour for line in self.queues if line.breaches_last_hour is not None]
        return sum(known) if known else None

    def count(self, state: State) -> int:
        return sum(line.state is state for line in self.queues)

    def agents(self, state: str) -> int | None:
        """Of all sites, each agent once."""
        known = [site.agents.get(state, 0) for site in self.sites if site.agents is not None]
        return sum(known) if known else None
