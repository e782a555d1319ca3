"""What ends callback plans: being served, commands, time, and the last attempt, each at its instant of event time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.domain.signals import Attempted, CallbackReason, Commanded, Expired, Owed, Served, Signal

CANCELLED: Final = "cancelled"
RECOVERED: Final = "recovered"
EXPIRED: Final = "expired"
BLOCKED: Final = "blocked"
INVALID_NUMBER: Final = "invalid_number"
_BY_COMMAND: Final[Mapping[str, tuple[str, str]]] = {
    "cancel": (CANCELLED, "command"),
    "opt_out": (CANCELLED, "opt_out"),
    "block": (BLOCKED, "command"),
}
_PRECEDENCE: Final = ("queue", "dialer", "lease")
"""Whose word on an attempt counts: who saw the customer come and go, who dialled, nobody."""


@dataclass(frozen=True, slots=True)
class End:
    """Ends the open plan of a customer: of those who gave one of ``tokens``, or of anybody where there are none.

    ``spares_owed``: not where one of its reasons is a call that the law owes.
    """

    at_ms: int
    state: str
    cause: str
    tokens: frozenset[str] = frozenset()
    spares_owed: bool = False

    def ends(self, joined: Sequence[CallbackReason]) -> bool:
        if self.spares_owed and any(isinstance(reason, Owed) for reason in joined):
            return False
        return not self.tokens or any(not self.tokens.isdisjoint(reason.tokens) for reason in joined)


class Attempt(NamedTuple):
    """How one attempt of a plan went, of all that was said of it; ``at_ms`` is when that was so."""

    at_ms: int
    outcome: str
    callback_queue: str


def ends_of(standing: Iterable[Signal], attempts_allowed: Callable[[str], int]) -> Iterator[End]:
    """Every end that these signals of one customer, all of which stand, amount to."""
    signals = list(standing)
    for signal in signals:
        match signal:
            case Served():
                is_recovered = signal.job_id.startswith(f"{signal.token}.")
                state, cause = (RECOVERED, "") if is_recovered else (CANCELLED, "served")
                yield End(signal.at_ms, state, cause, frozenset(signal.tokens))
            case Commanded() if signal.order in _BY_COMMAND:
                yield End(signal.at_ms, *_BY_COMMAND[signal.order])
            case Expired():
                yield End(signal.at_ms, EXPIRED, "", spares_owed=True)
    for attempts in attempts_by_plan(signals).values():
        yield from _last_attempts(attempts.values(), attempts_allowed)


def _last_attempts(attempts: Iterable[Attempt], attempts_allowed: Callable[[str], int]) -> Iterator[End]:
    """The attempt after which nobody is called any more. Whoever picked up is not given up yet: the callback queue will
    say whether an agent came."""
    for count, attempt in enumerate(sorted(attempts), start=1):
        if attempt.outcome == INVALID_NUMBER:
            yield End(attempt.at_ms, BLOCKED, INVALID_NUMBER, spares_owed=True)
        elif count >= attempts_allowed(attempt.callback_queue) and attempt.outcome != "answered":
            yield End(attempt.at_ms, BLOCKED, "attempts", spares_owed=True)


def attempts_by_plan(signals: Iterable[Signal]) -> dict[str, dict[int, Attempt]]:
    """Plan id to its attempts by number; of several words on one attempt the most knowing one, then the earliest."""
    words: dict[tuple[str, int], list[Attempted]] = {}
    for signal in signals:
        if isinstance(signal, Attempted) and signal.stands:
            words.setdefault((signal.plan_id, signal.attempt), []).append(signal)
    plans: dict[str, dict[int, Attempt]] = {}
    for (plan_id, number), said in words.items():
        word = min(said, key=lambda one: (_PRECEDENCE.index(one.by), one.at_ms, one.visit))
        plans.setdefault(plan_id, {})[number] = Attempt(word.at_ms, word.outcome, word.callback_queue)
    return plans
