"""Calls through Asterisk: Originate over the manager interface (AMI), asynchronously, one action per job.

The answered channel goes to ``context`` at the extension named like the callback queue, with the channel variables
``FILAVIVA_JOB_ID`` (put it into ``callback_job_id`` of ``contact.offered``) and ``FILAVIVA_IVR_FIRST``. Reasons of
OriginateResponse as Asterisk's ``ast_channel_reason`` numbers them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streams.ami_connection import AmiAddress, AmiConnection
from streams.dialer.lines import Ended
from streams.domain.jobs import DialJob

RING_SECONDS: Final = 30
_OUTCOME_OF_REASON: Final[Mapping[str, str]] = {
    "0": "failed",  # no such channel, or it could not be asked
    "1": "invalid_number",  # hung up before it rang: no such number
    "3": "no_answer",  # rang until the timeout
    "4": "answered",
    "5": "busy",
    "8": "failed",  # congestion
}
_DIALLABLE: Final = re.compile(r"\+[0-9]{5,15}")


@dataclass(frozen=True, slots=True)
class AmiPlace:
    """Where Asterisk is and how it calls. ``channel`` holds ``{number}``: PJSIP/{number}@trunk."""

    address: AmiAddress
    channel: str = "PJSIP/{number}@trunk"
    context: str = "callbacks"


class AmiLine:
    """One connection; see ``Line``. Logs in at once. Raises Unavailable when Asterisk is away or refuses."""

    def __init__(self, place: AmiPlace) -> None:
        self._place = place
        self._started: dict[str, float] = {}
        self._refused: list[Ended] = []
        self._connection = AmiConnection(place.address, events="call")

    def start(self, job: DialJob, now_ms: int) -> None:
        """What is no number is refused here: it would become part of a command to Asterisk."""
        del now_ms
        if not _DIALLABLE.fullmatch(job.address):
            self._refused.append(Ended(job.job_id, "invalid_number", 0.0))
            return
        self._started[job.job_id] = time.monotonic()
        self._connection.send(
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
        for message in self._connection.messages():
            job_id = message.get("ActionID", "")
            is_refused = message.get("Response") == "Error"
            if job_id in self._started and (is_refused or message.get("Event") == "OriginateResponse"):
                seconds = time.monotonic() - self._started.pop(job_id)
                reason = "0" if is_refused else message.get("Reason", "0")
                over.append(Ended(job_id, _OUTCOME_OF_REASON.get(reason, "failed"), seconds))
        return over

    def close(self) -> None:
        self._connection.close()
