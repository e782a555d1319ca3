"""The shipped access rules: taken by a real Kafka, and as narrow as they say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from streams.topics import TOPICS
from tests.conftest import new_kafka_server
from tests.deadlines import wait_until
from tests.kafka_server import KafkaServer

FILE = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "acls.txt"
PREFIX = "filaviva-"
WORDS = re.compile(r"--allow-principal User:(\S+)((?: --operation \w+)+)(?: --(topic|group) (\S+))?")


def rules() -> list[str]:
    return [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]


def granted(operation: str) -> dict[str, set[str]]:
    """Principal to the topics (without prefix) it may use so."""
    topics: dict[str, set[str]] = defaultdict(set)
    for rule in rules():
        found = WORDS.match(rule)
        assert found, rule
        principal, operations, kind, name = found.groups()
        if kind == "topic" and re.search(rf"--operation ({operation}|All)\b", operations):
            prefixed = "prefixed" in rule
            topics[principal] |= {
                spec.name
                for spec in TOPICS
                if (PREFIX + spec.name).startswith(name) and (prefixed or PREFIX + spec.name == name)
            }
    return topics


def test_personal_data_is_read_by_who_must_alone() -> None:
    personal = {spec.name for spec in TOPICS if spec.personal_data}
    read = granted("Read")
    assert not read["filaviva-reader"] & personal
    assert not read["filaviva-source"]
    assert not read["filaviva-ingest"]
    assert read["filaviva-dialer"] == {"callback-jobs"}
    assert read["filaviva"] == read["filaviva-admin"] == {spec.name for spec in TOPICS}


def test_only_workers_and_administrators_write_what_the_product_says() -> None:
    """Inputs are written from outside; every input can be."""
    inputs = {spec.name for spec in TOPICS if spec.is_input}
    written = granted("Write")
    outside = written["filaviva-source"] | written["filaviva-dialer"]
    assert outside == inputs - {"commands"}
    assert written["filaviva-ingest"] - inputs == {"dead-letters"}
    assert "commands" not in written["filaviva-ingest"]
    assert not written["filaviva-reader"]


@pytest.fixture
def guarded() -> Iterator[KafkaServer]:
    """A Kafka of this test's own that has access rules."""
    settings = {
        "authorizer_class_name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super_users": "User:ANONYMOUS",
    }
    with new_kafka_server(**settings) as server:
        yield server


@pytest.mark.kafka
def test_a_real_kafka_takes_every_rule(guarded: KafkaServer) -> None:
    """All of them are in force afterwards."""
    wanted = [acl for rule in rules() for acl in acls(rule)]
    admin = guarded.admin()
    try:
        done = admin.create_acls(wanted)
        assert not done["failed"]
        everything = ACLFilter(
            None,
            None,
            ACLOperation.ANY,
            ACLPermissionType.ANY,
            ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
        )
        wait_until(lambda: describe(admin, everything) == set(map(shape, wanted)), "every rule is in force")
    finally:
        admin.close()


def acls(rule: str) -> Iterator[ACL]:
    """One per operation, as Kafka's tool makes them."""
    found = WORDS.match(rule)
    assert found, rule
    principal, operations, kind, name = found.groups()
    form = (
        ACLResourcePatternType.PREFIXED
        if "--resource-pattern-type prefixed" in rule
        else ACLResourcePatternType.LITERAL
    )
    place = ResourcePattern(ResourceType[(kind or "cluster").upper()], name or "kafka-cluster", form)
    for word in re.findall(r"--operation (\w+)", operations):
        operation = ACLOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()]
        yield ACL(f"User:{principal}", "*", operation, ACLPermissionType.ALLOW, place)


def describe(admin: KafkaAdminClient, everything: ACLFilter) -> set[tuple[object, ...]]:
    found, _ = admin.describe_acls(everything)
    return set(map(shape, found))


def shape(acl: ACL) -> tuple[object, ...]:
    place = acl.resource_pattern
    return acl.principal, acl.operation, place.resource_type, place.resource_name, place.pattern_type
