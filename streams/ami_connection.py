"""A connection to Asterisk's manager interface (AMI): log in, send actions, take whole messages as they come."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.errors import Unavailable

ANSWER_SECONDS: Final = 10
MOST_BYTES: Final = 4 * 1024 * 1024
"""No message is as long: whoever sends more without an end is no Asterisk."""
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class AmiAddress:
    """Where Asterisk is, and who asks."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)


class AmiMessage(dict[str, str]):
    """The fields of one message, of one that comes twice the last; ``raw`` is what came."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(_fields(raw))
        self.raw = raw


class AmiConnection:
    """Logs in at once, to hear of the classes of ``events`` (``call,agent``). Raises Unavailable when Asterisk is away,
    refuses, or goes away later."""

    def __init__(self, address: AmiAddress, *, events: str) -> None:
        self._address = address
        self._buffer = b""
        self._early: list[AmiMessage] = []
        try:
            self._socket = socket.create_connection((address.host, address.port), timeout=ANSWER_SECONDS)
        except OSError as error:
            raise self._away(error) from None
        try:
            self._read_greeting()
            self.send({"Action": "Login", "Username": address.username, "Secret": address.secret, "Events": events})
            answer = self._wait_for_response()
        except (OSError, Unavailable) as error:
            self.close()
            raise self._away(error) from None
        if answer.get("Response") != "Success":
            self.close()
            raise Unavailable(f"Asterisk at {address.host}:{address.port} refuses the login of {address.username}")

    def send(self, action: Mapping[str, str]) -> None:
        """One action. Values come from us or were checked: a line end in one would be another line."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in action.items())
        try:
            self._socket.settimeout(ANSWER_SECONDS)
            self._socket.sendall(f"{lines}\r\n".encode())
        except OSError as error:
            raise Unavailable(f"Asterisk has gone: {error}") from None

    def messages(self, wait_seconds: float = 0.0) -> list[AmiMessage]:
        """Whole messages that have come, or come within so long."""
        if self._early:
            early, self._early = self._early, []
            return early
        try:
            self._socket.settimeout(wait_seconds)
            self._receive()
        except (BlockingIOError, TimeoutError):
            return []
        except OSError as error:
            raise Unavailable(f"Asterisk has gone: {error}") from None
        *whole, self._buffer = self._buffer.split(_END)
        return [message for message in map(AmiMessage, whole) if message]

    def close(self) -> None:
        self._socket.close()

    def _read_greeting(self) -> None:
        while b"\r\n" not in self._buffer:
            self._receive()
        self._buffer = self._buffer.partition(b"\r\n")[2]

    def _wait_for_response(self) -> AmiMessage:
        """What comes with it or before it is kept: Asterisk may speak of its state at once."""
        while True:
            messages = self.messages(ANSWER_SECONDS)
            if not messages:
                raise TimeoutError("no answer to the login")
            for number, message in enumerate(messages):
                if "Response" in message:
                    self._early = messages[:number] + messages[number + 1 :]
                    return message

    def _receive(self) -> None:
        received = self._socket.recv(65_536)
        if not received:
            raise ConnectionError("the connection was closed")
        self._buffer += received
        if len(self._buffer) > MOST_BYTES:
            raise ConnectionError("what it says has no end")

    def _away(self, error: Exception) -> Unavailable:
        return Unavailable(f"Asterisk at {self._address.host}:{self._address.port} does not answer: {error}")


def _fields(message: bytes) -> list[tuple[str, str]]:
    lines = message.decode(errors="replace").split("\r\n")
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines) if name.strip()]
