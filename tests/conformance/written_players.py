"""Scenarios in the words of written channels: Chatwoot, WhatsApp, e-mail."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any, Final

from streams.domain.encoding import iso_time
from streams.domain.events import Channel
from streams.sources.chatwoot import ChatwootWebhooks
from streams.sources.mail import Mail, MailThreads
from streams.sources.mapping import SourceMapping
from streams.sources.whatsapp import WhatsAppWebhooks
from tests.conformance.kit import NINE, Event, Instead, Order, as_they_came, dictionary, fed
from tests.conformance.scenarios import Scenario, Step

_SAYS: Final = {"direction": "in", "author": "customer"}
_REPLIES: Final = {"direction": "out", "author": "agent"}
_WAITS_ON: Final = "unknown_exit"
_NOT_RESTARTED: Final = Instead("the service is not restarted: whoever waits waits on")
_NO_CALL: Final = Instead("a callback is a call: nobody is called back in writing")


def _somewhere_else(why: str) -> Instead:
    return Instead(why, (("offered", {}), ("message", _SAYS)))


class WrittenPlayer(ABC):
    """What all of them have in common: callers are customers, known by their address."""

    name: str
    channel: Channel
    instead: Mapping[str, Instead]
    repeats = ""
    shuffles = ""
    restarts = ""
    names: Mapping[str, str]
    """Our queues to what stands for them there."""

    def __init__(self) -> None:
        self._callers: dict[str, str] = {}
        self._number = 0

    def play(self, scenario: Scenario, order: Order = as_they_came, *, restarts: bool = False) -> list[Event]:
        self._callers.clear()
        self._number = 0
        self._begin()
        records = [record for step in scenario.steps for record in self._records(step)]
        events = fed(self._mapping, order(records), restarts=restarts)
        for event in events:
            if event["type"] == "contact.offered":
                self._callers[event["data"]["contact_id"]] = self._caller_at(event["data"]["customer"]["address"])
        return events

    def caller(self, contact_id: str) -> str:
        return self._callers[contact_id]

    def _next(self) -> int:
        self._number += 1
        return self._number

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _mapping(self, snapshot: dict[str, Any] | None) -> SourceMapping[Any]: ...

    @abstractmethod
    def _records(self, step: Step) -> list[Any]: ...

    @abstractmethod
    def _caller_at(self, address: str) -> str: ...


_RESOLVED: Final = Instead(
    "whoever is resolved unanswered was closed, whatever the reason", (("flowed_out", {"reason": "closed"}),), "closed"
)


class ChatwootPlayer(WrittenPlayer):
    """An account of two inboxes."""

    name = "chatwoot"
    channel: Channel = "chat"
    shuffles = "conversations are told by what was heard of them before"
    names: Mapping[str, str] = MappingProxyType({"sac": "1", "vendas": "2"})
    instead: Mapping[str, Instead] = MappingProxyType(
        {
            "hangs_up": Instead("nobody leaves a chat visibly", (), _WAITS_ON),
            "presses": Instead("a chat has no keys", (), _WAITS_ON),
            "asks_back": Instead("a chat has no keys", (), _WAITS_ON),
            "times_out": _RESOLVED,
            "overflows": _RESOLVED,
            "called_back": _NO_CALL,
            "goes_on": _somewhere_else("no inbox hands over to another: whoever writes there is another contact"),
            "restarts": _NOT_RESTARTED,
        }
    )
    _STATUS: Final = MappingProxyType(
        {
            **dict.fromkeys(("times_out", "overflows", "queue_empties", "caller_ends", "agent_ends"), "resolved"),
            **dict.fromkeys(("withdrawn", "passed_on"), "pending"),
        }
    )

    def _begin(self) -> None:
        self._conversations: dict[tuple[str, str], dict[str, Any]] = {}

    def _mapping(self, snapshot: dict[str, Any] | None) -> ChatwootWebhooks:
        return ChatwootWebhooks(dictionary(self.channel, self.names), snapshot)

    def _caller_at(self, address: str) -> str:
        return address.partition("@")[0]

    def _records(self, step: Step) -> list[bytes]:
        known = self._conversations.get((step.caller, step.queue))
        if step.act in ("enters", "goes_on"):
            return self._writes(step, known)
        if known is None:
            return []
        if step.act == "answered":
            return [self._message(step, known, "outgoing", {"id": 7, "type": "user", "name": step.agent})]
        if step.act not in self._STATUS:
            return []
        known |= {"status": self._STATUS[step.act], "updated_at": self._moment(step), "waiting_since": 0}
        return [self._told("conversation_status_changed", known)]

    def _writes(self, step: Step, known: dict[str, Any] | None) -> list[bytes]:
        now, opened = NINE + step.at, []
        sender = {"id": 1, "type": "contact", "email": f"{step.caller}@customer.example"}
        if known is None:
            known = {"id": self._next(), "inbox_id": int(self.names[step.queue]), "created_at": now}
            self._conversations[step.caller, step.queue] = known
            opened = ["conversation_created"]
        elif known["status"] != "open":
            opened = ["conversation_status_changed"]
        updated = {"updated_at": self._moment(step), "waiting_since": now}
        known |= {"status": "open", "meta": {"sender": sender}, **updated}
        return [*(self._told(kind, known) for kind in opened), self._message(step, known, "incoming", sender)]

    def _moment(self, step: Step) -> float:
        """Chatwoot's are exact: no two changes have the same."""
        return NINE + step.at + self._next() / 1000

    def _message(self, step: Step, conversation: dict[str, Any], kind: str, sender: dict[str, Any]) -> bytes:
        message = {"id": self._next(), "created_at": iso_time((NINE + step.at) * 1000), "message_type": kind}
        return self._told("message_created", {**message, "sender": sender, "conversation": conversation})

    def _told(self, kind: str, content: dict[str, Any]) -> bytes:
        return json.dumps({"event": kind, **content}).encode()


