"""What stages tell each other about callbacks: the messages of ``callback-signals`` and ``dialling-log``.

A signal speaks of one visit or attempt of one customer. The one with the highest revision holds for its kind and visit;
of two of the same revision the one that stands.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from streams.domain.decisions import Output
from streams.domain.directory import Directory
from streams.domain.encoding import cloud_event

CALLBACK_SIGNALS: Final = "callback-signals"
DIALLING_LOG: Final = "dialling-log"

_JOB: Final = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{1,64}\.[1-9][0-9]{0,5}")
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
    def rank(self) -> tuple[int, bool, int, str]:
        """Of two signals of one subject the higher holds."""
        return (self.revision, self.stands, 0, "")


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
    """The customer was answered, in any queue and channel. ``tokens`` stand for every identifier the visit gave,
    ``job_id`` names the dial job that brought the customer there."""

    event_type: ClassVar[str] = "callback.signal.served"

    tokens: tuple[str, ...]
    job_id: str = ""


class Linked(CallbackSignal, frozen=True, kw_only=True, gc=False, tag="linked"):
    """A reason at ``plan_token`` also gave this identifier: whoever is served under it is to be told there."""

    event_type: ClassVar[str] = "callback.signal.linked"

    plan_token: _Text


class Attempted(CallbackSignal, frozen=True, kw_only=True, gc=False, tag="attempted"):
    """How an attempt went, ``by`` the word of the dialer, of the callback queue that the customer left unanswered, or
    of nobody in time (``lease``).

    ``visit`` is the visit in the callback queue, else the job. Of several words of the dialer the earliest stands.
    """

    event_type: ClassVar[str] = "callback.signal.attempted"

    callback_queue: _Text
    plan_id: _Text
    attempt: _Ordinal
    outcome: _Text
    by: Literal["dialer", "queue", "lease"]

    @property
    def subject(self) -> str:
        return f"{self.owner_key}/{self.event_type}/{self.by}/{self.visit}"

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        return (self.revision, self.stands, -self.at_ms, self.outcome)


class Released(CallbackSignal, frozen=True, kw_only=True, gc=False, tag="released"):
    """The job of an attempt is with the dialer. ``visit`` is the job."""

    event_type: ClassVar[str] = "callback.signal.released"

    plan_id: _Text
    attempt: _Ordinal


class Expired(CallbackSignal, frozen=True, kw_only=True, gc=False, tag="expired"):
    """The time to call has passed: written by the callbacks stage to itself. ``visit`` is the plan."""

    event_type: ClassVar[str] = "callback.signal.expired"


class Commanded(CallbackSignal, frozen=True, kw_only=True, gc=False, tag="commanded"):
    """An operator's command, from ``commands``: written by the callbacks stage to itself. ``visit`` is its id."""

    event_type: ClassVar[str] = "callback.signal.commanded"

    order: Literal["cancel", "block", "unblock", "opt_out"]


