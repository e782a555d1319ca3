"""`filaviva dead-letters`: what an operator reads, and what a replay says."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from streams.cli.dead_letters import dead_letters
from streams.connections import librdkafka_options
from streams.dead_letters import SourcePlace, dead_letter_record, source_letter
from streams.domain.decisions import DeadLetter, Reason, Rejection
from streams.record_sender import RecordSender
from streams.settings_sections import Kafka
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.event_records import StoredRecord, event, structured

PARTITIONS = 2
SECRET = "+5585997465553"
UNKNOWN_QUEUE = Rejection(Reason.UNKNOWN_QUEUE, "$.data.queue: not in the configuration")
NOT_UTF8 = Rejection(Reason.NOT_UTF8, "the value is not UTF-8 at byte 0")


@pytest.fixture
def prepared(broker: BrokerUnderTest) -> BrokerUnderTest:
    """Empty dead letters, two input topics."""
    for topic in ("dead-letters", "call-events", "chat-events"):
        broker.create_topic(full_name(broker.prefix, topic), PARTITIONS)
    return broker


def write(broker: BrokerUnderTest, *letters: tuple[str, int, Rejection, StoredRecord | None]) -> None:
    """Dead letters by topic (without prefix), offset in partition 1, why, and the record."""
    with RecordSender([broker.bootstrap], librdkafka_options(Kafka(brokers=(broker.bootstrap,)))) as sender:
        for topic, offset, rejection, record in letters:
            dead = DeadLetter(topic, offset, rejection, record)
            key, value, headers = dead_letter_record("queues", full_name(broker.prefix, topic), 1, dead)
            place = full_name(broker.prefix, "dead-letters")
            sender.send(place, offset % PARTITIONS, key=key, value=value, headers=headers)


def run(broker: BrokerUnderTest, *arguments: str) -> Result:
    options = ["--brokers", broker.bootstrap, "--prefix", broker.prefix]
    return CliRunner().invoke(dead_letters, [*arguments, *options], catch_exceptions=False)


def test_a_line_says_why_where_and_what_and_nothing_of_the_customer(prepared: BrokerUnderTest):
    """In the order of the coordinates, with counts by reason at the end."""
    personal = structured(event(data={"customer": {"address": SECRET}}))
    write(
        prepared,
        ("chat-events", 4, UNKNOWN_QUEUE, personal),
        ("call-events", 7, NOT_UTF8, StoredRecord(b"\xff\x1b[2J")),
        ("call-events", 6, UNKNOWN_QUEUE, personal),
        ("call-events", 6, UNKNOWN_QUEUE, personal),
    )
    result = run(prepared, "list")
    assert result.exit_code == 0
    calls = f"{prepared.prefix}-call-events"
    assert result.stdout.splitlines() == [
        f"unknown_queue    {calls}/1/6  queues  {UNKNOWN_QUEUE.detail}",
        f"not_utf8         {calls}/1/7  queues  {NOT_UTF8.detail}",
        f"unknown_queue    {prepared.prefix}-chat-events/1/4  queues  {UNKNOWN_QUEUE.detail}",
        "3 rejected records",
        "         2 unknown_queue (0 replayed)",
        "         1 not_utf8 (0 replayed)",
    ]


def test_bytes_are_shown_on_request_only_and_cannot_command_the_terminal(prepared: BrokerUnderTest):
    """Whatever was in them."""
    write(
        prepared,
        ("call-events", 1, NOT_UTF8, StoredRecord(b"\xff\x1b[2J\n", key=None)),
        ("call-events", 2, NOT_UTF8, None),
    )
    assert "[2J" not in run(prepared, "list").stdout
    shown = run(prepared, "list", "--show-bytes").stdout
    assert "    key   null\n    value \\xff\\x1b[2J\\n\n" in shown
    assert "    value in the input topic only\n" in shown


@pytest.mark.parametrize(
    ("arguments", "offsets"),
    [
        ([], {1, 2, 3}),
        (["--reason", "not_utf8"], {2}),
        (["--reason", "not_utf8", "--reason", "unknown_queue"], {1, 2, 3}),
        (["--reason", "too_large"], set()),
        (["--topic", "chat-events"], {3}),
        (["--topic", "call-events", "--reason", "unknown_queue"], {1}),
    ],
)
def test_letters_can_be_chosen(prepared: BrokerUnderTest, arguments: list[str], offsets: set[int]):
    """By reasons and by topic."""
    one = structured(event())
    write(
        prepared,
        ("call-events", 1, UNKNOWN_QUEUE, one),
        ("call-events", 2, NOT_UTF8, one),
        ("chat-events", 3, UNKNOWN_QUEUE, one),
    )
    listed = json.loads(run(prepared, "list", *arguments, "--json").stdout)
    assert {letter["offset"] for letter in listed["dead_letters"]} == offsets


def test_a_replay_tells_what_it_sent_what_it_left_out_and_what_is_gone(prepared: BrokerUnderTest):
    """And exits with 1 for what is gone."""
    write(
        prepared,
        ("call-events", 1, UNKNOWN_QUEUE, structured(event())),
        ("call-events", 2, UNKNOWN_QUEUE, None),
        ("contact-outcomes", 3, UNKNOWN_QUEUE, structured(event())),
    )
    first = run(prepared, "replay")
    assert first.exit_code == 1
    assert "1 records were sent again" in first.stdout
    assert "1 came on topics that no stage of this installation reads" in first.stdout
    assert f"gone from its input topic: {prepared.prefix}-call-events/1/2" in first.stderr
    second = run(prepared, "replay", "--dry-run")
    assert "0 records would be sent again" in second.stdout
    assert "1 were replayed before and left out" in second.stdout
    assert f"(replayed as {prepared.prefix}-call-events/" in run(prepared, "list").stdout


def test_what_platforms_told_malformed_is_shown_and_cannot_be_replayed(prepared: BrokerUnderTest):
    """It is no event: listed by its file and byte, chosen by it, left out of a replay and said so."""
    place = SourcePlace("pbx-1", "/var/log/asterisk/queue_log", 77, 1234)
    key, value, headers = source_letter(place, Rejection(Reason.BAD_TIME, "line 12: time: expected seconds"), b"x|y")
    with RecordSender([prepared.bootstrap], librdkafka_options(Kafka(brokers=(prepared.bootstrap,)))) as sender:
        sender.send(full_name(prepared.prefix, "dead-letters"), 0, key=key, value=value, headers=headers)
    write(prepared, ("call-events", 1, UNKNOWN_QUEUE, structured(event())))
    shown = run(prepared, "list", "--show-bytes", "--topic", "ingest:pbx-1:/var/log/asterisk/queue_log").stdout
    assert shown.splitlines()[:3] == [
        "bad_time         ingest:pbx-1:/var/log/asterisk/queue_log/77/1234  ingest  line 12: time: expected seconds",
        "    key   null",
        "    value x|y",
    ]
    replayed = run(prepared, "replay")
    assert replayed.exit_code == 0
    assert "1 records were sent again" in replayed.stdout
    assert "1 are records of platforms that make no event: left out" in replayed.stdout


def test_no_dead_letters_are_told_as_none(prepared: BrokerUnderTest):
    """Nothing to read is not something to wait for."""
    assert run(prepared, "list").stdout == "0 rejected records\n"
    assert "0 records were sent again" in run(prepared, "replay").stdout


def test_a_missing_topic_is_told(broker: BrokerUnderTest):
    """And not created by asking."""
    for _ in range(2):
        result = run(broker, "list")
        assert result.exit_code == 1
        assert f"no topic {broker.prefix}-dead-letters" in result.output


def test_the_help_says_that_bytes_are_personal_data():
    """Whoever asks for them is warned."""
    result = CliRunner().invoke(dead_letters, ["list", "--help"])
    assert "PERSONAL DATA" in result.output
