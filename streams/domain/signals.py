"""What stages tell each other about callbacks: the messages of ``callback-signals`` and ``dialling-log``.

A signal speaks of one visit of one customer. The one with the highest revision holds for its kind and visit; of two of
the same revision the one that stands.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from streams.domain.decisions import Output
from streams.domain.directory import Directory
from streams.domain.encoding import cloud_event

CALLBACK_SIGNALS: Final = "callback-signals"
DIALLING_LOG: Final = "dialling-log"

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Ordinal = Annotated[int, msgspec.Meta(ge=1)]


class CallbackSignal(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind"):
    """One visit's bearing on the callbacks of one customer. ``stands`` false takes back what was said before.

    ``revision`` counts the facts the visit rests on, ``at_ms`` is the event time of what is signalled.
    """

    event_type: ClassVar[str]

    tenant: _Text
    token: _Text
    visit: _Text
    revision: _Ordinal
    stands: bool
    at_ms: int

    @property
    def owner_key(self) -> str:
        return f"{self.tenant}/{self.token}"

    @property
    def subject(self) -> str:
        """What the highest revision replaces: this kind of signal about this visit, for this customer."""
        return f"{self.owner_key}/{self.event_type}/{self.visit}"

    @property
    def rank(self) -> tuple[int, bool]:
        return (self.revision, self.stands)


class CallbackReason(CallbackSignal, frozen=True, kw_only=True, gc=False):
    """A reason to call the customer back, and all a plan needs to do so. ``zone`` is the customer's IANA zone.

    ``token`` stands for the number to dial, ``tokens`` for every identifier the visit gave, the number among them.
    """

    queue: _Text
    callback_queue: _Text
    tokens: tuple[str, ...]
    sealed_address: _Text
    uf: str | None = None
    zone: str | None = None
    last_digits: Annotated[str, msgspec.Meta(max_length=2)] = ""


class Abandoned(CallbackReason, frozen=True, kw_only=True, gc=False, tag="abandoned"):
    """The customer left a queue before an answer, and not at once."""

    event_type: ClassVar[str] = "callback.signal.abandoned"


class Requested(CallbackReason, frozen=True, kw_only=True, gc=False, tag="requested"):
    """The customer asked to be called back."""

    event_type: ClassVar[str] = "callback.signal.requested"


class Owed(CallbackReason, frozen=True, kw_only=True, gc=False, tag="owed"):
    """The supplier's side ended the contact before it was complete: the law owes the customer a call."""

    event_type: ClassVar[str] = "callback.signal.owed"


class Served(CallbackSignal, frozen=True, kw_only=True, gc=False, tag="served"):
    """The customer was answered, in any queue and channel. ``tokens`` stand for every identifier the visit gave."""

    event_type: ClassVar[str] = "callback.signal.served"

    tokens: tuple[str, ...]


class Linked(CallbackSignal, frozen=True, kw_only=True, gc=False, tag="linked"):
    """A reason at ``plan_token`` also gave this identifier: whoever is served under it is to be told there."""

    event_type: ClassVar[str] = "callback.signal.linked"

    plan_token: _Text


Signal = Abandoned | Requested | Owed | Served | Linked
SIGNAL_TYPES: Final[dict[str, type[Signal]]] = {
    signal_type.event_type: signal_type for signal_type in (Abandoned, Requested, Owed, Served, Linked)
}


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A word to the owner of a callback queue about one plan. The highest revision of a plan holds.

    ``attempt`` numbers the times the plan was offered for dialling, from 1; ``at_ms`` is the event time of the cause.
    """

    event_type: ClassVar[str]

    tenant: _Text
    callback_queue: _Text
    plan_id: _Text
    attempt: _Ordinal
    revision: _Ordinal
    at_ms: int

    @property
    def owner_key(self) -> str:
        return f"{self.tenant}/{self.callback_queue}"


class Ready(LogEntry, frozen=True, kw_only=True, gc=False):
    """The customer of this plan is to be called, not before and not after these instants."""

    event_type: ClassVar[str] = "dialling.ready"

    sealed_address: _Text
    uf: str | None
    zone: str | None
    last_digits: str
    not_before_ms: int
    expires_ms: int
    priority: int


class Withdrawn(LogEntry, frozen=True, kw_only=True, gc=False):
    """The customer of this plan is not to be called any more."""

    event_type: ClassVar[str] = "dialling.withdrawn"

    cause: str


LOG_TYPES: Final[dict[str, type[Ready | Withdrawn]]] = {
    entry_type.event_type: entry_type for entry_type in (Ready, Withdrawn)
}


def signal_output(signal: Signal, directory: Directory) -> Output:
    """The record that brings a signal to the owner of the customer."""
    mark = "" if signal.stands else "/withdrawn"
    value = cloud_event(
        event_type=signal.event_type,
        event_id=f"{signal.subject}#{signal.revision}{mark}",
        time_ms=signal.at_ms,
        subject=signal.visit,
        data=signal,
    )
    key = signal.owner_key
    return Output(CALLBACK_SIGNALS, key.encode(), value, directory.partition_of(key))


def log_output(entry: Ready | Withdrawn, directory: Directory) -> Output:
    """The record that brings an entry to the owner of the callback queue."""
    value = cloud_event(
        event_type=entry.event_type,
        event_id=f"{entry.plan_id}#{entry.revision}",
        time_ms=entry.at_ms,
        subject=entry.plan_id,
        data=entry,
    )
    key = entry.owner_key
    return Output(DIALLING_LOG, key.encode(), value, directory.partition(key))
