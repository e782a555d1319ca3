"""The ways in, one per configured receiver: who may come through, and what a request through it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.gateway.cloud_events import accepted_events
from streams.gateway.messages import Accepted, Message
from streams.gateway.proofs import is_bearer, is_signed
from streams.settings_secrets import ReceiverSecrets
from streams.settings_sections import Receiver

PATH: Final = "/in/{tenant}/{source}"


class Entrance:
    """One source's way in. ``requests`` are those under way in it."""

    def __init__(self, receiver: Receiver, secrets: ReceiverSecrets) -> None:
        self.tenant = receiver.tenant
        self.source = receiver.source
        self.requests = 0
        self._receiver = receiver
        self._secrets = secrets.active

    def is_genuine(self, message: Message, now_seconds: float) -> bool:
        """Whether the source proves itself."""
        if self._receiver.proof == "bearer":
            return is_bearer(message, self._secrets)
        window = self._receiver.replay_seconds
        return is_signed(message, self._secrets, now_seconds=now_seconds, replay_seconds=window)

    def read(self, message: Message) -> Sequence[Accepted]:
        """What goes to Kafka. Raises Refused."""
        return accepted_events(message, self.tenant, self.source)
