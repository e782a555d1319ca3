"""Addresses as the recount reads them: one spelling for one place to reach, and whether anybody could be called there.

Of Brazil's numbers it knows how they are made up; of every other country's only how long a number may be.
"""

from __future__ import annotations

import re
from typing import Final

_CARRIER: Final = "0(1[245]|2[1-35]|31|4[13]|[56]5|99)"
"""A 0 and the two digits of a carrier, of those that numbering plans list."""


def one_spelling(address: str) -> str:
    """The same text for the same place to reach: a phone as ``+`` and its digits, a mailbox in small letters.

    Without ``+`` or ``00`` a number is one of Brazil: two digits of area and eight or nine more, perhaps after 55, and
    after a 0 with or without the two digits of a carrier.
    """
    plain = address.strip()
    phone = re.fullmatch(r"(tel:)?(?P<abroad>\+|00)?(?P<number>[0-9 ().-]+)", plain)
    digits = re.sub("[^0-9]", "", phone["number"]) if phone else ""
    abroad = "" if phone is None else phone["abroad"] or ""
    before = f"55({_CARRIER}|0)?" if abroad else f"({_CARRIER}|0|55)?"
    national = re.fullmatch(before + "(?P<subscriber>[1-9][0-9]{9,10})", digits)
    if national:
        return f"+55{national['subscriber']}"
    if abroad and 8 <= len(digits) <= 15:
        return f"+{digits}"
    return plain.lower() if "@" in plain else plain


def refusal_of(address: str | None) -> str | None:
    """Why nobody can be called at an address in its one spelling; None for a number that may ring."""
    if address is None:
        return "no_address"
    if not re.fullmatch(r"(tel:)?[+]?[0-9 ().-]*[0-9][0-9 ().-]*", address):
        return "not_a_phone"
    if re.fullmatch(r"[+]55[1-9][0-9]{9,10}", address) or re.fullmatch(r"[+](?!55)[1-9][0-9]{7,14}", address):
        return None
    digits = re.sub("[^0-9]", "", address)
    subscriber = re.sub("^(0055|55)", "", digits) if address.removeprefix("tel:").startswith(("+", "00")) else digits
    return "no_area_code" if re.fullmatch("0?[1-9][0-9]{7,8}", subscriber) else "impossible_number"
