"""Packs, places and instants for tests of rules, in one line each."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from streams.calendar_tables import table
from streams.domain.calendars import Calendar, HolidayTable
from streams.domain.deadlines import Beginning, Due, duties
from streams.domain.limits import Place, WaitLimit, WaitRules
from streams.domain.policy import Pack
from streams.policy_packs import packaged

SAO_PAULO: Final = ZoneInfo("America/Sao_Paulo")
TABLE: Final[HolidayTable] = table("br@2026.11.0")
SAC: Final[Pack] = packaged("br-sac@2026.11.0")
CASES: Final[Pack] = packaged("br-cases@2026.11.0")
ANEEL: Final[Pack] = packaged("aneel@2026.11.0")


def instant(text: str) -> int:
    """Milliseconds of a local time in São Paulo, or of one with its own offset or Z."""
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=SAO_PAULO) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1000)


def local(instant_ms: int) -> str:
    """The local time in São Paulo, to the minute where it is a full one, as the tables write it."""
    moment = datetime.fromtimestamp(instant_ms / 1000, SAO_PAULO).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="milliseconds")


def wait_limit(
    when: str, sector: str | None = "bank", pack: Pack = SAC, *, transferred: bool = False, **place: str
) -> WaitLimit:
    """The limit of a voice contact that asked for a person then."""
    found = WaitRules(pack, TABLE, Place(sector, **place)).limit_at(instant(when), transferred=transferred)
    assert found is not None
    return found


def in_words(limit: WaitLimit) -> str:
    """``45 law``, ``90 adv``, or ``none``."""
    return "none" if limit.limit_ms is None else f"{limit.limit_ms / 1000:g} {limit.force}"


def due_of(
    rule: str, when: str, *, sector: str | None = None, demand: str | None = None, base: str = "national"
) -> Due:
    """When a rule of the cases pack says that something which began then is due."""
    starts = next(each.starts for each in CASES.deadlines if each.id == rule)
    begun = Beginning(starts, instant(when), instant(when), sector, demand)
    found = duties(CASES, begun, base=TABLE.named(base), bank=TABLE.named("bank"))
    [duty] = [each for each in found if each.rule.id == rule]
    return duty.due


def dates(due: Due) -> tuple[str, str]:
    """The strict and the rolled local date."""
    return local(due.strict_ms)[:10], local(due.rolled_ms)[:10]


def national() -> Calendar:
    return TABLE.named("national")


def day(text: str) -> date:
    return date.fromisoformat(text)
