"""A queues core on a bench: feeds it facts, keeps its changelog, and reads what it has told the world.

Everything told is checked as it comes: one CloudEvents id stands for one content, and what is said of a subject later
never has a smaller revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import msgspec

from streams.domain.decisions import Decisions, Output
from streams.domain.directory import Directory
from streams.domain.events import CALL_EVENTS, CHAT_EVENTS, EMAIL_EVENTS
from streams.domain.figures import QueueFigures
from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from streams.domain.signals import CALLBACK_SIGNALS, DIALLING_LOG, SIGNAL_TYPES, Signal
from streams.topics import SLA_BREACHES
from tests.builders import PSEUDONYMS, Fact, at_ms
from tests.callback_records import NINE_MS, PlainSealer, directory, event_of, policy

INTAKES: Final = (CALL_EVENTS, CHAT_EVENTS, EMAIL_EVENTS)
LIVE: Final = ClockRules("wall")
BY_EVENTS: Final = ClockRules("event")


def centre(**changes: Any) -> Directory:
    """sac for voice; vendas for voice, chat and WhatsApp; correio for e-mail; retornos for callbacks.

    The answer is due in 20 s and the wait over at 60 s, in correio 4 h and 24 h; short is up to 5 s.
    """
    written = {"answer_target_ms": 4 * 3_600_000, "max_wait_ms": 24 * 3_600_000, "callback_queue": None}
    return directory(
        policy("sac", **changes),
        policy("vendas", channels=frozenset({"voice", "chat", "whatsapp"}), **changes),
        policy("correio", channels=frozenset({"email"}), **written | changes),
        policy("retornos", callback_queue=None),
    )


class Bench:
    """One core of partition 0, where every queue and customer is at home. A forgetful one is fed beyond the retention
    of its visits, where one that comes again is a new one: its revisions are not checked."""

    def __init__(
        self, places: Directory | None = None, clock: ClockRules = LIVE, *, is_forgetful: bool = False
    ) -> None:
        self._places = places or centre()
        self._clock = clock
        self._is_forgetful = is_forgetful
        self.core = self._new_core()
        self.rows: dict[bytes, bytes] = {}
        self.told: dict[str, bytes] = {}
        """Id of each event to its bytes."""
        self.heard: list[str] = []
        """Ids of the events in the order they were told, repeats included."""
        self.last: dict[tuple[str, str], bytes] = {}
        """(topic, subject) to the record of the last revision; signals apart."""
        self.log_entries: list[dict[str, Any]] = []
        """What owners of callback queues were told."""
        self.signals: dict[str, Signal] = {}
        """Subject to the signal of the highest revision."""
        self.letters: list[tuple[str, int, str]] = []
        """Topic, offset and reason of each dead letter."""
        self.given = 0
        self.now_ms = dict.fromkeys(INTAKES, 0)
        """What the core was last told of each topic's clock."""
        self._offsets = dict.fromkeys(INTAKES, 0)
        self._now_ms = 0

    def _new_core(self) -> QueuesCore:
        return QueuesCore(0, self._places, facts=Facts(PSEUDONYMS, PlainSealer()), clock=self._clock)

    # -- what happens to the core -------------------------------------------------------------------------------------

    def take(self, *facts: Fact, now: float | None = None) -> list[Decisions]:
        """Apply facts in runs of one topic; ``now`` in seconds after nine, else the newest Kafka timestamp so far."""
        newest_ms = max((fact.kafka_ms for fact in facts), default=0) if now is None else at_ms(now)
        self._now_ms = max(self._now_ms, newest_ms)
        return [self._apply(topic, list(run)) for topic, run in groupby(facts, key=lambda fact: fact.topic)]

    def _apply(self, topic: str, facts: Sequence[Fact]) -> Decisions:
        first = self._offsets[topic]
        records = [each.record(first + place) for place, each in enumerate(facts)]
        self._offsets[topic] += len(records)
        self.given += len(records)
        self.now_ms[topic] = self._now_ms
        decisions = self.core.apply(topic, records, self._now_ms, self._now_ms)
        self.letters += [(letter.topic, letter.offset, letter.rejection.reason) for letter in decisions.dead_letters]
        self._hear(decisions.outputs)
        return decisions

    def tick(self, now: float) -> list[dict[str, Any]]:
        """Let waiting speak; the findings it tells."""
        self._now_ms = max(self._now_ms, at_ms(now))
        self.now_ms = dict.fromkeys(INTAKES, self._now_ms)
        outputs = self.core.tick(self.now_ms)
        self._hear(outputs)
        return [event_of(output)["data"] for output in outputs if output.topic == SLA_BREACHES]

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
        """A successor takes over from what was flushed."""
        self.flush()
        self.core = self._new_core()
        self.core.restore(self.rows)

    def close(self, now: float) -> None:
        """Let every topic see the instant, so that all that waiting has made true is recorded, and flush.

        Twice: whoever is given up may be past the retention at once, which is the next apply's business.
        """
        self._now_ms = max(self._now_ms, at_ms(now))
        for topic in INTAKES * 2:
            self._apply(topic, [])
        self.flush()

    # -- what it says -------------------------------------------------------------------------------------------------

    def _hear(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            assert output.value is not None
            event = event_of(output)
            self.heard.append(event["id"])
            known = self.told.setdefault(event["id"], output.value)
            assert self._is_forgetful or known == output.value, "one id, two contents"
            if output.topic == CALLBACK_SIGNALS:
                self._hear_signal(event["type"], event["data"])
            elif output.topic == DIALLING_LOG:
                self.log_entries.append(event)
            else:
                self._hear_revision(output.topic, event, output.value)

    def _hear_revision(self, topic: str, event: dict[str, Any], value: bytes) -> None:
        place = (topic, event["subject"])
        if place in self.last and not self._is_forgetful:
            assert event["data"]["revision"] >= _data(self.last[place])["revision"], "a later word, a smaller revision"
        self.last[place] = value

    def _hear_signal(self, event_type: str, data: dict[str, Any]) -> None:
        signal = msgspec.convert(data, SIGNAL_TYPES[event_type])
        known = self.signals.get(signal.subject)
        assert known is None or self._is_forgetful or signal.rank > known.rank, "a later signal, a smaller revision"
        self.signals[signal.subject] = signal

    def records(self, topic: str) -> dict[str, bytes]:
        """Subject to the bytes of its last revision."""
        return {subject: value for (of_topic, subject), value in self.last.items() if of_topic == topic}

    def _data_of(self, topic: str) -> dict[str, dict[str, Any]]:
        return {subject: _data(value) for subject, value in self.records(topic).items()}

    def outcomes(self) -> dict[str, dict[str, Any]]:
        """Visit id to its record."""
        return self._data_of("contact-outcomes")

    def findings(self) -> dict[str, dict[str, Any]]:
        """Visit id to its finding."""
        return {data["visit_id"]: data for data in self._data_of("sla-breaches").values()}

    def finding(self, visit_id: str) -> str | None:
        """The state of a visit's finding, None when there is none."""
        told = self.findings().get(visit_id)
        return None if told is None else str(told["state"])

    def intervals(self) -> dict[str, dict[str, Any]]:
        """Interval id to its record."""
        return self._data_of("queue-intervals")

    def standing_signals(self) -> dict[str, Signal]:
        """Subject to signal, of what holds in the end; the revision at which it was said does not matter."""
        return {
            subject: msgspec.structs.replace(signal, revision=1)
            for subject, signal in self.signals.items()
            if signal.stands
        }

    def figures(self, queue: str = "sac", channel: str = "voice") -> QueueFigures:
        figures = self.core.figures(wall_ms=self._now_ms or NINE_MS, stale=dict.fromkeys(INTAKES, False))
        [wanted] = [each for each in figures if (each.queue, each.channel) == (queue, channel)]
        return wanted


def strict() -> Bench:
    """A bench whose limit is 45 s; the grace of a tick is 2 s."""
    return Bench(centre(max_wait_ms=45_000))


def _data(value: bytes) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(value)["data"]
    return data
