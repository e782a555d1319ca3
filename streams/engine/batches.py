"""What an agent is handed instead of single records: everything one fetch brought of one partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from faust.types import TP


class Batch:
    """Records of one partition in offset order.

    Its offsets may be committed once every reader has called ``done``: not when Faust acknowledges the event, which
    only says that nobody is working on it any more. ``seek_number`` tells which positioning of the consumer it was read
    under; a batch from before a seek is stale and must be dropped.
    """

    __slots__ = ("_unfinished", "first", "last", "records", "seek_number", "tp")

    def __init__(self, tp: TP, records: Sequence[Any], *, readers: frozenset[str], seek_number: int) -> None:
        self.tp = tp
        self.records = records
        self.first: int = records[0].offset
        self.last: int = records[-1].offset
        self.seek_number = seek_number
        self._unfinished = set(readers)

    def done(self, reader: str) -> None:
        """One reader has everything of the batch in durable state."""
        self._unfinished.discard(reader)

    @property
    def is_done(self) -> bool:
        return not self._unfinished
