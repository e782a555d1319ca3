"""Deadlines of cases, worked out once more from all events of the cases and the plain words of the policies.

Naive on purpose, and nothing here is shared with the stage that it judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.domain.recount_events import (
    CHANNEL,
    IDENTIFIER,
    Fields,
    Skipped,
    Unfit,
    boolean,
    instant,
    json_object,
    one_of,
    optional,
    slug,
    string,
    text,
)
from streams.domain.recount_limits import is_working, local, on_day

DAY: Final = timedelta(days=1)
UNIT_MS: Final = {"minutes": 60_000, "hours": 3_600_000}
MOMENTS: Final = frozenset({
    "registered", "protocol_issued", "protocol_sent", "restated", "answered", "resolved", "cancel_requested",
    "cancel_effective", "cancel_receipt_sent", "cancel_refused", "retention_entered", "leader_alerted",
    "retention_closed", "history_requested", "history_sent", "recording_stored", "recording_requested",
    "recording_delivered", "recording_deleted", "record_deleted", "billing_suspended", "billing_charged",
})  # fmt: skip
DEMAND: Final = one_of(
    "complaint", "request", "information", "cancellation", "undue_charge", "ombudsman", "platform_complaint",
    "urgency", "high_complexity", "other_cover", "non_care",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a case."""

    time_ms: int
    name: str
    event_id: str
    source: str
    tenant: str
    case_id: str
    item: str | None
    sector: str | None
    demand: str | None
    is_conclusive: bool


@dataclass(frozen=True, slots=True)
class CaseTerms:
    """What the cases of one tenant are held to: packs as their YAML has them, each with the days it goes by and those
    on which banks rest."""

    packs: Sequence[tuple[Mapping[str, Any], frozenset[date], frozenset[date]]]
    sector: str | None = None


def read_cases(lines: Iterable[str | bytes], skipped: Skipped | None = None) -> Iterator[Moment]:
    """The case events of canonical CloudEvents, one JSON object a line."""
    tally = Skipped() if skipped is None else skipped
    for line in lines:
        try:
            yield moment(json_object(text(line)))
        except Unfit as unfit:
            tally.add(str(unfit))


def moment(envelope: Fields) -> Moment:
    kind = string(envelope, "type")
    name = kind.removeprefix("case.")
    if not kind.startswith("case.") or name not in MOMENTS:
        raise Unfit("ignored_type")
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise Unfit("bad_value")
    optional(data, "channel", CHANNEL)
    conclusive = optional(data, "conclusive", boolean)
    return Moment(
        time_ms=instant(envelope, "time"),
        name=name,
        event_id=IDENTIFIER(envelope, "id"),
        source=slug(envelope, "source"),
        tenant=slug(data, "tenant"),
        case_id=IDENTIFIER(data, "case_id"),
        item=optional(data, "item", IDENTIFIER),
        sector=optional(data, "sector", slug),
        demand=optional(data, "demand", DEMAND),
        is_conclusive=conclusive is not False,
    )


def case_findings(moments: Iterable[Moment], terms: Mapping[str, CaseTerms], *, now_ms: int) -> dict[str, str]:
    """Every duty that is open or confirmed at an instant, by the id that its finding has."""
    cases: dict[tuple[str, str], list[Moment]] = {}
    for each in sorted(set(moments), key=lambda each: (each.time_ms, each.name, each.event_id, each.source)):
        cases.setdefault((each.tenant, each.case_id), []).append(each)
    found: dict[str, str] = {}
    for (tenant, _), case in cases.items():
        if tenant in terms:
            for pack, days, bank_days in terms[tenant].packs:
                found |= findings_of(case, pack, (days, bank_days), terms[tenant].sector, now_ms)
    return found


