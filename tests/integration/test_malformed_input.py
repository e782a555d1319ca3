"""Whatever lies in an input topic, the worker goes on: each record ends in its class of the ledger, none is lost."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from streams.connections import librdkafka_options
from streams.domain.decisions import Ledger
from streams.partitioning import partition_of
from streams.record_sender import RecordSender
from streams.settings_sections import Kafka
from streams.topics import full_name
from tests import event_records
from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.event_records import MISSING, StoredRecord, binary, structured
from tests.installation import Installation, install
from tests.state_reader import StateReader
from tests.worker_process import PROJECT, WorkerProcess

PARTITIONS = 4
TOPIC = "call-events"
GOOD_VISITS = 40
WORK_SECONDS = 90
CHANGED_HEADERS = [("trace", None), ("trace", b"\xff\xfe"), ("filaviva_reason", b"forged")]

APPLIED, DUPLICATE, IGNORED = "applied", "duplicate", "ignored"


class Sent(NamedTuple):
    """A record to publish and what must become of it: a class of the ledger, or the reason of its rejection."""

    name: str
    record: StoredRecord
    becomes: str


def queue(name: str) -> dict[str, Any]:
    return {
        "tenant": "acme",
        "site": "fortaleza",
        "queue": name,
        "channels": ["voice"],
        "answer_target_seconds": 20,
        "max_wait_seconds": 60,
    }


def document(*queues: str) -> dict[str, Any]:
    return {
        "sites": [{"tenant": "acme", "site": "fortaleza", "zone": "America/Fortaleza"}],
        "queues": [queue(name) for name in queues],
    }


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    """Two queues in different partitions."""
    worker = {"session_timeout_seconds": 6, "flush_seconds": 0.1}
    return install(broker, tmp_path, document("sac", "vendas"), partitions=PARTITIONS, **worker)


def event(kind: str = "offered", contact: str = "c-1", *, ago: float = 30, **data: Any) -> dict[str, Any]:
    """A sound event of some seconds ago; data by name."""
    time = datetime.now(UTC) - timedelta(seconds=ago)
    return event_records.event(
        f"contact.{kind}",
        {"contact_id": contact, **data},
        id=f"{contact}/{kind}/{ago}",
        time=time.isoformat(timespec="milliseconds"),
    )


def placed(record: StoredRecord, key: str = "acme/sac", *, partition: int | None = None) -> StoredRecord:
    """The record with this key, where the key belongs unless told otherwise."""
    owners = partition_of(key, PARTITIONS)
    return record._replace(key=key.encode(), partition=owners if partition is None else partition)


def sound(whole: dict[str, Any]) -> StoredRecord:
    return placed(structured(whole), f"{whole['data']['tenant']}/{whole['data']['queue']}")


def changed(old: bytes, new: bytes, **data: Any) -> StoredRecord:
    """A sound event with some of its bytes replaced."""
    value = structured(event("ended", talk_seconds=1, **data)).value
    assert value is not None
    assert old in value
    return placed(StoredRecord(value.replace(old, new)))


def malformed() -> list[Sent]:
    """One record of every kind that has gone wrong somewhere."""
    elsewhere = (partition_of("acme/sac", PARTITIONS) + 1) % PARTITIONS
    return [
        Sent("not UTF-8", placed(StoredRecord(b"\xff\xfe{}")), "not_utf8"),
        Sent("not JSON", placed(StoredRecord(b"<event/>", headers=CHANGED_HEADERS)), "not_json"),
        Sent("empty value", placed(StoredRecord(b"")), "not_json"),
        Sent("NaN", changed(b'"talk_seconds": 1', b'"talk_seconds": NaN'), "not_json"),
        Sent("null value", placed(StoredRecord(None)), "no_value"),
        Sent("1 MiB", placed(StoredRecord(b"x" * 1024 * 1024)), "too_large"),
        Sent("deep nesting", changed(b'"talk_seconds": 1', b'"x": ' + b"[" * 50_000 + b"]" * 50_000), "too_deep"),
        Sent("a list for text", sound(event(contact_id=["c-1"])), "wrong_type"),
        Sent("text for a number", sound(event(entry="2")), "wrong_type"),
        Sent("JSON that is no object", placed(structured([event()])), "wrong_type"),
        Sent("missing id", sound({name: value for name, value in event().items() if name != "id"}), "missing_field"),
        Sent("a huge integer", changed(b'"talk_seconds": 1', b'"talk_seconds": 1' + b"0" * 4000), "bad_value"),
        Sent("beyond all floats", changed(b'"talk_seconds": 1', b'"talk_seconds": 1e999'), "bad_value"),
        Sent("negative duration", sound(event("ended", hold_seconds=-0.001)), "bad_value"),
        Sent("unknown channel", sound(event(channel="fax")), "bad_value"),
        Sent("year 1", sound(event() | {"time": "0001-01-01T00:00:00Z"}), "bad_time"),
        Sent("year 9999", sound(event() | {"time": "9999-12-31T23:59:59Z"}), "bad_time"),
        Sent("asked for in 9999", sound(event(requested_at="9999-12-31T23:59:59-14:00")), "bad_time"),
        Sent("naive time", sound(event() | {"time": "2026-11-23T09:00:00"}), "bad_time"),
        Sent("two days ahead", sound(event(ago=-2 * 86_400)), "too_early"),
        Sent("unknown tenant", sound(event(tenant="nobody")), "unknown_tenant"),
        Sent("wrong site", sound(event(site="recife")), "wrong_site"),
        Sent("null key", sound(event())._replace(key=None), "wrong_partition"),
        Sent("wrong key", placed(structured(event()), "acme/vendas"), "wrong_partition"),
        Sent("wrong partition", placed(structured(event()), partition=elsewhere), "wrong_partition"),
        Sent("binary garbage", placed(StoredRecord(b"{}", headers=[("ce_id", b"\xff"), ("ce_", b"")])), "not_utf8"),
        Sent("binary without type", placed(binary(event_records.event(type=MISSING))), "missing_field"),
        Sent("binary null headers", placed(binary(event() | {"time": "?"}, ("ce_x", None))), "bad_time"),
        Sent("unknown type", sound(event("teleported")), IGNORED),
        Sent("another topic's type", sound(event_records.event("case.registered")), IGNORED),
        Sent("unknown type in binary mode", placed(binary(event("teleported"))), IGNORED),
    ]


def re_entries() -> list[Sent]:
    """Second offers without an entry number: the later one loses, whichever arrives first."""
    early, late = event(contact="twice-1", ago=40), event(contact="twice-1", ago=35)
    late_first, early_last = event(contact="twice-2", ago=35), event(contact="twice-2", ago=40)
    return [
        Sent("the offer that stands", sound(early), APPLIED),
        Sent("the loser, last", sound(late), "entry_required"),
        Sent("the loser, first", sound(late_first), "entry_required"),
        Sent("the offer that stands, last", sound(early_last), APPLIED),
    ]


def good(contact: str, name: str) -> list[Sent]:
    """A visit answered after 10 s and ended, with one repeat; every other one in binary mode."""
    facts = [event("offered", contact, ago=60, queue=name), event("answered", contact, ago=50, queue=name)]
    facts.append(event("ended", contact, ago=20, queue=name, talk_seconds=30))
    records = [placed(binary(fact) if contact.endswith("1") else structured(fact), f"acme/{name}") for fact in facts]
    sent = [Sent(contact, record, APPLIED) for record in records]
    return [*sent, Sent(f"{contact} again", records[1], DUPLICATE)]


def mixed() -> list[Sent]:
    """Good visits of both queues with everything malformed strewn among them, in a fixed order."""
    bad = [*malformed(), *re_entries()]
    bad += [
        Sent(f"unknown queue {n}", sound(event("offered", f"new-{n}", queue="novo")), "unknown_queue") for n in (1, 2)
    ]
    visits = [good(f"good-{number}", "sac" if number % 2 else "vendas") for number in range(GOOD_VISITS)]
    whole: list[Sent] = []
    for number, visit in enumerate(visits):
        whole += [*visit, *bad[number::GOOD_VISITS]]
    return whole


def publish(installation: Installation, records: list[StoredRecord]) -> list[tuple[int, int]]:
    """Send them as they are, one after the other; returns partition and offset of each."""
    places: list[tuple[int, int]] = [(-1, -1)] * len(records)
    bootstrap = installation.broker.bootstrap
    with RecordSender([bootstrap], librdkafka_options(Kafka(brokers=(bootstrap,)))) as sender:
        for number, record in enumerate(records):

            def stored(offset: int, number: int = number, record: StoredRecord = record) -> None:
                places[number] = (record.partition, offset)

            sender.send(
                full_name(installation.broker.prefix, TOPIC),
                record.partition,
                key=record.key,
                value=record.value,
                headers=record.headers,
                on_stored=stored,
            )
    return places


def ledger_of(sent: list[Sent]) -> Ledger:
    classes = Counter(each.becomes for each in sent)
    others = {name: classes.pop(name, 0) for name in (APPLIED, DUPLICATE, IGNORED)}
    return Ledger(**others, rejected=classes.total())


@pytest.fixture
def state(installation: Installation) -> Iterator[StateReader]:
    with installation.state("queues") as reader:
        yield reader


def wait_done(worker: WorkerProcess, state: StateReader, count: int) -> None:
    """Return once the state rests on this many records; a worker that ends fails the test at once."""

    def is_done() -> bool:
        assert worker.exit_code is None, f"the worker ended; its log ends:\n{worker.log_tail()}"
        return state.refresh().records_done(TOPIC) == count

    wait_until(is_done, f"{count} records are done", seconds=WORK_SECONDS)


def configure(installation: Installation, *queues: str, **worker: Any) -> None:
    """Write the configuration again: with these queues if any are named, and these settings of the worker."""
    whole = yaml.safe_load(installation.config.read_text())
    if queues:
        whole |= document(*queues)
    whole["worker"] |= worker
    installation.config.write_text(yaml.safe_dump(whole))


def test_every_record_ends_in_its_class_and_the_rejected_can_be_replayed(
    installation: Installation, state: StateReader
):
    """Thirty kinds of malformed records among good ones: the worker stays up, the ledger adds up, and each rejected
    record lies in the dead letters once, byte for byte. A queue named later takes its records from there."""
    sent = mixed()
    places = publish(installation, [each.record for each in sent])
    with installation.worker() as worker:
        wait_done(worker, state, len(sent))
        rejected = Counter(each.becomes for each in sent if each.becomes not in {APPLIED, DUPLICATE, IGNORED})
        by_reason = {
            sample.labels["reason"]: sample.value
            for sample in worker.metrics().samples("filaviva_stream_events_rejected_total", topic=TOPIC)
        }
        assert {reason: count for reason, count in by_reason.items() if count} == rejected
        assert worker.terminate() == 0
    assert state.refresh().ledger() == ledger_of(sent)
    assert state.ledger().total == len(sent)
    assert_letters(installation, sent, places)
    assert_outcomes(installation, {f"good-{number}": "answered_in_target" for number in range(GOOD_VISITS)})

    configure(installation, "sac", "vendas", "novo")
    tried = installation.run("dead-letters", "replay", "--reason", "unknown_queue", "--dry-run")
    assert (tried["replayed"], tried["dry_run"]) == (2, True)
    with installation.worker() as worker:
        replayed = installation.run("dead-letters", "replay", "--reason", "unknown_queue", "--topic", TOPIC)
        assert replayed["by_reason"] == {"unknown_queue": 2}
        wait_done(worker, state, len(sent) + 2)
        after = ledger_of(sent)
        after.applied += 2
        assert state.ledger() == after
        assert installation.run("dead-letters", "replay", "--reason", "unknown_queue")["replayed_before"] == 2
        assert installation.run("dead-letters", "replay", "--reason", "unknown_queue", "--again")["replayed"] == 2
        wait_done(worker, state, len(sent) + 4)
        after.duplicate += 2
        assert state.ledger() == after
        assert worker.terminate() == 0


def test_a_replay_that_is_rejected_again_is_a_letter_of_its_own(installation: Installation, state: StateReader):
    """It names what it copies; replaying everything, displaced offers too, never sends anything twice."""
    sent = [*re_entries(), Sent("unknown queue", sound(event(contact="new", queue="novo")), "unknown_queue")]
    publish(installation, [each.record for each in sent])
    with installation.worker() as worker:
        wait_done(worker, state, len(sent))
        assert installation.run("dead-letters", "replay")["by_reason"] == {"entry_required": 2, "unknown_queue": 1}
        wait_done(worker, state, len(sent) + 3)
        assert state.ledger() == Ledger(applied=2, duplicate=2, rejected=4)
        listed = installation.run("dead-letters", "list")
        assert listed["by_reason"] == {"entry_required": 2, "unknown_queue": 2}
        (copy,) = [letter for letter in listed["dead_letters"] if letter["replay_of"]]
        (first,) = [
            letter
            for letter in listed["dead_letters"]
            if letter["reason"] == "unknown_queue" and not letter["replay_of"]
        ]
        assert copy["replay_of"] == place_of(first)
        assert first["replayed_as"] == place_of(copy)
        again = installation.run("dead-letters", "replay")
        assert (again["replayed"], again["replayed_before"]) == (1, 3)
        assert worker.terminate() == 0


def place_of(letter: dict[str, Any]) -> str:
    return f"{letter['topic']}/{letter['partition']}/{letter['offset']}"


def assert_letters(installation: Installation, sent: list[Sent], places: list[tuple[int, int]]) -> None:
    """The dead letters are exactly the rejected records."""
    listed = installation.run("dead-letters", "list", "--show-bytes")
    assert listed["unreadable"] == 0
    with installation.topics() as topics:
        assert len(topics.records("dead-letters")) == len(listed["dead_letters"]), "some were written twice"
    found = {(letter["partition"], letter["offset"]): letter for letter in listed["dead_letters"]}
    rejected = {
        place: each
        for place, each in zip(places, sent, strict=True)
        if each.becomes not in {APPLIED, DUPLICATE, IGNORED}
    }
    assert found.keys() == rejected.keys()
    for place, each in rejected.items():
        letter = found[place]
        assert (each.name, letter["reason"]) == (each.name, each.becomes)
        if each.name != "the loser, first":
            assert letter["value_base64"] == encoded(each.record.value), each.name
            assert letter["key_base64"] == encoded(each.record.key), each.name


def encoded(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def assert_outcomes(installation: Installation, expected: dict[str, str]) -> None:
    """What became of these contacts."""
    with installation.topics() as topics:
        outcomes = topics.highest_revisions("contact-outcomes", "visit_id").values()
    found = {outcome["contact_id"]: outcome["outcome"] for outcome in outcomes}
    assert expected.items() <= found.items()
    assert found.keys() <= expected.keys() | {"twice-1", "twice-2"}


def test_a_record_given_up_is_rejected_and_nothing_else_is_lost(installation: Installation, state: StateReader):
    """An operator's skip before the worker reads it: internal_error in the ledger and the dead letters, everything
    around it applied, a restart changes nothing, and once the bug is mended a replay applies it."""
    sent = [each for number in range(10) for each in good(f"good-{number}", "sac") if each.becomes == APPLIED]
    places = publish(installation, [each.record for each in sent])
    partition, offset = places[16]
    wrote = installation.run("skip", full_name(installation.broker.prefix, TOPIC), str(partition), str(offset), "--yes")
    assert (wrote["stages"], wrote["was_behind_the_worker"]) == (["queues"], False)
    with installation.worker() as worker:
        wait_done(worker, state, len(sent))
        assert worker.terminate() == 0
    assert state.refresh().ledger() == Ledger(applied=len(sent) - 1, rejected=1)
    (letter,) = installation.run("dead-letters", "list", "--show-bytes")["dead_letters"]
    assert (letter["reason"], letter["partition"], letter["offset"]) == ("internal_error", partition, offset)
    assert letter["value_base64"] == encoded(sent[16].record.value)
    with installation.worker() as worker:
        worker.wait_ready()
        assert installation.run("dead-letters", "replay")["by_reason"] == {"internal_error": 1}
        wait_done(worker, state, len(sent) + 1)
        assert worker.terminate() == 0
    assert state.refresh().ledger() == Ledger(applied=len(sent), rejected=1)
    late = installation.run("skip", TOPIC, str(partition), "0", "--yes")
    assert late["was_behind_the_worker"] is True


PLANTED_BUG = """
from streams.domain import queues

