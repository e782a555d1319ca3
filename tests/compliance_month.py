"""A month of calls, cases and site events, and what a recount makes of it: what its compliance file must say."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.domain.recount import read_events, recount
from streams.domain.recount_cases import case_duties_of, read_cases
from streams.domain.recount_sites import count_site, read_sites
from streams.recount_terms import case_terms_of, limits_of, site_terms_of
from streams.settings import Settings

CALLS: Final = 600
CASES: Final = 150
START: Final = datetime(2022, 9, 20, tzinfo=UTC)
"""The law ends on 2 October; the 12th is a holiday, the 7th the 5th business day."""
MONTH: Final = "2022-10"
ZONE: Final = "America/Sao_Paulo"


def document() -> dict[str, Any]:
    place = {"tenant": "acme", "site": "sao-paulo", "channels": ["voice"], "answer_target_seconds": 30}
    sac = {**place, "policy": "br-sac@2026.11.0"}
    site = {"tenant": "acme", "site": "sao-paulo"}
    return {
        "sources": [{**site, "source": "pbx", "expected_silence_seconds": 12 * 3600}],
        "availability": [{**site, "policies": ["br-availability@2026.11.0"], "channels": ["voice", "chat"]}],
        "cases": [{"tenant": "acme", "policies": ["br-cases@2026.11.2", "retention-desk@2026.11.0"], "sector": "bank"}],
        "clock": {"mode": "event", "lateness_seconds": 0},
        "sites": [{"tenant": "acme", "site": "sao-paulo", "zone": ZONE, "state": "SP"}],
        "queues": [{**sac, "queue": "banco", "sector": "bank"}, {**sac, "queue": "luz", "sector": "energy"}],
    }


def calls(seed: int) -> list[dict[str, Any]]:
    """Calls of 45 days around limits and midnights, some asked for before they were offered, some transferred."""
    random = Random(seed)
    told = []
    for number in range(CALLS):
        day = START + timedelta(days=random.randrange(45))
        at = day + timedelta(seconds=random.choice([random.randrange(86_400), 3 * 3600 - 30, 3 * 3600 + 1]))
        place = {"tenant": "acme", "site": "sao-paulo", "queue": random.choice(["banco", "luz"]), "channel": "voice"}
        asked: dict[str, Any] = {}
        if random.random() < 0.4:
            asked["requested_at"] = (at - timedelta(seconds=random.randrange(60))).isoformat()
        if random.random() < 0.1:
            asked["transferred_from"] = "triagem"
        wait = random.choice([5, 30, 30.001, 44, 45, 45.001, 60, 60.001, 90, 90.001, 120])
        leave = random.choice(["answered", "answered", "abandoned"])
        for kind, time, more in (("offered", at, asked), (leave, at + timedelta(seconds=wait), {})):
            event = {"specversion": "1.0", "id": f"c{number}/{kind}", "source": "pbx", "type": f"contact.{kind}"}
            data = {**place, "contact_id": f"c{number}", **more}
            told.append({**event, "time": time.isoformat(timespec="milliseconds"), "data": data})
    return sorted(told, key=lambda each: each["time"])


def event(kind: str, at: datetime, source: str, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{kind}/{data.get('case_id', source)}/{at.timestamp():.3f}",
        "source": source,
        "type": kind,
        "time": at.isoformat(timespec="milliseconds"),
        "data": {"tenant": "acme", **data},
    }


def cases(seed: int) -> list[dict[str, Any]]:
    """Some of each kind, some in time, some late, some never; of the old regime and of the new one, in order."""
    random = Random(seed)
    told = []
    for number in range(CASES):
        at, case = START + timedelta(seconds=random.randrange(45 * 86_400)), f"case-{number}"
        demand = random.choice(["complaint", "ombudsman", "undue_charge", "cancellation"])
        told.append(event("case.registered", at, "crm", case_id=case, demand=demand))
        for moment, share, hours, more in (
            ("protocol_issued", 0.8, 30, {"protocol": f"2022{number:09d}"}),
            ("answered", 0.3, 100, {"conclusive": False, "extension_reason": "a document is missing"}),
            ("answered", 0.7, 14 * 24, {}),
            ("history_requested", 0.3, 48, {}),
            ("history_sent", 0.3, 9 * 24, {}),
            ("cancel_requested", 0.3, 1, {}),
            ("cancel_effective", 0.3, 3, {}),
            ("leader_alerted", 0.2, 1, {}),
        ):
            if random.random() < share:
                later = at + timedelta(seconds=random.randrange(hours * 3600))
                told.append(event(f"case.{moment}", later, "crm", case_id=case, **more))
    return sorted(told, key=lambda each: each["time"])


def site_events(seed: int) -> list[dict[str, Any]]:
    """Days of a telephone that is open for 7 to 10 hours, with outages, poor menus, and two days without a word."""
    random = Random(seed)
    told = []
    for number in range(44):
        day = START + timedelta(days=number, hours=3)
        if number in (25, 26):
            continue

        def say(kind: str, hours: float, day: datetime = day, **data: Any) -> None:
            told.append(event(kind, day + timedelta(hours=hours), "pbx", site="sao-paulo", **data))

        for hours in range(0, 24, 6):
            say("source.heartbeat", hours)
        say("channel.up", 0.001, channel="voice")
        say("channel.up", 0.001, channel="chat")
        opens = random.uniform(7, 9)
        say("human_voice.closed", 0.002)
        say("human_voice.open", opens)
        say("human_voice.closed", opens + random.choice([7, 7.9999, 8, 10]))
        if random.random() < 0.3:
            say("channel.down", 20, channel="voice")
            say("channel.down", 21, channel="chat")
        options = ["human", "complaint", "cancellation"] if random.random() < 0.8 else ["human"]
        say("ivr.menu_presented", 10, level=1, options=options)
    return sorted(told, key=lambda each: each["time"])


def recounted(events: list[dict[str, Any]], settings: Settings) -> Counter[tuple[str, ...]]:
    """Queue, local date, rule and verdict of every call of the month, to how many there are."""
    counted = recount(read_events(json.dumps(each) for each in events), zone=ZONE)
    limit_of = limits_of(settings)
    verdicts: Counter[tuple[str, ...]] = Counter()
    for visit in counted.visits:
        day = datetime.fromtimestamp(visit.offered_ms / 1000, ZoneInfo(ZONE)).date().isoformat()
        limit = limit_of(visit)
        verdict = "no_limit" if limit.limit_ms is None else "breached" if limit.is_over(visit.wait_ms) else "met"
        if day.startswith(MONTH):
            verdicts[visit.queue, day, limit.rule, verdict] += 1
    return verdicts


def deadlines_in(found: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Rule to due, met, missed and extended; a rule has a line for each of its regimes."""
    counted: dict[str, Counter[str]] = {}
    for line in found["deadlines"]:
        if line["due"]:
            names = ("due", "met", "missed", "extended")
            counted.setdefault(line["rule"], Counter()).update({name: line[name] for name in names})
    return {rule: (n["due"], n["met"], n["missed"], n["extended"]) for rule, n in counted.items()}


