"""What a run comes to: claims that hold or do not, figures for the table, one line of the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing a lane promises, and what was found."""

    what: str
    holds: bool
    found: str


@dataclass(slots=True)
class Report:
    """Filled by a lane as it goes. A lane passes when every claim holds, and it made at least one."""

    lane: str
    seed: int
    claims: list[Claim] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    """Records sent, and how many ended in each class, over all installations of the lane."""
    seconds: float = 0.0

    def claim(self, what: str, found: object, *, holds: bool) -> None:
        self.claims.append(Claim(what, holds, str(found)))

    def equal(self, what: str, found: object, wanted: object) -> None:
        self.claims.append(Claim(what, found == wanted, f"{found}, wanted {wanted}" if found != wanted else f"{found}"))

    def at_most(self, what: str, found: float, limit: float, unit: str = "") -> None:
        self.claims.append(Claim(what, found <= limit, f"{found:,.1f}{unit} of at most {limit:g}{unit}"))

    def count(self, name: str, number: int) -> None:
        """A figure that adds up over the installations of the lane."""
        self.counts[name] += number
        self.figures[name] = f"{self.counts[name]:,}"

    @property
    def ledger(self) -> str:
        """The one line that every run ends with; empty before anything was judged."""
        found = self.classes
        classes = ("applied", "duplicate", "ignored", "rejected")
        lost = found["sent"] - sum(found[name] for name in classes)
        parts = " + ".join(f"{found[name]:,} {name}" for name in classes)
        return f"{found['sent']:,} sent = {parts}, lost = {lost}" if found["sent"] else ""

    def figure(self, name: str, value: object) -> None:
        self.figures[name] = f"{value:,}" if isinstance(value, int) else str(value)

    @property
    def passed(self) -> bool:
        return bool(self.claims) and all(claim.holds for claim in self.claims)

    @property
    def broken(self) -> list[Claim]:
        return [claim for claim in self.claims if not claim.holds]
