"""What every mapping is: a vendor's records in, canonical events out, nothing else. Pure.

A mapping of one source is fed record by record, in the order the vendor wrote them or in any other that vendor allows.
What it must remember between two records (which caller stays in which queue) is a plain snapshot, so that a mover can
keep it beside its position and go on after a restart as if nothing had been: the same records give the same events,
with the same ids, and whatever is sent again is a duplicate to the worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

from streams.domain.decisions import Reason

Event = dict[str, Any]
"""A CloudEvents 1.0 document as ``routing.route`` takes it."""

Record_contra = TypeVar("Record_contra", contravariant=True)

MOST_KINDS: Final = 200
"""How many different kinds of ignored records are told apart; the rest is counted as ``other``."""
_LONGEST_KIND: Final = 60


class InvalidEvent(Exception):
    """A record that is not what its vendor documents. ``detail`` names the place and what was expected there, and
    repeats nothing of the record."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class SourceMapping(Protocol[Record_contra]):
    """One source's mapping. Apart from ``feed`` only ``InvalidEvent`` tells what a record was: whatever bytes come,
    nothing else is raised."""

    ignored: Ignored

    def feed(self, record: Record_contra, received_ms: int) -> Sequence[Event]:
        """The events one record makes, in order; none for what is of no interest here.

        ``received_ms`` is when the record came (milliseconds since the epoch): the time of records that carry none.
        Raises InvalidEvent, and has then not changed.
        """
        ...

    def snapshot(self) -> dict[str, Any]:
        """What must survive a restart, as plain JSON; given to the constructor it goes on from there."""
        ...


class Ignored:
    """Records that were understood as none of ours: how many of each kind. Kinds come from outside, so they are bounded
    in number and length."""

    def __init__(self) -> None:
        self.by_kind: Counter[str] = Counter()

    def count(self, kind: str) -> None:
        name = "".join(letter if letter.isprintable() else "?" for letter in kind[:_LONGEST_KIND])
        known = name in self.by_kind or len(self.by_kind) < MOST_KINDS
        self.by_kind[name if known else "other"] += 1
