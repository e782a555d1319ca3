"""Availability: the newest heartbeat of a source stands, and every queue it feeds is told in steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from streams.domain.availability import SOURCE_HEARD_TYPE, AvailabilityCore, SourceHeard
from streams.domain.decisions import Decisions, Ledger, Output, Reason
from streams.domain.directory import Directory
from streams.domain.encoding import read_event
from tests.availability_records import fed_centre, heartbeat, source
from tests.builders import at_ms
from tests.callback_records import KafkaRecord, event_of, policy, stored

STEP = 10
"""Seconds one word stands for where a source may be silent for a minute; nine o'clock begins one."""


def availability(places: Directory | None = None, *, clock: str = "wall") -> AvailabilityCore:
    return AvailabilityCore(0, places or fed_centre(), clock=clock)  # type: ignore[arg-type]  # a builder


def take(core: AvailabilityCore, *records: KafkaRecord) -> Decisions:
    return core.apply("site-events", records, at_ms(0), at_ms(0))


def told(outputs: Iterable[Output]) -> dict[str, float]:
    """Queue to the seconds after nine before which its source was heard, of the last word."""
    words = [event_of(output)["data"] for output in outputs]
    return {word["queue"]: (word["heard_before_ms"] - at_ms(0)) / 1000 for word in words}


def test_every_queue_of_the_site_is_told_in_its_own_partition() -> None:
    """One record per queue, keyed by queue and source; other sites hear nothing."""
    core = availability(fed_centre(partitions={"acme/vendas": 4}))
    assert [(output.topic, output.key, output.partition) for output in take(core, heartbeat()).outputs] == [
        ("queue-staffing", b"acme/sac/pbx-1", 0),
        ("queue-staffing", b"acme/vendas/pbx-1", 4),
    ]


def test_a_queue_reads_between_which_instants_its_source_was_heard() -> None:
    """A step of event time, told whole, so that no order of arrival can change the record."""
    output = take(availability(), heartbeat(13)).outputs[0]
    assert read_event(output.value, {SOURCE_HEARD_TYPE: SourceHeard}) == SourceHeard(
        tenant="acme",
        site="fortaleza",
        queue="sac",
        source="pbx-1",
        revision=at_ms(10),
        at_ms=at_ms(10),
        heard_before_ms=at_ms(20),
    )


def test_only_queues_with_a_channel_of_the_source_are_told() -> None:
    """A chat gateway feeds no voice queue."""
    core = availability(fed_centre(source("hub", channels={"chat"}), source("agents", channels=set())))
    assert told(take(core, heartbeat(0, "hub")).outputs) == {"vendas": STEP}
    assert take(core, heartbeat(0, "agents")).outputs == []


@pytest.mark.parametrize(("silence", "step"), [(1, 0.25), (3, 0.75), (30, 7.5), (40, 10), (60, 10), (604_800, 10)])
def test_a_step_is_a_quarter_of_the_silence_and_at_most_ten_seconds(silence: float, step: float) -> None:
    """A word comes when the newest heartbeat enters another step, and not before."""
    core = availability(fed_centre(source(silence=silence), queues=(policy("sac"),)))
    [first] = take(core, heartbeat()).outputs
    heard = event_of(first)["data"]
    assert (heard["heard_before_ms"] - heard["at_ms"]) / 1000 == step
    inside, beyond = (heard["heard_before_ms"] - at_ms(0)) / 1000 - 0.001, (heard["heard_before_ms"] - at_ms(0)) / 1000
    assert take(core, heartbeat(inside)).outputs == []
    assert told(take(core, heartbeat(beyond)).outputs) == {"sac": beyond + step}


def test_many_queues_and_many_heartbeats_are_no_flood() -> None:
    """Five hundred queues are told once for all that a batch brings, and once in ten seconds of heartbeats."""
    queues = tuple(policy(f"queue-{number}") for number in range(500))
    core = availability(fed_centre(queues=queues))
    assert len(take(core, *(heartbeat(second) for second in range(60))).outputs) == 500
    outputs = [output for second in range(60, 80) for output in take(core, heartbeat(second)).outputs]
    assert len(outputs) == 2 * 500


def test_an_older_heartbeat_or_a_repeat_tells_queues_nothing() -> None:
    """A repeat is known and harmless; an older one tells of a time that was not known."""
    core = availability()
    take(core, heartbeat(30))
    assert take(core, heartbeat(30), heartbeat(10), heartbeat(20)).outputs == []
    assert core.ledger == Ledger(applied=2, duplicate=2)


