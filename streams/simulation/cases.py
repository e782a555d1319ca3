"""What becomes of the demands that contacts leave behind: protocols, answers, cancellations, histories; some too late.

A case begins when an agent is done with its contact. It draws from a source of chance of its own, so that contacts are
the same with cases and without.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any, Final

from streams.simulation.clockwork import Clockwork
from streams.simulation.contacts import Stay, lognormal
from streams.simulation.telling import Telling

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
NO_PROTOCOL: Final = 0.03
FIRST_WORDS: Final = 0.25
"""The share of demands that get a first word before the answer proper."""
EXTENSIONS: Final = 0.2
HISTORIES: Final = 0.1
ASKS_AGAIN: Final = 0.02
ANSWER_SECONDS: Final = {"ombudsman": 7 * DAY, "request": 1.5 * DAY}
"""Medians; two days where it is not said. With the spread of all durations about one in thirty is too late."""
RETENTION: Final = ("retained", "cancelled", "undecided")
RETENTION_WEIGHTS: Final = (35, 55, 10)


class CaseDesk:
    """Begins cases and lets them take their course."""

    def __init__(self, random: Random, clockwork: Clockwork, telling: Telling) -> None:
        self._random = random
        self._clockwork = clockwork
        self._telling = telling
        self._cases = 0

    def leave(self, stay: Stay) -> None:
        """A contact is done: it may leave a demand behind."""
        if not stay.is_told or not stay.queue.demands:
            return
        demands = stay.queue.demands
        drawn = self._random.random()
        for demand, share in demands.items():
            if drawn < share:
                self._begin(stay, demand)
                return
            drawn -= share

    def _begin(self, stay: Stay, demand: str) -> None:
        self._cases += 1
        case = _Case(stay, f"{self._telling.run}-case-{self._cases:05d}", self._clockwork, self._telling)
        case.tell("registered", demand=demand, sector=stay.queue.sector, channel=stay.queue.channel)
        random = self._random
        if random.random() >= NO_PROTOCOL:
            number = f"{case.year}{self._cases:09d}"
            case.later("protocol_issued", random.uniform(2, 20), protocol=number)
            case.later("protocol_sent", lognormal(random, HOUR), protocol=number)
        if random.random() < HISTORIES:
            case.later("history_requested", random.uniform(1, 60))
            case.later("history_sent", 60 + lognormal(random, 1.5 * DAY))
        if demand == "cancellation":
            self._cancel(case)
        else:
            self._answer(case, demand)

    def _answer(self, case: _Case, demand: str) -> None:
        random = self._random
        seconds = lognormal(random, ANSWER_SECONDS.get(demand, 2 * DAY))
        if demand == "undue_charge":
            case.later("billing_suspended", lognormal(random, HOUR / 3))
        if demand == "ombudsman" and random.random() < EXTENSIONS:
            case.later("answered", seconds / 3, conclusive=False, extension_reason="a document is being looked for")
            seconds *= 2
        elif random.random() < FIRST_WORDS:
            case.later("answered", seconds / 3, conclusive=False)
        if random.random() < ASKS_AGAIN:
            case.later("restated", seconds / 2)
        case.later("answered", seconds)
        case.later("resolved", seconds + random.uniform(60, HOUR))

    def _cancel(self, case: _Case) -> None:
        """The cancellation takes its effect, mostly within the hour, whatever the help desk is doing meanwhile. Who is
        won back before that takes the cancellation back; afterwards it is a new contract."""
        random = self._random
        outcome = random.choices(RETENTION, RETENTION_WEIGHTS)[0]
        alerted, entered = lognormal(random, 120), lognormal(random, 360)
        case.later("cancel_requested", 0.5)
        case.later("leader_alerted", alerted)
        case.later("retention_entered", entered, handled_by="human", is_technical=random.random() < 0.4)
        closed, effective = entered + lognormal(random, HOUR / 2), lognormal(random, HOUR / 3)
        case.later("retention_closed", closed, outcome=outcome)
        if outcome != "retained" or effective < closed:
            case.later("cancel_effective", effective)
        done = min(closed, effective) if outcome == "retained" else effective
        case.later("cancel_receipt_sent", done + lognormal(random, HOUR))
        case.later("answered", done + 60)
        case.later("resolved", done + 120)


class _Case:
    """One case on its way: what is told of it, now or later."""

    def __init__(self, stay: Stay, case_id: str, clockwork: Clockwork, telling: Telling) -> None:
        self._stay = stay
        self._case_id = case_id
        self._clockwork = clockwork
        self._telling = telling

    @property
    def year(self) -> int:
        return self._telling.year(self._stay.queue.site)

    def tell(self, moment: str, **fields: Any) -> None:
        self._telling.case(self._stay, self._case_id, moment, fields)

    def later(self, moment: str, seconds: float, **fields: Any) -> None:
        self._clockwork.after(seconds, partial(self.tell, moment, **fields))