def deadlines_of(events: list[dict[str, Any]], settings: Settings) -> dict[str, tuple[int, ...]]:
    terms = case_terms_of(settings)
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    counted: dict[str, Counter[str]] = {}
    for key, each in case_duties_of(read_cases(map(json.dumps, events)), terms, now_ms=now_ms).items():
        if f"{datetime.fromtimestamp(each.strict_ms / 1000, ZoneInfo(ZONE)):%Y-%m}" == MONTH:
            rule = counted.setdefault(key.split(":")[1], Counter())
            rule.update(["due", each.state, *(["extended"] if each.is_extended else [])])
    return {rule: (n["due"], n["met"], n["confirmed"], n["extended"]) for rule, n in counted.items()}


def availability_in(found: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Rule to dates met, breached, unknown, and findings."""
    return {
        line["rule"]: (line["met"], line["breached"], line["unknown"], len(line["findings"]))
        for line in found["availability"]
    }


def availability_of(events: list[dict[str, Any]], settings: Settings) -> dict[str, tuple[int, ...]]:
    """As of the last event: every date of the month is over by then."""
    terms = site_terms_of(settings)["acme", "sao-paulo"]
    now_ms = round(max(datetime.fromisoformat(each["time"]).timestamp() for each in events) * 1000)
    counted = count_site(read_sites(map(json.dumps, events)), terms, now_ms=now_ms)
    verdicts: dict[str, Counter[str]] = {}
    for (day, rule, _), verdict in counted.verdicts.items():
        if day.startswith(MONTH):
            verdicts.setdefault(rule, Counter()).update([verdict])
    findings = Counter(key.split(":")[1] for key in counted.findings if began_in_month(key.split(":")[2]))
    return {rule: (n["met"], n["breached"], n["unknown"], findings[rule]) for rule, n in verdicts.items()}


def began_in_month(about: str) -> bool:
    """What a finding is about: an instant, a date, or a menu on a date."""
    if about.isdigit():
        return f"{datetime.fromtimestamp(int(about) / 1000, ZoneInfo(ZONE)):%Y-%m}" == MONTH
    return about.rpartition("@")[2].startswith(MONTH)
