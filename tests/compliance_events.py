"""The events of a month as the recount reads them: one pass over their lines, each kind to its own reader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from streams.domain.recount import Event, read_events
from streams.domain.recount_cases import Moment, read_cases
from streams.domain.recount_events import Skipped
from streams.domain.recount_sites import KINDS as SITE_KINDS, Word, read_sites

KEPT_AS_THEY_ARE: Final = ("exception.declared", "dial.attempted", "case.registered", "case.protocol_issued")


class Head(msgspec.Struct):
    type: str


@dataclass(slots=True)
class Events:
    """Contacts, moments of cases and words about sites as the recount has them; ``plain`` are those it does not know
    all of, as they were told."""

    contacts: list[Event] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    plain: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def read(cls, lines: Iterable[bytes]) -> Events:
        """Fails where the recount cannot read one of its own kinds."""
        kinds = msgspec.json.Decoder(Head)
        by_reader: dict[str, list[bytes]] = {"contact": [], "case": [], "site": []}
        events = cls()
        for line in lines:
            kind = kinds.decode(line).type
            reader = "site" if kind in SITE_KINDS else kind.partition(".")[0]
            if reader in by_reader:
                by_reader[reader].append(line)
            if kind in KEPT_AS_THEY_ARE:
                events.plain.setdefault(kind, []).append(msgspec.json.decode(line))
        skipped = Skipped()
        events.contacts = list(read_events(by_reader["contact"], skipped))
        events.moments = list(read_cases(by_reader["case"], skipped))
        events.words = list(read_sites(by_reader["site"], skipped))
        assert skipped.total == 0, f"the recount cannot read {skipped.by_reason}"
        return events


def instant_ms(time: str) -> int:
    """Epoch milliseconds of an RFC 3339 time."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)
