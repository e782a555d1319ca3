"""Protocol numbers: put together and checked by the format of a sector."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from streams.domain.policy import ProtocolFormat

_PART: Final = re.compile(r"(register|year|date|sequence):(\d{1,2})")
_WIDTH_OF: Final = {"year": 4, "date": 8}


def parts_of(form: ProtocolFormat) -> list[tuple[str, int]] | None:
    """Name and digits of each part; None where the format is not one."""
    found = [_PART.fullmatch(part) for part in form.parts]
    parts = [(match[1], int(match[2])) for match in found if match]
    if len(parts) < len(found) or any(_WIDTH_OF.get(name, width) != width for name, width in parts):
        return None
    return parts


def protocol_number(form: ProtocolFormat, *, day: date, sequence: int, register: str = "") -> str:
    """The number of this day and sequence. Raises ValueError when a part does not fit its digits."""
    texts = {"register": register, "year": f"{day:%Y}", "date": f"{day:%Y%m%d}", "sequence": str(sequence)}
    number = ""
    for name, width in parts_of(form) or ():
        text = texts[name]
        if len(text) > width or not text.isdigit():
            raise ValueError(f"{name} does not fit {width} digits")
        number += text.zfill(width)
    return number


def is_protocol_number(form: ProtocolFormat, number: str) -> bool:
    """Whether a number has the length, the digits and a possible date of the format."""
    parts = parts_of(form) or []
    if len(number) != sum(width for _, width in parts) or not (number.isascii() and number.isdigit()):
        return False
    place = 0
    for name, width in parts:
        text, place = number[place : place + width], place + width
        if name == "date" and not _is_date(text):
            return False
    return True


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")
    except ValueError:
        return False
    return True