Signal = Abandoned | Requested | Owed | Served | Linked | Attempted | Released | Expired | Commanded
SIGNAL_TYPES: Final[dict[str, type[Signal]]] = {
    signal_type.event_type: signal_type
    for signal_type in (Abandoned, Requested, Owed, Served, Linked, Attempted, Released, Expired, Commanded)
}


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A word to the owner of a callback queue; ``at_ms`` is the event time of its cause."""

    event_type: ClassVar[str]

    tenant: _Text
    callback_queue: _Text
    at_ms: int

    @property
    def owner_key(self) -> str:
        return f"{self.tenant}/{self.callback_queue}"

    @property
    def subject(self) -> str:
        """What it is about."""
        raise NotImplementedError

    @property
    def event_id(self) -> str:
        """Names the content."""
        return f"{self.subject}/{self.event_type}/{self.at_ms}"


class AttemptEntry(LogEntry, frozen=True, kw_only=True, gc=False):
    """About one attempt of one plan. ``attempt`` numbers the times the plan was offered for dialling, from 1."""

    plan_id: _Text
    attempt: _Ordinal

    @property
    def job_id(self) -> str:
        return f"{self.plan_id}.{self.attempt}"

    @property
    def subject(self) -> str:
        return self.job_id


class PlanEntry(AttemptEntry, frozen=True, kw_only=True, gc=False):
    """What the callbacks stage says of a plan: the entry of the highest revision holds."""

    revision: _Ordinal

    @property
    def event_id(self) -> str:
        return f"{self.plan_id}#{self.revision}"


class Ready(PlanEntry, frozen=True, kw_only=True, gc=False):
    """The customer of this plan is to be called, not before and not after these instants. Attempts up to ``settled``
    are over."""

    event_type: ClassVar[str] = "dialling.ready"

    sealed_address: _Text
    uf: str | None
    zone: str | None
    last_digits: str
    not_before_ms: int
    expires_ms: int
    priority: int
    settled: int = 0
    queue: str = ""
    is_requested: bool = False
    is_owed: bool = False
    opened_ms: int = 0


class Withdrawn(PlanEntry, frozen=True, kw_only=True, gc=False):
    """The customer of this plan is not to be called any more."""

    event_type: ClassVar[str] = "dialling.withdrawn"

    cause: str


class Freed(AttemptEntry, frozen=True, kw_only=True, gc=False):
    """The dialling stage to itself: the job of this attempt may go to the dialer and holds an agent until
    ``lease_until_ms``. The first of an attempt stands, unless the plan was withdrawn before, or the callback queue
    claimed under a later ``epoch`` than that of the owner who wrote it."""

    event_type: ClassVar[str] = "dialling.released"

    lease_until_ms: int
    epoch: int = 0

    @property
    def event_id(self) -> str:
        return f"{self.job_id}/{self.event_type}/{self.at_ms}/{self.epoch}"


class Claimed(LogEntry, frozen=True, kw_only=True, gc=False):
    """The dialling stage to itself: an owner of this ``epoch`` has begun; what owners before it release from here on is
    void."""

    event_type: ClassVar[str] = "dialling.claimed"

    epoch: int

    @property
    def subject(self) -> str:
        return self.owner_key

    @property
    def event_id(self) -> str:
        return f"{self.owner_key}/claimed/{self.epoch}/{self.at_ms}"


class LeaseEnded(AttemptEntry, frozen=True, kw_only=True, gc=False):
    """The dialling stage to itself: nothing settled this attempt in time."""

    event_type: ClassVar[str] = "dialling.lease_ended"


class Settled(AttemptEntry, frozen=True, kw_only=True, gc=False):
    """The dialer has said how an attempt went."""

    event_type: ClassVar[str] = "dialling.settled"

    outcome: _Text

    @property
    def event_id(self) -> str:
        return f"{self.job_id}/settled/{self.at_ms}/{self.outcome}"


class Connected(AttemptEntry, frozen=True, kw_only=True, gc=False):
    """Whoever picked up has left the line of the callback queue: to an agent, or to nobody (None)."""

    event_type: ClassVar[str] = "dialling.connected"

    agent_id: str | None

    @property
    def event_id(self) -> str:
        return f"{self.job_id}/connected/{self.at_ms}/{self.agent_id or ''}"


class LiveCaller(LogEntry, frozen=True, kw_only=True, gc=False):
    """Somebody waits in a live queue for longer than the callback queue may dial meanwhile, or no longer does."""

    event_type: ClassVar[str] = "dialling.live_caller"

    visit: _Text
    is_over: bool

    @property
    def subject(self) -> str:
        return self.visit

    @property
    def event_id(self) -> str:
        return f"{self.callback_queue}/{self.visit}/{'over' if self.is_over else 'gone'}/{self.at_ms}"


Entry = Ready | Withdrawn | Claimed | Freed | LeaseEnded | Settled | Connected | LiveCaller
LOG_TYPES: Final[dict[str, type[Entry]]] = {
    entry_type.event_type: entry_type
    for entry_type in (Ready, Withdrawn, Claimed, Freed, LeaseEnded, Settled, Connected, LiveCaller)
}


def signal_output(signal: Signal, directory: Directory) -> Output:
    """The record that brings a signal to the owner of the customer."""
    mark = "" if signal.stands else "/withdrawn"
    if isinstance(signal, Attempted):
        mark = f"/{signal.at_ms}/{signal.outcome}{mark}"
    value = cloud_event(
        event_type=signal.event_type,
        event_id=f"{signal.subject}#{signal.revision}{mark}",
        time_ms=signal.at_ms,
        subject=signal.visit,
        data=signal,
    )
    key = signal.owner_key
    return Output(CALLBACK_SIGNALS, key.encode(), value, directory.partition_of(key))


def log_output(entry: Entry, directory: Directory) -> Output:
    """The record that brings an entry to the owner of the callback queue."""
    value = cloud_event(
        event_type=entry.event_type,
        event_id=entry.event_id,
        time_ms=entry.at_ms,
        subject=entry.subject,
        data=entry,
    )
    key = entry.owner_key
    return Output(DIALLING_LOG, key.encode(), value, directory.partition(key))


def job_parts(job_id: str) -> tuple[str, str, int] | None:
    """Customer token, plan and attempt of a job's id; None when it is no id of ours."""
    plan_id, _, attempt = job_id.rpartition(".")
    token = plan_id.partition(".")[0]
    return (token, plan_id, int(attempt)) if _JOB.fullmatch(job_id) else None
