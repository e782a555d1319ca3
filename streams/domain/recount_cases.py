"""Deadlines of cases, worked out once more from all events of the cases and the plain words of the policies.

Naive on purpose, and nothing here is shared with the stage that it judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    limited,
    one_of,
    opened,
    optional,
    slug,
    string,
)
from streams.domain.recount_limits import Terms, is_working, local, on_day, open_limit_ms

DAY: Final = timedelta(days=1)
REASON: Final = limited(200)
UNIT_MS: Final = {"minutes": 60_000, "hours": 3_600_000}
MOMENTS: Final = frozenset({
    "registered", "protocol_issued", "protocol_sent", "restated", "answered", "resolved", "cancel_requested",
    "cancel_effective", "cancel_receipt_sent", "cancel_refused", "retention_entered", "leader_alerted",
    "retention_closed", "history_requested", "history_sent", "recording_stored", "recording_requested",
    "recording_delivered", "recording_deleted", "record_deleted", "billing_suspended", "billing_charged",
})  # fmt: skip
OUTCOME: Final = one_of("retained", "cancelled", "undecided")
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
    is_extension: bool = False
    """An answer that says that the answer proper takes longer, and why."""
    is_retained: bool = False
    """Retention was closed, and the customer stays."""


@dataclass(frozen=True, slots=True)
class CaseTerms:
    """What the cases of one tenant are held to: packs as their YAML has them, each with the days it goes by and those
    on which banks rest. ``promised_seconds`` are the tenant's own by setting, in its ``hours`` or without a pause."""

    packs: Sequence[tuple[Mapping[str, Any], frozenset[date], frozenset[date]]]
    sector: str | None = None
    promised_seconds: Mapping[str, float] = field(default_factory=dict)
    hours: Mapping[str, str] | None = None
    zone: str | None = None
    closed_days: frozenset[date] = frozenset()


def read_cases(lines: Iterable[str | bytes], skipped: Skipped | None = None) -> Iterator[Moment]:
    """The case events of canonical CloudEvents, one JSON object a line."""
    tally = Skipped() if skipped is None else skipped
    for line in lines:
        try:
            yield moment(*opened((), line))
        except Unfit as unfit:
            tally.add(str(unfit))


def moment(envelope: Fields, data: object) -> Moment:
    """One case event. Raises Unfit."""
    kind = string(envelope, "type")
    name = kind.removeprefix("case.")
    if not kind.startswith("case.") or name not in MOMENTS:
        raise Unfit("ignored_type")
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
        is_extension=name == "answered" and optional(data, "extension_reason", REASON) is not None,
        is_retained=name == "retention_closed" and optional(data, "outcome", OUTCOME) == "retained",
    )


@dataclass(frozen=True, slots=True)
class Judged:
    """One duty: pending, open, confirmed or met as of an instant, its last millisecond by the strict reading, and when
    it ended. ``rule`` and ``period`` are what the pack says of it."""

    state: str
    strict_ms: int
    ended_ms: int | None
    is_extended: bool
    rule: Mapping[str, Any]
    period: Mapping[str, Any]
    is_withdrawn: bool = False


def case_findings(moments: Iterable[Moment], terms: Mapping[str, CaseTerms], *, now_ms: int) -> dict[str, str]:
    """Every duty that is open or confirmed at an instant, by the id that its finding has."""
    judged = case_duties_of(moments, terms, now_ms=now_ms)
    return {key: each.state for key, each in judged.items() if each.state in ("open", "confirmed")}


def case_duties_of(moments: Iterable[Moment], terms: Mapping[str, CaseTerms], *, now_ms: int) -> dict[str, Judged]:
    """Every duty of every case as of an instant, by the id that its finding has or would have."""
    cases: dict[tuple[str, str], list[Moment]] = {}
    for each in sorted(set(moments), key=lambda each: (each.time_ms, each.name, each.event_id, each.source)):
        cases.setdefault((each.tenant, each.case_id), []).append(each)
    found: dict[str, Judged] = {}
    for (tenant, _), case in cases.items():
        if tenant in terms:
            for pack, days, bank_days in terms[tenant].packs:
                found |= duties_of(case, pack, (days, bank_days), terms[tenant], now_ms)
    return found


