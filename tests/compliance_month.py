"""A month of calls, cases and site events around the dates on which rules change, small enough for every test run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

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


def event(kind: str, at: datetime, source: str, /, **data: Any) -> dict[str, Any]:
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
            ("cancel_effective", 0.2, 3, {}),
            ("retention_closed", 0.2, 3, {"outcome": "retained"}),
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

        def say(kind: str, hours: float, day: datetime = day, /, **data: Any) -> None:
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
        if number % 10 == 0:
            lasting = {"starts_at": day.isoformat(), "ends_at": (day + timedelta(hours=23)).isoformat()}
            say("exception.declared", 22, kind="systemic_outage", queues=["luz"], evidence=f"storm {number}", **lasting)
        if number % 15 == 0:
            say("exception.declared", 22.5, kind="atypical_day", evidence=f"day {number}", **lasting)
    return sorted(told, key=lambda each: each["time"])