sound_apply = queues.QueuesCore.apply

def apply(core, topic, records, now_ms, wall_ms):
    if any(b"poison" in (record.value or b"") for record in records):
        raise ZeroDivisionError("a planted bug")
    return sound_apply(core, topic, records, now_ms, wall_ms)

queues.QueuesCore.apply = apply
"""


def test_a_worker_that_ends_on_a_record_goes_on_once_it_is_given_up(
    installation: Installation, state: StateReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A bug in the core ends the process before the record is done, again and again. Taking records one by one, its log
    names the one; given up, it is rejected, and everything before and after it is applied once."""
    (tmp_path / "sitecustomize.py").write_text(PLANTED_BUG)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{PROJECT}")
    contacts = [*(f"before-{n}" for n in range(5)), "poison", *(f"after-{n}" for n in range(5))]
    places = publish(installation, [sound(event(contact=contact)) for contact in contacts])
    for worker_settings in ({}, {"max_poll_records": 1}):
        configure(installation, **worker_settings)
        with installation.worker() as worker:
            wait_until(lambda: worker.exit_code is not None, "the worker ends on the record", seconds=WORK_SECONDS)
            assert worker.exit_code == 1
            log = worker.log()
    named = re.search(r"queues failed on (\S+)/(\d+) at offsets (\d+) to (\d+)", log)
    assert named, log
    topic, partition, first, last = named.groups()
    assert first == last
    assert (int(partition), int(first)) == places[5]
    assert state.refresh().records_done(TOPIC) <= 5
    installation.run("skip", topic, partition, first, "--yes")
    with installation.worker() as worker:
        wait_done(worker, state, len(contacts))
        assert worker.terminate() == 0
    assert state.refresh().ledger() == Ledger(applied=10, rejected=1)
    (letter,) = installation.run("dead-letters", "list")["dead_letters"]
    assert (letter["reason"], place_of(letter)) == ("internal_error", f"{topic}/{partition}/{first}")