def duties_of(
    case: Sequence[Moment],
    pack: Mapping[str, Any],
    days: tuple[frozenset[date], frozenset[date]],
    terms: CaseTerms,
    now_ms: int,
) -> dict[str, Judged]:
    """Of one case by one pack."""
    registered = next((each for each in case if each.name == "registered"), None)
    demand = registered.demand if registered else None
    sector = (registered.sector if registered else None) or terms.sector
    found = {}
    for start in case:
        is_repeat = start.name == "registered" and start is not registered
        if is_repeat or (start.name == "answered" and not is_answer(start)):
            continue
        regime = local((registered or start).time_ms, pack["zone"]).date()
        for rule in rules_for(pack, start.name, (sector, demand), regime):
            by = (pack, regime, days[rule.get("calendar") == "bank"])
            judged = judge(case, start, rule, by=by, terms=terms, now_ms=now_ms)
            if judged is not None:
                item = f"{start.item}@" if start.item else ""
                version = f"{pack['policy']}@{pack['version']}"
                found[f"{start.tenant}/{start.case_id}:{rule['id']}:{item}{start.time_ms}:{version}"] = judged
    return found


def is_answer(each: Moment) -> bool:
    """The answer proper."""
    return each.is_conclusive and not each.is_extension


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


def judge(
    case: Sequence[Moment],
    start: Moment,
    rule: Mapping[str, Any],
    *,
    by: tuple[Mapping[str, Any], date, frozenset[date]],
    terms: CaseTerms,
    now_ms: int,
) -> Judged | None:
    """What began with ``start``; None where the tenant promises nothing of the kind."""
    regime = by[1]
    period = on_day(rule["periods"], regime)
    assert period is not None, "chosen because it has one"
    dates = last_instants(start.time_ms, period["within"], by, terms)
    if dates is None:
        return None
    extended = [each for each in case if each.is_extension and start.time_ms <= each.time_ms <= dates[1]]
    longer = period.get("extended_by")
    if longer and extended:
        [(unit, count)], [(_, more)] = period["within"].items(), longer.items()
        dates = last_instants(start.time_ms, {unit: count + more}, by, terms)
    assert dates is not None, "a term of its own always ends"
    later = [each for each in case if each.item == start.item and each.time_ms >= start.time_ms]
    ends = [each for each in later if is_end(each, rule)]
    return Judged(
        state=state_of(rule.get("kind", "within"), [each.time_ms for each in ends], dates, now_ms),
        strict_ms=dates[0],
        ended_ms=ends[0].time_ms if ends else None,
        is_extended=bool(longer and extended),
        rule=rule,
        period=period,
        is_withdrawn=bool(ends) and bool(rule.get("or_retained")) and ends[0].is_retained,
    )


def is_end(each: Moment, rule: Mapping[str, Any]) -> bool:
    if each.is_retained and rule.get("or_retained"):
        return True
    return each.name == rule.get("ends") and (each.name != "answered" or rule.get("any_answer") or is_answer(each))


def state_of(kind: str, ends: Sequence[int], dates: tuple[int, int], now_ms: int) -> str:
    strict_ms, rolled_ms = dates
    if kind == "never":
        return "confirmed"
    if kind == "keep":
        if ends and ends[0] <= strict_ms:
            return "confirmed"
        return "met" if now_ms > strict_ms else "pending"
    if ends:
        return "confirmed" if ends[0] > rolled_ms else "met"
    if now_ms > rolled_ms:
        return "confirmed"
    return "open" if now_ms > strict_ms else "pending"


def last_instants(
    start_ms: int,
    within: Mapping[str, Any],
    by: tuple[Mapping[str, Any], date, frozenset[date]],
    terms: CaseTerms,
) -> tuple[int, int] | None:
    """The last milliseconds in time, strictly and rolled. None: nothing is promised, or the desk never opens."""
    pack, _, holidays = by
    if "setting" not in within:
        saturday = bool(pack["calendar"].get("saturday_is_business"))
        return due_dates(start_ms, within, pack["zone"], holidays, saturday=saturday)
    promised = terms.promised_seconds.get(within["setting"])
    if promised is None:
        return None
    desk = Terms(None, terms.zone or pack["zone"], hours=terms.hours, closed_days=terms.closed_days)
    length_ms = round(promised * 1000)
    end_ms = start_ms + length_ms
    if terms.hours is not None:
        opened_ms = open_limit_ms(desk, start_ms, length_ms)
        if opened_ms is None:
            return None
        end_ms = start_ms + opened_ms
    return end_ms, end_ms


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
