"""What the owner of a customer keeps: what was signalled, the plans it came to, and what of it is past."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from streams.domain.plans import Plan
from streams.domain.signals import CallbackReason, Commanded, Linked, Signal


class Known(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """A signal, the newest Kafka timestamp any revision of it came with, and until when it is kept at least."""

    arrived_ms: int
    kept_until_ms: int
    signal: Signal


@dataclass(slots=True)
class Customer:
    """What is kept of one customer, by row key."""

    known: dict[str, Known] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)

    @property
    def has_open_plan(self) -> bool:
        return any(plan.is_open for plan in self.plans.values())

    @property
    def bars(self) -> list[Commanded]:
        """The commands that say whether this customer may be called at all, the newest last."""
        signals = (known.signal for known in self.known.values())
        commands = [one for one in signals if isinstance(one, Commanded) and one.order != "cancel"]
        return sorted(commands, key=lambda command: (command.at_ms, command.visit))

    @property
    def is_barred(self) -> bool:
        bars = self.bars
        return bool(bars) and bars[-1].order != "unblock"

    @property
    def kept_until_ms(self) -> int:
        return max(known.kept_until_ms for known in self.known.values())

    def is_over(self, now_ms: int) -> bool:
        """Whether nothing of this customer can matter any more."""
        return not (self.has_open_plan or self.is_barred or self.kept_until_ms > now_ms)

    def past_plans(self, now_ms: int) -> list[Plan]:
        """Ended plans that no signal of the retention can change."""
        fresh_visits = {known.signal.visit for known in self.known.values() if known.kept_until_ms > now_ms}
        return [plan for plan in self.plans.values() if not plan.is_open and not plan.visits & fresh_visits]

    def past_signals(self, now_ms: int) -> list[str]:
        """The keys of signals that have had their time and that no plan needs. What ends or bars a reason stays as long
        as the reason does, or it would stand open again."""
        past = {key: known.signal for key, known in self.known.items() if known.kept_until_ms <= now_ms}
        needed = set[str]().union(*(plan.visits for plan in self.plans.values()))
        kept = [known.signal for key, known in self.known.items() if key not in past]
        kept += [signal for signal in past.values() if signal.visit in needed]
        oldest_reason_ms = min((signal.at_ms for signal in kept if isinstance(signal, CallbackReason)), default=None)
        bars = self.bars if self.is_barred or oldest_reason_ms is not None else []

        def is_needed(signal: Signal) -> bool:
            if isinstance(signal, CallbackReason):
                return signal.visit in needed
            if isinstance(signal, Linked):
                return False
            if isinstance(signal, Commanded) and signal in bars:
                return True
            return oldest_reason_ms is not None and oldest_reason_ms <= signal.at_ms

        return [key for key, signal in past.items() if not is_needed(signal)]
