"""Canonical events as frozen values: what a decoded record says, after validation.

Times are integer milliseconds since the Unix epoch (UTC), durations seconds unless a name says otherwise. The lists
here are closed: a type outside them is ignored, a value outside them is rejected.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec

CHANNELS: Final = ("voice", "chat", "whatsapp", "sms", "app", "email", "form")
AGENT_STATES: Final = ("available", "ringing", "busy", "wrap_up", "paused", "offline")

Channel = Literal["voice", "chat", "whatsapp", "sms", "app", "email", "form"]
AgentStateName = Literal["available", "ringing", "busy", "wrap_up", "paused", "offline"]
ATTEMPT_OUTCOMES: Final = ("answered", "no_answer", "busy", "failed", "invalid_number", "refused", "voicemail")
AttemptOutcome = Literal["answered", "no_answer", "busy", "failed", "invalid_number", "refused", "voicemail"]
FlowOutReason = Literal["transfer", "overflow", "timeout", "closed", "key", "unknown"]

CALL_EVENTS: Final = "call-events"
CHAT_EVENTS: Final = "chat-events"
EMAIL_EVENTS: Final = "email-events"
AGENT_EVENTS: Final = "agent-events"
SITE_EVENTS: Final = "site-events"
CASE_EVENTS: Final = "case-events"
CALLBACK_RESULTS: Final = "callback-results"
COMMANDS: Final = "commands"

INTAKE_OF_CHANNEL: Final = {
    "voice": CALL_EVENTS,
    "chat": CHAT_EVENTS,
    "whatsapp": CHAT_EVENTS,
    "sms": CHAT_EVENTS,
    "app": CHAT_EVENTS,
    "email": EMAIL_EVENTS,
    "form": EMAIL_EVENTS,
}
"""The input topic each channel's contact events arrive on."""

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Word = Annotated[str, msgspec.Meta(max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=31_536_000)]
Token = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
PlanId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\.[0-9a-f]{1,64}\Z")]
JobId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\.[0-9a-f]{1,64}\.[1-9][0-9]{0,5}\Z")]


class Customer(msgspec.Struct, frozen=True, gc=False):
    """Who waits: a number or mailbox to reach (``address``) and the tenant's own ``id``; both personal data."""

    address: Annotated[str, msgspec.Meta(min_length=1, max_length=320)] | None = None
    id: Identifier | None = None


