"""A queue whose source is silent for longer than expected is stale: its live figures vanish, what it counted stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from streams.domain.availability import AvailabilityCore
from streams.domain.decisions import Ledger, Output
from streams.domain.directory import Directory
from streams.domain.figures import QueueFigures
from streams.domain.intake import Facts
from streams.domain.queues import ClockRules, QueuesCore
from streams.domain.staffing import QUEUE_STAFFING
from tests.availability_records import fed_centre, heartbeat, source
from tests.builders import Fact, answered, at_ms, offered
from tests.callback_records import KafkaRecord, event_of
from tests.queue_bench import BY_EVENTS, INTAKES, LIVE
from tests.unit.test_agents_of_queues import gone, word

SILENCE = 60
STEP = 10
"""A queue learns of its source in steps: whoever is heard at 0 was heard before 10, and is silent after 70."""
SILENT_FROM = STEP + SILENCE + 0.001
HUB = source("hub", channels={"chat"})


class Fed:
    """A queues core and the availability core that speaks to it, both of partition 0."""

    def __init__(self, places: Directory | None = None, clock: ClockRules = LIVE) -> None:
        self.places = places or fed_centre()
        self.clock = clock
        self.queues = self._new()
        self.availability = AvailabilityCore(0, self.places, clock=clock.kind)
        self.rows: dict[bytes, bytes] = {}

    def _new(self) -> QueuesCore:
        return QueuesCore(0, self.places, facts=Facts(None, None), clock=self.clock)

    def beat(self, seconds: float, name: str = "pbx-1", **changes: Any) -> None:
        """The source says that it lives, and its queues hear of it."""
        record = heartbeat(seconds, name, **changes)
        self.tell(self.availability.apply("site-events", [record], at_ms(0), at_ms(0)).outputs)

    def tell(self, outputs: Iterable[Output]) -> None:
        self.staff(*(KafkaRecord(output.value, output.key) for output in outputs))

    def staff(self, *records: KafkaRecord) -> int | None:
        return self.queues.apply(QUEUE_STAFFING, records, 0, at_ms(0)).newest_event_ms

    def take(self, *facts: Fact) -> None:
        for fact in facts:
            self.queues.apply(fact.topic, [fact.record()], fact.kafka_ms, fact.kafka_ms)

    def pass_time(self, seconds: float, *topics: str) -> list[str]:
        """Let the clocks of these topics (all of them) reach the instant, in the small steps in which time passes;
        the states of the findings that come of it."""
        whole = topics or (*INTAKES, QUEUE_STAFFING)
        staffing_ms = self.queues._now_ms.get(QUEUE_STAFFING, 0) or at_ms(seconds)
        told: list[Output] = []
        while staffing_ms < at_ms(seconds):
            staffing_ms += min(5_000, at_ms(seconds) - staffing_ms)
            told += self.queues.tick(dict.fromkeys(whole, staffing_ms))
        told += self.queues.tick(dict.fromkeys(whole, at_ms(seconds)))
        return [event_of(output)["data"]["state"] for output in told]

    def restart(self) -> None:
        self.rows |= {key: value for key, value in self.queues.changes().rows if value is not None}
        self.queues = self._new()
        self.queues.restore(self.rows)

    def figures(self, queue: str = "sac", channel: str = "voice", seconds: float = 0) -> QueueFigures:
        stale = dict.fromkeys((*INTAKES, QUEUE_STAFFING), False)
        figures = self.queues.figures(wall_ms=at_ms(seconds), stale=stale)
        [wanted] = [each for each in figures if (each.queue, each.channel) == (queue, channel)]
        return wanted

    def is_stale(self, queue: str = "sac", channel: str = "voice") -> bool:
        return self.figures(queue, channel).live is None


def test_a_queue_without_configured_sources_is_never_stale_for_silence() -> None:
    """Nobody said how long it may be silent."""
    fed = Fed(fed_centre(source(site="recife")))
    fed.pass_time(0)
    fed.pass_time(100_000)
    assert (fed.is_stale(), fed.is_stale("longe")) == (False, True)


@pytest.mark.parametrize(("seconds", "is_stale"), [(0, False), (60, False), (60.001, True), (1000, True)])
def test_a_source_never_heard_is_silent_from_the_first_moment_anyone_listened(
    seconds: float, *, is_stale: bool
) -> None:
    """Not stale at once on a fresh start, and not fresh for ever either."""
    fed = Fed()
    assert not fed.is_stale()
    fed.pass_time(0)
    fed.pass_time(seconds)
    assert fed.is_stale() is is_stale


@pytest.mark.parametrize(("seconds", "is_stale"), [(0, False), (70, False), (SILENT_FROM, True), (1000, True)])
def test_a_source_heard_is_silent_past_its_expectation(seconds: float, *, is_stale: bool) -> None:
    """Never too early, and at most one step of what queues are told too late."""
    fed = Fed()
    fed.pass_time(-30)
    fed.beat(0)
    fed.pass_time(seconds)
    assert fed.is_stale() is is_stale


def test_a_source_that_is_back_makes_its_queue_live_again() -> None:
    """As often as it comes and goes."""
    fed = Fed()
    for start in (0, 1000):
        fed.beat(start)
        fed.pass_time(start)
        assert not fed.is_stale()
        fed.pass_time(start + SILENT_FROM)
        assert fed.is_stale()


def test_a_stale_queue_shows_what_it_shows_under_a_stale_clock() -> None:
    """Nothing live; day counts, counters and the line itself stay, and are shown again with the next sign of life."""
    fed = Fed()
    fed.take(offered(0), answered(10), offered(20, contact="c2"))
    fed.pass_time(21)
    before = fed.figures()
    assert before.live is not None
    fed.pass_time(200)
    silent = fed.figures()
    by_clock = fed.queues.figures(wall_ms=at_ms(0), stale=dict.fromkeys(INTAKES, True))
    assert silent in by_clock
    assert silent.live is None
    assert silent.day_outcomes == before.day_outcomes
    fed.beat(200)
    live = fed.figures().live
    assert live is not None
    assert (live.waiting_contacts, live.longest_wait_seconds) == (1, 180.0)


def test_findings_follow_the_clock_while_the_source_is_silent() -> None:
    """As far as anyone knows the caller waits; an answer that was in time all along takes the finding back."""
    fed = Fed()
    fed.take(offered(0))
    assert fed.pass_time(200) == ["open"]
    assert fed.is_stale()
    late = answered(50).record(1)
    outputs = fed.queues.apply("call-events", [late], at_ms(200), at_ms(200)).outputs
    assert [event_of(output)["data"]["state"] for output in outputs if output.topic == "sla-breaches"] == ["retracted"]


def test_contacts_are_a_sign_of_life_of_their_source() -> None:
    """Live ones: to the millisecond, for every queue of the partition that the source feeds, also when repeated."""
    fed = Fed()
    fed.pass_time(0)
    fed.take(offered(55), offered(55))
    fed.pass_time(55 + SILENCE)
    assert (fed.is_stale(), fed.is_stale("vendas")) == (False, False)
    fed.pass_time(55.001 + SILENCE)
    assert (fed.is_stale(), fed.is_stale("vendas")) == (True, True)


@pytest.mark.parametrize(
    "fact",
    [
        offered(55, source="pbx-2"),
        offered(55, delay=1200),
        offered(3600, delay=-3600),
        offered(55, queue="nowhere"),
    ],
    ids=["of a source not configured", "of the past", "ahead of time", "rejected"],
)
def test_what_is_no_sign_of_life_now_leaves_the_queue_stale(fact: Fact) -> None:
    """Replays and wrong clocks hide no silence: an event lives no later than it reached Kafka."""
    fed = Fed()
    fed.pass_time(0)
    fed.take(fact)
    fed.pass_time(SILENCE + 0.001)
    assert fed.is_stale()


def test_the_silence_of_a_source_of_other_channels_does_not_matter() -> None:
    """By queue and by channel of one queue."""
    fed = Fed(fed_centre(source(channels={"voice"}), HUB))
    fed.beat(0)
    fed.beat(0, "hub")
    fed.pass_time(0)
    fed.beat(60)
    fed.pass_time(SILENT_FROM)
    assert not fed.is_stale("sac")
    assert not fed.is_stale("vendas", "voice")
    assert fed.is_stale("vendas", "chat")


def test_one_silent_source_of_several_makes_the_queue_stale() -> None:
    """What the others tell is not all there is to know."""
    fed = Fed(fed_centre(source(), source("pbx-2")))
    fed.pass_time(0)
    fed.beat(60)
    fed.beat(60, "pbx-2")
    fed.pass_time(100)
    fed.beat(100)
    assert not fed.is_stale()
    fed.pass_time(60 + SILENT_FROM)
    assert fed.is_stale()


def test_another_site_lives_on() -> None:
    """Its source is another one, even by the same name."""
    fed = Fed(fed_centre(source(), source(site="recife")))
    fed.pass_time(0)
    for seconds in (0, 60, 120):
        fed.beat(seconds, site="recife")
        fed.pass_time(seconds)
    assert (fed.is_stale(), fed.is_stale("longe")) == (True, False)


def test_by_event_time_the_words_that_queues_hear_are_the_clock() -> None:
    """A feed that dies takes the clock of its own topic along; agents and other sources go on telling the time. It may
    pass in leaps."""
    fed = Fed(fed_centre(source(), source("pbx-far", site="recife", silence=3600)), BY_EVENTS)
    fed.beat(0, delay=-9000)
    fed.pass_time(0, QUEUE_STAFFING)
    fed.queues.tick(dict.fromkeys(INTAKES, at_ms(10_000)))
    assert not fed.is_stale()
    fed.queues.tick({QUEUE_STAFFING: at_ms(SILENT_FROM)})
    assert (fed.is_stale(), fed.is_stale("longe")) == (True, False)
    fed.queues.tick({QUEUE_STAFFING: at_ms(4000)})
    assert fed.is_stale("longe")


def test_catching_up_is_not_silence_of_those_never_heard() -> None:
    """Under the wall clock time that passes at once is time nobody could listen in; of those heard it is known since
    when they are silent."""
    fed = Fed(fed_centre(source(), source(site="recife")))
    fed.pass_time(-90_000)
    fed.beat(-90_000)
    fed.queues.tick({QUEUE_STAFFING: at_ms(0)})
    assert (fed.is_stale(), fed.is_stale("longe")) == (True, False)
    fed.pass_time(SILENCE + 1)
    assert fed.is_stale("longe")


def test_what_was_heard_survives_a_restart() -> None:
    """From heartbeats and from contacts, though the topic is not read again; one never heard has its time anew."""
    fed = Fed(fed_centre(source(), HUB, source(site="recife")))
    fed.pass_time(-500)
    fed.beat(0, "hub")
    fed.take(offered(5))
    fed.pass_time(10)
    fed.restart()
    assert fed.queues.stage_figures().rows == len(fed.rows) - 2  # the ledger and the feed are no keys of it
    fed.pass_time(30)
    assert [fed.is_stale(), fed.is_stale("vendas", "chat"), fed.is_stale("longe")] == [False, False, False]
    fed.pass_time(67)
    assert [fed.is_stale(), fed.is_stale("vendas", "chat"), fed.is_stale("longe")] == [True, True, False]
    fed.pass_time(91)
    assert fed.is_stale("longe")


def test_a_word_on_a_source_is_told_apart_from_one_on_an_agent() -> None:
    """Also where both have one name; what tells nothing newer is a duplicate, what is not for us is ignored."""
    fed = Fed()
    outputs = fed.availability.apply("site-events", [heartbeat(0)], at_ms(0), at_ms(0)).outputs
    [heard, *_] = [KafkaRecord(output.value, output.key) for output in outputs]
    assert fed.staff(word(agent="pbx-1"), heard, heard) == at_ms(0)
    assert fed.queues.inputs.ledger == Ledger(applied=2, duplicate=1)
    live = fed.figures().live
    assert live is not None
    assert live.agents["available"] == 1
    fed.staff(gone("pbx-1"))
    live = fed.figures().live
    assert live is not None
    assert live.agents["available"] == 0
    fed.pass_time(-1000)
    fed.pass_time(70)
    assert not fed.is_stale()
    strange = AvailabilityCore(0, fed_centre(source("pbx-9")), clock="wall")
    fed.tell(strange.apply("site-events", [heartbeat(0, "pbx-9")], at_ms(0), at_ms(0)).outputs)
    assert fed.queues.inputs.ledger == Ledger(applied=3, duplicate=1, ignored=2)
