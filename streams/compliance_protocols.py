"""Protocol numbers of a month: repeated, out of format, and numbers left out of a sequence. Pure.

Looked at once for a whole month, because uniqueness is a matter of all cases together and the stage sees one partition.
Repeats are found among everything given, gaps and formats among what was issued in the month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from streams.domain.policy import Pack, ProtocolFormat
from streams.domain.protocol_numbers import is_protocol_number, parts_of


@dataclass(frozen=True, slots=True)
class Issued:
    """A protocol number given to a case. ``sector`` is that of the case, as far as it is known."""

    tenant: str
    case_id: str
    sector: str | None
    at_ms: int
    number: str


@dataclass(slots=True)
class ProtocolLine:
    """Numbers of one tenant and format. ``repeated`` are numbers that more than one case has, ``missing`` those left
    out between the first and the last of a sequence. Without a format only repeats are judged."""

    tenant: str
    format: str
    force: str
    confidence: str
    issued: int = 0
    repeated: int = 0
    malformed: int = 0
    missing: int = 0


def protocol_lines(
    month: str, issued: Iterable[Issued], packs_of: Mapping[str, Sequence[Pack]], zone: ZoneInfo
) -> list[ProtocolLine]:
    """The lines of a month such as ``2026-10``, by the formats of each tenant's packs."""
    numbers = {(each.tenant, each.number, each.case_id): each for each in issued}
    cases_of: dict[tuple[str, str], set[str]] = {}
    for tenant, number, case_id in numbers:
        cases_of.setdefault((tenant, number), set()).add(case_id)
    lines: dict[tuple[str, str], ProtocolLine] = {}
    sequences: dict[tuple[str, str], dict[str, set[int]]] = {}
    told: set[tuple[str, str]] = set()
    for each in numbers.values():
        if f"{datetime.fromtimestamp(each.at_ms / 1000, zone):%Y-%m}" != month:
            continue
        form = _format_of(each.sector, packs_of.get(each.tenant, ()))
        line = _line(lines, each.tenant, form)
        line.issued += 1
        if len(cases_of[each.tenant, each.number]) > 1 and (each.tenant, each.number) not in told:
            told.add((each.tenant, each.number))
            line.repeated += 1
        if form is not None and not is_protocol_number(form, each.number):
            line.malformed += 1
        elif form is not None:
            prefix, sequence = _split(form, each.number)
            sequences.setdefault((line.tenant, line.format), {}).setdefault(prefix, set()).add(sequence)
    for key, by_prefix in sequences.items():
        lines[key].missing = sum(max(seen) - min(seen) + 1 - len(seen) for seen in by_prefix.values())
    return [lines[key] for key in sorted(lines)]


def _format_of(sector: str | None, packs: Sequence[Pack]) -> ProtocolFormat | None:
    return next((form for pack in packs for form in pack.protocols if sector in form.sectors), None)


def _line(lines: dict[tuple[str, str], ProtocolLine], tenant: str, form: ProtocolFormat | None) -> ProtocolLine:
    name = form.id if form else "no format"
    known = lines.get((tenant, name))
    if known is None:
        force, confidence = (form.force, form.confidence) if form else ("", "")
        known = lines[tenant, name] = ProtocolLine(tenant, name, force, confidence)
    return known


def _split(form: ProtocolFormat, number: str) -> tuple[str, int]:
    """What stands before the sequence, and the sequence; a format without one has no gaps."""
    place = 0
    for name, width in parts_of(form) or ():
        if name == "sequence":
            return number[:place], int(number[place : place + width])
        place += width
    return number, 0