class ContactData(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What every contact event names; ``entry`` numbers the stays of one contact in one queue from 1."""

    tenant: Name
    site: Name
    queue: Name
    channel: Channel
    contact_id: Identifier
    entry: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1


class Offered(ContactData, frozen=True, gc=False, kw_only=True):
    """The contact entered the queue."""

    customer: Customer | None = None
    protocol: Word | None = None
    requested_at: str | None = None
    contact_started_at: str | None = None
    transferred_from: Word | None = None
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1_000_000)] | None = None
    reason: Word | None = None
    callback_job_id: Word | None = None
    handled_by: Literal["bot", "human"] | None = None


class Answered(ContactData, frozen=True, gc=False, kw_only=True):
    """An agent was connected (voice) or assigned (every other channel)."""

    agent_id: Word | None = None


class Abandoned(ContactData, frozen=True, gc=False, kw_only=True):
    """The customer left the queue before an answer."""


class FlowedOut(ContactData, frozen=True, gc=False, kw_only=True):
    """The contact left the queue for another place, unanswered.

    ``unknown``: it is gone, and its source cannot say how; the time is the last at which it was known to wait. Any
    other exit of the visit stands before this one, whenever it was and whenever it comes.
    """

    reason: FlowOutReason


class CallbackRequested(ContactData, frozen=True, gc=False, kw_only=True):
    """The customer gave up the place in line for a callback."""

    customer: Customer | None = None


class Message(ContactData, frozen=True, gc=False, kw_only=True):
    """One message of a written contact; the first of an agent answers it."""

    direction: Literal["in", "out"]
    author: Literal["customer", "agent", "bot"]
    agent_id: Word | None = None


class Ended(ContactData, frozen=True, gc=False, kw_only=True):
    """The contact ended after an answer."""

    talk_seconds: Seconds | None = None
    hold_seconds: Seconds | None = None
    ended_by: Literal["customer", "agent", "network"] | None = None
    completed: bool | None = None
    agent_id: Word | None = None


class WrappedUp(ContactData, frozen=True, gc=False, kw_only=True):
    """The agent finished the work after the contact."""

    wrap_up_seconds: Seconds | None = None
    agent_id: Word | None = None


class AgentState(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What an agent does now, and the queues the agent serves."""

    tenant: Name
    site: Name
    agent_id: Identifier
    state: AgentStateName
    queues: Annotated[tuple[Name, ...], msgspec.Meta(max_length=200)] = ()


CaseMoment = Literal[
    "registered",
    "protocol_issued",
    "protocol_sent",
    "restated",
    "answered",
    "resolved",
    "cancel_requested",
    "cancel_effective",
    "cancel_receipt_sent",
    "cancel_refused",
    "retention_entered",
    "leader_alerted",
    "retention_closed",
    "history_requested",
    "history_sent",
    "recording_stored",
    "recording_requested",
    "recording_delivered",
    "recording_deleted",
    "record_deleted",
    "billing_suspended",
    "billing_charged",
]
"""What can happen to a case; the types of its events, with ``case.`` before."""
DemandType = Literal[
    "complaint",
    "request",
    "information",
    "cancellation",
    "undue_charge",
    "ombudsman",
    "platform_complaint",
    "urgency",
    "high_complexity",
    "other_cover",
    "non_care",
]


class CaseData(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something that happened to a case: one demand of a customer, in whatever channels and contacts.

    ``sector`` and ``demand`` count where the case is registered. ``item`` tells several things of one case apart, such
    as its recordings. An answer is ``conclusive`` unless it says that it is not; one with an ``extension_reason`` tells
    the customer that the answer proper needs longer, and why. The rest is for readers of the topic.
    """

    tenant: Name
    case_id: Identifier
    site: Name | None = None
    sector: Name | None = None
    demand: DemandType | None = None
    item: Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"^[^:\x00-\x1f]+\Z")] | None = None
    conclusive: bool = True
    extension_reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    channel: Channel | None = None
    contact_id: Identifier | None = None
    protocol: Word | None = None
    customer: Customer | None = None
    handled_by: Literal["bot", "human"] | None = None
    outcome: Literal["retained", "cancelled", "undecided"] | None = None
    is_technical: bool | None = None
    is_open_to_fix: bool | None = None


class DialAttempted(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How one dial job went; ``seconds`` is how long it rang. What the job said is echoed; ``kind`` is callback."""

    tenant: Name
    callback_queue: Name
    job_id: JobId
    outcome: AttemptOutcome
    kind: Literal["callback"] = "callback"
    seconds: Seconds | None = None


class CustomerCommand(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An operator's word about one customer: the owner of ``token``, and the plan that is meant where one is."""

    tenant: Name
    token: Token
    plan_id: PlanId | None = None


class CancelPlan(CustomerCommand, frozen=True, gc=False, kw_only=True):
    """The customer's open plan ends; a later reason opens another."""


class BlockCustomer(CustomerCommand, frozen=True, gc=False, kw_only=True):
    """Nobody calls this customer, for no reason, until unblocked."""


class OptOut(CustomerCommand, frozen=True, gc=False, kw_only=True):
    """The customer wants no calls: only what is asked for or owed afterwards opens a plan."""


class UnblockCustomer(CustomerCommand, frozen=True, gc=False, kw_only=True):
    """Takes back a block or an opt-out for what comes afterwards."""


class QueueCommand(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An operator's word about one callback queue."""

    tenant: Name
    callback_queue: Name


class PauseQueue(QueueCommand, frozen=True, gc=False, kw_only=True):
    """Nothing is released any more; the calls that are out are made to their end."""


class DrainQueue(QueueCommand, frozen=True, gc=False, kw_only=True):
    """Whoever is to be called by now still is; nobody who comes later."""


class ResumeQueue(QueueCommand, frozen=True, gc=False, kw_only=True):
    """Releases go on."""


CONTACT_TYPES: Final[dict[str, type[ContactData]]] = {
    "contact.offered": Offered,
    "contact.answered": Answered,
    "contact.abandoned": Abandoned,
    "contact.flowed_out": FlowedOut,
    "contact.callback_requested": CallbackRequested,
    "contact.message": Message,
    "contact.ended": Ended,
    "contact.wrapped_up": WrappedUp,
}
AGENT_TYPES: Final[dict[str, type[AgentState]]] = {"agent.state": AgentState}
RESULT_TYPES: Final[dict[str, type[DialAttempted]]] = {"dial.attempted": DialAttempted}
COMMAND_TYPES: Final[dict[str, type[CustomerCommand | QueueCommand]]] = {
    "command.cancel": CancelPlan,
    "command.block": BlockCustomer,
    "command.unblock": UnblockCustomer,
    "command.opt_out": OptOut,
    "command.pause": PauseQueue,
    "command.drain": DrainQueue,
    "command.resume": ResumeQueue,
}


CASE_TYPES: Final[dict[str, type[CaseData]]] = {f"case.{moment}": CaseData for moment in get_args(CaseMoment)}


class ContactEvent(msgspec.Struct, frozen=True, gc=False):
    """A validated contact event. ``requested_ms`` and ``started_ms`` are set on offers only."""

    time_ms: int
    event_id: str
    source: str
    data: ContactData
    requested_ms: int | None = None
    started_ms: int | None = None


class AgentEvent(msgspec.Struct, frozen=True, gc=False):
    """A validated agent event."""

    time_ms: int
    event_id: str
    source: str
    data: AgentState


class CaseEvent(msgspec.Struct, frozen=True, gc=False):
    """A validated case event; ``moment`` is its type without ``case.``."""

    time_ms: int
    event_id: str
    source: str
    moment: CaseMoment
    data: CaseData


class ResultEvent(msgspec.Struct, frozen=True, gc=False):
    """A validated result of a dial job."""

    time_ms: int
    event_id: str
    source: str
    data: DialAttempted


class CommandEvent(msgspec.Struct, frozen=True, gc=False):
    """A validated command."""

    time_ms: int
    event_id: str
    source: str
    data: CustomerCommand | QueueCommand
