"""The rows that ``filaviva skip`` writes into a changelog: records to dead-letter instead of applying them.

Recovery takes them before everything else, whatever epoch the rows around them carry. Importing this costs no Faust.
"""

from __future__ import annotations

from typing import Final

SKIP_PREFIX: Final = b"skip/"
_GIVEN_UP: Final = b"1"
"""Any value but null: a null would be compacted away."""


def skip_row(topic: str, offset: int) -> tuple[bytes, bytes]:
    """Key and value that give up one record of an input topic (without prefix), for the changelog's same partition."""
    return SKIP_PREFIX + f"{topic}/{offset}".encode(), _GIVEN_UP


def record_given_up(key: bytes) -> tuple[str, int] | None:
    """Topic and offset of the record a row gives up; None for a row of the state."""
    if not key.startswith(SKIP_PREFIX):
        return None
    topic, _, offset = key[len(SKIP_PREFIX) :].decode().rpartition("/")
    return topic, int(offset)