_WINDOW: Final = "nothing but the 24 hours' window ends a visit"


class WhatsAppPlayer(WrittenPlayer):
    """A business of two numbers."""

    name = "whatsapp"
    channel: Channel = "whatsapp"
    shuffles = "a visit begins with the question that comes first; only answers wait for theirs"
    names: Mapping[str, str] = MappingProxyType({"sac": "106540352242922", "vendas": "106540352242923"})
    instead: Mapping[str, Instead] = MappingProxyType(
        {
            **dict.fromkeys(
                ("hangs_up", "times_out", "overflows", "queue_empties", "presses", "asks_back", "withdrawn"),
                Instead(_WINDOW, (), _WAITS_ON),
            ),
            **dict.fromkeys(("caller_ends", "agent_ends", "passed_on"), Instead(_WINDOW)),
            "called_back": _NO_CALL,
            "goes_on": _somewhere_else("no number hands over to another: whoever writes there is another contact"),
            "restarts": _NOT_RESTARTED,
        }
    )

    def _begin(self) -> None:
        self._customers: dict[str, str] = {}

    def _mapping(self, snapshot: dict[str, Any] | None) -> WhatsAppWebhooks:
        return WhatsAppWebhooks(dictionary(self.channel, self.names), snapshot)

    def _caller_at(self, address: str) -> str:
        return next(caller for caller, number in self._customers.items() if f"+{number}" == address)

    def _records(self, step: Step) -> list[bytes]:
        if step.act in ("enters", "goes_on"):
            number = self._customers.setdefault(step.caller, f"55859974655{len(self._customers):02d}")
            return [self._told(step, messages=[{"from": number, "type": "text", **self._one(step)}])]
        if step.act == "answered" and step.caller in self._customers:
            to = self._customers[step.caller]
            return [self._told(step, statuses=[{"recipient_id": to, "status": "sent", **self._one(step)}])]
        return []

    def _one(self, step: Step) -> dict[str, str]:
        return {"id": f"wamid.{self._next()}", "timestamp": str(NINE + step.at)}

    def _told(self, step: Step, **content: list[dict[str, str]]) -> bytes:
        value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": self.names[step.queue]}, **content}
        entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
        return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


_REPLY: Final = "a mailbox knows questions and replies: nothing else ends a visit"


class MailPlayer(WrittenPlayer):
    """Two mailboxes, with what was sent from them."""

    name = "mail"
    channel: Channel = "email"
    shuffles = "a mailbox is read in the order in which mails arrived"
    names: Mapping[str, str] = MappingProxyType({"sac": "sac@acme.example", "vendas": "vendas@acme.example"})
    instead: Mapping[str, Instead] = MappingProxyType(
        {
            "answered": Instead("a reply ends the visit", (("message", _REPLIES), ("ended", {"completed": True}))),
            **dict.fromkeys(
                ("hangs_up", "times_out", "overflows", "queue_empties", "presses", "asks_back", "withdrawn"),
                Instead(_REPLY, (), _WAITS_ON),
            ),
            **dict.fromkeys(("caller_ends", "agent_ends", "passed_on"), Instead("a reply has ended the visit")),
            "called_back": _NO_CALL,
            "goes_on": _somewhere_else("a mail does not say which mailbox it was handed over from"),
            "restarts": _NOT_RESTARTED,
        }
    )

    def _begin(self) -> None:
        self._threads: dict[str, list[str]] = {}

    def _mapping(self, snapshot: dict[str, Any] | None) -> MailThreads:
        return MailThreads(dictionary(self.channel, self.names), snapshot)

    def _caller_at(self, address: str) -> str:
        return address.partition("@")[0]

    def _records(self, step: Step) -> list[Mail]:
        if step.act in ("enters", "goes_on"):
            self._threads.setdefault(step.caller, [])
            return [self._mail(step, f"{step.caller}@customer.example")]
        if step.act == "answered" and step.caller in self._threads:
            return [self._mail(step, self.names[step.queue])]
        return []

    def _mail(self, step: Step, sender: str) -> Mail:
        thread, own = self._threads[step.caller], f"<{self._next()}@mx.example>"
        moment = datetime.fromtimestamp(NINE + step.at, UTC)
        fields = {"From": sender, "Message-ID": own, "Date": format_datetime(moment)}
        if thread:
            fields |= {"References": " ".join(thread), "In-Reply-To": thread[-1]}
        thread.append(own)
        header = "\r\n".join(f"{name}: {value}" for name, value in fields.items())
        mailbox = self.names[step.queue]
        return Mail(mailbox, f"{header}\r\n\r\n".encode(), (NINE + step.at) * 1000, is_sent=sender == mailbox)
