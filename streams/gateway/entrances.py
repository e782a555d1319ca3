"""The ways in, one per configured receiver: who may come through, and what a request through it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from streams.gateway.cloud_events import accepted_events
from streams.gateway.mapped import Deliverer, MappedFeed, Mapping as SourceMappingOf
from streams.gateway.messages import Message, Refused
from streams.gateway.proofs import (
    has_token,
    is_bearer,
    is_one_of,
    is_signed,
    is_signed_by_chatwoot,
    is_signed_by_meta,
)
from streams.settings_secrets import ReceiverSecrets
from streams.settings_sections import Proof, Receiver, ReceiverKind
from streams.sources.amazon_connect import AmazonConnectEvents
from streams.sources.chatwoot import ChatwootWebhooks
from streams.sources.whatsapp import WhatsAppWebhooks

PATH: Final = "/in/{tenant}/{source}"
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
MAPPINGS: Final[Mapping[ReceiverKind, SourceMappingOf]] = {
    "chatwoot": ChatwootWebhooks,
    "whatsapp": WhatsAppWebhooks,
    "amazon-connect": AmazonConnectEvents,
}
PROOFS: Final[Mapping[tuple[ReceiverKind, Proof], Callable[..., bool]]] = {
    ("cloudevents", "signature"): is_signed,
    ("cloudevents", "bearer"): is_bearer,
    ("chatwoot", "signature"): is_signed_by_chatwoot,
    ("chatwoot", "query_token"): has_token,
    ("whatsapp", "signature"): is_signed_by_meta,
    ("amazon-connect", "bearer"): is_bearer,
}


class Entrance:
    """One source's way in. ``requests`` are those under way in it."""

    def __init__(
        self, receiver: Receiver, secrets: ReceiverSecrets, delivery: Deliverer, feed: MappedFeed | None = None
    ) -> None:
        """``feed`` is that of the receiver's kind; CloudEvents need none."""
        self.tenant = receiver.tenant
        self.source = receiver.source
        self.feed = feed
        self.requests = 0
        self._is_proved = PROOFS[receiver.kind, receiver.proof]
        self._replay_seconds = receiver.replay_seconds
        self._secrets = secrets.active
        self._verify_token = secrets.verify_token
        self._delivery = delivery

    def is_genuine(self, message: Message, now_seconds: float) -> bool:
        """Whether the source proves itself."""
        return self._is_proved(message, self._secrets, now_seconds=now_seconds, replay_seconds=self._replay_seconds)

    def challenge(self, query: Mapping[str, str]) -> str:
        """What Meta wants to read back when it looks whether the address is ours. Raises Refused."""
        known = [self._verify_token.decode()] if self._verify_token else []
        challenge = query.get("hub.challenge", "")
        is_asked = query.get("hub.mode") == "subscribe" and _CHALLENGE.fullmatch(challenge) is not None
        if not is_one_of(query.get("hub.verify_token", ""), known) or not is_asked:
            raise Refused(403, "not the verify token of this entrance")
        return challenge

    async def take(self, message: Message, now_ms: int) -> int:
        """The number of events, once Kafka has them. Raises Refused, or Unavailable."""
        if self.feed is not None:
            return await self.feed.take(message.body, now_ms)
        records = accepted_events(message, self.tenant, self.source)
        await self._delivery.deliver(records)
        return len(records)
