"""An availability core on a bench: feeds it what sources say of their sites, keeps its changelog, reads what it tells.

Everything told is checked as it comes: one id stands for one content, and a later word never has a smaller revision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from streams.domain.availability import AvailabilityCore
from streams.domain.decisions import Output
from streams.domain.encoding import iso_time
from streams.domain.events import SITE_EVENTS
from streams.partitioning import partition_of
from streams.settings import Settings
from tests.callback_records import KafkaRecord, event_of
from tests.configuration import parsed
from tests.policy_cases import instant

PACK: Final = "br-availability@2026.11.0"


def held_site(*, channels: Iterable[str] = ("voice", "chat"), silence: float = 60, **changes: Any) -> Settings:
    """Acme in Fortaleza, held to the packaged rules, with the sources pbx-1 (voice) and hub (chat)."""
    place = {"tenant": "acme", "site": "fortaleza"}
    return parsed(
        ("kafka.partitions", 1),
        ("sites[0].zone", "America/Sao_Paulo"),
        ("sources", [{**place, "source": name, "expected_silence_seconds": silence} for name in ("pbx-1", "hub")]),
        ("availability", [{**place, "policies": [PACK], "channels": list(channels), **changes}]),
    )


@dataclass(frozen=True)
class Said:
    """What a source says of Fortaleza at a local time in São Paulo; ``delay`` seconds later it is in Kafka."""

    kind: str
    when: str
    source: str = "pbx-1"
    delay: float = 0.5
    event_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def time_ms(self) -> int:
        return instant(self.when)

    @property
    def value(self) -> bytes:
        return msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": self.event_id or f"{self.kind}@{self.when}{sorted(self.data.items())}"[:200],
                "source": self.source,
                "type": self.kind,
                "time": iso_time(self.time_ms),
                "data": {"tenant": "acme", "site": "fortaleza", **self.data},
            }
        )

    def record(self, offset: int = 0) -> KafkaRecord:
        stamp_ms = self.time_ms + round(self.delay * 1000)
        return KafkaRecord(self.value, b"acme/fortaleza", offset=offset, timestamp=stamp_ms)


def said(kind: str, when: str, **changes: Any) -> Said:
    """What is no field of ``Said`` goes into the data."""
    own = {name: value for name, value in changes.items() if name in ("source", "delay", "event_id")}
    return Said(kind, when, **own, data={name: each for name, each in changes.items() if name not in own})


def beats(first: str, last: str, *, every: float = 60, source: str = "pbx-1") -> list[Said]:
    """Heartbeats from one instant to another, inclusive."""
    step_ms = round(every * 1000)
    times = range(instant(first), instant(last) + 1, step_ms)
    return [said("source.heartbeat", iso_time(time_ms), source=source) for time_ms in times]


class SiteBench:
    """One core of partition 0."""

    def __init__(self, settings: Settings | None = None, clock: Literal["wall", "event"] = "wall") -> None:
        self.settings = settings or held_site()
        self._clock: Literal["wall", "event"] = clock
        self.core = self._new_core()
        self.rows: dict[bytes, bytes] = {}
        self.told: dict[str, bytes] = {}
        self.heard: list[tuple[str, str]] = []
        """(rule, state) of every finding told, in order."""
        self.last: dict[str, dict[str, Any]] = {}
        """Finding id, or date, to its last word."""
        self.letters: list[str] = []
        self._now_ms = 0

    def _new_core(self) -> AvailabilityCore:
        rules = self.settings.site_rules()
        return AvailabilityCore(0, self.settings.directory(partition_of), clock=self._clock, rules=rules)

    def take(self, *told: Said, now: str | None = None) -> list[tuple[str, str]]:
        """Apply in one batch; the clock stands at ``now``, else at the newest Kafka timestamp yet."""
        records = [each.record(place) for place, each in enumerate(told)]
        newest_ms = max((record.timestamp for record in records), default=0) if now is None else instant(now)
        self._now_ms = max(self._now_ms, newest_ms)
        before = len(self.heard)
        decisions = self.core.apply(SITE_EVENTS, records, self._now_ms, self._now_ms)
        self.letters += [letter.rejection.reason for letter in decisions.dead_letters]
        self._hear(decisions.outputs)
        return self.heard[before:]

    def tick(self, when: str) -> list[tuple[str, str]]:
        """Let waiting speak; (rule, state) of what it tells."""
        self._now_ms = max(self._now_ms, instant(when))
        before = len(self.heard)
        self._hear(self.core.tick({SITE_EVENTS: self._now_ms}))
        return self.heard[before:]

    def flush(self) -> None:
        changes = self.core.changes()
        assert len(dict(changes.rows)) == len(changes.rows), "a row twice in one flush"
        for key, value in changes.rows:
            assert value is not None
            self.rows[key] = value
        assert self.rows.items() <= dict(self.core.snapshot()).items()

    def restart(self) -> None:
        self.flush()
        self.core = self._new_core()
        self.core.restore(self.rows)

    def _hear(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            event = event_of(output)
            if event["type"] == "source.heard":
                continue
            assert output.value is not None
            assert self.told.setdefault(event["id"], output.value) == output.value, "one id, two contents"
            data = event["data"]
            name = data.get("finding_id") or data["date"]
            earlier = self.last.get(name)
            assert earlier is None or earlier["revision"] <= data["revision"], (earlier, data)
            self.last[name] = data
            if "finding_id" in data:
                self.heard.append((data["rule"], data["state"]))

    def findings(self) -> dict[str, str]:
        """Every finding that stands, with its state."""
        return {
            name: data["state"]
            for name, data in self.last.items()
            if "finding_id" in data and data["state"] != "retracted"
        }

    def days(self) -> dict[str, dict[str, Any]]:
        """Date to its last record."""
        return {name: data for name, data in self.last.items() if "finding_id" not in data}

    def records(self) -> dict[str, dict[str, Any]]:
        """The same by the record's own id."""
        return {data["day_id"]: data for data in self.days().values()}

    def verdicts(self, date: str) -> dict[str, str]:
        return {each["rule"]: each["verdict"] for each in self.days()[date]["verdicts"]}
