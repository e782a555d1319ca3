"""From mailboxes into Kafka: look, map, send, be acknowledged, write down what was seen.

What was seen and what the mapping knows are one file, written after Kafka has everything that came of it: a mover that
is killed in between looks again, and sends the very same events, which the worker counts as duplicates. Mails that are
none go to the dead letters by the same rule; written twice they are one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.dead_letters import SourcePlace
from streams.errors import Unavailable
from streams.movers.figures import MoverFigures
from streams.movers.kept import keep, kept_state
from streams.movers.mailboxes import Mailbox
from streams.movers.sending import Sender, refusal, send_events, send_refusal
from streams.movers.unmapped import UnmappedNames
from streams.sources.canonical import EventWriter
from streams.sources.dictionary import QueueDictionary
from streams.sources.mail import Mail, MailThreads, moment_ms
from streams.sources.mapping import InvalidEvent

_KIND: Final = "mail"


class _Kept(msgspec.Struct):
    kind: str
    place: str
    marks: dict[str, Any]
    mapping: dict[str, Any]


class MailMover:
    """One mailbox and its source. ``refused`` counts mails that are none, by reason, each a dead letter; ``events``
    what was sent.

    Raises ConfigError where the state file is none of ours or of another place.
    """

    def __init__(
        self,
        place: str,
        mailbox: Mailbox,
        dictionary: QueueDictionary,
        state: Path,
        sender: Sender,
        *,
        since_ms: int = 0,
        figures: MoverFigures | None = None,
    ) -> None:
        """``place`` names the mailbox in the state file, ``figures`` are those of the process. Mails from before
        ``since_ms`` are passed over by the first mover of a mailbox; those after it know what was there."""
        known = kept_state(state, _Kept, kind=_KIND, place=place)
        self.figures = figures or MoverFigures(dictionary.source, _KIND)
        self.refused = self.figures.rejected
        self.mapping = MailThreads(dictionary, known.mapping if known else None)
        self.mapping.ignored.by_kind = self.figures.ignored
        self._marks = known.marks if known else {}
        self._since_ms = since_ms
        self._place = place
        self._mailbox = mailbox
        self._state = state
        self._sender = sender
        self._unmapped = UnmappedNames(state.parent, dictionary)
        self._writer = EventWriter(dictionary.source)

    def step(self) -> int:
        """Move what has come and write it down; the number of mails. Raises Unavailable, and is then of no more use:
        another one goes on from what was written down."""
        self.figures.step()
        try:
            mails, marks = self._mailbox.new(self._marks)
        except Unavailable:
            self.figures.is_connected = False
            raise
        self.figures.is_connected = True
        received_ms = time.time_ns() // 1_000_000
        in_order = sorted(
            ((moment_ms(mail, received_ms), mail.is_sent, mail) for mail in mails), key=lambda each: each[:2]
        )
        for told_ms, _, mail in in_order:
            if self._marks or told_ms >= self._since_ms:
                self._move(mail, received_ms)
        self._sender.settle()
        if marks != self._marks:
            self._marks = marks
            content = _Kept(_KIND, self._place, marks, self.mapping.snapshot())
            keep(self._state, msgspec.to_builtins(content))
        self._unmapped.save()
        self.figures.catch_up()
        self.figures.records += len(mails)
        if in_order:
            self.figures.last_record_ms = in_order[-1][0]
        return len(mails)

    @property
    def events(self) -> int:
        return self.figures.events

    @property
    def mails(self) -> int:
        return self.figures.records

    def beat(self, sites: Iterable[tuple[str, str]]) -> None:
        """Say to sites (tenant, site) that the source is heard: that its mailbox was looked into."""
        now_ms = time.time_ns() // 1_000_000
        self.figures.events += send_events(
            self._sender, (self._writer.heartbeat(site, now_ms) for site in sorted(sites))
        )
        self._sender.settle()

    def _move(self, mail: Mail, received_ms: int) -> None:
        try:
            self.figures.events += send_events(self._sender, self.mapping.feed(mail, received_ms))
        except InvalidEvent as error:
            self.refused[error.reason] += 1
            name, part, number = mail.origin
            place = SourcePlace(self._writer.source, self._place, part, number)
            send_refusal(self._sender, refusal(place, error, mail.header, found_at=name))