@pytest.mark.parametrize(("clock", "heard"), [("wall", 10), ("event", 3610)])
def test_a_source_ahead_of_time_was_heard_when_kafka_had_it(clock: str, heard: float) -> None:
    """It must not hide its own silence; by event time there is no other clock."""
    core = availability(clock=clock)
    outputs = take(core, heartbeat(3600, delay=-3595)).outputs
    assert set(told(outputs).values()) == {heard}
    skewed = core.stage_figures().skewed
    assert skewed == ({("acme", "fortaleza", "pbx-1"): 1} if clock == "wall" else {})


@pytest.mark.parametrize(
    ("record", "reason", "place"),
    [
        (KafkaRecord(b"{"), Reason.NOT_JSON, "$"),
        (KafkaRecord(None), Reason.NO_VALUE, "value"),
        (heartbeat(86_401, delay=-86_401), Reason.TOO_EARLY, "$.time"),
        (heartbeat(tenant="umbrella"), Reason.UNKNOWN_TENANT, "$.data.tenant"),
        (heartbeat(site="natal"), Reason.WRONG_SITE, "$.data.site"),
        (heartbeat(site=None), Reason.WRONG_TYPE, "$.data.site"),
        (heartbeat(0, "pbx-2"), Reason.BAD_VALUE, "$.source"),
        (heartbeat(site="recife"), Reason.BAD_VALUE, "$.source"),
        (heartbeat(0, "pbx-far", site="recife"), Reason.WRONG_PARTITION, "$.data"),
        (heartbeat(event_type="channel.up"), Reason.MISSING_FIELD, "$.data"),
        (heartbeat(event_type="channel.up", channel="fax"), Reason.BAD_VALUE, "$.data.channel"),
        (heartbeat(event_type="ivr.menu_presented", level=0, options=[]), Reason.BAD_VALUE, "$.data.level"),
        (heartbeat(event_type="ivr.menu_presented", level=1, options=["a b"]), Reason.BAD_VALUE, "$.data.options"),
    ],
)
def test_a_heartbeat_nobody_waits_for_is_rejected(record: KafkaRecord, reason: Reason, place: str) -> None:
    """It goes to the dead letters with the place, and the count stays whole."""
    far = source("pbx-far", site="recife")
    core = availability(fed_centre(source(), far, partitions={"acme/recife": 3}))
    [letter] = take(core, record).dead_letters
    assert (letter.topic, letter.record, letter.rejection.reason) == ("site-events", record, reason)
    assert place in letter.rejection.detail
    assert core.ledger == Ledger(rejected=1)


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("channel.up", {"channel": "voice"}),
        ("channel.down", {"channel": "voice"}),
        ("ivr.menu_presented", {"level": 1, "options": ["complaint"]}),
        ("human_voice.open", {}),
        ("human_voice.closed", {}),
    ],
)
def test_whatever_a_source_tells_is_a_sign_of_life(event_type: str, data: dict[str, Any]) -> None:
    core = availability()
    assert told(take(core, heartbeat(event_type=event_type, **data)).outputs) == {"sac": STEP, "vendas": STEP}
    assert core.ledger == Ledger(applied=1)


def test_exceptions_are_ignored() -> None:
    """They stay in their topic for reports, and whoever declares one need not be a source."""
    core = availability()
    assert take(core, heartbeat(event_type="exception.declared")) == Decisions()
    assert core.ledger == Ledger(ignored=1)


def test_the_stage_knows_how_fresh_each_source_is() -> None:
    """What the metrics show of it, exact and not in steps."""
    core = availability()
    take(core, heartbeat(-7), heartbeat(-9))
    figures = core.stage_figures()
    assert figures.applied == {("site-events", "source.heartbeat"): 2}
    assert figures.last_event_ms == {("acme", "fortaleza", "pbx-1"): at_ms(-7)}
    assert figures.rows == 1


def test_a_record_given_up_is_dead_lettered() -> None:
    """Without looking at it."""
    core = availability()
    [letter] = core.skip("site-events", heartbeat()).dead_letters
    assert (letter.rejection.reason, core.ledger) == (Reason.INTERNAL_ERROR, Ledger(rejected=1))


def test_a_restored_core_tells_no_step_again() -> None:
    """It knows from its rows what was told."""
    core = availability()
    take(core, heartbeat(12))
    successor = availability()
    successor.restore(stored(core))
    assert take(successor, heartbeat(19)).outputs == []
    assert set(told(take(successor, heartbeat(20)).outputs).values()) == {30}
