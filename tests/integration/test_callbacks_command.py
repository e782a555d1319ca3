"""`filaviva callbacks`: what it shows of plans, and the commands it puts where their readers look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from streams.cli.callbacks import callbacks
from streams.connections import librdkafka_options
from streams.domain.callbacks import CallbacksCore
from streams.domain.dialling import DiallingCore
from streams.partitioning import partition_of
from streams.record_sender import RecordSender
from streams.settings import load_settings
from streams.settings_sections import Kafka
from streams.simulation.centre import SAC
from streams.topics import full_name
from tests.brokers import BrokerUnderTest
from tests.builders import ANA
from tests.callback_records import PLAN_ID, TOKEN, PlainSealer, feed, reason, served
from tests.topic_reader import TopicReader

PARTITIONS = 4


@pytest.fixture
def prepared(broker: BrokerUnderTest, tmp_path: Path) -> tuple[BrokerUnderTest, Path]:
    """Two plans on callback-plans, one of them ended, the open one in two revisions; and a configuration."""
    for topic in ("callback-plans", "commands"):
        broker.create_topic(full_name(broker.prefix, topic), PARTITIONS)
    config = tmp_path / "filaviva.yaml"
    for key, text in (("token_key", "0a" * 32), ("seal_key", "0b" * 32)):
        (tmp_path / key).touch(mode=0o600)
        (tmp_path / key).write_text(text)
    keys = {"token_key_file": "token_key", "seal_key_file": "seal_key"}
    document = {
        "kafka": {"brokers": [broker.bootstrap], "prefix": broker.prefix, "partitions": PARTITIONS},
        "privacy": {"tenants": {SAC.tenant: keys}},
        **SAC.sections(),
    }
    config.write_text(yaml.safe_dump(document))
    core = CallbacksCore(0, load_settings(config).directory(lambda *_: 0))
    told = feed(core, "callback-signals", reason(), reason("visit-2", minute=1)).outputs
    told += feed(core, "callback-signals", reason("v3", token="ab" * 16), served(token="ab" * 16, minute=2)).outputs
    with RecordSender([broker.bootstrap], librdkafka_options(Kafka(brokers=(broker.bootstrap,)))) as sender:
        for output in told:
            if output.topic == "callback-plans":
                sender.send(full_name(broker.prefix, output.topic), 0, key=output.key, value=output.value)
    return broker, config


def run(prepared: tuple[BrokerUnderTest, Path], *arguments: str, answer: str | None = None) -> Result:
    options = [*arguments, "--config", str(prepared[1])]
    return CliRunner().invoke(callbacks, options, input=answer, catch_exceptions=False)


def sent(prepared: tuple[BrokerUnderTest, Path]) -> list[Any]:
    """The records on commands; each lies where murmur2 of its key says."""
    broker = prepared[0]
    with TopicReader(broker.bootstrap, broker.prefix) as topics:
        records = topics.records("commands")
    assert all(record.partition == partition_of(record.key.decode(), PARTITIONS) for record in records)
    return records


def test_plans_are_listed_by_their_newest_revision_without_any_number(prepared: tuple[BrokerUnderTest, Path]) -> None:
    """As text and as JSON; by state."""
    whole = json.loads(run(prepared, "list", "--json").output)
    assert whole["by_state"] == {"ready": 1, "cancelled": 1}
    [plan] = json.loads(run(prepared, "list", "--state", "open", "--json").output)["plans"]
    assert (plan["plan_id"], plan["priority"]) == (PLAN_ID, 2)
    text = run(prepared, "list").output
    assert "1 cancelled, 1 ready" in text
    assert "…53" in text
    assert ANA not in text
    assert json.loads(run(prepared, "list", "--queue", "nowhere", "--json").output)["plans"] == []


def test_one_plan_is_shown_by_the_beginning_of_its_id(prepared: tuple[BrokerUnderTest, Path]) -> None:
    """What begins several plans, or none, is refused."""
    assert json.loads(run(prepared, "show", PLAN_ID[:8], "--json").output)["plan_id"] == PLAN_ID
    assert "visit-1, visit-2" in run(prepared, "show", PLAN_ID).output
    assert run(prepared, "show", "").exit_code == 2
    assert "no plans begin with zz" in run(prepared, "show", "zz").output


def test_a_cancelled_plan_ends_where_it_is_kept(prepared: tuple[BrokerUnderTest, Path]) -> None:
    """The command that is sent is one that the owner of the customer understands."""
    assert run(prepared, "cancel", PLAN_ID, "--at", "2026-11-23T12:30:00Z").exit_code == 0
    [record] = sent(prepared)
    core = CallbacksCore(record.partition, load_settings(prepared[1]).directory(partition_of))
    assert core.apply("commands", [record], 0, 0).dead_letters == []
    assert core.ledger.applied == 1
    assert record.key == f"acme/{TOKEN}".encode()


@pytest.mark.parametrize("name", ["block", "unblock", "opt-out"])
def test_a_customer_is_named_by_plan_token_or_a_number_that_nobody_sees(
    prepared: tuple[BrokerUnderTest, Path], name: str
) -> None:
    """The number is asked for, not echoed, and only its token is sent."""
    assert run(prepared, name, PLAN_ID).exit_code == 0
    assert run(prepared, name, "cd" * 16, "--tenant", "acme").exit_code == 0
    asked = run(prepared, name, "--tenant", "acme", answer=f"{ANA}\n")
    assert asked.exit_code == 0
    assert ANA not in asked.output
    records = sent(prepared)
    assert len({record.key for record in records}) == 3
    assert all(
        ANA.encode() not in record.value and name.replace("-", "_").encode() in record.value for record in records
    )
    assert run(prepared, name, "--tenant", "acme", answer="nonsense\n").exit_code == 2
    assert run(prepared, name, "not a token", "--tenant", "acme").exit_code == 2
    assert run(prepared, name).exit_code == 2


@pytest.mark.parametrize("name", ["pause", "drain", "resume"])
def test_a_callback_queue_hears_its_commands(prepared: tuple[BrokerUnderTest, Path], name: str) -> None:
    """Its owner applies what is sent."""
    result = run(prepared, name, "retorno-sac", "--tenant", "acme", "--json")
    assert json.loads(result.output)["type"] == f"command.{name}"
    [record] = sent(prepared)
    core = DiallingCore(record.partition, load_settings(prepared[1]).directory(partition_of), PlainSealer())
    core.apply("commands", [record], 0, 0)
    assert core.ledger.applied == 1
    assert run(prepared, name, "retorno-sac", "--tenant", "acme", "--at", "today").exit_code == 2
