"""The topics as data, and how a cluster's topics are compared with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.topic_admin import Topic, plan, wanted_topics
from streams.topics import MIB, TOPICS, TopicSpec, topic_configs

WANTED = {topic.name: topic for topic in wanted_topics("acme", partitions=8, replication=3)}
CALLS = WANTED["acme-call-events"]
CHANGELOG = WANTED["acme-queues-changelog"]


def changed(topic: Topic, **configs: str) -> Topic:
    """The topic with other settings; `cleanup_policy` is `cleanup.policy`."""
    return replace(topic, configs={**topic.configs, **{key.replace("_", "."): value for key, value in configs.items()}})


def told(found: Topic, wanted: Topic) -> list[tuple[str, bool]]:
    return [(difference.setting, difference.breaks) for difference in plan({found.name: found}, [wanted])]


def test_names_are_unique_and_prefixed():
    """One topic per name, all under the installation's prefix."""
    assert len(WANTED) == len(TOPICS)
    assert all(name.startswith("acme-") for name in WANTED)


def test_inputs_are_stamped_by_the_broker_and_nothing_else_is():
    """The time a record arrived is the broker's word, for everything that others write."""
    stamped = {spec.name for spec in TOPICS if topic_configs(spec)["message.timestamp.type"] == "LogAppendTime"}
    events = {f"{kind}-events" for kind in ("call", "chat", "email", "agent", "site", "case")}
    assert stamped == events | {"commands", "callback-results"}
    assert {spec.name for spec in TOPICS if spec.is_input} == stamped


@pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.name)
def test_with_the_event_clock_the_broker_judges_no_time_stamp(spec: TopicSpec):
    """A simulated time stamp would otherwise be overwritten, refused as future or deleted as old."""
    configs = topic_configs(spec, event_clock=True)
    assert configs["message.timestamp.type"] == "CreateTime"
    assert configs["message.timestamp.after.max.ms"] == "9223372036854775807"
    assert configs["retention.ms"] == "-1"


def test_raw_addresses_are_in_inputs_jobs_and_dead_letters_only():
    """The list that access rights follow."""
    personal = {spec.name for spec in TOPICS if spec.personal_data}
    inputs = {"call-events", "chat-events", "email-events", "case-events"}
    assert personal == inputs | {"callback-jobs", "dead-letters"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("call-events", {"cleanup.policy": "delete", "retention.ms": "604800000", "max.message.bytes": str(2 * MIB)}),
        ("contact-outcomes", {"cleanup.policy": "delete", "retention.ms": str(400 * 86_400_000)}),
        ("sla-breaches", {"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000"}),
        ("dead-letters", {"cleanup.policy": "delete", "max.message.bytes": str(4 * MIB)}),
        (
            "queues-changelog",
            {"cleanup.policy": "compact", "max.message.bytes": str(4 * MIB), "min.compaction.lag.ms": "3600000"},
        ),
    ],
)
def test_settings_follow_from_the_kind_of_topic(name: str, expected: dict[str, str]):
    """One of each kind; compacted topics have no retention."""
    configs = WANTED[f"acme-{name}"].configs
    assert expected.items() <= configs.items()
    assert ("retention.ms" in configs) == (configs["cleanup.policy"] == "delete")


def test_with_replicas_an_acknowledged_record_is_on_two():
    """With one replica the setting would stop every write, so it is absent."""
    assert CALLS.configs["min.insync.replicas"] == "2"
    assert all("min.insync.replicas" not in topic_configs(spec) for spec in TOPICS)


def test_topics_as_wanted_have_no_difference():
    """Also when the cluster has more settings, and topics of others."""
    existing = {name: changed(topic, compression_type="producer") for name, topic in WANTED.items()}
    assert plan({**existing, "other": replace(CALLS, name="other")}, list(WANTED.values())) == []


def test_a_missing_topic_is_one_difference():
    """It says so once, not once per setting."""
    assert [str(difference) for difference in plan({}, [CALLS])] == ["acme-call-events: does not exist"]


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        (replace(CALLS, partitions=12), CALLS, [("partitions", True)]),
        (replace(CALLS, replication=1), CALLS, [("replication", True)]),
        (replace(CALLS, replication=5), CALLS, []),
        (changed(CALLS, message_timestamp_type="CreateTime"), CALLS, [("message.timestamp.type", True)]),
        (changed(CALLS, max_message_bytes="1048588"), CALLS, [("max.message.bytes", True)]),
        (changed(CALLS, max_message_bytes="99999999"), CALLS, []),
        (changed(CALLS, retention_ms="1000"), CALLS, [("retention.ms", False)]),
        (changed(CHANGELOG, cleanup_policy="delete"), CHANGELOG, [("cleanup.policy", True)]),
        (changed(CHANGELOG, cleanup_policy="compact,delete"), CHANGELOG, [("cleanup.policy", True)]),
        (changed(CHANGELOG, min_compaction_lag_ms="0"), CHANGELOG, [("min.compaction.lag.ms", True)]),
        (replace(CHANGELOG, configs={}), CHANGELOG, [(name, name != "segment.bytes") for name in CHANGELOG.configs]),
    ],
)
def test_a_difference_breaks_unless_it_is_the_operators_choice(
    found: Topic, wanted: Topic, expected: list[tuple[str, bool]]
):
    """Wrong results or lost data are faults; how long to keep records is a note; more than asked for is fine."""
    assert told(found, wanted) == expected
