"""A cases core on a bench: feeds it what happens to cases, keeps its changelog, and reads what it has told.

Everything told is checked as it comes: one id stands for one content, and a later word never has a smaller revision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from streams.domain.case_deadlines import CASE_DEADLINES
from streams.domain.case_duties import CasePack, CaseRules, standing
from streams.domain.cases import CasesCore
from streams.domain.deadlines import NO_PROMISES, Due, Promises
from streams.domain.decisions import Output
from streams.domain.encoding import iso_time
from streams.domain.events import CASE_EVENTS
from streams.domain.policy import Pack
from streams.policy_packs import packaged
from tests.callback_records import KafkaRecord, directory, event_of
from tests.policy_cases import CASES, TABLE, instant

DESK: Final = packaged("retention-desk@2026.11.0")


def rules(
    *packs: Pack, sector: str | None = "card", base: str = "national", promises: Promises = NO_PROMISES
) -> dict[str, CaseRules]:
    """What the cases of acme are held to: the packaged deadlines unless other packs are given."""
    calendars = (TABLE.named(base), TABLE.named("bank"))
    return {"acme": CaseRules(tuple(CasePack(pack, *calendars, promises) for pack in packs or (CASES,)), sector)}


@dataclass(frozen=True)
class Happened:
    """Something that happened to a case, at a local time in São Paulo; ``delay`` seconds later it is in Kafka."""

    moment: str
    when: str
    case: str = "case-1"
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
                "id": self.event_id or f"{self.moment}@{self.when}",
                "source": "crm-1",
                "type": f"case.{self.moment}",
                "time": iso_time(self.time_ms),
                "data": {"tenant": "acme", "case_id": self.case, **self.data},
            }
        )

    def record(self, offset: int = 0) -> KafkaRecord:
        stamp_ms = self.time_ms + round(self.delay * 1000)
        return KafkaRecord(self.value, f"acme/{self.case}".encode(), offset=offset, timestamp=stamp_ms)


def happened(moment: str, when: str, **changes: Any) -> Happened:
    """What is no field of ``Happened`` goes into the data."""
    own = {name: value for name, value in changes.items() if name in ("case", "delay", "event_id")}
    return Happened(moment, when, **own, data={name: each for name, each in changes.items() if name not in own})


class CaseBench:
    """One core of partition 0, where every case is at home."""

    def __init__(
        self, case_rules: dict[str, CaseRules] | None = None, clock: Literal["wall", "event"] = "wall"
    ) -> None:
        self.rules = rules() if case_rules is None else case_rules
        self._clock: Literal["wall", "event"] = clock
        self.core = self._new_core()
        self.rows: dict[bytes, bytes] = {}
        self.told: dict[str, bytes] = {}
        self.heard: list[tuple[str, str]] = []
        """(finding, state) of everything told, in order."""
        self.last: dict[str, dict[str, Any]] = {}
        """Finding id to its last word."""
        self.deadlines: dict[str, dict[str, Any]] = {}
        """Deadline id to its last record, void ones too."""
        self.letters: list[str] = []
        self._offset = 0
        self._now_ms = 0

    def _new_core(self) -> CasesCore:
        return CasesCore(0, directory(), rules=self.rules, clock=self._clock)

    def take(self, *facts: Happened, now: str | None = None) -> None:
        """Apply facts in one batch; the clock stands at ``now``, else at the newest Kafka timestamp yet."""
        records = [fact.record(self._offset + place) for place, fact in enumerate(facts)]
        self._offset += len(records)
        newest_ms = max((record.timestamp for record in records), default=0) if now is None else instant(now)
        self._now_ms = max(self._now_ms, newest_ms)
        decisions = self.core.apply(CASE_EVENTS, records, self._now_ms, self._now_ms)
        self.letters += [letter.rejection.reason for letter in decisions.dead_letters]
        self._hear(decisions.outputs)

    def tick(self, when: str) -> list[tuple[str, str]]:
        """Let waiting speak; (rule, state) of what it tells."""
        return self.tick_ms(instant(when))

    def tick_ms(self, now_ms: int) -> list[tuple[str, str]]:
        self._now_ms = max(self._now_ms, now_ms)
        before = len(self.heard)
        self._hear(self.core.tick({CASE_EVENTS: self._now_ms}))
        return self.heard[before:]

    def flush(self) -> None:
        changes = self.core.changes()
        assert len(dict(changes.rows)) == len(changes.rows), "a row twice in one flush"
        self._hear(changes.outputs)
        for key, value in changes.rows:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

    def restart(self) -> None:
        self.flush()
        self.core = self._new_core()
        self.core.restore(self.rows)

    def _hear(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if output.topic == CASE_DEADLINES:
                self._keep_deadline(output)
                continue
            assert output.value is not None
            event = event_of(output)
            data = event["data"]
            assert self.told.setdefault(event["id"], output.value) == output.value, "one id, two contents"
            known = self.last.get(data["finding_id"])
            assert known is None or known["revision"] <= data["revision"], "a later word, a smaller revision"
            assert event["type"] == f"deadline.{data['state']}"
            self.last[data["finding_id"]] = data
            self.heard.append((data["rule"], data["state"]))

    def findings(self) -> dict[str, str]:
        """Finding id to state, of those that are not retracted and not merely at risk."""
        return {key: data["state"] for key, data in self.last.items() if data["state"] not in ("retracted", "at_risk")}

    def states(self) -> dict[str, str]:
        """Rule to the last state told of it, in benches of one case that begins each rule once."""
        return {data["rule"]: data["state"] for data in self.last.values()}

    def _keep_deadline(self, output: Output) -> None:
        event = event_of(output)
        assert output.value is not None
        assert self.told.setdefault(event["id"], output.value) == output.value, "one id, two contents"
        earlier = self.deadlines.get(event["data"]["deadline_id"])
        assert earlier is None or earlier["revision"] < event["data"]["revision"], (earlier, event)
        self.deadlines[event["data"]["deadline_id"]] = event["data"]

    def standing(self, now_ms: int) -> dict[str, str]:
        """Every deadline that was told, as it stands at an instant."""
        return {
            each["deadline_id"]: standing(
                each["kind"],
                ended_ms=instant(each["ended_at"]) if "ended_at" in each else None,
                due=Due(instant(each["due_strict"]), instant(each["due_rolled"])),
                now_ms=now_ms,
            )
            for each in self.deadlines.values()
            if not each.get("is_void")
        }

    def figures(self) -> dict[tuple[str, str], int]:
        """(rule, state) to duties."""
        return {(each.rule, each.state): each.deadlines for each in self.core.figures()}
