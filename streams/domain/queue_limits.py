"""The limit that binds one contact in one queue: of the policy's rules, else of the queue itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from streams.domain.limits import WaitLimit, WaitRules
from streams.domain.opening_hours import OpeningHours
from streams.domain.time import SiteCalendar

PLAIN_RULE: Final = "MAX-WAIT"
PLAIN_POLICY_VERSION: Final = "plain-1"
MOST_REMEMBERED: Final = 10_000
"""Dates whose limits are remembered; beyond, the memory starts afresh."""


class Start(NamedTuple):
    """When a contact was offered, when it asked for a person (None: not told), and whether it was transferred."""

    offered_ms: int
    requested_ms: int | None = None
    is_transfer: bool = False


class BindingLimit(NamedTuple):
    """The limit of one contact; ``lead_ms`` is how much of the wait was over when the contact was offered."""

    limit: WaitLimit | None
    lead_ms: int


class QueueLimits:
    """The limits of one queue on one channel; each date of a policy is worked out once."""

    def __init__(
        self,
        *,
        max_wait_ms: int | None,
        rules: WaitRules | None = None,
        hours: OpeningHours | None = None,
    ) -> None:
        """``hours`` are given where ``max_wait_ms`` counts in opening hours."""
        self._own_limit = None if max_wait_ms is None else _plain_limit(max_wait_ms)
        self._rules = rules
        self._days = SiteCalendar(rules.pack.zone) if rules else None
        clocks = [rules.rule_for(transferred=is_transfer) for is_transfer in (False, True)] if rules else []
        self._starts_with_request = [rule is not None and rule.clock == "requested" for rule in clocks]
        """By whether the contact was transferred."""
        self._hours = hours
        self._plain = BindingLimit(self._own_limit, 0)
        self._known: dict[tuple[int, bool], WaitLimit | None] = {}

    def of(self, start: Start) -> BindingLimit:
        """What binds the contact."""
        if self._rules is None or self._days is None:
            return self._own_of(start.offered_ms)
        lead_ms = self._lead_ms(start)
        limit = self._of_policy(self._rules, self._days.day(start.offered_ms - lead_ms), start, lead_ms)
        if limit is None or (limit.limit_ms is None and self._own_limit is not None):
            return self._own_of(start.offered_ms)
        if limit.is_setting:
            return BindingLimit(self._in_opening_hours(limit, start.offered_ms), 0)
        return BindingLimit(limit, lead_ms)

    def _lead_ms(self, start: Start) -> int:
        if start.requested_ms is None or not self._starts_with_request[start.is_transfer]:
            return 0
        return max(0, start.offered_ms - start.requested_ms)

    def _of_policy(self, rules: WaitRules, day: int, start: Start, lead_ms: int) -> WaitLimit | None:
        key = (day, start.is_transfer)
        if key not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = rules.limit_at(start.offered_ms - lead_ms, transferred=start.is_transfer)
        return self._known[key]

    def _own_of(self, offered_ms: int) -> BindingLimit:
        return self._plain if self._hours is None else BindingLimit(self._own(offered_ms), 0)

    def _own(self, offered_ms: int) -> WaitLimit | None:
        limit = self._own_limit
        return None if limit is None else self._in_opening_hours(limit, offered_ms)

    def _in_opening_hours(self, limit: WaitLimit, offered_ms: int) -> WaitLimit:
        if self._hours is None or limit.limit_ms is None:
            return limit
        end_ms = self._hours.after(offered_ms, limit.limit_ms)
        why = (*limit.why, "counted in opening hours")
        return replace(limit, limit_ms=None if end_ms is None else end_ms - offered_ms, why=why)


def _plain_limit(max_wait_ms: int) -> WaitLimit:
    return WaitLimit(
        policy_version=PLAIN_POLICY_VERSION,
        rule=PLAIN_RULE,
        title="The longest wait the queue allows",
        limit_ms=max_wait_ms,
        force="op",
        confidence="configured",
        source="the configuration of the queue",
        local_date=None,
        why=("max_wait_seconds of the queue",),
        is_setting=True,
    )
