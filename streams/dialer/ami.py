"""Calls through Asterisk: Originate over the manager interface (AMI), asynchronously, one action per job.

The answered channel goes to ``context`` at the extension named like the callback queue, with the channel variables
``FILAVIVA_JOB_ID`` (put it into ``callback_job_id`` of ``contact.offered``) and ``FILAVIVA_IVR_FIRST``. Reasons of
OriginateResponse as Asterisk's ``ast_channel_reason`` numbers them.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.dialer.lines import Ended
from streams.domain.jobs import DialJob
from streams.errors import Unavailable

RING_SECONDS: Final = 30
ANSWER_SECONDS: Final = 10
_OUTCOME_OF_REASON: Final[Mapping[str, str]] = {
    "0": "failed",  # no such channel, or it could not be asked
    "1": "invalid_number",  # hung up before it rang: no such number
    "3": "no_answer",  # rang until the timeout
    "4": "answered",
    "5": "busy",
    "8": "failed",  # congestion
}
_DIALLABLE: Final = re.compile(r"\+[0-9]{5,15}")
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class AmiPlace:
    """Where Asterisk is and how it calls. ``channel`` holds ``{number}``: PJSIP/{number}@trunk."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    channel: str = "PJSIP/{number}@trunk"
    context: str = "callbacks"


class AmiLine:
    """One connection; see ``Line``. Logs in at once. Raises Unavailable when Asterisk is away or refuses."""

    def __init__(self, place: AmiPlace) -> None:
        self._place = place
        self._buffer = b""
        self._started: dict[str, float] = {}
        self._refused: list[Ended] = []
        try:
            self._socket = socket.create_connection((place.host, place.port), timeout=ANSWER_SECONDS)
        except OSError as error:
            raise Unavailable(f"Asterisk at {place.host}:{place.port} does not answer: {error}") from None
        try:
            self._read_greeting()
            self._send({"Action": "Login", "Username": place.username, "Secret": place.secret, "Events": "call"})
            answer = self._wait_for_response()
        except OSError as error:
            self.close()
            raise Unavailable(f"Asterisk at {place.host}:{place.port} does not answer: {error}") from None
        if answer.get("Response") != "Success":
            self.close()
            raise Unavailable(f"Asterisk at {place.host}:{place.port} refuses the login of {place.username}")

    def start(self, job: DialJob, now_ms: int) -> None:
        """What is no number is refused here: it would become part of a command to Asterisk."""
        del now_ms
        if not _DIALLABLE.fullmatch(job.address):
            self._refused.append(Ended(job.job_id, "invalid_number", 0.0))
            return
        self._started[job.job_id] = time.monotonic()
        self._send(
            {
                "Action": "Originate",
                "ActionID": job.job_id,
                "Channel": self._place.channel.format(number=job.address),
                "Context": self._place.context,
                "Exten": job.callback_queue,
                "Priority": "1",
                "Timeout": str(RING_SECONDS * 1000),
                "Async": "true",
                "Variable": f"FILAVIVA_JOB_ID={job.job_id},FILAVIVA_IVR_FIRST={int(job.ivr_first)}",
            }
        )

    def ended(self, now_ms: int) -> list[Ended]:
        del now_ms
        over, self._refused = self._refused, []
        for message in self._messages(wait=False):
            job_id = message.get("ActionID", "")
            is_refused = message.get("Response") == "Error"
            if job_id in self._started and (is_refused or message.get("Event") == "OriginateResponse"):
                seconds = time.monotonic() - self._started.pop(job_id)
                reason = "0" if is_refused else message.get("Reason", "0")
                over.append(Ended(job_id, _OUTCOME_OF_REASON.get(reason, "failed"), seconds))
        return over

    def close(self) -> None:
        self._socket.close()

    def _read_greeting(self) -> None:
        while b"\r\n" not in self._buffer:
            self._receive()
        self._buffer = self._buffer.partition(b"\r\n")[2]

    def _wait_for_response(self) -> dict[str, str]:
        while True:
            for message in self._messages(wait=True):
                if "Response" in message:
                    return message

    def _messages(self, *, wait: bool) -> list[dict[str, str]]:
        """Whole messages that have come; without waiting for more."""
        try:
            self._socket.settimeout(ANSWER_SECONDS if wait else 0.0)
            self._receive()
        except BlockingIOError:
            pass
        except OSError as error:
            raise Unavailable(f"Asterisk has gone: {error}") from None
        *whole, self._buffer = self._buffer.split(_END)
        return [dict(_fields(message)) for message in whole]

    def _receive(self) -> None:
        received = self._socket.recv(65_536)
        if not received:
            raise ConnectionError("the connection was closed")
        self._buffer += received

    def _send(self, action: Mapping[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in action.items())
        try:
            self._socket.settimeout(ANSWER_SECONDS)
            self._socket.sendall(f"{lines}\r\n".encode())
        except OSError as error:
            raise Unavailable(f"Asterisk has gone: {error}") from None


def _fields(message: bytes) -> list[tuple[str, str]]:
    lines = message.decode(errors="replace").split("\r\n")
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines) if name]
