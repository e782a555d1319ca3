"""Rejected records on the ``dead-letters`` topic: the original bytes as they came, the reason beside them in headers.

A reader identifies a dead letter by the coordinates of the record it stands for; written twice it is still one. An
offer that was applied first and displaced by an earlier one later has no bytes here (``filaviva_bytes: elsewhere``):
its coordinates say where to read them.
"""

from __future__ import annotations

from typing import Final

from streams.delivery import RecordToSend, header
from streams.domain.decisions import DeadLetter

DEAD_LETTERS: Final = "dead-letters"
REASON: Final = "filaviva_reason"
DETAIL: Final = "filaviva_detail"
STAGE: Final = "filaviva_stage"
TOPIC: Final = "filaviva_topic"
PARTITION: Final = "filaviva_partition"
OFFSET: Final = "filaviva_offset"
TIMESTAMP: Final = "filaviva_timestamp_ms"
BYTES: Final = "filaviva_bytes"
NO_KEY: Final = "filaviva_no_key"
OUR_HEADERS: Final = frozenset({REASON, DETAIL, STAGE, TOPIC, PARTITION, OFFSET, TIMESTAMP, BYTES, NO_KEY})
MAX_ORIGINAL_BYTES: Final = 3 * 1024 * 1024


def dead_letter_record(stage: str, topic: str, partition: int, letter: DeadLetter) -> RecordToSend:
    """``topic`` is the full name of the input topic the record came from."""
    headers = [
        header(REASON, letter.rejection.reason.value),
        header(DETAIL, letter.rejection.detail),
        header(STAGE, stage),
        header(TOPIC, topic),
        header(PARTITION, partition),
        header(OFFSET, letter.offset),
    ]
    record = letter.record
    if record is None:
        return b"", None, [*headers, header(BYTES, "elsewhere"), header(NO_KEY, "1")]
    value = record.value
    headers.append(header(TIMESTAMP, record.timestamp))
    if value is not None and len(value) > MAX_ORIGINAL_BYTES:
        value = None
        headers.append(header(BYTES, "elsewhere"))
    if record.key is None:
        headers.append(header(NO_KEY, "1"))
    originals = [(name, text) for name, text in record.headers or () if name not in OUR_HEADERS]
    return record.key or b"", value, headers + originals