def findings_of(
    case: Sequence[Moment],
    pack: Mapping[str, Any],
    days: tuple[frozenset[date], frozenset[date]],
    sector: str | None,
    now_ms: int,
) -> dict[str, str]:
    """Of one case by one pack."""
    registered = next((each for each in case if each.name == "registered"), None)
    demand = registered.demand if registered else None
    sector = (registered.sector if registered else None) or sector
    found = {}
    for start in case:
        is_repeat = start.name == "registered" and start is not registered
        if is_repeat or (start.name == "answered" and not start.is_conclusive):
            continue
        regime = local((registered or start).time_ms, pack["zone"]).date()
        for rule in rules_for(pack, start.name, (sector, demand), regime):
            state = state_of(case, start, rule, (pack, regime, days[rule.get("calendar") == "bank"]), now_ms)
            if state is not None:
                item = f"{start.item}@" if start.item else ""
                version = f"{pack['policy']}@{pack['version']}"
                found[f"{start.tenant}/{start.case_id}:{rule['id']}:{item}{start.time_ms}:{version}"] = state
    return found


def rules_for(
    pack: Mapping[str, Any], name: str, who: tuple[str | None, str | None], day: date
) -> list[Mapping[str, Any]]:
    """The rules that this begins for this sector and demand on that day, but for those that another replaces."""
    sector, demand = who
    fitting = [
        rule
        for rule in pack["deadlines"]
        if rule["starts"] == name
        and sector in (rule.get("sectors") or [sector])
        and demand in (rule.get("demands") or [demand])
        and on_day(rule["periods"], day) is not None
    ]
    replaced = [name for rule in fitting for name in rule.get("replaces", ())]
    return [rule for rule in fitting if rule["id"] not in replaced]


def state_of(
    case: Sequence[Moment],
    start: Moment,
    rule: Mapping[str, Any],
    by: tuple[Mapping[str, Any], date, frozenset[date]],
    now_ms: int,
) -> str | None:
    pack, regime, holidays = by
    kind = rule.get("kind", "within")
    if kind == "never":
        return "confirmed"
    period = on_day(rule["periods"], regime)
    assert period is not None, "chosen because it has one"
    saturday = bool(pack["calendar"].get("saturday_is_business"))
    strict_ms, rolled_ms = due_dates(start.time_ms, period["within"], pack["zone"], holidays, saturday=saturday)
    ends = [
        each.time_ms
        for each in case
        if each.name == rule["ends"]
        and each.item == start.item
        and each.time_ms >= start.time_ms
        and (each.name != "answered" or each.is_conclusive)
    ]
    if kind == "keep":
        return "confirmed" if ends and ends[0] <= strict_ms else None
    if ends:
        return "confirmed" if ends[0] > rolled_ms else None
    if now_ms > rolled_ms:
        return "confirmed"
    return "open" if now_ms > strict_ms else None


def due_dates(
    start_ms: int, within: Mapping[str, int], zone: str, holidays: frozenset[date], *, saturday: bool
) -> tuple[int, int]:
    """The last millisecond in time, as the law is read strictly, and with the end rolled to a business day."""
    [(unit, count)] = within.items()
    if unit in UNIT_MS:
        return (start_ms + count * UNIT_MS[unit],) * 2
    last = local(start_ms, zone).date()
    if unit == "days":
        last += count * DAY
    elif unit == "business_days":
        while count:
            last += DAY
            count -= is_working(last, holidays, saturday=saturday)
    else:
        last = months_later(last, count * (12 if unit == "years" else 1))
    rolled = last
    while not is_working(rolled, holidays, saturday=saturday):
        rolled += DAY
    return last_ms(last, zone), last_ms(rolled, zone)


def months_later(day: date, months: int) -> date:
    """The same number in a later month; the day after that month's end where it has no such number."""
    number = day.year * 12 + day.month - 1 + months
    first = date(number // 12, number % 12 + 1, 1)
    same = first + (day.day - 1) * DAY
    if same.month == first.month:
        return same
    return date((number + 1) // 12, (number + 1) % 12 + 1, 1)


def last_ms(day: date, zone: str) -> int:
    following = datetime.combine(day + DAY, time(), ZoneInfo(zone)).astimezone(UTC)
    return (following - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) - 1
